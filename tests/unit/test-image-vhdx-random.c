/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations on a VHDX against a flat array: all block sizes, both
 * sector sizes, with and without a parent, fixed ones; closed and opened
 * again, also as after a kill.
 */

#include <config.h>

#include <errno.h>

#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "unit/vhdx-file.h"

#define REQUEST_MAX (160u << 10)

struct rig {
  struct rng rng;
  struct store *file;
  struct image *i;
  uint64_t size;
  uint32_t sector;
  bool has_parent;
  uint8_t *model;  /* what the disk shows */
  uint8_t *parent; /* the same of the parent */
  uint8_t *buf;
};

struct variant {
  uint64_t size, block_size;
  uint32_t sector;
  enum image_type type;
  unsigned nops;
};

static const struct variant variants[] = {
  { 5 * MIB + 1536, MIB, 512, IMAGE_DYNAMIC, 600 },
  { 5 * MIB + 1536, MIB, 512, IMAGE_DIFFERENCING, 600 },
  { 9 * MIB + 4096, 2 * MIB, 512, IMAGE_DIFFERENCING, 500 },
  { 12 * MIB, 4 * MIB, 512, IMAGE_DYNAMIC, 400 },
  { 6 * MIB, 8 * MIB, 512, IMAGE_DIFFERENCING, 400 },
  { 20 * MIB, 16 * MIB, 512, IMAGE_DYNAMIC, 300 },
  { 20 * MIB, 32 * MIB, 512, IMAGE_DIFFERENCING, 300 },
  { 8 * MIB, 64 * MIB, 512, IMAGE_DYNAMIC, 300 },
  { 8 * MIB, 128 * MIB, 512, IMAGE_DIFFERENCING, 300 },
  { 8 * MIB, 256 * MIB, 512, IMAGE_DIFFERENCING, 300 },
  { 5 * MIB + 8192, MIB, 4096, IMAGE_DYNAMIC, 500 },
  { 5 * MIB + 8192, MIB, 4096, IMAGE_DIFFERENCING, 500 },
  { 9 * MIB, 2 * MIB, 4096, IMAGE_DIFFERENCING, 500 },
  { 40 * MIB, 256 * MIB, 4096, IMAGE_DIFFERENCING, 200 },
  { 5 * MIB + 1536, MIB, 512, IMAGE_FIXED, 500 },
  { 7 * MIB, 2 * MIB, 4096, IMAGE_FIXED, 300 },
};

static int
read_parent (void *opaque, void *buf, uint64_t count, uint64_t offset, int *err)
{
  const struct rig *r = opaque;

  if (r->has_parent)
    memcpy (buf, r->parent + offset, count);
  else
    memset (buf, 0, count);
  return 0;
}

static void
read_into (struct rig *r, uint8_t *buf, uint64_t count, uint64_t offset)
{
  int err;

  if (image_read (r->i, buf, count, offset, read_parent, r, &err) == -1) {
    log_memory_print ();
    ck_abort_msg ("read of %llu at %llu: %s", (unsigned long long) count,
                  (unsigned long long) offset, strerror (err));
  }
}

static void
check_range (struct rig *r, uint64_t count, uint64_t offset)
{
  while (count > 0) {
    const uint64_t n = min_u64 (count, REQUEST_MAX);

    read_into (r, r->buf, n, offset);
    for (uint64_t k = 0; k < n; k++)
      if (r->buf[k] != r->model[offset + k])
        ck_abort_msg ("byte %llu is %#x and should be %#x",
                      (unsigned long long) (offset + k), r->buf[k],
                      r->model[offset + k]);
    offset += n;
    count -= n;
  }
}

static void
check_all (struct rig *r)
{
  check_range (r, r->size, 0);
}

/* The blocks that the file has are each known and none is bad: whoever
 * opens it for writing looks at all of it.
 */
static void
reopen (struct rig *r, bool kill)
{
  if (kill) {
    struct store *copy = vhdx_empty_file ();
    uint64_t size = store_size (r->file);
    uint8_t *piece = must_malloc (MIB);
    int err;

    /* All of what was written is in the file, but it was not closed. */
    ck_assert_int_eq (image_flush (r->i, &err), 0);
    ck_assert_int_eq (store_resize (copy, size, &err), 0);
    for (uint64_t at = 0; at < size; at += MIB) {
      const uint64_t n = min_u64 (MIB, size - at);
      uint64_t end;

      if (mem_image_is_hole (store_mem_image (r->file), at, at + n, &end) &&
          end == at + n)
        continue;
      vhdx_peek (r->file, piece, n, at);
      vhdx_poke (copy, piece, n, at);
    }
    free (piece);
    image_close (r->i);
    store_close (r->file);
    r->file = copy;
    r->i = vhdx_must_open (store_fault_borrow (r->file), true);
    check_all (r);
  }
  image_close (r->i);
  ck_assert (kill || !vhdx_has_log (r->file));
  r->i = vhdx_must_open (store_fault_borrow (r->file), false);
}

static uint64_t
pick_range (struct rig *r, uint64_t *count)
{
  const uint64_t all = r->size / r->sector;
  const uint64_t block = image_info (r->i)->block_size / r->sector;
  uint64_t start = rng_below (&r->rng, all), n;

  if (rng_one_in (&r->rng, 4)) {
    /* Whole blocks. */
    start = ROUND_DOWN (start, block);
    n = block * (1 + rng_below (&r->rng, 2));
  }
  else
    n = 1 + rng_below (&r->rng, REQUEST_MAX / r->sector);
  *count = min_u64 (n, all - start) * r->sector;
  return start * r->sector;
}

