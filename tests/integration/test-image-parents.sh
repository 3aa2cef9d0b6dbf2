#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Where parents are found, and where not: beside the child, below, by
# parent=, parent-search= and parent-map=, with names of another case; not
# elsewhere on the host, not with another identity, not without end.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires_libnbd
requires_client
cd "$tmp"

random_file data 1M

for plugin in vhd1 vhdx; do
    e=${ext[$plugin]}
    echo "== $plugin"
    rm -rf vm old new
    mkdir -p vm/sub old new
    make_image $plugin "vm/base.$e" create=1M subformat=dynamic
    fill $plugin "vm/base.$e" data
    make_image $plugin "vm/child.$e" create=0 parent="vm/base.$e"
    make_image $plugin "vm/sub/in.$e" create=0 parent="vm/base.$e"
    make_image $plugin "old/base.$e" create=1M subformat=dynamic

    same $plugin "vm/child.$e" data
    (cd vm && same $plugin "child.$e" "$tmp/data")
    (cd / && same $plugin "$tmp/vm/child.$e" "$tmp/data")

    # Moved with its parent, and with another name of it.
    mv vm there
    same $plugin "there/child.$e" data
    mv "there/base.$e" "there/BASE.$e"
    same $plugin "there/child.$e" data
    mv "there/BASE.$e" "there/base.$e"
    mv there vm

    # Not beside it: only where the user allows it.
    bad "in.$e: .*(not found|parent)" $plugin "vm/sub/in.$e"
    same $plugin "vm/sub/in.$e" data parent-search=vm
    same $plugin "vm/sub/in.$e" data parent-search=old/.. \
         parent-search="$tmp/new"
    same $plugin "vm/sub/in.$e" data parent="vm/base.$e"

    # Below the child.
    mkdir vm/bases
    make_image $plugin "vm/bases/b.$e" create=1M subformat=dynamic
    make_image $plugin "vm/of-below.$e" create=0 parent="vm/bases/b.$e"
    content $plugin "vm/of-below.$e" out

    # Moved without it.
    mv "vm/child.$e" new
    bad "child.$e" $plugin "new/child.$e"
    same $plugin "new/child.$e" data parent="vm/base.$e"
    same $plugin "new/child.$e" data parent-search=vm
    same $plugin "new/child.$e" data parent-map="$tmp/vm=$tmp/vm" \
         parent-search=vm

    # Another one in its place.
    cp "old/base.$e" "new/base.$e"
    bad "base.$e" $plugin "new/child.$e"
    bad "base.$e" $plugin "new/child.$e" parent="old/base.$e"
    rm "new/base.$e"

    # A link out of the folder.
    ln -s "../vm/base.$e" "new/base.$e"
    bad "base.$e|child.$e" $plugin "new/child.$e"
    same $plugin "new/child.$e" data parent-search=vm
    rm "new/base.$e"

    # By descriptor.
    exec 7< "new/child.$e"
    content $plugin "fd=7" out parent="vm/base.$e"
    cmp out data
    exec 7<&-

    # Not an image with a parent.
    bad "parent=.*base.$e is not a differencing" \
        $plugin "vm/base.$e" parent="old/base.$e"

    # The ones of its parent are looked for beside that.
    mv "new/child.$e" vm
    make_image $plugin "vm/grandchild.$e" create=0 parent="vm/child.$e"
    mv "vm/grandchild.$e" new
    same $plugin "new/grandchild.$e" data parent="vm/child.$e"

    # Its own parent.
    cp "vm/child.$e" "new/base.$e"
    bad "base.$e" $plugin "new/base.$e" parent="new/base.$e"
done
