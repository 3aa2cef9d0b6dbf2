#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Man pages: no mistakes in the POD, the sections that readers expect in
# their order, and no link to a page of ours that there is not.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

requires command -v podchecker

sections=(NAME SYNOPSIS DESCRIPTION EXAMPLES PARAMETERS FILES
          VERSION 'SEE ALSO' LICENSE)

n=0
while read -r f; do
    n=$(( n + 1 ))
    podchecker -warnings "$srcdir/$f" >"$tmp/log" 2>&1 &&
        ! grep -q 'WARNING' "$tmp/log" || complain "$(cat "$tmp/log")"

    sed -n 's/^=head1 //p' "$srcdir/$f" >"$tmp/has"
    printf '%s\n' "${sections[@]}" | grep -Fxf "$tmp/has" >"$tmp/order"
    grep -Fxf "$tmp/order" "$tmp/has" | cmp -s - "$tmp/order" ||
        complain "$f: sections are not in the order ${sections[*]}"
    required=(NAME SYNOPSIS DESCRIPTION 'SEE ALSO' LICENSE)
    [[ $f != */nbdkit-* ]] || required=("${sections[@]}")
    for section in "${required[@]}"; do
        grep -Fxq "$section" "$tmp/has" || complain "$f: no section $section"
    done

    for page in $(grep -o 'L<diskstack([0-9])>\|L<nbdkit-[a-z0-9-]*([13])>' \
                      "$srcdir/$f" | sed 's/L<\(.*\)>/\1/'); do
        name=${page%(*}
        case $page in
            'diskstack(1)') [[ -e $srcdir/tools/diskstack.pod ]] ;;
            'diskstack(7)') [[ -e $srcdir/man/diskstack.pod ]] ;;
            nbdkit-raw-* | nbdkit-striped-* | nbdkit-vhd1-* | nbdkit-vhdx-* | nbdkit-layer-*)
                compgen -G "$srcdir/*/*/$name.pod" >/dev/null ;;
        esac || complain "$f: there is no $page"
    done
done < <(lint_files '*.pod')
lint_end $n pages
