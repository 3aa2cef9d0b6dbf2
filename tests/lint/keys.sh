#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The parameters that a module takes, those of its --help and those of
# its man page are the same.  What it takes is found by trying: every
# word in the module could be a parameter.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

requires strings --version
requires_no_sanitizer           # whose modules are full of words

# words MODULE: those in it that could be a parameter.
words () {
    objcopy -O binary -j .rodata -j '.rodata.*' "$1" "$tmp/rodata"
    strings -a -n 2 "$tmp/rodata" | grep -xE '[a-z][a-z0-9-]{1,30}' | sort -u
}

# takes KIND MODULE WORD: print the word if it is a parameter.  The server
# without its wrapper starts faster.
takes () {
    local args=("$2")
    [[ $1 == plugin ]] || args=("--filter=$2" null)
    ( cd "$tmp" && "$server" -U - "${args[@]}" "$3=-" --run : </dev/null 2>&1 ) |
        grep -Eq "unknown parameter '$3'|$3 is a parameter of --filter" ||
        echo "$3"
}
export -f takes
server=$(sed -n "s/^nbdkit='\(.*\)'/\1/p" "$builddir/nbdkit")
export server tmp

n=0
while read -r module; do
    n=$(( n + 1 ))
    kind=${module##*-} kind=${kind%.so}
    name=${module##*/nbdkit-} name=${name%-*}
    pod=$srcdir/${kind}s/$name/nbdkit-$name-$kind.pod

    args=("$name") prefix=
    [[ $kind == plugin ]] || args=("--filter=$name" null) prefix=$name-
    nbdkit "${args[@]}" --help |
        sed -nE "s/^\[?($prefix[a-z][a-z0-9-]*)=.*/\1/p" | sort -u >"$tmp/help"
    sed -nE 's/^=item \[?B<([a-z][a-z0-9-]*)=.*/\1/p' "$pod" |
        sort -u >"$tmp/man"
    diff "$tmp/man" "$tmp/help" >"$tmp/diff" ||
        complain "$name: man page (<) and --help (>) differ: $(<"$tmp/diff")"

    { words "$module"; cat "$tmp/man"; } | sort -u |
        xargs -P 4 -I WORD bash -c 'takes "$@"' - "$kind" "$module" WORD |
        sort >"$tmp/taken"
    for key in $(comm -13 "$tmp/taken" "$tmp/man"); do
        complain "$name: $key= is in the man page only"
    done
    for key in $(comm -23 "$tmp/taken" "$tmp/man"); do
        # Other names of a parameter are told in its description.
        grep -q "C<$key=>" "$pod" ||
            complain "$name: $key= is not in the man page"
    done
done < <(lint_modules)
lint_end $n modules
