#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Devices that only another kernel has: namespaces of NVMe, arrays, disks
# that are unplugged under load, that fail in some sectors or for some time,
# that grow by themselves or under device-mapper, whose sectors have 4096
# bytes, and one that notes in which order it was written and flushed.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/vm/vm-functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"

requires_plugin blockdevice
requires_client
requires losetup --version
requires_vm

# A SCSI disk goes while four threads write to it: they get errors, none
# hangs, the server says what happened and serves its end.
unplugged () {
    modprobe sd_mod
    modprobe scsi_debug dev_size_mb=32 delay=0
    wait_until 20 compgen -G '/sys/block/sd*/device/delete' >/dev/null
    local disk
    disk=$(cd /sys/block && echo sd*)
    wait_until 20 test -b "/dev/$disk"
    start_nbdkit "$tmp/sock" blockdevice "/dev/$disk"
    { printf 'disk = "%s"\n' "$disk"; cat <<'EOF'; } | client "$tmp/sock"
import threading, time
MIB = 1 << 20
data = os.urandom(MIB)
h.pwrite(data, 0)
h.flush()
assert h.pread(MIB, 0) == data
stop = []
def load(k):
    n = nbd.NBD()
    n.connect_unix(sys.argv[1])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            n.pwrite(data, (8 + k) * MIB)
            n.flush()
        except nbd.Error as e:
            stop.append(e.errnum)
            break
    try:
        n.shutdown()
    except nbd.Error:
        pass
threads = [threading.Thread(target=load, args=(k,)) for k in range(4)]
for t in threads: t.start()
time.sleep(1)
open("/sys/block/%s/device/delete" % disk, "w").write("1")
for t in threads: t.join()
assert len(stop) == 4, stop
assert set(stop) <= {errno.EIO, errno.ESHUTDOWN}, stop
assert fails(h.pread, 4096, 0) in (errno.EIO, errno.ESHUTDOWN)
assert fails(h.pwrite, data, 0) in (errno.EIO, errno.ESHUTDOWN)
EOF
    stop_nbdkit "$tmp/sock"
    grep -q "/dev/$disk: is gone" "$tmp/sock.log"
    modprobe -r scsi_debug
}

# null N ATTRIBUTES=VALUES...: the disk /dev/nullN in memory.
null () {
    local d=/sys/kernel/config/nullb/null$1 a
    modprobe null_blk nr_devices=0
    mountpoint -q /sys/kernel/config ||
        mount -t configfs configfs /sys/kernel/config
    mkdir "$d"
    for a in memory_backed=1 "${@:2}" power=1; do
        echo "${a#*=}" >"$d/${a%=*}"
    done
    wait_until 10 test -b "/dev/null$1"
}

end_null () {                   # N
    echo 0 >"/sys/kernel/config/nullb/null$1/power"
    rmdir "/sys/kernel/config/nullb/null$1"
}

# Sectors of DISK, which has FUA or has not, that cannot be read or written
# fail, others do not.
bad_sectors () {                # DISK
    local disk=$1
    dmsetup create bad <<EOF
0 16384 linear $disk 0
16384 8 error
16392 16376 linear $disk 16392
EOF
    start_nbdkit "$tmp/sock" blockdevice /dev/mapper/bad
    client "$tmp/sock" <<'EOF'
data = os.urandom(1 << 20)
bad = 16384 * 512
h.pwrite(data, 0)
assert fails(h.pread, 4096, bad) == errno.EIO
assert fails(h.pwrite, data, bad - 4096) == errno.EIO
assert fails(h.pwrite, data[:4096], bad, nbd.CMD_FLAG_FUA) == errno.EIO
assert fails(h.zero, 1 << 20, bad - 4096) == errno.EIO
h.pwrite(data, bad + 4096)
h.flush()
assert h.pread(1 << 20, bad + 4096) == data and h.pread(1 << 20, 0) == data
EOF
    stop_nbdkit "$tmp/sock"
    grep -q "/dev/mapper/bad" "$tmp/sock.log"
    dmsetup remove bad
}

