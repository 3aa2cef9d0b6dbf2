/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Resizing and compacting a VHDX: within its BAT region and beyond it,
 * over what others left behind the end, with the power cut at every step.
 */

#include <config.h>

#include <errno.h>

#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-sim.h"
#include "unit/vhdx-file.h"

#define GIB (UINT64_C (1) << 30)
#define TIB (UINT64_C (1) << 40)

/* Places that have data: the offset, in each sector of it. */
static const uint64_t places[] = { 0, 5 * MIB, 4 * GIB - MIB, 4 * GIB,
                                   30 * GIB };

static void
write_place (struct image *i, uint64_t offset)
{
  uint64_t buf[64];
  int err;

  for (unsigned k = 0; k < 64; k++)
    buf[k] = offset + 1;
  ck_assert_int_eq (image_write (i, buf, 512, offset, 0, &err), 0);
}

static int
parent_is_ones (void *opaque, void *buf, uint64_t count, uint64_t offset,
                int *err)
{
  memset (buf, 0xff, count);
  return 0;
}

static uint64_t
read_place (struct image *i, uint64_t offset)
{
  uint64_t buf[64];
  int err;

  if (image_read (i, buf, 512, offset,
                  image_info (i)->parent.exists ? parent_is_ones : NULL, NULL,
                  &err) == -1) {
    log_memory_print ();
    ck_abort_msg ("reading at %llu", (unsigned long long) offset);
  }
  for (unsigned k = 1; k < 64; k++)
    quick_assert (buf[0] == buf[k]);
  return buf[0];
}

static void
check_places (struct image *i, bool parent)
{
  for (size_t k = 0; k < ARRAY_SIZE (places); k++) {
    quick_assert (read_place (i, places[k]) == places[k] + 1);
    quick_assert (read_place (i, places[k] + 512) == (parent ? UINT64_MAX : 0));
  }
}

static void
make (struct store *s, uint64_t size, bool parent)
{
  const struct image_create_options o = vhdx_options (size, MIB, parent);
  struct image *i;

  ck_assert_int_eq (image_vhdx_format (s, &o), 0);
  i = vhdx_must_open (store_fault_borrow (s), false);
  for (size_t k = 0; k < ARRAY_SIZE (places); k++)
    write_place (i, places[k]);
  image_close (i);
}

/* ------------------------------------------------------------------ */

struct variant {
  uint64_t from, to;
  bool parent;
  bool moves; /* the BAT region is too short */
};

static const struct variant variants[] = {
  { 40 * GIB, 41 * GIB, false, false },
  { 40 * GIB, 41 * GIB + 512, true, false },
  { 40 * GIB + 1536, 100 * GIB, true, false },
  { 40 * GIB, 200 * GIB, false, true },
  { 40 * GIB, 300 * GIB, true, true },
  { 40 * GIB + 512, 64 * TIB, false, true },
};

START_TEST (larger)
{
  const struct variant *v = &variants[_i];
  struct store *s = vhdx_empty_file ();
  struct vhdx_header before, after;
  struct vhdx_regions regions;
  struct image *i;
  int err;

  make (s, v->from, v->parent);
  before = vhdx_current_header (s);
  regions = vhdx_peek_regions (s);
  i = vhdx_must_open (store_fault_borrow (s), false);
  /* What is behind the end must be zero, even over a parent. */
  ck_assert_int_eq (image_resize (i, v->to, &err), 0);
  for (int again = 0; again < 2; again++) {
    ck_assert_uint_eq (image_size (i), v->to);
    check_places (i, v->parent);
    ck_assert_uint_eq (read_place (i, v->from), 0);
    ck_assert_uint_eq (read_place (i, v->to - 512), 0);
    if (again)
      break;
    write_place (i, v->to - 512);
    write_place (i, v->from);
    ck_assert_uint_eq (read_place (i, v->from), v->from + 1);
    ck_assert_int_eq (image_zero (i, 512, v->to - 512, 0, &err), 0);
    ck_assert_int_eq (image_zero (i, 512, v->from, 0, &err), 0);
    image_close (i);
    ck_assert_int_eq (regions.bat.offset != vhdx_peek_regions (s).bat.offset,
                      v->moves);
    i = vhdx_must_open (store_fault_borrow (s), false);
  }
  ck_assert_uint_eq (image_info (i)->size, v->to);
  image_close (i);
  after = vhdx_current_header (s);
  ck_assert (!uuid_equal (&after.data_write_id, &before.data_write_id));
  store_close (s);
}
END_TEST

