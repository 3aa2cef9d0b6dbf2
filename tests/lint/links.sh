#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Documents: what they link to is there, and so are the files of the tree
# that they name.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/lint/lint-functions.sh"

cd "$srcdir"

# What builds and users make; and "foo" stands for anything.
made='tests/(run|fuzz/found|[a-z]+/(test|crash|model|fuzz|bench)-[a-z0-9*-]+(\.log)?)'
made+='|.*foo.*'

n=0
while read -r f; do
    while read -r target; do
        n=$(( n + 1 ))
        [[ $target == *://* || -e $(dirname "$f")/${target%%#*} ]] ||
            complain "$f: links to $target"
    done < <(grep -oE '\]\([^)#][^)]*\)' "$f" | sed 's/^](\(.*\))$/\1/')

    while read -r path; do
        n=$(( n + 1 ))
        [[ -e $path || $path =~ ^($made)$ ]] || compgen -G "$path" >/dev/null ||
            complain "$f: names $path"
    done < <(grep -oE '`(common|docs|filters|man|plugins|scripts|tests|tools)/[^` ]+`' \
                 "$f" | tr -d '`')
done < <(lint_files '*.md')
lint_end $n links
