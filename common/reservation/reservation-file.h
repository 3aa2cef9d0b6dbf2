/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file that keeps reservations through power loss, as bytes:
 * docs/format-reservations.md.  What initiators do not want to have kept
 * (aptpl) is not in it, and neither is the generation, which begins with 0
 * when the power comes back (SPC-4, 6.15.2).
 */

#ifndef DISKSTACK_RESERVATION_FILE_H
#define DISKSTACK_RESERVATION_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "reservation/reservation.h"

#define RESERVATION_FILE_MAGIC "dskresrv"
#define RESERVATION_FILE_VERSION 1

struct reservation_file_disk {
  uint8_t magic[8];    /* 0x00 */
  le32 version;        /* 0x08 */
  le32 checksum;       /* 0x0c: CRC-32C of the file, this being 0 */
  le32 size;           /* 0x10: of the file */
  le32 count;          /* 0x14: registrants */
  le32 holder;         /* 0x18: index, or 0 */
  uint8_t type;        /* 0x1c */
  uint8_t aptpl;       /* 0x1d: 0 or 1 */
  uint8_t reserved[2]; /* 0x1e: 0 */
};

/* Of each registrant; the name follows. */
struct reservation_entry_disk {
  le64 key;    /* 0x00 */
  le16 length; /* 0x08: of the name */
};

_Static_assert(sizeof (struct reservation_file_disk) == 32, "size of the head");
_Static_assert(sizeof (struct reservation_entry_disk) == 10,
               "size of an entry");

/* The longest file there is, in bytes. */
#define RESERVATION_FILE_MAX \
  (32 + RESERVATION_REGISTRANTS_MAX * (10 + RESERVATION_NAME_MAX))

enum reservation_file_status {
  RESERVATION_FILE_OK,
  RESERVATION_FILE_BAD_MAGIC,
  RESERVATION_FILE_BAD_SIZE,
  RESERVATION_FILE_BAD_CHECKSUM,
  RESERVATION_FILE_BAD_VERSION,
  RESERVATION_FILE_BAD_ENTRY, /* a registrant that cannot be */
  RESERVATION_FILE_BAD_STATE, /* a reservation that cannot be */
};

/* A sentence without its subject, which is the file. */
extern const char *
reservation_file_status_string (enum reservation_file_status status);

/* What is to be kept of R, in BUF; how many bytes. */
extern size_t reservation_file_serialise (const struct reservation *r,
                                          uint8_t buf[RESERVATION_FILE_MAX]);

/* The SIZE bytes at P, which are the whole file, as *R; all zeroes unless
 * it is RESERVATION_FILE_OK.
 */
extern enum reservation_file_status
reservation_file_parse (const uint8_t *p, size_t size, struct reservation *r);

#endif /* DISKSTACK_RESERVATION_FILE_H */
