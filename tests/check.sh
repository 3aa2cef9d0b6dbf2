#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# `make check`: builds, runs every test through automake's parallel
# harness, lists what was skipped and why and what failed, and ends with
# the line "N passed, N failed, N skipped".
#
#   check.sh MAKE VERDICT      from the top of the build
#
# Lints run first.  Then come the other tests, as many at once as there
# are processors (or as `make -j` says), the longest first, so that no one
# is left at the end, and at last, one by one, those that say run_alone.
# Exits 0; the file VERDICT exists afterwards only if something failed
# (GNUmakefile has the reason).

set -u
make=$1 verdict=$2

rm -f -- "$verdict"

# GNUmakefile turned on question mode, in which make does nothing.  The
# first word of the flags is the one-letter ones.
first=${MAKEFLAGS%% *}
[[ $first == *=* ]] || MAKEFLAGS=${first//q/}${MAKEFLAGS:${#first}}
export MAKEFLAGS
jobs=()
[[ $MAKEFLAGS == *jobserver* ]] || jobs=(-j"$(nproc 2>/dev/null || echo 2)")

finish () {                     # PASSED FAILED SKIPPED
    (( $2 == 0 )) || touch -- "$verdict"
    echo "$1 passed, $2 failed, $3 skipped"
    exit 0
}

if ! $make --no-print-directory "${jobs[@]}" check-build; then
    echo "The build failed."
    finish 0 1 0
fi
read -r -a tests < <($make -s --no-print-directory check-list)

base () {                       # the name of a test's log, without .log
    local t=${1%.sh}
    echo "${t#./}"
}

is_alone () {
    local f=$1
    [[ $f == *.sh ]] || return 1
    [[ -e $f ]] || f=$srcdir/$f
    grep -q '^run_alone$' "$f" 2>/dev/null
}

lints=() long=() together=() alone=()
for t in "${tests[@]}"; do
    rm -f -- "$(base "$t")".{log,trs}
    if [[ $t == */lint/* ]]; then lints+=("$(base "$t").log")
    elif is_alone "$t"; then alone+=("$(base "$t").log")
    elif [[ $t == */@(conformance|model|crash|vm)/* ]]; then
        long+=("$(base "$t").log")
    else together+=("$(base "$t").log"); fi
done

run () {
    (( $# )) || return 0
    $make -k --no-print-directory "$@" 2>&1 |
        grep --line-buffered -v '^make.*\(\*\*\*\|not remade\)'
}

run "${jobs[@]}" "${lints[@]}"
run "${jobs[@]}" "${long[@]}" "${together[@]}"
[[ ${#alone[@]} == 0 ]] || run -j1 "${alone[@]}"

pass=0 fail=0 skip=0
skips=() failures=()
for t in "${tests[@]}"; do
    b=$(base "$t")
    case $(sed -n 's/^:global-test-result: //p' "$b.trs" 2>/dev/null) in
        PASS) (( pass += 1 )) ;;
        SKIP)
            (( skip += 1 ))
            reason=$(sed -n 's/^SKIP: //p' "$b.log" | tail -n 1)
            skips+=("$b: ${reason:-no reason given}") ;;
        *)
            (( fail += 1 ))
            failures+=("$b") ;;
    esac
done

# longest: TESTS...: those that took most of the time.
longest () {
    local t b
    for t in "$@"; do
        b=$(base "$t")
        sed -n "s|^TIME: \(.*\)|\1 $b|p" "$b.log" 2>/dev/null | tail -n 1
    done | sort -rn | head -n 12 | sed 's/^/  /'
}

echo
echo "The longest:"
longest "${tests[@]}"
for f in "${failures[@]}"; do
    echo "=== $f.log (the last lines)"
    tail -n 40 "$f.log" 2>/dev/null || echo "(it did not run)"
    echo
done
(( ! skip )) || { echo "Skipped:"; printf '  %s\n' "${skips[@]}"; }
(( ! fail )) || { echo "Failed:"; printf '  %s\n' "${failures[@]}"; }
finish $pass $fail $skip
