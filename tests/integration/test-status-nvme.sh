#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# diskstack status of an NVMe controller: what it says of one that is well,
# and of one that is not, as a report and for Prometheus.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/status-functions.sh"

sock=$tmp/sock

# answer WARNINGS GONE TIMEOUTS RESETS
answer () {
    printf '%s' '{"version": "1", "milliseconds": 5, "controller": {' \
        '"address": "0000:01:00.0", "model": "A model", "serial": "S1", ' \
        '"firmware": "2.0", "gone": '"$2"', "queue-pairs": 2, ' \
        '"queue-depth": 256, "warnings": '"$1"', "commands": 1000, ' \
        '"sgls": 10, "doorbells": 500, "interrupts": 80, "polls": 9, ' \
        '"timeouts": '"$3"', "aborts": '"$3"', "resets": '"$4"', ' \
        '"bad-completions": 0, "events": 0}, "disks": [{"export": "1", ' \
        '"size": 1048576, "sector-size": 512, "read-only": false, ' \
        '"gone": '"$2"'}]}'
}

start_fake "$sock" "$(answer '[]' false 0 0)\n"
diskstack status "$sock" | tee "$tmp/well"
diff "$tmp/well" - <<'TEXT'
controller 0000:01:00.0  A model, S1, firmware 2.0

    commands        1000  in 2 queues of 256
    doorbell         500  0.50 for each command
    wakeup            80  0.08 for each command

export "1"  1 MiB, sectors of 512
TEXT
diskstack status --prometheus "$sock" | tee "$tmp/metrics"
labels='address="0000:01:00.0",serial="S1"'
grep -Fxq "diskstack_nvme_doorbells_total{$labels} 500" "$tmp/metrics"
grep -Fxq "diskstack_nvme_warnings{$labels} 0" "$tmp/metrics"
! grep -q 'request_seconds{' "$tmp/metrics" || fail "requests were not timed"
check_metrics "$tmp/metrics"
stop_fake

start_fake "$sock" \
    "$(answer '["it is hot\\u001b[1m", "it is old"]' true 1 2)\n"
diskstack status "$sock" | tee "$tmp/ill"
grep -Fxq '    warning it is gone' "$tmp/ill"
grep -Fxq '    warning it is hot?[1m' "$tmp/ill"
grep -Fxq '    warning it is old' "$tmp/ill"
grep -Fxq '    trouble 1 command too late, 1 abort, 2 resets' "$tmp/ill"
grep -Fxq 'export "1"  1 MiB, sectors of 512, gone' "$tmp/ill"
diskstack status --prometheus "$sock" >"$tmp/metrics"
grep -Fxq "diskstack_nvme_warnings{$labels} 2" "$tmp/metrics"
grep -Fxq "diskstack_nvme_gone{$labels} 1" "$tmp/metrics"
