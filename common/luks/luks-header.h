/* SPDX-License-Identifier: BSD-3-Clause
 *
 * As much of the headers of LUKS as is needed to know how many bytes
 * libcryptsetup must be shown.  Pure.  LUKS1: the "LUKS On-Disk Format
 * Specification" 1.2.3, section 3; LUKS2: that of LUKS2, section 2.1.
 */

#ifndef DISKSTACK_LUKS_HEADER_H
#define DISKSTACK_LUKS_HEADER_H

#include <stddef.h>
#include <stdint.h>

/* Where a header begins, this is enough of it. */
#define LUKS_HEADER_START 592

/* The two headers of LUKS2 follow each other, each of one of the sizes
 * 16 KiB, 32 KiB ... 4 MiB.
 */
#define LUKS2_HEADER_MIN (UINT32_C (16) << 10)
#define LUKS2_HEADER_MAX (UINT32_C (4) << 20)

/* More than that LUKS1 never has. */
#define LUKS1_AREA_MAX (UINT32_C (16) << 20)

enum luks_status {
  LUKS_OK,
  LUKS_NONE,        /* nothing there says LUKS */
  LUKS_BAD_VERSION, /* neither 1 nor 2 */
  LUKS_BAD_SIZE,    /* of a header that cannot be so large or so small */
};

/* A phrase such as "has no LUKS header". */
extern const char *luks_status_string (enum luks_status status);

struct luks_header {
  unsigned version; /* 1 or 2 */
  /* The first bytes of the disk that say all but, with LUKS2, what is in
   * the key slots.
   */
  uint32_t area;
};

/* What is in the first LUKS_HEADER_START bytes of a disk.  *H is only set
 * if LUKS_OK.
 */
extern enum luks_status luks_header_parse (const uint8_t *start,
                                           struct luks_header *h);

#endif /* DISKSTACK_LUKS_HEADER_H */
