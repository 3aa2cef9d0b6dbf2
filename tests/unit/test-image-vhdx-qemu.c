/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QEMU's tools and we see the same disk in the same file, and they find
 * nothing wrong with ours.
 */

#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "unit/vhdx-file.h"

#define SIZE (40 * MIB + 1536)

static char folder[] = "/tmp/vhdx-qemu.XXXXXX";

static int
run (const char *fs, ...)
{
  char command[1000];
  va_list args;
  int n, r;

  n = snprintf (command, sizeof command, "cd %s && ", folder);
  va_start (args, fs);
  vsnprintf (command + n, sizeof command - (size_t) n, fs, args);
  va_end (args);
  fflush (stdout);
  r = system (command);
  if (r != 0)
    fprintf (stderr, "failed (%d): %s\n", r, command);
  return r;
}

static FILE *
open_file (const char *name, const char *mode)
{
  char path[200];
  FILE *f;

  snprintf (path, sizeof path, "%s/%s", folder, name);
  f = fopen (path, mode);
  ck_assert_ptr_nonnull (f);
  return f;
}

/* S as a file, with its holes. */
static void
save (struct store *s, const char *name)
{
  FILE *f = open_file (name, "w");
  const uint64_t size = store_size (s);
  uint8_t *buf = must_malloc (MIB);
  uint64_t n, end;

  for (uint64_t at = 0; at < size; at += n) {
    n = min_u64 (MIB, size - at);
    if (mem_image_is_hole (store_mem_image (s), at, at + n, &end) &&
        end == at + n)
      continue;
    vhdx_peek (s, buf, n, at);
    ck_assert_int_eq (fseeko (f, (off_t) at, SEEK_SET), 0);
    ck_assert_uint_eq (fwrite (buf, 1, n, f), n);
  }
  ck_assert_int_eq (fflush (f), 0);
  ck_assert_int_eq (ftruncate (fileno (f), (off_t) size), 0);
  fclose (f);
  free (buf);
}

static struct store *
load (const char *name)
{
  FILE *f = open_file (name, "r");
  struct store *s = vhdx_empty_file ();
  uint8_t *buf = must_malloc (MIB), *zero = must_calloc (1, MIB);
  uint64_t at = 0;
  size_t n;
  int err;

  ck_assert_int_eq (fseeko (f, 0, SEEK_END), 0);
  ck_assert_int_eq (store_resize (s, (uint64_t) ftello (f), &err), 0);
  rewind (f);
  for (; (n = fread (buf, 1, MIB, f)) > 0; at += n)
    if (memcmp (buf, zero, n) != 0)
      vhdx_poke (s, buf, n, at);
  fclose (f);
  free (buf);
  free (zero);
  return s;
}

/* What the disk of I has, as a file. */
static void
save_disk (struct image *i, const char *name)
{
  FILE *f = open_file (name, "w");
  uint8_t *buf = must_malloc (MIB);
  int err;

  for (uint64_t at = 0, n; at < image_size (i); at += n) {
    n = min_u64 (MIB, image_size (i) - at);
    ck_assert_int_eq (image_read (i, buf, n, at, NULL, NULL, &err), 0);
    ck_assert_uint_eq (fwrite (buf, 1, n, f), n);
  }
  fclose (f);
  free (buf);
}

static void
work (struct image *i, struct rng *rng)
{
  uint8_t *buf = must_malloc (MIB);
  int err;

  for (unsigned k = 0; k < 60; k++) {
    const uint64_t all = image_size (i) / 512;
    const uint64_t start = rng_below (rng, all);
    uint64_t n = min_u64 (1 + rng_below (rng, 1024), all - start);

    rng_fill (rng, buf, n * 512);
    switch (rng_below (rng, 8)) {
    default:
      ck_assert_int_eq (image_write (i, buf, n * 512, start * 512, 0, &err), 0);
      break;
    case 5:
      n = min_u64 (6 * n, all - start);
      ck_assert_int_eq (image_zero (i, n * 512, start * 512, 0, &err), 0);
      break;
    case 6:
      n = min_u64 (6 * n, all - start);
      ck_assert_int_eq (image_trim (i, n * 512, start * 512, 0, &err), 0);
      break;
    case 7:
      ck_assert_int_eq (image_flush (i, &err), 0);
      break;
    }
  }
  free (buf);
}

