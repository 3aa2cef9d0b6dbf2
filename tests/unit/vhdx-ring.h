/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests: a VHDX log in memory, and entries put into it.
 */

#ifndef DISKSTACK_TEST_VHDX_RING_H
#define DISKSTACK_TEST_VHDX_RING_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/main.h"
#include "vhdx/vhdx-checksum.h"
#include "vhdx/vhdx-log.h"

#define MIB ((uint64_t) 1 << 20)
#define SECTOR VHDX_LOG_SECTOR

static uint8_t *ring;                       /* of ring_log.length bytes */
static uint64_t ring_reads, ring_fail_read; /* sectors; 0: none fails */

static inline int
ring_read (void *opaque, void *buf, uint32_t count, uint32_t offset)
{
  const struct vhdx_log *log = opaque;

  quick_assert (count % SECTOR == 0 && offset % SECTOR == 0);
  quick_assert (count <= log->length && offset <= log->length - count);
  ring_reads += count / SECTOR;
  if (ring_fail_read != 0 && ring_reads >= ring_fail_read)
    return -1;
  memcpy (buf, ring + offset, count);
  return 0;
}

static struct vhdx_log ring_log;

/* A new ring, filled with what is no entry. */
static inline void
ring_start (uint32_t length)
{
  free (ring);
  ring = malloc (length);
  ck_assert_ptr_nonnull (ring);
  memset (ring, 0xa7, length);
  ring_reads = ring_fail_read = 0;
  ring_log = (struct vhdx_log){
    .length = length,
    .offset = MIB,
    .id = { "this ring's id!!" },
    .read = ring_read,
    .opaque = &ring_log,
  };
}

/* The COUNT bytes at P at OFFSET of the ring, and on at its start. */
static inline void
ring_write (uint32_t offset, const void *p, uint32_t count)
{
  const uint8_t *bytes = p;

  for (uint32_t at = 0; at < count; at += SECTOR)
    memcpy (ring + ((uint64_t) offset + at) % ring_log.length, bytes + at,
            SECTOR);
}

/* An entry at *OFFSET, which is moved behind it. */
static inline void
ring_put (uint32_t *offset, uint32_t tail, uint64_t sequence,
          const struct vhdx_log_change *changes, uint32_t n)
{
  struct vhdx_log_entry e = {
    .tail = tail,
    .sequence = sequence,
    .flushed_offset = 8 * MIB,
    .last_offset = 9 * MIB,
  };
  uint8_t *p = malloc (vhdx_log_entry_size (n, n));

  ck_assert_ptr_nonnull (p);
  vhdx_log_entry_serialise (&e, &ring_log.id, changes, n, p);
  ring_write (*offset, p, e.length);
  free (p);
  *offset = (uint32_t) (((uint64_t) *offset + e.length) % ring_log.length);
}

/* The same with N pages that say which entry and page they are. */
static inline void
ring_put_pages (uint32_t *offset, uint32_t tail, uint64_t sequence, uint32_t n)
{
  struct vhdx_log_change *changes = calloc (n + 1, sizeof *changes);
  uint8_t *pages = malloc ((size_t) (n + 1) * SECTOR);

  ck_assert (changes != NULL && pages != NULL);
  for (uint32_t i = 0; i < n; i++) {
    uint8_t *page = pages + (size_t) i * SECTOR;

    memset (page, (int) (sequence * 31 + i * 7 + 1) & 0xff, SECTOR);
    memcpy (page, &sequence, sizeof sequence);
    memcpy (page + SECTOR - 4, &i, 4);
    changes[i] = (struct vhdx_log_change){
      .offset = 512 * MIB + (uint64_t) i * SECTOR,
      .length = SECTOR,
      .page = page,
    };
  }
  ring_put (offset, tail, sequence, changes, n);
  free (changes);
  free (pages);
}

static inline uint32_t
ring_get32 (uint32_t at)
{
  le32 v;

  memcpy (&v, ring + at, sizeof v);
  return le32_get (v);
}

static inline void
ring_set32 (uint32_t at, uint32_t value)
{
  const le32 v = le32_put (value);

  memcpy (ring + at, &v, sizeof v);
}

static inline void
ring_set64 (uint32_t at, uint64_t value)
{
  const le64 v = le64_put (value);

  memcpy (ring + at, &v, sizeof v);
}

/* The right checksum for the entry at OFFSET, which does not go round the
 * end of the ring.
 */
static inline void
ring_repair (uint32_t offset)
{
  const uint32_t length = ring_get32 (offset + 8);

  ck_assert (length >= SECTOR && length <= ring_log.length - offset);
  ring_set32 (offset + 4, vhdx_checksum (ring + offset, length));
}

#endif /* DISKSTACK_TEST_VHDX_RING_H */
