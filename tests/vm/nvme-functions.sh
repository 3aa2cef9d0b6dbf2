# SPDX-License-Identifier: BSD-3-Clause
#
# For tests of NVMe controllers in virtual machines, where QEMU has some,
# behind an IOMMU.

# uri SOCK [EXPORT]
uri () { echo "nbd+unix:///${2-}?socket=$1"; }

# to_vfio ADDRESS: give the controller to vfio-pci, from whoever has it.
to_vfio () {
    local d=/sys/bus/pci/devices/$1
    modprobe -a vfio-pci vfio_iommu_type1
    echo vfio-pci >"$d/driver_override"
    [[ ! -e $d/driver ]] || echo "$1" >"$d/driver/unbind"
    echo "$1" >/sys/bus/pci/drivers_probe
}

# to_kernel ADDRESS: give it to the kernel's driver; the namespace N is
# then ${block[N]}.
to_kernel () {
    local d=/sys/bus/pci/devices/$1 n
    modprobe nvme
    echo >"$d/driver_override"
    [[ ! -e $d/driver ]] || echo "$1" >"$d/driver/unbind"
    echo "$1" >/sys/bus/pci/drivers_probe
    wait_until 20 _has_namespaces "$d" || fail "the kernel finds no namespace"
    block=()
    for n in "$d"/nvme/nvme*/nvme*n*; do
        block[$(<"$n/nsid")]=/dev/${n##*/}
    done
}

_has_namespaces () {
    [[ -e $(echo "$1"/nvme/nvme*/nvme*n*/nsid | cut -d' ' -f1) ]]
}

# Was every access of a device to memory one that it may make?  QEMU says
# that commands are done when they were not.
no_dma_faults () {
    ! dmesg | grep -E 'DMAR: .*fault|AMD-Vi: .*fault' || fail "a DMA fault"
}
