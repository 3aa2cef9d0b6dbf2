# SPDX-License-Identifier: BSD-3-Clause
#
# What the lints share, beside functions.sh.

# lint_files PATTERN...: the sources whose names match one of the shell
# patterns, relative to $srcdir, one on each line.  Works in a release,
# too; what builds make in the source folder must not match.
lint_files () {
    local names=() p
    for p; do names+=(-o -name "$p"); done
    (cd "$srcdir" &&
        { find . -maxdepth 1 -type f \( "${names[@]:1}" \)
          find .ci common docs filters man plugins scripts tests tools \
              -type f \( "${names[@]:1}" \); } |
        sed 's,^\./,,' |
        grep -vxE 'tests/(functions\.sh|run)|config\.h|config\.h\.in|Makefile\.in|(GNUm|M)akefile|.*/\.(deps|libs)/.*' |
        sort)
}

# lint_modules: the plugins and filters that were built.
lint_modules () {
    find "$builddir/plugins" "$builddir/filters" -path '*/.libs/nbdkit-*.so' |
        sort
}

# complain MESSAGE: something was found; lint_end fails if ever called.
complaints=0
complain () {
    echo "$*"
    complaints=$(( complaints + 1 ))
}

# lint_end: the verdict.  A lint that looked at nothing would always be
# content, so say how many things were seen.
lint_end () {                   # SEEN WHAT
    (( $1 > 0 )) || fail "looked at no $2"
    (( complaints == 0 )) || fail "$complaints complaints"
    echo "$1 $2"
}
