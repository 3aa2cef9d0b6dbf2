#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What is wrong with the parameters is said before the server listens.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

truncate -s 1M "$tmp/disk"
mkdir "$tmp/d"
mkfifo "$tmp/fifo"

# bad MESSAGE ARGS...
bad () {
    expect_error "$1" nbdkit -U - raw "${@:2}" --run 'echo it runs'
    ! grep -q 'it runs' "$tmp/expect_error.log" || fail "it listens: $*"
}

bad 'give the file or the block device'
bad "unknown parameter 'bogus'" "$tmp/disk" bogus=1
bad 'rdelay is a parameter of --filter=delay' "$tmp/disk" rdelay=1
bad 'file= may be given only once' "$tmp/disk" file="$tmp/disk"
bad 'file= may be given only once' "$tmp/disk" "$tmp/disk"
bad 'only one of file=, fd=, dir= and dirfd=' "$tmp/disk" dir="$tmp/d"
bad 'only one of file=, fd=, dir= and dirfd=' fd=8 dirfd=9
bad 'directory= may be given only once' dir="$tmp/d" directory="$tmp/d"
bad 'No such file' "$tmp/gone"
bad 'use dir= to serve the files in' "$tmp/d"
bad 'neither a regular file nor a block device' "$tmp/fifo"
bad 'neither a regular file nor a block device' /dev/null
bad 'No such file' dir="$tmp/gone"
bad 'Not a directory' dir="$tmp/disk"

bad 'fd=2: must be larger than 2' fd=2
bad 'fd=-1: must be larger than 2' fd=-1
bad 'fd: .*expected a number' fd=x
bad 'fd=99: Bad file descriptor' fd=99
bad 'dirfd.*Bad file descriptor' dirfd=99
exec 8< "$tmp/disk"
bad 'dirfd=8 is not a directory' dirfd=8
exec 8>> "$tmp/disk"
bad 'fd=8: must not have been opened with O_WRONLY' fd=8
exec 8<&-

bad 'size=0: must be larger' "$tmp/disk" size=0
bad 'size' "$tmp/disk" size=x
bad 'size' "$tmp/disk" size=-1
bad 'size=2097152 is more' "$tmp/disk" size=2M
bad 'size= cannot be used with dir=' dir="$tmp/d" size=1M
bad 'create= can only be used with file=' dir="$tmp/d" create=1M
bad 'create= can only be used with file=' fd=8 create=1M
bad 'size= and create= cannot be used together' "$tmp/x" size=1M create=1M
bad 'create= is not a multiple of sector-size=4096' \
    "$tmp/x" create=1000 sector-size=4096
bad 'sector-size=1024: must be one of: 512 4096' "$tmp/disk" sector-size=1024
bad 'cache=writeback: must be one of: default none direct' \
    "$tmp/disk" cache=writeback
bad 'fadvise=x: must be one of: normal random sequential' \
    "$tmp/disk" fadvise=x
bad 'cache= may be given only once' "$tmp/disk" cache=none cache=none
bad 'lock' "$tmp/disk" lock=maybe
[[ ! -e $tmp/x ]] || fail "something was created"

# And what is right.
for args in '' cache=default cache=none fadvise=normal fadvise=random \
    fadvise=sequential lock=false lock=true lock=0 size=1M size=1k \
    sector-size=512 sector-size=4096; do
    # shellcheck disable=SC2086
    nbdkit -U - raw "$tmp/disk" $args --run :
done

nbdkit raw --dump-plugin > "$tmp/dump"
grep -q '^name=raw$' "$tmp/dump"
grep -q '^max_thread_model=parallel$' "$tmp/dump"
grep -q '^magic_config_key=file$' "$tmp/dump"
grep -q '^raw_cache_direct=yes$' "$tmp/dump"
nbdkit raw --help > "$tmp/help"
for key in file= fd= dir= dirfd= size= create= sector-size= cache= fadvise= \
    lock=; do
    grep -q "^\[*$key" "$tmp/help" || fail "$key is not in --help"
done
