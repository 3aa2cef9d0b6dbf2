#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Images go back and forth between our server and qemu: each writes into
# what the other made, wrote or left behind when it was killed; QEMU, 7z
# and libvhdi, as far as they are there and can read what it is, find what
# we find.  PEERS_ROUNDS is how often, SEED the first seed.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/raw-functions.sh"

requires qemu-img --version
requires qemu-io --version
requires qemu-nbd --version
requires_plugin vhdx
requires_client

export PYTHONDONTWRITEBYTECODE=1 TMPDIR=$tmp
timeout "${TEST_TIMEOUT:-900}" "$python" \
    "$srcdir/tests/integration/image-peers.py" \
    --seed "${SEED:-$RANDOM}" --rounds "${PEERS_ROUNDS:-1}" ${PEERS_KIND:+--kind "$PEERS_KIND"}
