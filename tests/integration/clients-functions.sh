# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests with clients that nobody here wrote share: the main job,
# a VHD with changes in a layer over it.

source "$srcdir/tests/integration/layer-functions.sh"

# make_vhd FILE SIZE: with data, half a hole.
make_vhd () {
    random_file "$tmp/content" "$(( $2 / 2 ))"
    truncate -s "$2" "$tmp/content"
    start_nbdkit "$tmp/make" vhd1 "$1" create="$2"
    nbdcopy "$tmp/content" "$(uri "$tmp/make")"
    stop_nbdkit "$tmp/make"
}

# start_stack SOCK VHD
start_stack () { start_nbdkit "$1" --filter=layer-sqlite vhd1 "$2"; }

requires_stack () {
    requires_libnbd
    requires_filter layer-sqlite
}
