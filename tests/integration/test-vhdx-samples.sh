#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# VHDXs made by other programs read as they should, or are refused with
# the right words; and can be written.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires xz --version
requires_libnbd
requires_client
cd "$tmp"

samples vhdx "$srcdir/tests/data/vhdx"

# What is not as it should be, but no reason to refuse it, is written to.
samples_written vhdx fat-differential fat-parent ext2 made-4k-sectors \
    made-h2-torn made-log-one made-log-seq-gap made-log-torn-tail \
    made-rt2-bad made-size-notmult made-states made-unknown-opt-region \
    made-user-meta

# Two blocks at one place, or one nowhere: nobody writes to that.
for f in made-bat-overlap made-bat-eof; do
    sha256sum $f.vhdx > sums
    refused "$f.vhdx: " vhdx $f.vhdx
    sha256sum -c sums
done