static void
compare (struct store *s, struct image *i)
{
  save (s, "a.vhdx");
  save_disk (i, "a.raw");
  ck_assert_int_eq (run ("qemu-img check -q -f vhdx a.vhdx"), 0);
  ck_assert_int_eq (run ("qemu-img compare -q -f vhdx -F raw a.vhdx a.raw"), 0);
}

START_TEST (ours)
{
  static const uint64_t block_sizes[] = { MIB, 2 * MIB, 16 * MIB, 256 * MIB };
  const bool fixed = _i == 4;
  struct image_create_options o =
    vhdx_options (SIZE, block_sizes[_i % 4], false);
  struct store *s;
  struct image *i;
  struct rng rng;
  int err;

  rng_init (&rng, rng_seed ("ours"));
  o.type = fixed ? IMAGE_FIXED : IMAGE_DYNAMIC;
  s = vhdx_make_file (&o);
  i = vhdx_must_open (store_fault_borrow (s), false);
  compare (s, i);
  for (unsigned round = 0; round < 3; round++) {
    work (i, &rng);
    if (round == 1) {
      ck_assert_int_eq (image_resize (i, SIZE + 3 * MIB, &err), 0);
      ck_assert_int_eq (image_compact (i, NULL, NULL, &err), 0);
    }
    image_close (i);
    i = vhdx_must_open (store_fault_borrow (s), false);
    compare (s, i);
  }
  image_close (i);
  store_close (s);
}
END_TEST

/* Our log, as it is when we are killed, is one that QEMU can apply. */
START_TEST (our_log)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct store *s = vhdx_make_file (&o);
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  struct rng rng;
  int err;

  rng_init (&rng, rng_seed ("our_log"));
  for (unsigned round = 0; round < 4; round++) {
    work (i, &rng);
    ck_assert_int_eq (image_flush (i, &err), 0);
    ck_assert (vhdx_has_log (s));
    save (s, "a.vhdx");
    save_disk (i, "a.raw");
    /* It repairs first. */
    run ("qemu-img check -q -r all -f vhdx a.vhdx");
    ck_assert_int_eq (run ("qemu-img check -q -f vhdx a.vhdx"), 0);
    ck_assert_int_eq (run ("qemu-img compare -q -f vhdx -F raw a.vhdx a.raw"),
                      0);
  }
  image_close (i);
  store_close (s);
}
END_TEST

/* And what it makes we read, and go on with. */
START_TEST (theirs)
{
  struct store *s;
  struct image *i;
  struct rng rng;

  rng_init (&rng, rng_seed ("theirs"));
  ck_assert_int_eq (run ("qemu-img create -q -f vhdx -o block_size=%s b.vhdx "
                         "20M",
                         _i == 0 ? "1M" : "8M"),
                    0);
  ck_assert_int_eq (
    run ("qemu-io -f vhdx -c 'write -P 0x11 0 100k' -c 'write -P 0x22 5M 3M' "
         "-c 'write -P 0x33 19M 1M' b.vhdx >/dev/null"),
    0);
  s = load ("b.vhdx");
  i = vhdx_must_open (store_fault_borrow (s), true);
  save_disk (i, "b.raw");
  ck_assert_int_eq (run ("qemu-img compare -q -f vhdx -F raw b.vhdx b.raw"), 0);
  image_close (i);
  i = vhdx_must_open (store_fault_borrow (s), false);
  work (i, &rng);
  image_close (i);
  i = vhdx_must_open (store_fault_borrow (s), true);
  compare (s, i);
  image_close (i);
  store_close (s);
}
END_TEST

int
main (void)
{
  Suite *suite;
  TCase *c;
  int r;

  if (system ("qemu-img --version >/dev/null 2>&1 && "
              "qemu-io --version >/dev/null 2>&1") != 0) {
    printf ("there is no qemu-img or no qemu-io\n");
    return 77;
  }
  if (mkdtemp (folder) == NULL) {
    perror (folder);
    return EXIT_FAILURE;
  }
  suite = suite_create ("image-vhdx-qemu");
  c = test_case (suite, "qemu");
  tcase_add_loop_test (c, ours, 0, 5);
  tcase_add_test (c, our_log);
  tcase_add_loop_test (c, theirs, 0, 2);
  r = test_run (suite);
  if (run ("rm -f a.vhdx a.raw b.vhdx b.raw") != 0 || rmdir (folder) == -1)
    perror (folder);
  return r;
}
