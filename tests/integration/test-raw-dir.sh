#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# dir= serves the files of a directory by their names and nothing else.

source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"
set -e -u

requires nbdinfo --version
requires_client

mkdir "$tmp/d" "$tmp/d/sub"
truncate -s 1M "$tmp/d/one"
truncate -s 2M "$tmp/d/two"
truncate -s 3M "$tmp/secret"
ln -s ../secret "$tmp/d/link"
ln -s one "$tmp/d/link1"
mkfifo "$tmp/d/fifo"

cd "$tmp"
start_nbdkit "$tmp/sock" raw dir=d
cd - > /dev/null
uri=nbd+unix:///NAME?socket=$tmp/sock
nbdinfo --list --json "${uri/NAME/}" > "$tmp/list" 2>"$tmp/list.err" || :
grep -o '"export-name": "[^"]*"' "$tmp/list" | sort > "$tmp/names"
diff "$tmp/names" - <<'EOF'
"export-name": "one"
"export-name": "two"
EOF
[[ $(nbdinfo --size "${uri/NAME/one}") == 1048576 ]]
[[ $(nbdinfo --size "${uri/NAME/two}") == 2097152 ]]

for name in '' . .. / ../secret sub/../one ./one one/ /etc/passwd link link1 \
    fifo sub gone "$tmp/secret" "$(printf 'x%.0s' {1..3000})"; do
    if client "$tmp/sock" "$name" <<< '' 2> "$tmp/err"; then
        fail "export '$name' was served"
    fi
done
grep -q '"../secret" is not the name of a file' "$tmp/sock.log"
grep -q '"" is not the name of a file' "$tmp/sock.log"

# Two exports at once, and files that come and go while it runs.
client "$tmp/sock" one <<'EOF'
other = nbd.NBD()
other.set_export_name("two")
other.connect_unix(sys.argv[1])
h.pwrite(b"one", 0)
other.pwrite(b"two", 0)
assert h.pread(3, 0) == b"one" and other.pread(3, 0) == b"two"
other.shutdown()
EOF
truncate -s 4M "$tmp/d/new"
[[ $(nbdinfo --size "${uri/NAME/new}") == 4194304 ]]
rm "$tmp/d/new"
! nbdinfo --size "${uri/NAME/new}" 2>/dev/null || fail "a file that has gone"

# Files of clients that have gone are not kept open.
for (( i = 0; i < 100; i++ )); do
    n=$(ls -l "/proc/$nbdkit_pid/fd" | grep -c "$tmp/d/" || :)
    (( n > 0 )) || break
    sleep 0.05
done
(( n == 0 )) || fail "$n files are still open"