static void
do_write (struct rig *r)
{
  uint64_t count, offset = pick_range (r, &count);
  unsigned flags = rng_one_in (&r->rng, 8) ? IMAGE_FUA : 0;
  uint8_t *data;
  int err;

  if (rng_below (&r->rng, 4) != 0)
    count = min_u64 (count, 16 * r->sector);
  data = must_malloc (count);
  rng_fill (&r->rng, data, count);
  ck_assert_int_eq (image_write (r->i, data, count, offset, flags, &err), 0);
  memcpy (r->model + offset, data, count);
  free (data);
}

/* What was absent gets it, and nothing else. */
static void
do_no_overwrite (struct rig *r)
{
  uint64_t count, offset = pick_range (r, &count), end;
  uint8_t *data;
  int err;

  count = min_u64 (count, 64 * r->sector);
  end = offset + count;
  data = must_malloc (count);
  rng_fill (&r->rng, data, count);
  for (uint64_t at = offset, n; at < end; at += n) {
    enum image_state state;
    struct image_visit v;
    uint64_t place;

    n = end - at;
    image_enter (r->i, &v);
    ck_assert_int_eq (image_map (r->i, at, &n, &state, &place, &err), 0);
    image_leave (r->i, &v);
    if (state == IMAGE_ABSENT)
      memcpy (r->model + at, data + (at - offset), n);
  }
  ck_assert_int_eq (
    image_write (r->i, data, count, offset, IMAGE_NO_OVERWRITE, &err), 0);
  free (data);
}

static void
do_zero (struct rig *r)
{
  uint64_t count;
  const uint64_t offset = pick_range (r, &count);
  int err;

  ck_assert_int_eq (image_zero (r->i, count, offset, 0, &err), 0);
  memset (r->model + offset, 0, count);
}

/* Each sector stays, or is zero, and that is what it is then. */
static void
do_trim (struct rig *r)
{
  uint64_t count;
  const uint64_t offset = pick_range (r, &count);
  uint8_t *now = must_malloc (count), *zero = must_calloc (1, r->sector);
  int err;

  ck_assert_int_eq (image_trim (r->i, count, offset, 0, &err), 0);
  read_into (r, now, count, offset);
  for (uint64_t at = 0; at < count; at += r->sector)
    ck_assert (memcmp (now + at, zero, r->sector) == 0 ||
               memcmp (now + at, r->model + offset + at, r->sector) == 0);
  memcpy (r->model + offset, now, count);
  free (now);
  free (zero);
}

static void
do_discard (struct rig *r)
{
  uint64_t count;
  const uint64_t offset = pick_range (r, &count);
  uint8_t *now = must_malloc (count);
  int err;

  ck_assert_int_eq (image_discard (r->i, count, offset, &err), 0);
  read_into (r, now, count, offset);
  if (r->has_parent)
    ck_assert (memcmp (now, r->parent + offset, count) == 0);
  memcpy (r->model + offset, now, count);
  free (now);
}

static void
do_one (struct rig *r)
{
  uint64_t count, offset;
  int err;

  switch (rng_below (&r->rng, 20)) {
  default:
    do_write (r);
    break;
  case 9:
  case 10:
    do_no_overwrite (r);
    break;
  case 11:
  case 12:
  case 13:
    do_zero (r);
    break;
  case 14:
    do_trim (r);
    break;
  case 15:
    if (r->has_parent)
      do_discard (r);
    break;
  case 16:
    ck_assert_int_eq (image_flush (r->i, &err), 0);
    break;
  case 17:
  case 18:
    offset = pick_range (r, &count);
    check_range (r, count, offset);
    break;
  case 19:
    if (rng_one_in (&r->rng, 8))
      reopen (r, rng_one_in (&r->rng, 3));
    break;
  }
}

static void
setup (struct rig *r, const struct variant *v, uint64_t seed)
{
  struct image_create_options o =
    vhdx_options (v->size, v->block_size, v->type == IMAGE_DIFFERENCING);

  rng_init (&r->rng, seed);
  o.type = v->type;
  o.sector_size = v->sector;
  r->file = vhdx_make_file (&o);
  r->i = vhdx_must_open (store_fault_borrow (r->file), false);
  r->size = v->size;
  r->sector = v->sector;
  r->has_parent = v->type == IMAGE_DIFFERENCING;
  r->model = must_calloc (1, r->size);
  r->parent = must_calloc (1, r->size);
  r->buf = must_malloc (REQUEST_MAX);
  rng_fill (&r->rng, r->parent, r->size);
  if (r->has_parent)
    memcpy (r->model, r->parent, r->size);
}

START_TEST (random_operations)
{
  const struct variant *v = &variants[_i];
  struct rig r;

  setup (&r, v, rng_seed ("test-image-vhdx-random") + (uint64_t) _i);
  check_all (&r);
  for (unsigned k = 0; k < v->nops; k++)
    do_one (&r);
  check_all (&r);
  reopen (&r, true);
  check_all (&r);
  reopen (&r, false);
  check_all (&r);
  image_close (r.i);
  store_close (r.file);
  free (r.model);
  free (r.parent);
  free (r.buf);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-vhdx-random");
  TCase *c = test_case (suite, "random");

  tcase_add_loop_test (c, random_operations, 0, (int) ARRAY_SIZE (variants));
  return test_run (suite);
}