/* Entries behind those of the disk, and the end of its last block, are
 * whatever somebody left there.
 */
START_TEST (garbage_behind_the_end)
{
  for (int parent = 0; parent < 2; parent++) {
    const uint64_t size = 33 * GIB + 1024, to = 100 * GIB;
    struct store *s = vhdx_empty_file ();
    struct image *i;
    uint8_t junk[4096];
    uint64_t raw;
    int err;

    make (s, size, parent);
    i = vhdx_must_open (store_fault_borrow (s), false);
    write_place (i, size - 512);
    if (parent)
      ck_assert_int_eq (image_zero (i, 512, size - 1024, 0, &err), 0);
    image_close (i);
    memset (junk, 'j', sizeof junk);
    /* Block 33 * 1024 is the last one, in chunk 8. */
    raw = vhdx_peek_entry (s, 33 * 1024 + 8);
    vhdx_poke (s, junk, sizeof junk, (raw & ~(MIB - 1)) + 4096);
    for (uint64_t k = 33 * 1024 + 8 + 1; k < 60000; k += 97)
      vhdx_poke_entry (s, k,
                       vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 8 * MIB));
    if (parent)
      for (uint64_t c = 9; c < 14; c++)
        vhdx_poke_entry (s, c * 4097 + 4096, 0x12345678);
    i = vhdx_must_open (store_fault_borrow (s), false);
    ck_assert_int_eq (image_resize (i, to, &err), 0);
    check_places (i, parent);
    for (uint64_t at = size; at < to; at += at < 34 * GIB ? 65536 : 64 * MIB)
      ck_assert_uint_eq (read_place (i, at), 0);
    ck_assert_uint_eq (read_place (i, ROUND_DOWN (size, MIB) + 4096), 0);
    image_close (i);
    image_close (vhdx_must_open (s, false));
  }
}
END_TEST

START_TEST (smaller)
{
  for (int parent = 0; parent < 2; parent++) {
    struct store *s = vhdx_empty_file ();
    struct image *i;
    int err;

    make (s, 40 * GIB, parent);
    i = vhdx_must_open (store_fault_borrow (s), false);
    ck_assert_int_eq (image_resize (i, 30 * GIB, &err), -1);
    ck_assert_int_eq (err, EBUSY);
    ck_assert_uint_eq (image_size (i), 40 * GIB);
    ck_assert_int_eq (image_resize (i, 31 * GIB, &err), 0);
    ck_assert_uint_eq (image_size (i), 31 * GIB);
    check_places (i, parent);
    image_close (i);
    i = vhdx_must_open (store_fault_borrow (s), false);
    ck_assert_uint_eq (image_size (i), 31 * GIB);
    ck_assert_int_eq (image_resize (i, 50 * GIB, &err), 0);
    check_places (i, parent);
    ck_assert_uint_eq (read_place (i, 40 * GIB), 0);
    image_close (i);
    store_close (s);
  }
}
END_TEST

