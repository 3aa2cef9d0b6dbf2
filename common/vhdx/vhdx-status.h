/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What can be wrong with a VHDX, as the parsers of this room say it.
 */

#ifndef DISKSTACK_VHDX_STATUS_H
#define DISKSTACK_VHDX_STATUS_H

enum vhdx_status {
  VHDX_OK,

  /* The first MiB: vhdx-header.h. */
  VHDX_TOO_SHORT,
  VHDX_NO_IDENTIFIER,
  VHDX_NO_HEADER,
  VHDX_HEADER_CHECKSUM,
  VHDX_HEADERS_BAD, /* both copies, each for a reason of its own */
  VHDX_HEADER_VERSION,
  VHDX_LOG_VERSION,
  VHDX_LOG_ALIGNMENT,
  VHDX_LOG_MISSING, /* no log, but a log id */
  VHDX_LOG_PLACE,   /* in the first MiB, or beyond the end of the file */

  /* vhdx-region.h */
  VHDX_NO_REGION_TABLE,
  VHDX_REGION_CHECKSUM,
  VHDX_REGIONS_BAD, /* both copies */
  VHDX_REGION_COUNT,
  VHDX_REGION_FLAGS, /* reserved bits or bytes */
  VHDX_REGION_ID,    /* all zeroes */
  VHDX_REGION_TWICE,
  VHDX_REGION_ALIGNMENT,
  VHDX_REGION_PLACE,
  VHDX_REGION_OVERLAP,
  VHDX_REGION_UNKNOWN, /* and required */
  VHDX_REGION_NO_BAT,
  VHDX_REGION_NO_METADATA,

  /* vhdx-metadata.h */
  VHDX_NO_METADATA_TABLE,
  VHDX_METADATA_COUNT,
  VHDX_METADATA_FLAGS, /* reserved bits or bytes */
  VHDX_METADATA_ID,    /* all zeroes */
  VHDX_METADATA_TWICE,
  VHDX_METADATA_LENGTH, /* of an item */
  VHDX_METADATA_PLACE,
  VHDX_METADATA_OVERLAP,
  VHDX_METADATA_UNKNOWN,    /* and required */
  VHDX_METADATA_INCOMPLETE, /* a conversion that did not end */
  VHDX_METADATA_MISSING,    /* an item that there must be */
  VHDX_ITEM_FLAGS,          /* of a known item */
  VHDX_ITEM_LENGTH,
  VHDX_BLOCK_SIZE,
  VHDX_FILE_FLAGS,
  VHDX_DISK_SIZE,
  VHDX_SECTOR_SIZE,
  VHDX_PHYSICAL_SECTOR_SIZE,
  VHDX_NO_LOCATOR, /* it has a parent, but does not say which */

  /* vhdx-locator.h */
  VHDX_LOCATOR_SHORT,
  VHDX_LOCATOR_TYPE,
  VHDX_LOCATOR_COUNT,
  VHDX_LOCATOR_PLACE, /* of a key or a value */
  VHDX_LOCATOR_TEXT,
  VHDX_LOCATOR_TWICE,
  VHDX_LOCATOR_LINKAGE,
  VHDX_LOCATOR_TOO_LONG, /* serialising */
  VHDX_NO_MEMORY,

  /* vhdx-bat.h */
  VHDX_BAT_SHORT,
  VHDX_ENTRY_RESERVED,
  VHDX_ENTRY_STATE,
  VHDX_ENTRY_PARTIAL, /* without a parent, or of a bitmap */
  VHDX_ENTRY_PLACE,

  /* vhdx-log.h: of one entry, */
  VHDX_LOG_NO_ENTRY,
  VHDX_LOG_ENTRY_LENGTH,
  VHDX_LOG_ENTRY_TAIL,
  VHDX_LOG_ENTRY_ID, /* of another log */
  VHDX_LOG_ENTRY_SEQUENCE,
  VHDX_LOG_DESCRIPTOR,
  VHDX_LOG_TARGET, /* what no log may change */
  VHDX_LOG_DATA,
  VHDX_LOG_CHECKSUM,
  /* and of the whole */
  VHDX_LOG_EMPTY,     /* nothing to replay, although there should be */
  VHDX_LOG_TRUNCATED, /* the file lost what the log relies on */
  VHDX_LOG_READ,      /* the caller's function failed */
  VHDX_LOG_APPLY,

  VHDX_STATUS_COUNT
};

/* A phrase such as "has a header with a wrong checksum". */
extern const char *vhdx_status_string (enum vhdx_status status);

#endif /* DISKSTACK_VHDX_STATUS_H */
