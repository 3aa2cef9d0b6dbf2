/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images come and go, fail, grow, shrink and are compacted; and very large
 * ones.
 */

#include <config.h>

#include <sys/resource.h>
#include <time.h>

#include "image-rig.h"

#define SECTOR 512
#define BLOCK 16384
#define SIZE (40 * BLOCK)

static const struct test_format formats[] = {
  { TEST_SHARED, false, false, 9, 14, SIZE, 100 * BLOCK, 0, 0 },
  { TEST_SHARED, true, false, 9, 14, SIZE, 100 * BLOCK, 0, 0 },
  { TEST_IN_FRONT, false, false, 9, 14, SIZE, 100 * BLOCK, 0, 0 },
  { TEST_IN_FRONT, true, false, 9, 14, SIZE, 100 * BLOCK, 0, 0 },
};

enum { SHARED, SHARED_CHILD, FRONT, FRONT_CHILD };

/* ------------------------------------------------------------------ */
/* Read-only */

START_TEST (test_read_only)
{
  struct rig r;
  struct image *i;
  int err;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, 3 * BLOCK, 0, 0);
  rig_write (&r, SECTOR, 10 * BLOCK + SECTOR, 0);
  const uint64_t used = image_used (r.image);
  rig_close (&r);
  i = test_format_open (store_fault_borrow (r.file), true);
  ck_assert_ptr_nonnull (i);
  r.image = i;
  rig_check (&r);
  ck_assert_uint_eq (image_used (i), used);
  ck_assert_int_eq (image_write (i, r.buf, SECTOR, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (image_zero (i, SECTOR, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (image_resize (i, SECTOR, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (image_compact (i, NULL, NULL, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (image_flush (i, &err), 0);
  ck_assert_str_eq (image_name (i), "test.img");
  ck_assert_uint_eq (image_info (i)->block_size, BLOCK);
  rig_fini (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* The first change, and commits that fail */

START_TEST (test_first_change)
{
  struct rig r;
  int err = 0;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_check (&r);
  rig_flush (&r);
  ck_assert_uint_eq (test_format_counts (r.image)->first_changes, 0);
  test_format_fail (r.image, true, false);
  memset (r.buf, 'x', SECTOR);
  ck_assert_int_eq (image_write (r.image, r.buf, SECTOR, 0, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  rig_check (&r);
  test_format_fail (r.image, false, false);
  rig_write (&r, SECTOR, 0, 0);
  rig_zero (&r, SECTOR, 0, 0);
  ck_assert_uint_eq (test_format_counts (r.image)->first_changes, 2);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

START_TEST (test_commit_fails)
{
  struct rig r;
  uint8_t *flushed = must_malloc (SIZE);
  int err = 0;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, 3 * BLOCK, 0, 0);
  rig_flush (&r);
  memcpy (flushed, r.model, SIZE);
  rig_write (&r, BLOCK, 5 * BLOCK, 0);
  test_format_fail (r.image, false, true);
  log_memory_clear ();
  ck_assert_int_eq (image_flush (r.image, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert_uint_eq (log_memory_errors (), 1);
  test_format_fail (r.image, false, false);
  ck_assert_int_eq (image_flush (r.image, &err), -1);
  ck_assert_int_eq (image_write (r.image, r.buf, SECTOR, 0, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert_int_eq (image_trim (r.image, SECTOR, 0, 0, &err), -1);
  ck_assert_int_eq (image_discard (r.image, SECTOR, 0, &err), -1);
  rig_check (&r);
  rig_close (&r);
  ck_assert_uint_eq (log_memory_errors (), 1);
  rig_open (&r);
  memcpy (r.model, flushed, SIZE);
  rig_check (&r);
  rig_fini (&r);
  free (flushed);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Files that are not sound */

/* Write the raw entry of BLOCK, which has 4 or 8 bytes. */
static void
spoil (struct rig *r, uint64_t block, uint64_t like)
{
  const uint64_t n = r->f.flavour == TEST_SHARED ? 8 : 4;
  const uint64_t at = 4096 + (n == 8 ? block + block / 8 : block) * n;
  uint8_t raw[8];
  int err;

  if (like == UINT64_MAX)
    memset (raw, 0x44, sizeof raw);
  else
    ck_assert_int_eq (store_read (r->file, raw, n,
                                  4096 + (n == 8 ? like + like / 8 : like) * n,
                                  &err),
                      0);
  ck_assert_int_eq (store_write (r->file, raw, n, at, 0, &err), 0);
}

START_TEST (test_overlap)
{
  struct rig r;
  struct store *s;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, 6 * BLOCK, 0, 0);
  rig_close (&r);
  spoil (&r, 17, 4);
  s = store_fault_borrow (r.file);
  log_memory_clear ();
  ck_assert_ptr_null (test_format_open (s, false));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("blocks 4 and 17 overlap"));
  ck_assert_uint_eq (log_memory_errors (), 1);
  store_close (s);
  rig_fini (&r);
}
END_TEST

START_TEST (test_beyond_the_end)
{
  struct rig r;
  struct store *s;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, 6 * BLOCK, 0, 0);
  rig_close (&r);
  if (r.f.flavour == TEST_SHARED) {
    const uint8_t raw[8] = { 6, 0, 0, 0x10 };
    int err;

    ck_assert_int_eq (store_write (r.file, raw, 8, 4096, 0, &err), 0);
  }
  else
    spoil (&r, 0, UINT64_MAX);
  s = store_fault_borrow (r.file);
  log_memory_clear ();
  ck_assert_ptr_null (test_format_open (s, false));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("block 0 at"));
  ck_assert (log_memory_contains ("beyond the end of the file"));
  store_close (s);
  rig_fini (&r);
}
END_TEST

/* What is not legal is an error, said once, and nothing else suffers. */
START_TEST (test_bad_entry)
{
  struct rig r;
  int err = 0;

  rig_init (&r, &formats[SHARED], 1, NULL);
  rig_write (&r, 6 * BLOCK, 0, 0);
  rig_close (&r);
  spoil (&r, 2, UINT64_MAX);
  rig_open (&r);
  log_memory_clear ();
  ck_assert_int_eq (image_read (r.image, r.buf, 4 * BLOCK, 0, NULL, NULL, &err),
                    -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (log_memory_contains ("block 2:"));
  ck_assert (log_memory_contains ("0x4444444444444444"));
  ck_assert_int_eq (image_write (r.image, r.buf, SECTOR, 2 * BLOCK, 0, &err),
                    -1);
  ck_assert_int_eq (err, EIO);
  ck_assert_int_eq (image_trim (r.image, BLOCK, 2 * BLOCK, 0, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert_uint_eq (log_memory_errors (), 1);
  rig_read (&r, r.buf, 2 * BLOCK, 0);
  ck_assert (memcmp (r.buf, r.model, 2 * BLOCK) == 0);
  rig_fini (&r);
}
END_TEST

/* A file that ends inside its last block. */
START_TEST (test_short_file)
{
  struct rig r;
  int err;

  rig_init (&r, &formats[SHARED], 1, NULL);
  rig_write (&r, 6 * BLOCK, 0, 0);
  rig_close (&r);
  ck_assert_int_eq (store_resize (r.file, store_size (r.file) - SECTOR, &err),
                    0);
  memset (r.model + 6 * BLOCK - SECTOR, 0, SECTOR);
  r.image = test_format_open (store_fault_borrow (r.file), true);
  rig_read (&r, r.buf, SIZE, 0);
  ck_assert (memcmp (r.buf, r.model, SIZE) == 0);
  rig_fini (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Size */

START_TEST (test_grow)
{
  struct test_format f = formats[_i];
  struct rig r;
  int err;

  f.size = SIZE + 5 * SECTOR;
  rig_init (&r, &f, 1, NULL);
  rig_write (&r, BLOCK, BLOCK, 0);
  rig_write (&r, SECTOR, SIZE + SECTOR, 0);
  ck_assert_int_eq (image_resize (r.image, 90 * BLOCK + SECTOR, &err), 0);
  ck_assert_uint_eq (image_size (r.image), 90 * BLOCK + SECTOR);
  rig_check (&r);
  rig_write (&r, 3 * BLOCK, SIZE, 0);
  rig_write (&r, SECTOR, 90 * BLOCK, 0);
  rig_check (&r);
  rig_reopen (&r);
  rig_check (&r);
  ck_assert_int_eq (image_resize (r.image, 101 * BLOCK, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_int_eq (image_resize (r.image, 100 * BLOCK + 5, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

START_TEST (test_shrink)
{
  struct rig r;
  int err = 0;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, SIZE, 0, 0);
  ck_assert_int_eq (image_resize (r.image, SIZE - BLOCK, &err), -1);
  ck_assert_int_eq (err, EBUSY);
  rig_check (&r);
  rig_discard (&r, 10 * BLOCK, SIZE - 10 * BLOCK);
  rig_zero (&r, 4 * SECTOR, SIZE - 10 * BLOCK - 4 * SECTOR, 0);
  ck_assert_int_eq (
    image_resize (r.image, SIZE - 10 * BLOCK - 5 * SECTOR, &err), -1);
  ck_assert_int_eq (err, EBUSY);
  ck_assert_int_eq (
    image_resize (r.image, SIZE - 10 * BLOCK - 4 * SECTOR, &err), 0);
  rig_check (&r);
  rig_reopen (&r);
  rig_check (&r);
  /* And again longer: what is new is zero. */
  memset (r.parent + image_size (r.image), 0, SIZE - image_size (r.image));
  memset (r.model + image_size (r.image), 0, SIZE - image_size (r.image));
  ck_assert_int_eq (image_resize (r.image, SIZE, &err), 0);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Compacting */

struct progress {
  unsigned n, stop;
  uint64_t last, all;
};

static bool
progress (void *opaque, uint64_t done, uint64_t all)
{
  struct progress *p = opaque;

  quick_assert (done >= p->last && done <= all);
  p->last = done;
  p->all = all;
  return ++p->n != p->stop;
}

static void
scatter (struct rig *r)
{
  for (unsigned k = 0; k < 40; k++)
    rig_write (r, k % 3 == 0 ? SECTOR : BLOCK, k * 7 % 40 * BLOCK, 0);
  rig_flush (r);
  for (unsigned k = 0; k < 40; k++)
    if (rng_below (&r->rng, 3) != 0)
      rig_discard (r, BLOCK, k * BLOCK);
}

START_TEST (test_compact)
{
  struct rig r;
  struct progress p = { .n = 0 };
  uint64_t used;
  int err;

  rig_init (&r, &formats[_i], rng_seed ("test-image-life"), NULL);
  scatter (&r);
  used = image_used (r.image);
  ck_assert_int_eq (image_compact (r.image, progress, &p, &err), 0);
  ck_assert_uint_gt (p.n, 1);
  ck_assert_uint_eq (p.last, p.all);
  ck_assert_uint_eq (p.all, used);
  ck_assert_uint_eq (image_used (r.image), used);
  rig_check (&r);
  rig_write (&r, BLOCK, 5 * BLOCK, 0);
  rig_discard (&r, BLOCK, 5 * BLOCK);
  rig_reopen (&r);
  rig_check (&r);
  /* The bitmaps of several blocks and what is aligned take some. */
  ck_assert_uint_le (store_size (r.file),
                     8192 + used + used / BLOCK * 4096 +
                       (_i == SHARED_CHILD ? SIZE : BLOCK));
  rig_fini (&r);
}
END_TEST

START_TEST (test_compact_stops)
{
  struct rig r;
  struct progress p = { .stop = 3 };
  int err;

  rig_init (&r, &formats[_i], rng_seed ("test-image-life"), NULL);
  scatter (&r);
  ck_assert_int_eq (image_compact (r.image, progress, &p, &err), 0);
  ck_assert_uint_eq (p.n, 3);
  rig_check (&r);
  rig_reopen (&r);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Very large */

static double
seconds (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

/* Kilobytes; under AddressSanitizer, which keeps what was freed, none. */
static long
memory (void)
{
#ifdef __SANITIZE_ADDRESS__
  return 0;
#else
  struct rusage u;

  getrusage (RUSAGE_SELF, &u);
  return u.ru_maxrss;
#endif
}

/* 64 TiB of blocks of 1 MiB: 64 million entries. */
START_TEST (test_large)
{
  const struct test_format f = {
    .flavour = TEST_SHARED,
    .parent = _i,
    .sector_shift = 9,
    .block_shift = 20,
    .size = UINT64_C (64) << 40,
  };
  const struct store_mem_options o = store_mem_defaults (0);
  struct store *file = store_mem_create (&o);
  const uint64_t at = UINT64_C (40) << 40;
  uint64_t count = f.size, place;
  enum image_state state;
  const double start = seconds ();
  const long before = memory ();
  char buf[4096];
  struct image *i;
  int err;

  test_format_make (file, &f);
  i = test_format_open (file, false);
  ck_assert_ptr_nonnull (i);
  ck_assert_int_eq (image_map (i, 0, &count, &state, &place, &err), 0);
  ck_assert_int_eq (state, IMAGE_ABSENT);
  ck_assert_uint_eq (count, f.size);
  memset (buf, 'x', sizeof buf);
  ck_assert_int_eq (image_write (i, buf, sizeof buf, at, 0, &err), 0);
  ck_assert_int_eq (image_write (i, buf, sizeof buf, f.size - 4096, 0, &err),
                    0);
  ck_assert_int_eq (
    image_discard (i, f.size - (2 << 20) - at, at + (1 << 20), &err), 0);
  if (!f.parent)
    ck_assert_int_eq (image_zero (i, at, 0, 0, &err), 0);
  image_close (i);
  printf ("64 TiB: %.2f s, %ld KiB\n", seconds () - start, memory () - before);
  ck_assert (seconds () - start < 20);
  ck_assert (memory () - before < 64 * 1024);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-life");
  TCase *c = test_case (suite, "life");

  tcase_add_loop_test (c, test_read_only, 0, 4);
  tcase_add_loop_test (c, test_first_change, 0, 4);
  tcase_add_loop_test (c, test_commit_fails, 0, 4);
  tcase_add_loop_test (c, test_overlap, 0, 4);
  tcase_add_loop_test (c, test_beyond_the_end, 0, 4);
  tcase_add_test (c, test_bad_entry);
  tcase_add_test (c, test_short_file);

  c = test_case (suite, "size");
  tcase_add_loop_test (c, test_grow, 0, 4);
  tcase_add_loop_test (c, test_shrink, 0, 4);
  tcase_add_loop_test (c, test_compact, 0, 4);
  tcase_add_loop_test (c, test_compact_stops, 0, 4);
  tcase_add_loop_test (c, test_large, 0, 2);
  return test_run (suite);
}
