/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image of the test format, a parent in memory, and what the disk
 * should look like.  What the image says of each sector is compared with
 * that: by reading, by its map, and by what lies at the places it names.
 */

#ifndef DISKSTACK_TEST_IMAGE_RIG_H
#define DISKSTACK_TEST_IMAGE_RIG_H

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/align.h"
#include "image/image.h"
#include "support/differ.h"
#include "support/image-test-format.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

struct rig {
  struct test_format f;
  struct store *file;  /* borrowed by the image through FAULT */
  struct store *fault; /* inner of the image while it is open */
  struct image *image;
  uint8_t *parent; /* zeroes if there is none */
  uint8_t *model;
  uint8_t *buf;
  struct rng rng;
};

static inline void
rig_open (struct rig *r)
{
  r->fault = store_fault_borrow (r->file);
  r->image = test_format_open (r->fault, false);
  if (r->image == NULL) {
    log_memory_print ();
    ck_abort_msg ("the image does not open: %s", strerror (errno));
  }
}

static inline void
rig_close (struct rig *r)
{
  image_close (r->image);
  r->image = NULL;
}

static inline void
rig_reopen (struct rig *r)
{
  rig_close (r);
  rig_open (r);
}

/* A new image of format F, in FILE, or in memory if that is NULL. */
static inline void
rig_init (struct rig *r, const struct test_format *f, uint64_t seed,
          struct store *file)
{
  const uint64_t max = max_u64 (f->size, f->max_size);
  const struct store_mem_options o = store_mem_defaults (0);

  memset (r, 0, sizeof *r);
  r->f = *f;
  rng_init (&r->rng, seed);
  r->file = file != NULL ? file : store_mem_create (&o);
  test_format_make (r->file, f);
  r->parent = must_calloc (1, max);
  r->model = must_calloc (1, max);
  r->buf = must_calloc (1, max);
  if (f->parent)
    rng_fill (&r->rng, r->parent, f->size);
  memcpy (r->model, r->parent, max);
  rig_open (r);
}

static inline void
rig_fini (struct rig *r)
{
  if (r->image != NULL)
    rig_close (r);
  store_close (r->file);
  free (r->parent);
  free (r->model);
  free (r->buf);
}

/* What lies below. */
static inline int
rig_absent (void *opaque, void *buf, uint64_t count, uint64_t offset, int *err)
{
  const struct rig *r = opaque;

  memcpy (buf, r->parent + offset, count);
  return 0;
}

static inline void
rig_read (struct rig *r, void *buf, uint64_t count, uint64_t offset)
{
  int err;

  quick_assert (image_read (r->image, buf, count, offset,
                            r->f.parent ? rig_absent : NULL, r, &err) == 0);
}

/* The state of the sector at OFFSET. */
static inline enum image_state
rig_state (struct rig *r, uint64_t offset)
{
  uint64_t count = UINT64_C (1) << r->f.sector_shift, place;
  enum image_state state;
  struct image_visit v;
  int err;

  image_enter (r->image, &v);
  quick_assert (image_map (r->image, offset, &count, &state, &place, &err) ==
                0);
  image_leave (r->image, &v);
  return state;
}

/* Does the image read as the model, and does the map say why? */
static inline void
rig_check (struct rig *r)
{
  const uint64_t size = image_size (r->image);
  uint64_t offset = 0, place, k;
  enum image_state state;
  struct image_visit v;
  int err;

  rig_read (r, r->buf, size, 0);
  k = first_difference (r->buf, r->model, size);
  if (k < size)
    ck_abort_msg ("byte %" PRIu64 " is 0x%02x, not 0x%02x", k, r->buf[k],
                  r->model[k]);
  image_enter (r->image, &v);
  while (offset < size) {
    uint64_t count = size - offset;

    quick_assert (image_map (r->image, offset, &count, &state, &place, &err) ==
                  0);
    quick_assert (count > 0 && count <= size - offset);
    if (state == IMAGE_ABSENT)
      quick_assert (memcmp (r->model + offset, r->parent + offset, count) == 0);
    else if (state == IMAGE_DATA) {
      quick_assert (store_read (r->file, r->buf, count, place, &err) == 0);
      quick_assert (memcmp (r->model + offset, r->buf, count) == 0);
    }
    else
      quick_assert (
        r->model[offset] == 0 &&
        memcmp (r->model + offset, r->model + offset + 1, count - 1) == 0);
    offset += count;
  }
  image_leave (r->image, &v);
}

/* ------------------------------------------------------------------ */
/* Operations, on the image and the model */

static inline void
rig_write (struct rig *r, uint64_t count, uint64_t offset, unsigned flags)
{
  int err;

  rng_fill (&r->rng, r->buf, count);
  for (uint64_t at = 0; at < count; at += 1u << r->f.sector_shift)
    if (!(flags & IMAGE_NO_OVERWRITE) ||
        rig_state (r, offset + at) == IMAGE_ABSENT)
      memcpy (r->model + offset + at, r->buf + at, 1u << r->f.sector_shift);
  quick_assert (image_write (r->image, r->buf, count, offset, flags, &err) ==
                0);
}

static inline void
rig_zero (struct rig *r, uint64_t count, uint64_t offset, unsigned flags)
{
  int err;

  quick_assert (image_zero (r->image, count, offset, flags, &err) == 0);
  memset (r->model + offset, 0, count);
}

/* Sectors become what they were, or zero, or what INNER makes of them. */
static inline void
rig_trim (struct rig *r, uint64_t count, uint64_t offset)
{
  const uint64_t n = 1u << r->f.sector_shift;
  uint8_t trimmed[4096], zero[4096] = "";
  int err;

  memset (trimmed, STORE_MEM_TRIMMED, sizeof trimmed);
  quick_assert (image_trim (r->image, count, offset, 0, &err) == 0);
  rig_read (r, r->buf, count, offset);
  for (uint64_t at = 0; at < count; at += n)
    quick_assert (memcmp (r->buf + at, r->model + offset + at, n) == 0 ||
                  memcmp (r->buf + at, zero, n) == 0 ||
                  memcmp (r->buf + at, trimmed, n) == 0);
  memcpy (r->model + offset, r->buf, count);
}

static inline void
rig_discard (struct rig *r, uint64_t count, uint64_t offset)
{
  int err;

  quick_assert (image_discard (r->image, count, offset, &err) == 0);
  memcpy (r->model + offset, r->parent + offset, count);
}

static inline void
rig_flush (struct rig *r)
{
  int err;

  quick_assert (image_flush (r->image, &err) == 0);
}

#endif /* DISKSTACK_TEST_IMAGE_RIG_H */
