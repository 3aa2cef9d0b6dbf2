/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The log of a VHDX: a ring of entries, each of which says what pages of
 * 4 KiB of the file are to become; [MS-VHDX] 2.3.
 *
 * An entry is one or more sectors of 4 KiB with its head and descriptors,
 * then one sector for each page, one behind the other in the ring.  It
 * counts as a whole or not at all.  Those that are to be replayed are the
 * ones from the tail that the last one names, with consecutive numbers.
 *
 * Finding them takes time in proportion to the length of the ring,
 * whatever is in it: the first four bytes of a sector say of which of the
 * three kinds it is, and so no two entries that get as far as their
 * checksum can overlap, unless they begin at the same place.
 */

#ifndef DISKSTACK_VHDX_LOG_H
#define DISKSTACK_VHDX_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/uuid.h"
#include "vhdx/vhdx-header.h"
#include "vhdx/vhdx-status.h"

#define VHDX_LOG_SECTOR 4096u

struct vhdx_log_entry_disk {
  char signature[4];   /* 0x00: "loge" */
  le32 checksum;       /* 0x04: of the whole entry */
  le32 length;         /* 0x08: of the entry */
  le32 tail;           /* 0x0c: offset in the ring */
  le64 sequence;       /* 0x10 */
  le32 ndescriptors;   /* 0x18 */
  le32 reserved;       /* 0x1c */
  uint8_t log_id[16];  /* 0x20 */
  le64 flushed_offset; /* 0x30 */
  le64 last_offset;    /* 0x38 */
};

struct vhdx_log_descriptor_disk {
  char signature[4];   /* 0x00: "desc" or "zero" */
  uint8_t trailing[4]; /* 0x04: desc: the last bytes of the page */
  uint8_t leading[8];  /* 0x08: desc: the first; zero: le64, the length */
  le64 offset;         /* 0x10: in the file */
  le64 sequence;       /* 0x18: as of the entry */
};

struct vhdx_log_data_disk {
  char signature[4];    /* 0x0000: "data" */
  le32 sequence_high;   /* 0x0004 */
  uint8_t middle[4084]; /* 0x0008 */
  le32 sequence_low;    /* 0x0ffc */
};

_Static_assert(sizeof (struct vhdx_log_entry_disk) == 64,
               "size of the head of a log entry");
_Static_assert(sizeof (struct vhdx_log_descriptor_disk) == 32,
               "size of a log descriptor");
_Static_assert(sizeof (struct vhdx_log_data_disk) == VHDX_LOG_SECTOR,
               "size of a data sector");

/* The ring, as the header says. */
struct vhdx_log {
  uint32_t length; /* bytes, whole MiB */
  uint64_t offset; /* in the file */
  struct uuid id;  /* entries of others do not count */
  /* Read COUNT bytes at OFFSET of the ring, whole sectors, never across
   * its end.  Returns 0 or -1; then the caller knows why.
   */
  int (*read) (void *opaque, void *buf, uint32_t count, uint32_t offset);
  void *opaque;
};

struct vhdx_log_entry {
  uint32_t offset; /* bytes in the ring; what follows may go round its end */
  uint32_t length; /* bytes */
  uint32_t tail;   /* offset of the oldest entry that is needed */
  uint64_t sequence;
  uint32_t ndescriptors;
  uint64_t flushed_offset; /* the file is that long for certain */
  uint64_t last_offset;    /* and must be made that long */
};

/* What is to be replayed. */
struct vhdx_log_active {
  struct vhdx_log_entry tail, head; /* the first and the last entry */
  uint32_t nentries;                /* with these two, if they are two */
  uint32_t next;                    /* offset behind the last one */
};

/* A page or a range that is to be replaced. */
struct vhdx_log_change {
  uint64_t offset;     /* in the file; whole pages */
  uint64_t length;     /* the same; VHDX_LOG_SECTOR if there is a page */
  const uint8_t *page; /* NULL: zeroes */
};

/* Read the entry at OFFSET of the ring, a multiple of VHDX_LOG_SECTOR, with
 * every check.  E is filled in from VHDX_LOG_ENTRY_LENGTH on.
 */
extern enum vhdx_status vhdx_log_entry_parse (const struct vhdx_log *log,
                                              uint32_t offset,
                                              struct vhdx_log_entry *e);

/* Find what is to be replayed.  VHDX_LOG_EMPTY: nothing, so a file with a
 * log id is broken; VHDX_LOG_READ.
 */
extern enum vhdx_status vhdx_log_find (const struct vhdx_log *log,
                                       struct vhdx_log_active *a);

/* Does a file of FILE_SIZE bytes have what A relies on? */
extern enum vhdx_status vhdx_log_check (const struct vhdx_log_active *a,
                                        uint64_t file_size);

/* APPLY is called for each change of A in order and returns 0, or -1 to
 * stop.  All changes are inside [VHDX_LOG_TARGET_START, INT64_MAX) and not
 * in the log.  Zeroes beyond the end of the file only make it longer.
 * After this the file must become at least head.last_offset long.
 * VHDX_LOG_READ, VHDX_LOG_APPLY, or what is wrong if the ring is not
 * as vhdx_log_find saw it.
 */
extern enum vhdx_status
vhdx_log_replay (const struct vhdx_log *log, const struct vhdx_log_active *a,
                 int (*apply) (void *opaque, const struct vhdx_log_change *c),
                 void *opaque);

/* Bytes of an entry with so many changes, NPAGES of which have a page. */
extern uint64_t vhdx_log_entry_size (uint32_t nchanges, uint32_t npages);

/* How many pages fit into an entry of at most SIZE bytes. */
extern uint32_t vhdx_log_entry_pages (uint32_t size);

/* Bytes that can be written at NEXT of a ring of LENGTH bytes whose oldest
 * entry that is needed is at TAIL.  TAIL == NEXT: none is, so it never
 * gets as full as that.
 */
extern uint32_t vhdx_log_room (uint32_t length, uint32_t tail, uint32_t next);

/* An entry with NCHANGES changes as vhdx_log_entry_size bytes at P; E's
 * length and ndescriptors are set here.  Where it crosses the end of the ring
 * the caller cuts it.  E.sequence is not 0 and one more than that of the
 * entry before.
 */
extern void vhdx_log_entry_serialise (struct vhdx_log_entry *e,
                                      const struct uuid *log_id,
                                      const struct vhdx_log_change *changes,
                                      uint32_t nchanges, void *p);

#endif /* DISKSTACK_VHDX_LOG_H */
