# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of the plugins vhd1 and vhdx share, beside functions.sh.
# Tests that are the same for both run over $formats.

source "$srcdir/tests/integration/layer-functions.sh"

# As QEMU calls the formats of the plugins.
declare -A qemu_format=([vhd1]=vpc [vhdx]=vhdx)

# A file called FILE.EXT for the plugin: "disk.vhd", "disk.vhdx".
declare -A ext=([vhd1]=vhd [vhdx]=vhdx)

# make PLUGIN FILE ARGS...: a new image.
make_image () {
    nbdkit -U - "$1" "$2" "${@:3}" --run :
}

# content PLUGIN FILE OUT ARGS...: the disk as raw bytes.
content () {
    nbdkit -r -U - "$1" "$2" "${@:4}" --run 'nbdcopy "$uri" '"'$3'"
}

# fill PLUGIN FILE RAW: the disk of a raw file into the image.
fill () {
    nbdkit -U - "$1" "$2" --run 'nbdcopy '"'$3'"' "$uri"'
}

# same PLUGIN FILE RAW ARGS...: the disk is that of the raw file.
same () {
    content "$1" "$2" "$tmp/same" "${@:4}"
    cmp "$tmp/same" "$3" || fail "$2 is not $3"
}

# used FILE: bytes that it takes on the medium.
used () { echo $(( $(stat -c %b "$1") * 512 )); }

# qemu_check PLUGIN FILE: QEMU finds nothing wrong.  (It cannot check VHDs.)
qemu_check () {
    [[ $1 == vhdx ]] || return 0
    qemu-img check -q -f vhdx "$2" || fail "$2: QEMU's check"
}

# has_holes: skip unless files in $tmp can have holes punched.
requires_holes () {
    head -c 1M /dev/urandom > "$tmp/holes"
    fallocate -p -o 0 -l 1M "$tmp/holes" 2>/dev/null &&
        (( $(used "$tmp/holes") < 1048576 )) ||
        skip "needs a file system that punches holes"
    rm "$tmp/holes"
}

# random_writes SOCK RAW COUNT [GRANULE]: writes, zeroes and trims of
# random places, over two connections, done to the raw file too.  What was
# trimmed is read and taken as it is.
random_writes () {
    client "$1" <<PYTHON
import random
rng = random.Random($SEED)
other = nbd.NBD()
other.set_strict_mode(0)
other.connect_unix(sys.argv[1])
size, granule = h.get_size(), ${4-1}
with open("$2", "r+b") as raw:
    raw.truncate(size)
    for i in range($3):
        c = (h, other)[i & 1]
        offset = rng.randrange(size) // granule * granule
        count = min(size - offset,
                    rng.choice((granule, 512, 4096, 70000, 3 << 20))
                    // granule * granule or granule)
        kind = rng.choice(("write", "write", "write", "zero", "trim"))
        fua = 0 if rng.randrange(8) else nbd.CMD_FLAG_FUA
        if kind == "write":
            data = bytes(rng.randbytes(count).translate(
                bytes([0xA5]) + bytes(range(1, 256))))
            c.pwrite(data, offset, fua)
        elif kind == "zero":
            data = bytes(count)
            c.zero(count, offset, fua | rng.choice((0, nbd.CMD_FLAG_NO_HOLE)))
        else:
            c.trim(count, offset, fua)
            data = h.pread(count, offset)
            assert data == other.pread(count, offset)
        assert h.pread(count, offset) == data, (kind, count, offset)
        raw.seek(offset)
        raw.write(data)
other.flush()
other.shutdown()
PYTHON
    SEED=$(( (SEED * 1103515245 + 12345) & 0x3fffffff ))
}

# samples PLUGIN FOLDER: the images of the folder, which others made, are
# as its images.tsv says: refused, or read; and no file is changed.
samples () {
    local plugin=$1 data=$2 e=${ext[$1]} n=0 file size expected
    for file in "$data"/*."$e".xz; do
        xz -dc "$file" > "$(basename "$file" .xz)"
    done
    sha256sum ./*."$e" > before
    while IFS=$'\t' read -r file size expected; do
        [[ $file != '#'* ]] || continue
        echo "== $file"
        (( n += 1 ))
        if [[ $size == - ]]; then
            expect_error "$file.$e: .*$expected" \
                content "$plugin" "$file.$e" copy
        else
            content "$plugin" "$file.$e" copy
            [[ $(stat -c %s copy) == "$size" ]] || fail "$file: size"
            [[ $(md5sum < copy) == "$expected  -" ]] || fail "$file: content"
        fi
    done < "$data/images.tsv"
    sha256sum --quiet -c before
    echo "$n images"
    (( n == $(find "$data" -name '*.xz' | wc -l) )) ||
        fail "images without a line"
}

# samples_written PLUGIN FILE...: samples that can be written, too.  A
# parent is no parent afterwards: children first.
samples_written () {
    local plugin=$1 e=${ext[$1]} file
    for file in "${@:2}"; do
        echo "== $file"
        content "$plugin" "$file.$e" raw
        start_nbdkit sock "$plugin" "$file.$e"
        random_writes sock raw 30
        stop_nbdkit sock
        same "$plugin" "$file.$e" raw
    done
}
