#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Parameters of the nvme plugin, and of diskstack info, that are refused
# before there is a device.  (What needs one is in tests/vm.)

set -e -u
source "${builddir:-.}/tests/functions.sh"

requires_plugin nvme

refused () {                    # PATTERN ARGS...
    expect_error "$1" nbdkit -U - nvme "${@:2}" --run :
}

refused 'give the PCI address'
refused 'device=04.0: is not the address of a PCI function' 04.0
refused 'device=/dev/nvme0: is not the address' device=/dev/nvme0
refused 'device=00:20.0: .*more than 1f' 00:20.0
refused 'device=00:1f.9: .*more than 7' 00:1f.9
refused 'device' 00:04.0 device=00:05.0
refused 'nsid=0: must be between 1 and' 00:04.0 nsid=0
refused 'nsid: ' 00:04.0 nsid=abc
refused 'queue-pairs=0: must be between' 00:04.0 queue-pairs=0
refused 'queue-depth=1: must be between 2 and 4096' 00:04.0 queue-depth=1
refused 'timeout=0: must be between 1 and 3600' 00:04.0 timeout=0
refused 'pr-socket= needs nsid=' 00:04.0 pr-socket=pr.sock
refused 'host-id: "1234" is not a UUID' 00:04.0 host-id=1234
refused 'host-id: "0+-0+-0+-0+-0+" is not a UUID' \
    00:04.0 host-id=00000000-0000-0000-0000-000000000000
[ -e /etc/nvme/hostid ] ||
    refused 'pr-socket= needs host-id=' 00:04.0 nsid=1 pr-socket=pr.sock
refused "unknown parameter 'file'" 00:04.0 file=x
refused 'ffff:ff:1f.7: there is no such PCI device' ffff:ff:1f.7

expect_error 'nvme:x: is not the address' diskstack info nvme:x
expect_error 'ffff:ff:1f.7: there is no such PCI device' \
    diskstack info --json nvme:ffff:ff:1f.7
