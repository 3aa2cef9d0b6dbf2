#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# VHDs made by other programs read as they should, or are refused with
# the right words; and can be written.

set -e -u
source "${builddir:-.}/tests/functions.sh"
source "$srcdir/tests/integration/image-functions.sh"

requires xz --version
requires_libnbd
requires_client
cd "$tmp"

samples vhd1 "$srcdir/tests/data/vhd"

# Children first.
mapfile -t files < <(awk -F '\t' '$2 ~ /^[0-9]+$/ { print $1 }' \
                         "$srcdir/tests/data/vhd/images.tsv" | tac)
samples_written vhd1 "${files[@]}"
