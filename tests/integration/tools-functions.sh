# SPDX-License-Identifier: BSD-3-Clause
#
# What the tests of diskstack's commands for images share, beside
# functions.sh.

source "$srcdir/tests/integration/image-functions.sh"

# The plugin for a file, by its suffix.
plugin_of () {
    case $1 in
        *vhd) echo vhd1 ;;
        *vhdx) echo vhdx ;;
        *) echo raw ;;
    esac
}

# shows IMAGE RAW: the disk, read through nbdkit, is that of the raw file.
shows () { same "$(plugin_of "$1")" "$1" "$2"; }

# image_size FILE: of the disk, in bytes.
image_size () { diskstack info --json "$1" | jq '.[0].size'; }

# field FILE NAME: of diskstack info.
field () { diskstack info --json "$1" | jq -r ".[0].$2"; }

# sound FILE...: no check finds anything wrong; nor does QEMU's where it has
# one.
sound () {
    local f
    for f in "$@"; do
        diskstack check "$f" > check.out || { cat check.out; fail "$f"; }
        [[ $f != *.vhdx || $(field "$f" parent) != null ||
           $(field "$f" '"sector-size"') == 4096 ]] || qemu_check vhdx "$f"
    done
}

# scatter FILE SIZE: a raw file with data, zeroes that are stored, holes
# and crumbs.
scatter () {
    echo "scatter $1: seed $SEED"
    python3 - "$1" "$(numfmt --from=iec "$2")" "$SEED" <<'PYTHON'
import random, sys
path, size, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
table = bytes([0xA5]) + bytes(range(1, 256))
with open(path, "wb") as f:
    f.truncate(size)
    for i in range(40):
        n = rng.choice((1, 512, 4096, 70000, 1 << 20))
        offset = rng.randrange(size - n)
        f.seek(offset)
        f.write(bytes(n) if rng.random() < .2
                else rng.randbytes(n).translate(table))
    f.seek(size - 3000)
    f.write(b"end" * 1000)
PYTHON
    SEED=$(( (SEED * 1103515245 + 12345) & 0x3fffffff ))
}

# change IMAGE RAW COUNT: random changes of the disk in both.
change_image () {
    start_nbdkit sock "$(plugin_of "$1")" "$1"
    random_writes sock "$2" "$3" 512
    stop_nbdkit sock
}

# nothing_left FOLDER FILE...: these files, and no others, are in it.
nothing_left () {
    local folder=$1
    shift
    [[ $(ls -A "$folder") == "$(printf '%s\n' "$@" | LC_ALL=C sort)" ]] ||
        fail "in $folder: $(ls -A "$folder")"
}
