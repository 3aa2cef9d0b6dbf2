#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Our NVMe driver beside the kernel's, over QEMU's controller in a virtual
# machine: doorbells that are written, interrupts that are sent and system
# calls, for each read of 4K, at three depths.  The kernel's has fio with
# io_uring, one thread; ours a thread for each command, as nbdkit has.  Each
# number is of a run of few reads and of one of more, less what the first
# has; the first two are medians of three.  What is counted does not depend on
# how fast the machine is, but on when what happens, and the processor is
# emulated.  System calls to read a clock are left out: they are there for
# want of a counter that user space can read, as are fio's pauses.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"
source "$srcdir/tests/vm/nvme-functions.sh"

requires fio --version
requires strace --version
requires_vm

few=200 more=1000
bench=$builddir/tests/bench/bench-nvme

# ours DEPTH READS, plain DEPTH READS (without shadow doorbells), kernel
# DEPTH READS: do that, after the words in $around.
around=
ours () { $around "$bench" "$address" "$1" "$2" >/dev/null; }
plain () { $around "$bench" "$address" "$1" "$2" refuse >/dev/null; }
kernel () {
    $around fio --name=x --filename="${block[1]}" --ioengine=io_uring \
            --direct=1 --rw=randread --bs=4k --iodepth="$1" \
            --number_ios="$2" --thread >/dev/null
}

# traced EVENT: how often the controller has said so.
traced () { grep -c "^[^ ]*$1" /out/trace || :; }

# doorbells COMMAND DEPTH READS, interrupts ...: how many a run has.
doorbells () { of pci_nvme_mmio_doorbell "$@"; }
interrupts () { of pci_nvme_irq_msix "$@"; }
of () {
    local n
    n=$(traced "$1")
    "${@:2}"
    echo $(( $(traced "$1") - n ))
}
calls () {
    around="strace -f -c -o calls -e trace=!clock_gettime,clock_nanosleep" "$@"
    awk '$NF == "total" { print $4 }' calls
}

# each WHAT COMMAND DEPTH: of that, for each read.
each () {
    echo "$("$1" "$2" "$3" $few) $("$1" "$2" "$3" $more)" |
        awk -v n=$(( more - few )) '{ printf "%.2f\n", ($2 - $1) / n }'
}

median () { for i in 1 2 3; do each "$@"; done | sort -g | sed -n 2p; }

row () {                        # NAME COMMAND DEPTH
    echo "| $1 | $3 | $(median doorbells "$2" "$3") |" \
         "$(median interrupts "$2" "$3") | $(each calls "$2" "$3") |"
}

in_guest () {
    local depth
    source /out/numbers
    address=0000:00:04.0
    echo "| driver | depth | doorbells | interrupts | system calls |"
    echo "|---|---|---|---|---|"
    to_kernel $address
    for depth in 1 8 32; do
        row "kernel, io_uring" kernel $depth
    done
    to_vfio $address
    for depth in 1 8 32; do
        row "ours" ours $depth
    done
    for depth in 1 8 32; do
        row "ours, no shadow doorbells" plain $depth
    done
}

declare -p few more bench around >"$tmp/numbers"
sed -i 's/^declare --/declare -g/' "$tmp/numbers"
vm_share "$tmp/numbers"
vm in_guest \
   -device intel-iommu,intremap=on,aw-bits=39 \
   -device nvme,id=nvme0,serial=BENCH,addr=04.0 \
   -drive driver=null-co,size=1G,if=none,id=one \
   -device nvme-ns,drive=one,bus=nvme0,nsid=1 \
   -trace 'pci_nvme_mmio_doorbell_*' -trace 'pci_nvme_irq_msix' -D "$tmp/vm/trace"
