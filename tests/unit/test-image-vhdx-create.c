/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making VHDX files: what is in them, what cannot be made, that they are
 * nothing until they are whole, and that the largest is made at once.
 */

#include <config.h>

#include <errno.h>
#include <time.h>

#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "support/store-sim.h"
#include "unit/vhdx-file.h"

#define TIB (UINT64_C (1) << 40)

START_TEST (layout)
{
  const struct image_create_options o = vhdx_options (MIB, 0, false);
  struct store *s = vhdx_make_file (&o);
  uint8_t identifier[512], zero[4096] = { 0 }, log[4096];
  const struct vhdx_header a = vhdx_peek_header (s, 0);
  const struct vhdx_header b = vhdx_peek_header (s, 1);
  const struct vhdx_regions r = vhdx_peek_regions (s);
  struct image *i;

  vhdx_peek (s, identifier, sizeof identifier, 0);
  ck_assert (
    memcmp (identifier, "vhdxfiled\0i\0s\0k\0s\0t\0a\0c\0k\0\0\0", 28) == 0);
  ck_assert_uint_eq (b.sequence, a.sequence + 1);
  ck_assert (uuid_equal (&a.data_write_id, &b.data_write_id));
  ck_assert (!uuid_is_nil (&a.data_write_id) && uuid_is_nil (&a.log_id));
  ck_assert_uint_eq (a.log_offset, MIB);
  ck_assert_uint_eq (a.log_length, MIB);
  vhdx_peek (s, log, sizeof log, MIB);
  ck_assert (memcmp (log, zero, sizeof log) == 0);
  ck_assert_uint_eq (r.count, 2);
  ck_assert (r.bat.required && r.metadata.required);
  ck_assert_uint_eq (r.metadata.offset, 2 * MIB);
  ck_assert_uint_eq (r.bat.offset, 3 * MIB);
  ck_assert_uint_eq (store_size (s), 4 * MIB);
  i = vhdx_must_open (s, true);
  ck_assert_uint_eq (image_info (i)->block_size, 2 * MIB);
  ck_assert (!uuid_is_nil (&image_info (i)->id));
  image_close (i);
}
END_TEST

/* What may be asked for, and what it becomes. */
START_TEST (what_may_be_chosen)
{
  static const struct choice {
    struct image_create_options o;
    uint64_t block_size;
    uint32_t sector, physical;
  } choices[] = {
    { { .type = IMAGE_DYNAMIC, .size = 512 }, 2 * MIB, 512, 4096 },
    { { .type = IMAGE_DYNAMIC, .size = 64 * TIB }, 2 * MIB, 512, 4096 },
    { { .type = IMAGE_DYNAMIC, .size = 64 * TIB, .block_size = MIB },
      MIB,
      512,
      4096 },
    { { .type = IMAGE_DYNAMIC, .size = 10 * MIB, .block_size = 256 * MIB },
      256 * MIB,
      512,
      4096 },
    { { .type = IMAGE_DYNAMIC, .size = 10 * MIB, .sector_size = 4096 },
      2 * MIB,
      4096,
      4096 },
    { { .type = IMAGE_DYNAMIC, .size = 10 * MIB, .physical_sector_size = 512 },
      2 * MIB,
      512,
      512 },
    { { .size = 10 * MIB, .type = IMAGE_FIXED }, 32 * MIB, 512, 4096 },
  };

  for (size_t k = 0; k < ARRAY_SIZE (choices); k++) {
    struct image_create_options o = choices[k].o;
    struct store *s;
    struct image *i;

    o.name = VHDX_NAME;
    s = vhdx_make_file (&o);
    i = vhdx_must_open (s, false);
    ck_assert_uint_eq (image_size (i), o.size);
    ck_assert_uint_eq (image_info (i)->block_size, choices[k].block_size);
    ck_assert_uint_eq (image_info (i)->sector_size, choices[k].sector);
    ck_assert_uint_eq (image_info (i)->physical_sector_size,
                       choices[k].physical);
    ck_assert_int_eq (image_info (i)->keeps_blocks, o.type == IMAGE_FIXED);
    image_close (i);
  }
}
END_TEST

