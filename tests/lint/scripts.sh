#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Test scripts: they start alike, ask for what they use, and are in the
# list of tests.  Programs that people run are executable, and tests,
# which are run by tests/run, are not.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

# What a script uses, and what it says then: one of the words of the
# second column must be in a line that begins with "requires".
needs='
qemu-img         qemu-img
qemu-io          qemu-io
nbdinfo          nbdinfo|requires_libnbd
nbdcopy          nbdcopy|requires_libnbd
nbdsh            nbdsh
nbdfuse          nbdfuse
fio              fio
strace           strace
sqlite3          sqlite3
jq               jq
losetup          losetup|requires_root
mke2fs           mke2fs
debugfs          debugfs|mke2fs
e2fsck           e2fsck|mke2fs
xz               xz
client           requires_client
curl             curl
node             node
openssl          openssl
'

# code FILE: without comments, without the lines that ask, and without
# Python's modules.
code () {
    sed -E -e '/^[[:space:]]*(#|requires)/d' -e 's/import [a-z0-9]+//' "$1"
}

starts_alike () {               # FILE
    [[ $(head -n 1 "$1") == '#!/bin/bash' ]] || complain "$1: no #!/bin/bash"
    grep -qxE 'set -e -u( -o pipefail)?' "$1" || complain "$1: no 'set -e -u'"
    grep -qx 'source "${builddir:-.}/tests/functions.sh"' "$1" ||
        complain "$1: does not source functions.sh"
    bash -n "$1" || complain "$1: syntax"
    ! grep -nE '(^|[^_[:alnum:]-])(pkill|killall)([^-[:alnum:]]|$)' "$1" ||
        complain "$1: ends processes by name"
    ! code "$1" | grep -nE '^[[:space:]]*exit 77' ||
        complain "$1: use skip"
}

# asked FILE: the lines that ask, also those of what it sources.
asked () {
    local helper
    grep -E '^[[:space:]]*requires' "$1" || :
    for helper in $(sed -n 's,^source "$srcdir/\(.*\)",\1,p' "$1"); do
        [[ $helper == tests/lint/* ]] ||
            grep -E '^[[:space:]]*requires' "$helper" || :
    done
}

asks () {                       # FILE
    local command how code asked
    code=$(code "$1") asked=$(asked "$1")
    while read -r command how; do
        [[ $command ]] || continue
        # What is around a word may also be the end of a line.
        local used="(^|[[:space:](|'\"])$command([[:space:]]|$)"
        local said="(^|[^[:alnum:]])($how)([^[:alnum:]]|$)"
        [[ ! $code =~ $used || $asked =~ $said ]] ||
            complain "$1: uses $command and does not say 'requires $command'"
    done <<<"$needs"
}

cd "$srcdir"
tests=" $(MAKEFLAGS='' make -s --no-print-directory -C "$builddir" \
              -f Makefile check-list) "
n=0
while read -r f; do
    n=$(( n + 1 ))
    case $f in
        tests/*/*-functions.sh) continue ;;
        tests/bench/*.sh) continue ;; # are no tests
        tests/lint/scripts.sh) continue ;; # it has all the words
        tests/lint/*.sh | tests/*/test-*.sh) ;;
        tests/*/*) complain "$f: not named as a test"; continue ;;
        *) continue ;;
    esac
    [[ $tests == *" $f "* ]] || complain "$f: not in TESTS"
    [[ ! -x $f ]] || complain "$f: is executable"
    starts_alike "$f"
    asks "$f"
done < <(lint_files '*.sh')

for f in .ci/run bootstrap scripts/*; do
    [[ -x $f ]] || complain "$f: is not executable"
done
lint_end $n scripts