# A disk fails for as long as it is down.
failing () {
    local disk
    null 1 size=16 cache_size=1
    [[ $(</sys/block/null1/queue/fua) == 1 ]]
    bad_sectors /dev/null1
    end_null 1
    truncate -s 16M back
    disk=$(losetup --find --show back)
    [[ $(<"/sys/block/${disk#/dev/}/queue/fua") == 0 ]]
    bad_sectors "$disk"

    dmsetup create flaky --table "0 32768 flakey $disk 0 60 0"
    start_nbdkit "$tmp/sock" blockdevice /dev/mapper/flaky
    { printf 'disk = "%s"\n' "$disk"; cat <<'EOF'; } | client "$tmp/sock"
import subprocess
def table(text):
    for args in (["suspend", "--noflush"], ["reload", "--table", text],
                 ["resume"]):
        subprocess.run(["dmsetup", args[0], "flaky"] + args[1:], check=True)
old, new = os.urandom(65536), os.urandom(65536)
h.pwrite(old, 0, nbd.CMD_FLAG_FUA)
table("0 32768 flakey %s 0 0 60 1 error_writes" % disk)
assert fails(h.pwrite, new, 0) == errno.EIO
table("0 32768 flakey %s 0 60 0" % disk)
assert h.pread(65536, 0) == old
h.pwrite(new, 0)
h.flush()
assert h.pread(65536, 0) == new
# What a failed flush should have made durable may be lost for ever.
table("0 32768 flakey %s 0 0 60 1 error_writes" % disk)
assert fails(h.flush) == errno.EIO
table("0 32768 flakey %s 0 60 0" % disk)
assert fails(h.flush) == errno.EIO
EOF
    stop_nbdkit "$tmp/sock"
    dmsetup remove flaky
    losetup -d "$disk"
}

# A mapped disk grows while it is served.
growing () {
    local disk
    truncate -s 16M grows
    disk=$(losetup --find --show grows)
    dmsetup create grows --table "0 16384 linear $disk 0"
    start_nbdkit "$tmp/sock" blockdevice /dev/mapper/grows
    { printf 'disk, log = "%s", "%s/sock.log"\n' "$disk" "$tmp"
      cat <<'EOF'; } | client "$tmp/sock"
import subprocess, time
MIB = 1 << 20
subprocess.run(["dmsetup", "reload", "grows", "--table",
                "0 32768 linear %s 0" % disk], check=True)
subprocess.run(["dmsetup", "resume", "grows"], check=True)
for _ in range(500):
    if "to %d bytes" % (16 * MIB) in open(log).read(): break
    time.sleep(0.02)
else:
    raise Exception("not noticed")
assert fails(h.pwrite, b"x" * 512, 8 * MIB) == errno.ENOSPC
n = nbd.NBD()
n.connect_unix(sys.argv[1])
assert n.get_size() == 16 * MIB
n.pwrite(b"y" * 4096, 16 * MIB - 4096)
n.shutdown()
assert open(log).read().count("has changed its size") == 1
EOF
    stop_nbdkit "$tmp/sock"
    dmsetup remove grows
    losetup -d "$disk"
}