START_TEST (impossible)
{
  static const struct {
    struct image_create_options o;
    const char *message;
  } wishes[] = {
    { { .size = 0 }, "disk of 0 bytes" },
    { { .size = 1000 }, "disk of 1000 bytes" },
    { { .size = 64 * TIB + 512 }, "disk of 70368744178176" },
    { { .size = 5120, .sector_size = 4096 }, "disk of 5120 bytes" },
    { { .size = MIB, .sector_size = 1024 }, "sectors of 1024" },
    { { .size = MIB, .physical_sector_size = 8192 }, "and 8192" },
    { { .size = MIB, .block_size = 65536 }, "blocks of 65536" },
    { { .size = MIB, .block_size = 3 * MIB }, "blocks of 3145728" },
    { { .size = MIB, .block_size = 512 * MIB }, "at most 256 MiB" },
    { { .size = MIB, .type = IMAGE_DIFFERENCING }, "needs a parent" },
    { { .size = MIB, .parent = &vhdx_parent }, "only a differencing" },
  };

  for (size_t k = 0; k < ARRAY_SIZE (wishes); k++) {
    struct image_create_options o = wishes[k].o;
    struct store *s = vhdx_empty_file ();

    o.name = VHDX_NAME;
    o.type = o.type == IMAGE_DIFFERENCING ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC;
    log_memory_clear ();
    ck_assert_int_eq (image_vhdx_format (s, &o), -1);
    ck_assert_int_eq (errno, EINVAL);
    ck_assert_uint_eq (log_memory_errors (), 1);
    if (!log_memory_contains (wishes[k].message)) {
      log_memory_print ();
      ck_abort_msg ("%s", wishes[k].message);
    }
    ck_assert_uint_eq (store_size (s), 0);
    store_close (s);
  }
}
END_TEST

START_TEST (not_empty)
{
  struct image_create_options o = vhdx_options (MIB, 0, false);
  struct store *s = vhdx_make_file (&o);

  log_memory_clear ();
  ck_assert_int_eq (image_vhdx_format (s, &o), -1);
  ck_assert (log_memory_contains ("not empty"));
  store_close (s);
}
END_TEST

/* All blocks are there, one behind the other, and stay. */
START_TEST (fixed)
{
  struct image_create_options o = vhdx_options (10 * MIB + 512, 2 * MIB, false);
  struct store *s;
  struct image *i;
  int err;

  o.type = IMAGE_FIXED;
  s = vhdx_make_file (&o);
  ck_assert_uint_eq (store_size (s), 4 * MIB + 12 * MIB);
  for (unsigned k = 0; k < 6; k++)
    ck_assert_uint_eq (
      vhdx_peek_entry (s, k),
      vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, (4 + 2 * k) * MIB));
  ck_assert_uint_eq (vhdx_peek_entry (s, 6), 0);
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_uint_eq (image_used (i), 12 * MIB);
  ck_assert_int_eq (image_trim (i, 4 * MIB, 2 * MIB, 0, &err), 0);
  ck_assert_int_eq (image_zero (i, 4 * MIB, 2 * MIB, 0, &err), 0);
  ck_assert_uint_eq (image_used (i), 12 * MIB);
  image_close (i);
  ck_assert_uint_eq (store_size (s), 16 * MIB);
  store_close (s);
}
END_TEST

/* The entries of bitmaps are between those of blocks. */
START_TEST (fixed_and_large)
{
  struct image_create_options o =
    vhdx_options (300 * 1024 * MIB, 32 * MIB, false);
  struct store *s;
  struct image *i;

  o.type = IMAGE_FIXED;
  s = vhdx_make_file (&o);
  ck_assert_uint_eq (vhdx_peek_entry (s, 128), 0);
  ck_assert_uint_eq (
    vhdx_peek_entry (s, 129),
    vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, (4 + 128 * 32) * MIB));
  i = vhdx_must_open (s, false);
  ck_assert_uint_eq (image_used (i), 300 * 1024 * MIB);
  image_close (i);
}
END_TEST

START_TEST (differencing)
{
  struct image_create_parent parent = vhdx_parent;
  struct image_create_options o = vhdx_options (MIB, 0, true);
  static const struct {
    const char *relative, *expected;
  } paths[] = {
    { "base.vhdx", ".\\base.vhdx" },
    { "./base.vhdx", ".\\base.vhdx" },
    { "../up/base.vhdx", "..\\up\\base.vhdx" },
    { "sub/b\xc3\xa4se.vhdx", ".\\sub\\b\xc3\xa4se.vhdx" },
    { NULL, NULL },
  };

  parent.has_id = true;
  parent.id = (struct uuid){ { 3, 1, 4, 1, 5 } };
  o.parent = &parent;
  for (size_t k = 0; k < ARRAY_SIZE (paths); k++) {
    const struct image_info *info;
    struct store *s;
    struct image *i;

    parent.relative = paths[k].relative;
    s = vhdx_make_file (&o);
    i = vhdx_must_open (s, true);
    info = image_info (i);
    ck_assert (uuid_equal (&info->id, &parent.id));
    ck_assert (uuid_equal (&info->parent.id, &parent.link_id));
    ck_assert (!uuid_equal (&info->own_link_id, &parent.link_id));
    ck_assert_uint_eq (info->parent.npaths, paths[k].relative ? 2 : 1);
    if (paths[k].relative)
      ck_assert_str_eq (info->parent.path[0].path, paths[k].expected);
    image_close (i);
  }
}
END_TEST

