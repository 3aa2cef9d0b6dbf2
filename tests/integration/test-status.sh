#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack status: as a report, as JSON and for Prometheus, and what it
# says when there is nobody to ask.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/status-functions.sh"

requires jq --version

sock=$tmp/sock
start_status_server "$sock"
[[ $(stat -c '%F %a' "$sock") == 'socket 600' ]] || fail "mode of the socket"

status () { diskstack status "$@" "$sock"; }

# Not a terminal: once, without colours, and in this locale without blocks.
status | tee "$tmp/out"
grep -q '^export "golden "image""  256 MiB, sectors of 512, read-only$' "$tmp/out"
grep -q '^  id abcdef01-0000-0000-0000-000000000000$' "$tmp/out"
grep -qE '^    read +1000 +40 MiB +[0-9]+ us ' "$tmp/out"
grep -qE '^    flush +2 +2.0 ms ' "$tmp/out"
grep -q '^  layer 1: ram, write-back$' "$tmp/out"
grep -q '^    hits    #\{27\}-\{9\}   75.0 %$' "$tmp/out"
grep -qE '^    used .* of 100 MiB$' "$tmp/out"
grep -q '^    in      written 12 MiB, populated 0 bytes$' "$tmp/out"
grep -q '^    out     cleaned 8 MiB, evicted 6.25 MiB$' "$tmp/out"
grep -q '^    trouble 2 writes below failed$' "$tmp/out"
grep -q '^    zeroes  \.\{45\}#####\.\{14\}$' "$tmp/out"
grep -q '^  layer 2: ram, read-cache$' "$tmp/out"
grep -q '^    data    #\{25\}\.\{39\}$' "$tmp/out"
grep -q "^    in all  16 requests, 1 MiB (256 KiB ahead); 3 waited" "$tmp/out"
grep -q '^  hydration, 1.2 %$' "$tmp/out"
grep -q '^    rate    3 MiB/s, about 85 s left$' "$tmp/out"
! grep -q $'\033' "$tmp/out" || fail "colours in a file"
LC_ALL=C.UTF-8 diskstack status --once "$sock" > "$tmp/utf8"
grep -q '^    data    \(█\)\{25\}·' "$tmp/utf8"
! awk 'length > 80' "$tmp/out" | grep . || fail "longer than 80 columns"

is () {                         # FILTER VALUE
    local value
    value=$(status --json | jq -r "$1") || :
    [[ $value == "$2" ]] || fail "$1 is $value, not $2"
}
is '.disks | length' 1
is '.disks[0].export' 'golden "image"'
is '.disks[0].size' 268435456
is '.disks[0].layers[0].max' 104857600
is '.disks[0].layers[0]."hit-ratio" == 0.75' true
is '.disks[0].layers[0]."clean-errors"' 2
is '.disks[0].layers[1].map.data | length' 256
is '.disks[0].layers[1].map.data[99]' 100
is '.disks[0].layers[1].map.data[100]' 0
is '.disks[0].latency.write.count' 250
is '.disks[0].latency.read.max' 1018001
ask "$sock" work
is '.disks[0].latency.write.count' 500

status --prometheus | tee "$tmp/metrics"
labels='export="golden \"image\"",layer="1",kind="ram"'
grep -Fxq "diskstack_layer_written_bytes_total{$labels} 25165824" "$tmp/metrics"
grep -Fxq "diskstack_layer_max_bytes{$labels} 104857600" "$tmp/metrics"
! grep -q 'max_bytes.*layer="2"' "$tmp/metrics" || fail "layer 2 has no bound"
grep -Fxq 'diskstack_request_seconds_count{export="golden \"image\"",request="read"} 2000' "$tmp/metrics"
grep -Fxq 'diskstack_request_max_seconds{export="golden \"image\"",request="read"} 0.001018001' "$tmp/metrics"
check_metrics "$tmp/metrics"

# Errors.
fails () { expect_error "$@"; [[ $(wc -l < "$tmp/expect_error.log") == 1 ]] || fail "more than a line"; }
fails 'none: No such file' diskstack status "$tmp/none"
fails 'at most|1 to 107 bytes' diskstack status "$tmp/$(printf '%0200d' 0)"
fails 'not a number of seconds' status --interval=0
fails 'not a number of seconds' status --interval=1x
fails 'not a number of seconds' status --interval=nan
fails 'only one of these' status --json --prometheus
fails 'usage' diskstack status
fails 'usage' diskstack status "$sock" "$sock"
expect_error 'usage' status --frobnicate
: > "$tmp/file"
fails 'Connection refused|no server listens' diskstack status "$tmp/file"
status --help | grep -q usage

# A server that is not what it should be.
fake () {                       # ANSWER PATTERN
    start_fake "$tmp/fake" "$1"
    fails "$2" diskstack status "$tmp/fake"
    fails "$2" diskstack status --prometheus "$tmp/fake"
    stop_fake
}
fake '{"version": "1", "dis' 'ended before its answer was complete'
fake '' 'ended before its answer was complete'
fake '{"disks": [}\n' 'is not JSON, at byte 11'
fake '{"disks": "\xff"}\n' 'a string that is not valid'
fake '{}\n' 'is not a server of diskstack'
fake 'error: go away\n' 'the server says: go away'
start_fake "$tmp/fake" '{"version": "9", "disks": [{"layers": [{"layer": 1}, 7]}, 1]}\n'
diskstack status "$tmp/fake" | grep -q 'layer 1'    # of another version
stop_fake
start_fake "$tmp/fake" '{"disks": []}\n'
diskstack status "$tmp/fake" | grep -q 'no disk has been opened yet'
stop_fake
start_fake "$tmp/fake" '{"disks": [{"export": "\\u001b[2J\\u009b", "layers": []}]}\n'
diskstack status "$tmp/fake" | grep -Fq 'export "?[2J?"'
stop_fake
if [[ -e /dev/full ]]; then
    expect_error 'standard output' bash -c 'diskstack status "$1" >/dev/full' - "$sock"
fi

# Gone, with its socket; or killed, and the socket is still there.
stop_status_server
[[ ! -e $sock ]] || fail "the socket is still there"
fails 'No such file' diskstack status "$sock"
start_status_server "$sock"
kill_status_server
fails 'no server listens there any more' diskstack status "$sock"
start_status_server "$sock"     # replaces it
status > /dev/null
stop_status_server
