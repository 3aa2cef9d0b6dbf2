# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of the layer filters share, beside functions.sh.

source "$srcdir/tests/integration/raw-functions.sh"

# uri SOCK [EXPORT]
uri () { echo "nbd+unix:///${2-}?socket=$1"; }

# layer_filters: those that are built.
layer_filters () {
    local f
    for f in layer-ram layer-sqlite; do
        ! nbdkit --filter=$f null --version >/dev/null 2>&1 || echo $f
    done
}

# start_layer SOCK FILTER ARGS...: nbdkit with FILTER on top, its layer in
# SOCK.dbhd if it needs a file.
start_layer () {
    local sock=$1 filter=$2 more=()
    shift 2
    [[ $filter == layer-ram ]] || more=(layer-sqlite-file="$sock.dbhd")
    start_nbdkit "$sock" --filter="$filter" "$@" "${more[@]}"
}

# map SOCK [EXPORT]: "offset length flags", one line for each extent.
map () { nbdinfo --map "$(uri "$@")" | awk '{ print $1, $2, $3 }'; }

# bad PATTERN ARGS...: nbdkit says so before it listens.
bad () {
    expect_error "$1" nbdkit -U - "${@:2}" --run 'echo it runs'
    ! grep -q 'it runs' "$tmp/expect_error.log" || fail "it listens: $*"
}

# refused PATTERN ARGS...: nbdkit starts, but lets no client have the disk.
refused () {
    start_nbdkit "$tmp/refused" "${@:2}"
    ! nbdinfo --size "$(uri "$tmp/refused")" >"$tmp/refused.out" 2>&1 ||
        fail "accepted: $*"
    stop_nbdkit "$tmp/refused"
    grep -Eq -e "$1" "$tmp/refused.log" || {
        cat "$tmp/refused.log"
        fail "expected '$1' from: ${*:2}"
    }
}
