/* SPDX-License-Identifier: BSD-3-Clause
 *
 * VHDX files in memory for tests: made, opened, and changed behind the
 * image's back.
 */

#ifndef DISKSTACK_TEST_VHDX_FILE_H
#define DISKSTACK_TEST_VHDX_FILE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "image/vhdx/image-vhdx.h"
#include "image/vhdx/vhdx-impl.h"
#include "support/log-memory.h"
#include "support/must.h"
#include "support/store-mem.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-log.h"

#define VHDX_NAME "disk.vhdx"
#define MIB VHDX_MIB

static const struct image_create_parent vhdx_parent = {
  .link_id = { { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa,
                 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x10 } },
  .relative = "base.vhdx",
  .absolute = "/srv/vm/base.vhdx",
};

static inline struct image_create_options
vhdx_options (uint64_t size, uint64_t block_size, bool parent)
{
  return (struct image_create_options){
    .name = VHDX_NAME,
    .type = parent ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC,
    .size = size,
    .block_size = block_size,
    .parent = parent ? &vhdx_parent : NULL,
  };
}

/* An empty file. */
static inline struct store *
vhdx_empty_file (void)
{
  struct store_mem_options o = store_mem_defaults (0);

  o.trim_fill = 0;
  return store_mem_create (&o);
}

static inline struct store *
vhdx_make_file (const struct image_create_options *o)
{
  struct store *s = vhdx_empty_file ();

  if (image_vhdx_format (s, o) == -1) {
    log_memory_print ();
    ck_abort_msg ("the file could not be made");
  }
  return s;
}

static inline struct image *
vhdx_try_open (struct store *s, bool read_only)
{
  const struct image_open_options o = { .name = VHDX_NAME,
                                        .read_only = read_only };

  return image_vhdx_open (s, &o);
}

static inline struct image *
vhdx_must_open (struct store *s, bool read_only)
{
  struct image *i = vhdx_try_open (s, read_only);

  if (i == NULL) {
    log_memory_print ();
    ck_abort_msg ("the file could not be opened");
  }
  return i;
}

/* ------------------------------------------------------------------ */
/* Behind its back */

static inline void
vhdx_peek (struct store *s, void *buf, size_t count, uint64_t offset)
{
  int err;

  ck_assert_int_eq (store_read (s, buf, count, offset, &err), 0);
}

static inline void
vhdx_poke (struct store *s, const void *buf, size_t count, uint64_t offset)
{
  int err;

  ck_assert_int_eq (store_write (s, buf, count, offset, 0, &err), 0);
}

static inline struct vhdx_header
vhdx_peek_header (struct store *s, unsigned index)
{
  uint8_t bytes[VHDX_HEADER_SIZE];
  struct vhdx_header h;

  vhdx_peek (s, bytes, sizeof bytes, VHDX_HEADER_OFFSET (index));
  ck_assert_int_eq (vhdx_header_parse (bytes, &h), VHDX_OK);
  return h;
}

static inline void
vhdx_poke_header (struct store *s, unsigned index, const struct vhdx_header *h)
{
  uint8_t bytes[VHDX_HEADER_SIZE];

  vhdx_header_serialise (h, bytes);
  vhdx_poke (s, bytes, sizeof bytes, VHDX_HEADER_OFFSET (index));
}

/* Which of the two counts. */
static inline struct vhdx_header
vhdx_current_header (struct store *s)
{
  const struct vhdx_header a = vhdx_peek_header (s, 0),
                           b = vhdx_peek_header (s, 1);

  return b.sequence > a.sequence ? b : a;
}

/* Does a header say that there is something to replay? */
static inline bool
vhdx_has_log (struct store *s)
{
  const struct vhdx_header a = vhdx_peek_header (s, 0),
                           b = vhdx_peek_header (s, 1);

  return !uuid_is_nil (&a.log_id) || !uuid_is_nil (&b.log_id);
}

static inline struct vhdx_regions
vhdx_peek_regions (struct store *s)
{
  uint8_t *table = must_malloc (VHDX_REGION_SIZE);
  const struct vhdx_header h = vhdx_current_header (s);
  struct vhdx_regions r;

  vhdx_peek (s, table, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (0));
  ck_assert_int_eq (vhdx_region_parse (table, &h, store_size (s), &r), VHDX_OK);
  free (table);
  return r;
}

static inline uint64_t
vhdx_peek_entry (struct store *s, uint64_t index)
{
  le64 raw;

  vhdx_peek (s, &raw, sizeof raw,
             vhdx_peek_regions (s).bat.offset + index * sizeof raw);
  return le64_get (raw);
}

static inline void
vhdx_poke_entry (struct store *s, uint64_t index, uint64_t raw)
{
  const le64 bytes = le64_put (raw);

  vhdx_poke (s, &bytes, sizeof bytes,
             vhdx_peek_regions (s).bat.offset + index * sizeof bytes);
}

/* Put the log entry E, with the changes, at its offset of the ring; and
 * both headers name the log.
 */
static inline void
vhdx_poke_log (struct store *s, struct vhdx_log_entry e,
               const struct vhdx_log_change *changes, uint32_t n)
{
  static const struct uuid id = { { 7, 7, 7 } };
  uint32_t npages = 0;
  uint8_t *p;

  for (uint32_t k = 0; k < n; k++)
    npages += changes[k].page != NULL;
  p = must_calloc (1, vhdx_log_entry_size (n, npages));
  vhdx_log_entry_serialise (&e, &id, changes, n, p);
  vhdx_poke (s, p, vhdx_log_entry_size (n, npages), MIB + e.offset);
  free (p);
  for (unsigned k = 0; k < 2; k++) {
    struct vhdx_header h = vhdx_peek_header (s, k);

    h.log_id = id;
    vhdx_poke_header (s, k, &h);
  }
}

#endif /* DISKSTACK_TEST_VHDX_FILE_H */
