#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# `make install' installs the modules, the command, the pages and the
# documents and nothing else, under no name that a package of the system
# has; `make uninstall' takes all of it away.

set -e -u
source "${builddir:-.}/tests/functions.sh"

run_make () {
    MAKEFLAGS='' make --no-print-directory -C "$builddir" -f Makefile \
        DESTDIR="$tmp/dest" "$@" >"$tmp/log" 2>&1 ||
        { cat "$tmp/log"; fail "make $*"; }
}

variable () {                   # NAME: of the makefile, as it was configured
    sed -n "s/^$1 = //p" "$builddir/Makefile"
}

run_make install
(cd "$tmp/dest" && find . ! -type d | sed 's/^\.//' | sort) >"$tmp/files"
cat "$tmp/files"

# Nothing but what we know.
grep -vE '/nbdkit-[a-z0-9-]+-(plugin|filter)\.so$|/bin/diskstack$' \
    "$tmp/files" |
    grep -vE '/man1/(diskstack|nbdkit-[a-z0-9-]+)\.1$|/man7/diskstack\.7$' |
    grep -vE '/doc/diskstack/([A-Z]+(\.md)?|docs/[a-z0-9-]+\.md)$' \
        >"$tmp/others" || :
[[ ! -s $tmp/others ]] || fail "what is that: $(<"$tmp/others")"

# Every module that was built, each with its page.
n=0
for module in "$builddir"/{plugins,filters}/*/.libs/nbdkit-*.so; do
    name=${module##*/}
    page=/man1/${name%.so}.1
    grep -q "/$name\$" "$tmp/files" || fail "$name was not installed"
    [[ $(variable POD2MAN) == no ]] || grep -q "$page\$" "$tmp/files" ||
        fail "$page was not installed"
    n=$(( n + 1 ))
done
(( n > 0 )) || fail "no modules"

# The server loads them from there.
for module in $(grep '\.so$' "$tmp/files"); do
    case $module in
        *-plugin.so) nbdkit "$tmp/dest$module" --dump-plugin ;;
        *) nbdkit --filter="$tmp/dest$module" null --dump-plugin ;;
    esac >"$tmp/dump" || fail "$module cannot be loaded"
    grep -q '^name=' "$tmp/dump"
done

# No package but our own has one of the names, wherever it has it.
if command -v dpkg >/dev/null; then
    patterns=()
    while read -r f; do
        case $f in
            *.so) patterns+=("$f" "*/nbdkit/*/${f##*/}") ;;
            */bin/*) patterns+=("$f" "*/bin/${f##*/}") ;;
            */man/*) patterns+=("$f" "*/man/*/${f##*/}*") ;;
        esac
    done <"$tmp/files"
    ! dpkg -S "${patterns[@]}" 2>/dev/null | grep -v '^diskstack' ||
        fail "these names are taken"
fi

run_make uninstall
left=$(find "$tmp/dest" ! -type d)
[[ ! $left ]] || fail "uninstall leaves $left"