# disk_of SERIAL: what the kernel calls that virtual disk.
disk_of () {
    local d
    for d in /sys/block/*; do
        [[ $(cat "$d/serial" 2>/dev/null) != "$1" ]] || basename "$d"
    done
    # sd has it in a page of the disk's own.
    for d in /sys/block/sd*; do
        ! grep -qa "$1" "$d/device/vpd_pg80" 2>/dev/null || basename "$d"
    done
}

# One of QEMU's disks becomes larger, and smaller where it can, while it is
# served: who comes sees it at once, who is there keeps to what there was,
# the log says it once.
resized () {                    # SERIAL
    local disk
    wait_until 20 eval "[[ \$(disk_of $1) ]]" || fail "no disk $1"
    disk=/dev/$(disk_of "$1")
    wait_until 20 test -b "$disk"
    start_nbdkit "$tmp/sock" blockdevice "$disk"
    { printf 'disk, log = "%s", "%s/sock.log"\n' "$1" "$tmp"
      cat <<'PYTHON'; } | client "$tmp/sock"
import json, subprocess, time
MIB = 1 << 20
def resize(size):
    command = {"execute": "block_resize",
               "arguments": {"device": disk, "size": size}}
    subprocess.run(["bash", "-c", 'qmp "$1"', "-", json.dumps(command)],
                   check=True)
def told(old, new):
    text = "has changed its size from %d to %d bytes" % (old, new)
    for _ in range(500):
        n = open(log).read().count(text)
        if n > 0: return n
        time.sleep(0.02)
    raise Exception("not noticed")
def newcomer(size):
    n = nbd.NBD()
    n.set_strict_mode(0)
    n.connect_unix(sys.argv[1])
    assert n.get_size() == size, n.get_size()
    return n
data = os.urandom(MIB)
assert h.get_size() == 8 * MIB
h.pwrite(data, 7 * MIB)
resize(16 * MIB)
assert told(8 * MIB, 16 * MIB) == 1     # nobody connected
n = newcomer(16 * MIB)
n.pwrite(data, 15 * MIB, nbd.CMD_FLAG_FUA)
assert n.pread(MIB, 15 * MIB) == data
assert fails(h.pwrite, data, 8 * MIB) == errno.ENOSPC
assert fails(h.pread, MIB, 8 * MIB) == errno.EINVAL
assert h.pread(MIB, 7 * MIB) == data
n.shutdown()
resize(12 * MIB)
assert told(16 * MIB, 12 * MIB) == 1
n = newcomer(12 * MIB)
n.pwrite(data, 11 * MIB)
assert fails(n.pwrite, data, 12 * MIB - 512) == errno.ENOSPC
n.shutdown()
assert open(log).read().count("has changed its size") == 2
PYTHON
    stop_nbdkit "$tmp/sock"
    grep 'has changed its size' "$tmp/sock.log"
}

# What a client writes to DISK, the kernel finds there, and the other way.
kept () {                       # DISK
    local disk=$1
    start_nbdkit "$tmp/sock" blockdevice "$disk"
    { printf 'disk = "%s"\n' "$disk"; cat <<'PYTHON'; } | client "$tmp/sock"
MIB = 1 << 20
size = h.get_size()
with open(disk, "rb") as f:
    assert size == f.seek(0, 2)
assert h.get_block_size(nbd.SIZE_MINIMUM) in (512, 4096)
data = os.urandom(4 * MIB)
h.pwrite(data, MIB)
h.pwrite(data[:5000], 777, nbd.CMD_FLAG_FUA)
h.pwrite(data[:512], size - 512)
h.zero(MIB, 2 * MIB)
if h.can_trim():
    h.trim(MIB, 3 * MIB, nbd.CMD_FLAG_FUA)
h.flush()
fd = os.open(disk, os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
assert os.pread(fd, 5000, 777) == data[:5000] == h.pread(5000, 777)
assert os.pread(fd, MIB, MIB) == data[:MIB] == h.pread(MIB, MIB)
assert os.pread(fd, MIB, 2 * MIB) == bytes(MIB) == h.pread(MIB, 2 * MIB)
assert os.pread(fd, MIB, 4 * MIB) == data[3 * MIB:] == h.pread(MIB, 4 * MIB)
assert os.pread(fd, 512, size - 512) == data[:512]
PYTHON
    stop_nbdkit "$tmp/sock"
}

# A namespace of an NVMe disk, and an array of md's.
other_kinds () {
    local d1 d2
    modprobe -a nvme md-mod raid1
    wait_until 20 test -b /dev/nvme0n1
    kept /dev/nvme0n1
    truncate -s 16M d1 d2
    d1=$(losetup --find --show d1)
    d2=$(losetup --find --show d2)
    mdadm --build /dev/md0 --level=1 --assume-clean --raid-devices=2 "$d1" "$d2"
    kept /dev/md0
    start_nbdkit "$tmp/sock" blockdevice "$d1"
    ! client "$tmp/sock" <<<'' 2>/dev/null || fail "a part of an array is written"
    grep -q 'is held by the device md0' "$tmp/sock.log"
    stop_nbdkit "$tmp/sock"
    mdadm --stop /dev/md0
    losetup -d "$d1" "$d2"
    cmp d1 d2
}

# Sectors of 4096 bytes, also for clients that do not know.
large_sectors () {
    null 0 size=64 blocksize=4096 discard=1
    start_nbdkit "$tmp/sock" blockdevice /dev/null0
    client "$tmp/sock" <<'EOF'
MIB = 1 << 20
assert h.get_size() == 64 * MIB
data = os.urandom(3 * MIB)
h.pwrite(data, 4096)
h.pwrite(b"odd", 8191)
assert h.pread(3 * MIB, 4096) == data[:4095] + b"odd" + data[4098:]
h.trim(MIB, 2 * MIB)
h.zero(MIB, 5 * MIB)
assert h.pread(MIB, 5 * MIB) == bytes(MIB)
h.flush()
EOF
    stop_nbdkit "$tmp/sock"
    end_null 0
}

# What a flush or FUA promises has been flushed, or written through, when
# the answer comes: the log of the device is replayed as far as it was
# durable then.
flushed () {
    local disk log
    truncate -s 16M data
    truncate -s 256M log
    disk=$(losetup --find --show data)
    log=$(losetup --find --show log)
    modprobe dm-log-writes
    dmsetup create logged --table "0 32768 log-writes $disk $log"
    start_nbdkit "$tmp/sock" blockdevice /dev/mapper/logged
    client "$tmp/sock" <<'EOF'
import random, subprocess
rng = random.Random(1)
def mark(k):
    subprocess.run(["dmsetup", "message", "logged", "0", "mark", str(k)],
                   check=True)
with open("promised", "w") as f:
    for k in range(12):
        fua = nbd.CMD_FLAG_FUA if rng.random() < 0.4 else 0
        for page in rng.sample(range(1000), 5):
            h.pwrite(bytes([k + 1]) * 4096, page * 4096, fua)
            f.write("%d %d\n" % (k, page * 4096))
        if not fua:
            h.flush()
        mark(k)
EOF
    stop_nbdkit "$tmp/sock"
    dmsetup remove logged
    "$python" "$srcdir/tests/vm/replay-log-writes.py" "$log" promised 16777216
    losetup -d "$disk" "$log"
}

in_guest () {
    requires_client
    export -f qmp wait_until fail
    modprobe -a loop dm-mod dm-flakey virtio_blk virtio_scsi sd_mod
    resized virtio-disk
    resized scsi-disk
    modprobe -r virtio_scsi
    other_kinds
    unplugged
    failing
    growing
    large_sectors
    flushed
}

truncate -s 8M "$tmp/one.img" "$tmp/two.img"
truncate -s 16M "$tmp/three.img"
vm_with_qmp in_guest \
    -drive file="$tmp/one.img",if=none,format=raw,id=virtio-disk \
    -device virtio-blk-pci,drive=virtio-disk,serial=virtio-disk \
    -device virtio-scsi-pci,id=scsi \
    -drive file="$tmp/two.img",if=none,format=raw,id=scsi-disk \
    -device scsi-hd,drive=scsi-disk,bus=scsi.0,serial=scsi-disk \
    -drive file="$tmp/three.img",if=none,format=raw,id=three,discard=unmap \
    -device nvme,drive=three,serial=nvme-disk