START_TEST (not_possible)
{
  struct store *s = vhdx_empty_file ();
  struct image *i;
  int err;

  make (s, 40 * GIB, false);
  i = vhdx_must_open (s, false);
  ck_assert_int_eq (image_resize (i, 0, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  ck_assert_int_eq (image_resize (i, 40 * GIB + 100, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  ck_assert_int_eq (image_resize (i, 64 * TIB + 512, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_uint_eq (image_size (i), 40 * GIB);
  check_places (i, false);
  image_close (i);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Crashes and failures */

struct cut {
  uint64_t from, to;
  bool parent, done;
};

static bool
check_cut (void *opaque, struct store *s, const char *what)
{
  const struct cut *c = opaque;

  for (int read_only = 1; read_only >= 0; read_only--) {
    struct image *i = vhdx_try_open (store_fault_borrow (s), read_only);

    if (i == NULL) {
      log_memory_print ();
      ck_abort_msg ("%s: it cannot be opened", what);
    }
    if (image_size (i) != c->to && (c->done || image_size (i) != c->from))
      ck_abort_msg ("%s: the disk has %llu bytes", what,
                    (unsigned long long) image_size (i));
    check_places (i, c->parent);
    image_close (i);
  }
  return true;
}

START_TEST (power_cuts)
{
  const struct variant *v = &variants[_i];
  const struct store_sim_plan plan = { .which = STORE_SIM_RANDOM |
                                                STORE_SIM_MISSING |
                                                STORE_SIM_PREFIXES |
                                                STORE_SIM_IN_FLIGHT,
                                       .max_each = 2 };
  struct store *s = store_sim_create (0);
  struct cut c = { .from = v->from, .to = v->to, .parent = v->parent };
  struct image *i;
  uint64_t resized, end;
  int err;

  make (s, v->from, v->parent);
  store_sim_settle (s);
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_int_eq (image_resize (i, v->to, &err), 0);
  resized = store_sim_position (s);
  /* Into what was the BAT before. */
  for (unsigned k = 0; k < 4; k++)
    write_place (i, (10 + k) * GIB);
  ck_assert_int_eq (image_flush (i, &err), 0);
  image_close (i);
  end = store_sim_position (s);
  for (uint64_t p = 0; p <= end;
       p += p > 20 && p + 60 < resized ? 1 + end / 50 : 1) {
    c.done = p > resized;
    store_sim_crash_images (s, p, &plan, check_cut, &c);
  }
  store_close (s);
}
END_TEST

START_TEST (failing_operations)
{
  const struct variant *v = &variants[_i];
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct cut c = { .from = v->from, .to = v->to, .parent = v->parent };
    struct store *s = vhdx_empty_file (), *way;
    struct image *i;
    int err, r;

    make (s, v->from, v->parent);
    way = store_fault_borrow (s);
    i = vhdx_must_open (way, false);
    store_fault_nth (way, STORE_OPS_ALL, f.n);
    r = image_resize (i, v->to, &err);
    f.fired = store_fault_fired (way);
    store_fault_reset (way);
    ck_assert (r == 0 || (f.fired && err == EIO));
    check_places (i, v->parent);
    image_close (i);
    c.done = r == 0;
    check_cut (&c, s, "after failure");
    store_close (s);
    if (f.n > 60)
      f.n += f.n / 8;
  }
}
END_TEST

/* Blocks move into holes, and the file gets shorter; the disk and its
 * identity stay.
 */
START_TEST (compacting)
{
  const struct image_create_options o = vhdx_options (64 * MIB, MIB, false);
  struct store *s = vhdx_make_file (&o);
  struct vhdx_header before, after;
  struct image *i;
  uint64_t size;
  int err;

  i = vhdx_must_open (store_fault_borrow (s), false);
  for (unsigned k = 0; k < 64; k++)
    write_place (i, k * MIB);
  for (unsigned k = 0; k < 64; k++)
    if (k % 4 != 3)
      ck_assert_int_eq (image_zero (i, MIB, k * MIB, 0, &err), 0);
  image_close (i);
  size = store_size (s);
  ck_assert_uint_gt (size, 60 * MIB);
  before = vhdx_current_header (s);
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_int_eq (image_compact (i, NULL, NULL, &err), 0);
  image_close (i);
  ck_assert_uint_eq (store_size (s), 20 * MIB);
  after = vhdx_current_header (s);
  ck_assert (uuid_equal (&before.data_write_id, &after.data_write_id));
  ck_assert (!uuid_equal (&before.file_write_id, &after.file_write_id));
  i = vhdx_must_open (s, true);
  for (unsigned k = 0; k < 64; k++)
    ck_assert_uint_eq (read_place (i, k * MIB), k % 4 == 3 ? k * MIB + 1 : 0);
  image_close (i);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-vhdx-resize");
  TCase *c = test_case (suite, "resize");

  tcase_add_loop_test (c, larger, 0, (int) ARRAY_SIZE (variants));
  tcase_add_test (c, garbage_behind_the_end);
  tcase_add_test (c, smaller);
  tcase_add_test (c, not_possible);
  tcase_add_loop_test (c, power_cuts, 0, (int) ARRAY_SIZE (variants));
  tcase_add_loop_test (c, failing_operations, 0, 5);
  tcase_add_test (c, compacting);
  return test_run (suite);
}