START_TEST (names_that_cannot_be)
{
  struct image_create_parent parent = vhdx_parent;
  struct image_create_options o = vhdx_options (MIB, 0, true);
  char *longest = must_malloc (70000);
  struct store *s = vhdx_empty_file ();

  o.parent = &parent;
  memset (longest, 'n', 70000);
  longest[69999] = '\0';
  parent.relative = longest;
  log_memory_clear ();
  ck_assert_int_eq (image_vhdx_format (s, &o), -1);
  ck_assert_uint_eq (log_memory_errors (), 1);
  parent.relative = "\xff\xfe";
  ck_assert_int_eq (image_vhdx_format (s, &o), -1);
  ck_assert_uint_eq (log_memory_errors (), 2);
  ck_assert_uint_eq (store_size (s), 0);
  free (longest);
  store_close (s);
}
END_TEST

static double
now (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

START_TEST (the_largest_at_once)
{
  for (int parent = 0; parent < 2; parent++) {
    const struct image_create_options o = vhdx_options (64 * TIB, MIB, parent);
    const double start = now ();
    struct store *s = vhdx_make_file (&o);
    struct image *i = vhdx_must_open (store_fault_borrow (s), false);
    const double opened = now ();

    ck_assert_uint_lt (mem_image_allocated (store_mem_image (s)), 4 * MIB);
    image_close (i);
    printf ("64 TiB: made and opened in %.1f ms\n", (opened - start) * 1000);
    if (getenv ("CK_TIMEOUT_MULTIPLIER") == NULL)
      ck_assert (opened - start < 0.1);
    store_close (s);
  }
}
END_TEST

/* Whatever fails, there is no VHDX, or all of it. */
START_TEST (operations_fail)
{
  const struct image_create_options o = vhdx_options (MIB, 0, true);
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s = vhdx_empty_file (), *way = store_fault_borrow (s);
    int r;

    log_memory_clear ();
    store_fault_nth (way, STORE_OPS_ALL, f.n);
    r = image_vhdx_format (way, &o);
    f.fired = store_fault_fired (way);
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    ck_assert_uint_eq (log_memory_errors (), f.fired);
    if (r == 0)
      image_close (vhdx_must_open (s, false));
    else {
      struct image *i = vhdx_try_open (s, true);

      /* Only the last flush may be missing. */
      if (i != NULL)
        image_close (i);
      else
        store_close (s);
    }
    store_close (way);
  }
  ck_assert_uint_gt (f.n, 8);
}
END_TEST

START_TEST (allocations_fail)
{
  const struct image_create_options o = vhdx_options (MIB, 0, true);
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *s = vhdx_empty_file ();
    int r, error;

    alloc_fault_nth (f.n);
    r = image_vhdx_format (s, &o);
    error = errno;
    f.fired = alloc_fault_stop ();
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    if (f.fired)
      ck_assert_int_eq (error, ENOMEM);
    store_close (s);
  }
}
END_TEST

static bool
check_cut (void *opaque, struct store *s, const char *what)
{
  struct store *way = store_fault_borrow (s);
  uint8_t start[512] = { 0 };
  struct image *i;

  if (store_size (s) >= sizeof start)
    vhdx_peek (s, start, sizeof start, 0);
  i = vhdx_try_open (way, false);
  if ((i != NULL) != (memcmp (start, "vhdxfile", 8) == 0)) {
    log_memory_print ();
    ck_abort_msg ("%s: half a file", what);
  }
  if (i != NULL)
    image_close (i);
  else
    store_close (way);
  return true;
}

START_TEST (power_cuts)
{
  const struct store_sim_plan plan = { .which = STORE_SIM_EVERYTHING,
                                       .max_each = 10 };
  const struct image_create_options o = vhdx_options (MIB, 0, true);
  struct store *s = store_sim_create (0);

  ck_assert_int_eq (image_vhdx_format (s, &o), 0);
  for (uint64_t p = 0; p <= store_sim_position (s); p++)
    store_sim_crash_images (s, p, &plan, check_cut, NULL);
  store_close (s);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    layout,
    what_may_be_chosen,
    impossible,
    not_empty,
    fixed,
    fixed_and_large,
    differencing,
    names_that_cannot_be,
    the_largest_at_once,
    operations_fail,
    allocations_fail,
    power_cuts,
  };

  return test_main ("image-vhdx-create", tests, ARRAY_SIZE (tests));
}
