#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A cache in a file with a bound, with threads of the filter's own and
# without: it goes on taking what is read when it is full, and the file
# takes no more than the bound from the disk of the host.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"
set -e -u

requires_client
requires_filter layered
requires jq --version

mkdir "$tmp/d"
random_file "$tmp/d/disk" 32M
sock=$tmp/sock

# check CACHE EXPORT ARGS...
check () {
    local cache=$1 export=$2 populated evicted blocks
    start_nbdkit "$sock" -r --filter=layered raw "${@:3}" \
                 layered-layer=sqlite,file="$cache",read-cache,max=8M \
                 layered-status="$tmp/status"
    image=$tmp/d/disk client "$sock" "$export" <<'PYTHON'
data = open(os.environ["image"], "rb").read()
for _ in range(2):
    for i in range(0, len(data), 65536):
        assert h.pread(65536, i) == data[i:i + 65536]
PYTHON
    diskstack status --json "$tmp/status" >"$tmp/json"
    stop_nbdkit "$sock"
    populated=$(jq '.disks[0].layers[0].populated' "$tmp/json")
    evicted=$(jq '.disks[0].layers[0].evicted' "$tmp/json")
    # More than there is room for; where the machine has other work the
    # cache takes less than it is offered.
    (( populated > 12 << 20 )) || fail "only $populated bytes were kept"
    (( evicted > 100 )) || fail "only $evicted clusters were evicted"
    blocks=$(stat -c %b "$cache")
    (( blocks * 512 <= 9 << 20 )) || fail "the file takes $blocks blocks"
}

check "$tmp/cache" '' "$tmp/d/disk"
check "$tmp/cache2" disk dir="$tmp/d"
