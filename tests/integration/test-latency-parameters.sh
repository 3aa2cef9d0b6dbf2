#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# latency: every parameter, with values that are right and wrong, and those
# of nbdkit-delay-filter.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/layer-functions.sh"

requires_filter latency
requires_libnbd
cd "$tmp"
printf '# percent, time\n0 1us\n100 2us\n' >table
printf 'read=1us\nqueue=serial\n' >model
printf 'read=1us\nread=x\n' >wrong

l=(--filter=latency memory 1M)
ops=(read write zero trim flush extents cache open close)
for op in "${ops[@]}"; do
    bad "latency-$op=x: must be a time, or uniform:" "${l[@]}" latency-$op=x
    bad "latency-$op=5m: has a time that is none" "${l[@]}" latency-$op=5m
done
bad 'has a largest time that is less' "${l[@]}" latency-read=uniform:2,1
bad 'has percentiles that do not rise' "${l[@]}" \
    latency-read=percentiles:50=1ms
bad 'names a file that cannot be read' "${l[@]}" latency-read=file:nowhere
bad 'must be START-END:OPERATION=TIME' "${l[@]}" latency-range=1M
bad 'must be bytes per second' "${l[@]}" latency-bandwidth=fast
bad 'must be parallel or serial' "${l[@]}" latency-queue=lifo
bad 'must be hdd-7200, ssd-sata' "${l[@]}" latency-profile=floppy
bad 'nowhere: No such file' "${l[@]}" latency-file=nowhere
bad 'wrong: line 2 must be a time' "${l[@]}" latency-file=wrong
bad 'latency-seed' "${l[@]}" latency-seed=x
bad 'delay-fast-zero=maybe: must be true or false' "${l[@]}" \
    delay-fast-zero=maybe
bad "unknown parameter 'latency-read'" "${l[@]}" latency-read=1 latency-read=1
bad "unknown parameter 'rdelay'" "${l[@]}" latency-read=1 rdelay=1
bad "unknown parameter 'latency-bogus'" "${l[@]}" latency-bogus=1

# good ARGS...
good () { nbdkit -U - "${l[@]}" "$@" --run 'nbdinfo --size "$uri"' >/dev/null; }
good latency-read=file:table latency-write=lognormal:1us,0.5 latency-seed=7 \
     latency-range=0-4K:read=1us latency-range=4K-:read=pareto:1us,2 \
     latency-bandwidth=1G latency-queue=parallel
good latency-file=model
for profile in hdd-7200 ssd-sata nvme cloud-standard wan-20ms; do
    good latency-profile=$profile
done
for key in rdelay wdelay delay-{read,reads,write,writes,zero,zeroes} \
           delay-{trim,trims,discard,discards,extent,extents,cache,open,close}
do
    good $key=1ms
    bad "$key=x" "${l[@]}" $key=x
done

nbdkit --filter=latency null --help >help
for key in "${ops[@]}" range bandwidth read-bandwidth write-bandwidth queue \
           profile file seed; do
    grep -q "^latency-$key=" help || fail "$key is not in --help"
done
