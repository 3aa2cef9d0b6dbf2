/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-status.h.
 */

#include <config.h>

#include "vhdx/vhdx-status.h"

const char *
vhdx_status_string (enum vhdx_status status)
{
  static const char *const strings[VHDX_STATUS_COUNT] = {
    [VHDX_OK] = "is fine",

    [VHDX_TOO_SHORT] = "is too short to be a VHDX",
    [VHDX_NO_IDENTIFIER] = "does not begin as a VHDX does",
    [VHDX_NO_HEADER] = "has no header where one should be",
    [VHDX_HEADER_CHECKSUM] = "has a header with a wrong checksum",
    [VHDX_HEADERS_BAD] = "has no sound header",
    [VHDX_HEADER_VERSION] = "is of an unknown version of the format",
    [VHDX_LOG_VERSION] = "has a log of an unknown version",
    [VHDX_LOG_ALIGNMENT] = "has a log that is not whole MiB",
    [VHDX_LOG_MISSING] = "has changes in a log, but no log",
    [VHDX_LOG_PLACE] = "has its log outside of where a log can be",

    [VHDX_NO_REGION_TABLE] = "has no region table where one should be",
    [VHDX_REGION_CHECKSUM] = "has a region table with a wrong checksum",
    [VHDX_REGIONS_BAD] = "has no sound region table",
    [VHDX_REGION_COUNT] = "has a region table with too many entries",
    [VHDX_REGION_FLAGS] = "has a region table with reserved bits set",
    [VHDX_REGION_ID] = "has a region without an id",
    [VHDX_REGION_TWICE] = "has a region twice",
    [VHDX_REGION_ALIGNMENT] = "has a region that is not whole MiB",
    [VHDX_REGION_PLACE] = "has a region outside of where one can be",
    [VHDX_REGION_OVERLAP] = "has a region that overlaps with another or the "
                            "log",
    [VHDX_REGION_UNKNOWN] = "requires a region that is not known here",
    [VHDX_REGION_NO_BAT] = "has no BAT",
    [VHDX_REGION_NO_METADATA] = "has no metadata",

    [VHDX_NO_METADATA_TABLE] = "has no metadata table where one should be",
    [VHDX_METADATA_COUNT] = "has too many metadata items",
    [VHDX_METADATA_FLAGS] = "has a metadata table with reserved bits set",
    [VHDX_METADATA_ID] = "has a metadata item without an id",
    [VHDX_METADATA_TWICE] = "has a metadata item twice",
    [VHDX_METADATA_LENGTH] = "has a metadata item that is too long",
    [VHDX_METADATA_PLACE] = "has a metadata item outside of where one can be",
    [VHDX_METADATA_OVERLAP] = "has metadata items that overlap",
    [VHDX_METADATA_UNKNOWN] = "requires a metadata item that is not known here",
    [VHDX_METADATA_INCOMPLETE] = "is incomplete: it was being converted",
    [VHDX_METADATA_MISSING] = "lacks a metadata item",
    [VHDX_ITEM_FLAGS] = "has a metadata item with wrong flags",
    [VHDX_ITEM_LENGTH] = "has a metadata item of a wrong length",
    [VHDX_BLOCK_SIZE] = "has a block size that is no power of two from 1 MiB "
                        "to 256 MiB",
    [VHDX_FILE_FLAGS] = "has reserved bits in its file parameters",
    [VHDX_DISK_SIZE] = "has a disk size that is 0, more than 64 TiB or not "
                       "whole sectors",
    [VHDX_SECTOR_SIZE] = "has a logical sector size that is not 512 or 4096",
    [VHDX_PHYSICAL_SECTOR_SIZE] = "has a physical sector size that is not 512 "
                                  "or 4096",
    [VHDX_NO_LOCATOR] = "has a parent but does not say which",

    [VHDX_LOCATOR_SHORT] = "has a parent locator that is cut off",
    [VHDX_LOCATOR_TYPE] = "has a parent locator of an unknown type",
    [VHDX_LOCATOR_COUNT] = "has a parent locator with too many entries",
    [VHDX_LOCATOR_PLACE] = "has a parent locator with text outside of it",
    [VHDX_LOCATOR_TEXT] = "has a parent locator with what is no text",
    [VHDX_LOCATOR_TWICE] = "has a parent locator with a key twice",
    [VHDX_LOCATOR_LINKAGE] = "has a parent locator that does not identify the "
                             "parent",
    [VHDX_LOCATOR_TOO_LONG] = "would get a parent locator that is too long",
    [VHDX_NO_MEMORY] = "takes more memory than there is",

    [VHDX_BAT_SHORT] = "has a BAT that is too short for its disk",
    [VHDX_ENTRY_RESERVED] = "has a BAT entry with reserved bits set",
    [VHDX_ENTRY_STATE] = "has a BAT entry with an unknown state",
    [VHDX_ENTRY_PARTIAL] = "has a BAT entry that is partially present where "
                           "that cannot be",
    [VHDX_ENTRY_PLACE] = "has a BAT entry for a place where no block can be",

    [VHDX_LOG_NO_ENTRY] = "has no log entry there",
    [VHDX_LOG_ENTRY_LENGTH] = "has a log entry of an impossible length",
    [VHDX_LOG_ENTRY_TAIL] = "has a log entry with an impossible tail",
    [VHDX_LOG_ENTRY_ID] = "has a log entry of another log",
    [VHDX_LOG_ENTRY_SEQUENCE] = "has a log entry with a wrong number",
    [VHDX_LOG_DESCRIPTOR] = "has a log entry with a bad descriptor",
    [VHDX_LOG_TARGET] = "has a log entry that changes what it must not",
    [VHDX_LOG_DATA] = "has a log entry with a bad data sector",
    [VHDX_LOG_CHECKSUM] = "has a log entry with a wrong checksum",
    [VHDX_LOG_EMPTY] = "has changes in its log, but none that can be found",
    [VHDX_LOG_TRUNCATED] = "is shorter than it was when its log was written",
    [VHDX_LOG_READ] = "has a log that cannot be read",
    [VHDX_LOG_APPLY] = "has a log that cannot be applied",
  };

  return strings[status];
}
