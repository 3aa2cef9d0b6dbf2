#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Parameters of striped: what is wrong is said by name; relative paths;
# what size and stripe-size may be.

set -e -u
source "${builddir:-.}/tests/functions.sh"

requires_libnbd
cd "$tmp"

bad () { expect_error "$1" nbdkit -U - "${@:2}" --run :; }
size () {                       # BYTES ARGS...
    nbdkit -U - striped "${@:2}" --run 'nbdinfo --size "$uri" > size'
    [[ $(< size) == "$1" ]] || fail "size $(< size): ${*:2}"
}

truncate -s 1M a b
truncate -s 1000000 c d

bad 'give the disks to stripe over' striped
bad 'stripe-size= may be given only once' \
    striped a b stripe-size=64K stripe-size=64K
bad 'stripe-size=0: must be larger' striped a b stripe-size=0
bad 'a stripe size of 1000 bytes is not a multiple .* 512' \
    striped a b stripe-size=1000
bad 'room for 1048576 bytes, which is less than one stripe of 2097152' \
    striped a b stripe-size=2M
bad 'size= may be given only once' striped a b size=1M size=1M
bad 'have room for 2097152 bytes, not for 4194304' striped a b size=4M
bad 'a size of 131072 bytes is not a multiple of 262144' striped a b size=128K
bad 'allow-unequal=x: must be one of: true false' striped a b allow-unequal=x
bad 'label=x: must be one of: true false create overwrite' striped a b label=x
bad "unknown parameter 'file'" striped a b file=c
bad 'missing: ' striped a missing
bad '"foo:" is no kind of disk' striped a foo:b
bad 'disk=.*/a: is the same as disk 1' striped a ./a
bad 'there may be at most 128 disks' striped $(printf 'a%d ' {1..129})

size 2097152 a b
size 2097152 disk=a raw:b
size 1048576 a
size 1048576 a b size=1M
size 2095104 a b stripe-size=1536
size 1835008 c d
size 1999872 c d stripe-size=512
size 1835008 a c allow-unequal=true

# In the background, with another current directory.
nbdkit -U "$tmp/sock2" -P "$tmp/pid" striped c d
wait_until 60 test -s "$tmp/pid" || fail "no pid file"
pid=$(< "$tmp/pid")
cleanup_fn kill "$pid"
random_file data 1M
nbdcopy data "nbd+unix:///?socket=$tmp/sock2"
nbdcopy "nbd+unix:///?socket=$tmp/sock2" copy
cmp -n 1048576 data copy
