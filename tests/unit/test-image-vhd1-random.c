/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-vhd1: random operations against a flat array, with the image
 * opened again and again, in all shapes; every operation of the file
 * failing; the power failing at any moment of a session that begins and
 * ends with what changes the file as a whole.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-sim.h"
#include "unit/image-vhd1-file.h"

#define KIB UINT64_C (1024)

/* What the disk must read as, with its parent. */
struct model {
  struct rng rng;
  uint64_t size, max;
  uint8_t *data, *parent, *buf;
  bool child;
};

static int
read_parent (void *opaque, void *buf, uint64_t count, uint64_t offset, int *err)
{
  const struct model *m = opaque;

  memcpy (buf, m->parent + offset, count);
  return 0;
}

static struct model
make_model (uint64_t seed, uint64_t size, uint64_t max, bool child)
{
  struct model m = { .size = size,
                     .max = max,
                     .data = must_calloc (1, max),
                     .parent = must_calloc (1, max),
                     .buf = must_calloc (1, max),
                     .child = child };

  rng_init (&m.rng, seed);
  if (child)
    rng_fill (&m.rng, m.parent, size);
  memcpy (m.data, m.parent, max);
  return m;
}

static void
free_model (struct model *m)
{
  free (m->data);
  free (m->parent);
  free (m->buf);
}

static void
check_model (struct model *m, struct image *i)
{
  int err;

  ck_assert_uint_eq (image_size (i), m->size);
  memset (m->buf, 0xee, m->size);
  ck_assert_int_eq (image_read (i, m->buf, m->size, 0, read_parent, m, &err),
                    0);
  for (uint64_t k = 0; k < m->size; k++) {
    if (m->buf[k] != m->data[k])
      ck_abort_msg ("byte %" PRIu64 " of %" PRIu64 ": %u, not %u", k, m->size,
                    m->buf[k], m->data[k]);
  }
}

static void
change_size (struct model *m, struct image *i)
{
  const uint64_t size = 512 * (1 + rng_below (&m->rng, m->max / 512));
  int r, err;

  /* Beyond the parent's end there is nothing. */
  if (m->child)
    return;
  r = image_resize (i, size, &err);
  if (r == -1) {
    ck_assert (size < m->size && err == EBUSY);
    return;
  }
  if (size > m->size)
    memset (m->data + m->size, 0, size - m->size);
  m->size = size;
}

static void
step (struct model *m, struct image *i)
{
  const uint64_t offset = 512 * rng_below (&m->rng, m->size / 512);
  const uint64_t most = rng_one_in (&m->rng, 4) ? m->size : 20 * KIB;
  const uint64_t count =
    min_u64 (512 * (1 + rng_below (&m->rng, most / 512)), m->size - offset);
  int r = 0, err = 0;

  switch (rng_below (&m->rng, 12)) {
  case 0:
    r = image_flush (i, &err);
    break;
  case 1:
  case 2:
    r = image_zero (i, count, offset, 0, &err);
    memset (m->data + offset, 0, count);
    break;
  case 3:
    r = image_discard (i, count, offset, &err);
    memcpy (m->data + offset, m->parent + offset, count);
    break;
  case 4:
    if (rng_one_in (&m->rng, 4))
      change_size (m, i);
    break;
  case 5:
    if (rng_one_in (&m->rng, 4))
      r = image_compact (i, NULL, NULL, &err);
    break;
  default:
    rng_fill (&m->rng, m->buf, count);
    memcpy (m->data + offset, m->buf, count);
    r = image_write (i, m->buf, count, offset, 0, &err);
    break;
  }
  ck_assert_msg (r == 0, "%s", strerror (err));
}

/* The file has no more than it must. */
static void
check_file (struct store *file, const struct model *m)
{
  const struct vhd_header h = file_header (file);
  struct vhd_footer head = file_footer (file, true);
  struct vhd_footer end = file_footer (file, false);
  const uint64_t nblocks = DIV_ROUND_UP (m->size, h.block_size);

  ck_assert (vhd_footer_equal (&head, &end));
  ck_assert_uint_eq (end.current_size, m->size);
  ck_assert_uint_ge (h.nentries, nblocks);
  for (uint64_t k = nblocks; k < h.nentries; k++)
    ck_assert_uint_eq (file_entry (file, k), VHD_BAT_UNUSED);
}

static void
run (uint64_t seed, uint32_t block_size, bool child, unsigned nsteps)
{
  const uint64_t max = 3 * KIB * KIB, size = KIB * KIB + 512 * 3;
  struct model m = make_model (seed, size, max, child);
  struct store *file = vhd1_file (size, block_size, child);

  for (unsigned n = 0; n < nsteps;) {
    struct image *i = must_open (file, false);
    const unsigned stop = n + 1 + (unsigned) rng_below (&m.rng, 40);

    check_model (&m, i);
    for (; n < nsteps && n < stop; n++)
      step (&m, i);
    check_model (&m, i);
    image_close (i);
    ck_assert_uint_eq (log_memory_errors (), 0);
    check_file (file, &m);
  }
  store_close (file);
  free_model (&m);
}

static const uint32_t block_sizes[] = { 4 * KIB, 64 * KIB, 512 * KIB,
                                        32 * KIB *KIB };

START_TEST (random_operations)
{
  const uint64_t seed = rng_seed ("random_operations");

  for (size_t k = 0; k < ARRAY_SIZE (block_sizes); k++) {
    for (unsigned n = 0; n < 3; n++) {
      run (seed + n, block_sizes[k], false, 300);
      run (seed + n, block_sizes[k], true, 300);
    }
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Resizing */

/* The table gets longer where it is as long as blocks only are there. */
START_TEST (larger)
{
  struct store *file = vhd1_file (KIB * KIB, 4 * KIB, false);
  struct image *i = must_open (file, false);
  int err;

  for (uint64_t k = 0; k < 256; k++)
    must_write (i, k * 4 * KIB, 4 * KIB, (uint8_t) (1 + k % 250));
  ck_assert_int_eq (image_resize (i, 100 * KIB * KIB, &err), 0);
  ck_assert_uint_eq (image_size (i), 100 * KIB * KIB);
  must_write (i, 100 * KIB * KIB - 512, 512, 9);
  for (int again = 0; again < 2; again++) {
    ck_assert_uint_eq (file_header (file).bat_offset, 1536);
    ck_assert_uint_eq (file_header (file).nentries, 25600);
    for (uint64_t k = 0; k < 256; k++)
      ck_assert (reads_as (i, k * 4 * KIB, 4 * KIB, (uint8_t) (1 + k % 250)));
    ck_assert (reads_as (i, KIB * KIB, 4 * KIB * KIB, 0));
    ck_assert (reads_as (i, 100 * KIB * KIB - 512, 512, 9));
    image_close (i);
    i = must_open (file, again == 0);
  }
  image_close (i);
  store_close (file);
}
END_TEST

/* A locator is in its way: behind that, all blocks behind it. */
START_TEST (larger_child)
{
  struct store *file = vhd1_file (KIB * KIB, 4 * KIB, true);
  struct image *i = must_open (file, false);
  struct vhd_header h;
  int err;

  for (uint64_t k = 0; k < 256; k++)
    must_write (i, k * 4 * KIB, 512, (uint8_t) (1 + k % 250));
  ck_assert_int_eq (image_resize (i, 64 * KIB * KIB, &err), 0);
  image_close (i);
  h = file_header (file);
  ck_assert_uint_eq (h.bat_offset, 77824 + 4096);
  ck_assert_uint_eq (h.locator[1].offset, 12288);
  for (uint64_t k = 0; k < 256; k++)
    ck_assert_uint_ge (file_entry (file, k) * UINT64_C (512),
                       h.bat_offset + vhd_bat_size (h.nentries));
  i = must_open (file, true);
  ck_assert_uint_eq (image_info (i)->parent.npaths, 4);
  for (uint64_t k = 0; k < 256; k++) {
    ck_assert (reads_as (i, k * 4 * KIB, 512, (uint8_t) (1 + k % 250)));
    ck_assert (is_state (i, k * 4 * KIB + 512, 3584, IMAGE_ABSENT));
  }
  image_close (i);
  store_close (file);
}
END_TEST

/* With a batmap, which stays behind the table. */
START_TEST (larger_for_xen)
{
  struct store *file = vhd1_file (KIB * KIB, 4 * KIB, false);
  struct vhd_footer f = file_footer (file, false);
  struct vhd_batmap b = { .offset = 3072, .count = 512 };
  uint8_t bytes[VHD_BATMAP_SIZE];
  struct vhd_header h;
  struct image *i;
  int err;

  memcpy (f.creator, "tap", 4);
  f.creator_version = 0x00010003;
  file_set_footer (file, &f, true);
  vhd_batmap_serialise (&b, bytes);
  file_write (file, bytes, sizeof bytes, 2560);
  file_resize (file, 8192);
  file_set_footer (file, &f, false);
  i = must_open (file, false);
  for (uint64_t k = 0; k < 256; k++)
    must_write (i, k * 4 * KIB, 4 * KIB, (uint8_t) (1 + k % 250));
  ck_assert_int_eq (image_resize (i, 64 * KIB * KIB, &err), 0);
  image_close (i);
  h = file_header (file);
  ck_assert_uint_eq (h.bat_offset, 1536);
  file_read (file, bytes, sizeof bytes, vhd_batmap_place (&h));
  ck_assert_int_eq (vhd_batmap_parse (bytes, &h, store_size (file), &b),
                    VHD_OK);
  ck_assert_uint_eq (b.checksum, 0xffffffff);
  ck_assert_uint_ge (b.count * 8, 16384);
  i = must_open (file, true);
  for (uint64_t k = 0; k < 256; k++)
    ck_assert (reads_as (i, k * 4 * KIB, 4 * KIB, (uint8_t) (1 + k % 250)));
  image_close (i);
  store_close (file);
}
END_TEST

START_TEST (sizes_that_cannot_be)
{
  struct store *file = vhd1_file (KIB * KIB, 4 * KIB, false);
  struct vhd_footer f = file_footer (file, false);
  struct image *i = must_open (file, false);
  int err;

  must_write (i, 512 * KIB, 512, 1);
  ck_assert_int_eq (image_resize (i, 512 * KIB, &err), -1);
  ck_assert_int_eq (err, EBUSY);
  ck_assert_int_eq (image_resize (i, UINT64_C (0xff000001) * 512, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert (log_memory_contains ("at most 2040 GiB"));
  image_close (i);

  f.saved_state = 1;
  file_set_footer (file, &f, true);
  file_set_footer (file, &f, false);
  i = must_open (file, false);
  ck_assert_int_eq (image_resize (i, 2 * KIB * KIB, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert (log_memory_contains ("suspended"));
  ck_assert_uint_eq (image_size (i), KIB * KIB);
  image_close (i);
  store_close (file);
}
END_TEST

/* What programs that go by the geometry would see less of. */
START_TEST (creators)
{
  struct store *file = vhd1_file (KIB * KIB, 4 * KIB, false);
  struct vhd_footer f = file_footer (file, false);
  struct image *i;
  int err;

  memcpy (f.creator, "qemu", 4);
  f.geometry = (struct vhd_geometry){ 512, 4, 1 };
  file_set_footer (file, &f, true);
  file_set_footer (file, &f, false);
  i = must_open (file, false);
  ck_assert_int_eq (image_resize (i, KIB * KIB + 512, &err), 0);
  image_close (i);
  i = must_open (file, false);
  ck_assert_uint_eq (image_size (i), KIB * KIB + 512);
  image_close (i);
  f = file_footer (file, false);
  ck_assert_mem_eq (f.creator, "win ", 4);
  store_close (file);
}
END_TEST

/* Blocks behind the end of the disk by its geometry are others' data
 * until the disk covers them.
 */
START_TEST (hidden_blocks)
{
  struct store *file = vhd1_file (KIB * KIB, 4 * KIB, false);
  struct image *i = must_open (file, false);
  struct vhd_footer f;
  uint8_t buf[512];
  int err;

  must_write (i, 255 * 4 * KIB, 512, 7);
  image_close (i);
  f = file_footer (file, false);
  memcpy (f.creator, "vpc ", 4);
  f.geometry = (struct vhd_geometry){ 100, 4, 4 };
  file_set_footer (file, &f, true);
  file_set_footer (file, &f, false);
  i = must_open (file, false);
  ck_assert_uint_eq (image_size (i), 800 * KIB);
  must_write (i, 0, 800 * KIB, 8);
  file_read (file, buf, 512, (file_entry (file, 255) + 1) * UINT64_C (512));
  ck_assert_uint_eq (buf[0], 7);
  ck_assert_int_eq (image_resize (i, KIB * KIB, &err), 0);
  ck_assert (reads_as (i, 800 * KIB, 224 * KIB, 0));
  image_close (i);
  store_close (file);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Failures */

/* Some writes, more room, and a close; 0 if all went well.  A child's
 * block table has to move for that.
 */
static int
session (struct image *i)
{
  const uint64_t longer = (image_info (i)->parent.exists ? 5 : 3) * KIB * KIB;
  static uint8_t buf[64 * KIB];
  int err;

  for (uint64_t k = 0; k < sizeof buf; k++)
    buf[k] = (uint8_t) (1 + k / 512);
  if (image_write (i, buf, sizeof buf, 12 * KIB, 0, &err) == -1 ||
      image_flush (i, &err) == -1 ||
      image_zero (i, 8 * KIB, 16 * KIB, 0, &err) == -1 ||
      image_write (i, buf, 512, 600 * KIB, IMAGE_FUA, &err) == -1 ||
      image_resize (i, longer, &err) == -1 ||
      image_write (i, buf, 1024, 2 * KIB * KIB, 0, &err) == -1 ||
      image_compact (i, NULL, NULL, &err) == -1)
    return -1;
  return 0;
}

/* What the session writes to the sector at AT. */
static uint8_t
fresh_at (uint64_t at)
{
  if (at >= 12 * KIB && at < 76 * KIB)
    return (uint8_t) (1 + (at - 12 * KIB) / 512);
  if (at == 600 * KIB || at == 2 * KIB * KIB)
    return 1;
  return at == 2 * KIB * KIB + 512 ? 2 : 0;
}

/* Old or new, each sector by itself; zero where there was nothing. */
static bool
is_old_or_new (struct image *i, uint8_t old)
{
  const uint64_t size = image_size (i);
  uint8_t *buf = must_malloc (size);
  bool good;
  int err;

  good = image_read (i, buf, size, 0, NULL, NULL, &err) == 0;
  for (uint64_t at = 0; good && at < size; at += 512) {
    const uint8_t *p = buf + at;

    good =
      memcmp (p, p + 1, 511) == 0 &&
      (p[0] == 0 ? at >= 12 * KIB :
                   p[0] == fresh_at (at) || (p[0] == old && at < KIB * KIB));
  }
  free (buf);
  return good;
}

static void
fill_old (struct store *file)
{
  struct image *i = must_open (file, false);

  for (uint64_t k = 0; k < 256; k += 2)
    must_write (i, k * 4 * KIB, 4 * KIB, 200);
  must_write (i, 0, 16 * KIB, 200);
  image_close (i);
}

START_TEST (every_operation_fails)
{
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    const struct image_open_options o = { .name = NAME };
    struct store *file = vhd1_file (KIB * KIB, 4 * KIB, _i), *way;
    struct image *i;
    int r = -1;

    fill_old (file);
    way = store_fault_borrow (file);
    store_fault_nth (way, STORE_OPS_ALL & ~STORE_OP_BIT (STORE_OP_EXTENTS),
                     n.n);
    log_memory_clear ();
    i = image_vhd1_open (way, &o);
    if (i != NULL)
      r = session (i);
    n.fired = store_fault_fired (way);
    if (r == -1)
      ck_assert (n.fired);
    if (i == NULL)
      store_close (way);
    image_close (i);
    i = must_open (file, false);
    ck_assert (is_old_or_new (i, 200));
    image_close (i);
    store_close (file);
  }
}
END_TEST

/* ------------------------------------------------------------------ */

static bool
check_crash (void *opaque, struct store *medium, const char *what)
{
  const struct image_open_options o = { .name = NAME };
  struct store *way = store_fault_borrow (medium);
  struct image *i;

  log_memory_clear ();
  i = image_vhd1_open (way, &o);
  if (i == NULL || !is_old_or_new (i, 200)) {
    log_memory_print ();
    ck_abort_msg ("%s", what);
  }
  image_close (i);
  way = store_fault_borrow (medium);
  i = image_vhd1_open (way, &o);
  if (i == NULL || !is_old_or_new (i, 200))
    ck_abort_msg ("%s, the second time", what);
  image_close (i);
  return true;
}

START_TEST (power_cuts)
{
  const uint64_t seed = rng_seed ("power_cuts");
  const struct image_create_options c = { .name = NAME,
                                          .type = _i ? IMAGE_DIFFERENCING :
                                                       IMAGE_DYNAMIC,
                                          .size = KIB * KIB,
                                          .block_size = 4 * KIB,
                                          .parent = _i ? &test_parent : NULL };
  const struct image_open_options o = { .name = NAME };
  const struct store_sim_plan plan = { .which = STORE_SIM_EVERYTHING |
                                                STORE_SIM_IN_FLIGHT,
                                       .max_each = 3,
                                       .seed = seed };
  struct store *medium = store_sim_create (0);
  struct image *i;

  ck_assert_int_eq (image_vhd1_format (medium, &c), 0);
  fill_old (medium);
  store_sim_settle (medium);
  i = image_vhd1_open (store_fault_borrow (medium), &o);
  ck_assert_ptr_nonnull (i);
  ck_assert_int_eq (session (i), 0);
  image_close (i);
  for (uint64_t k = 0; k <= store_sim_position (medium); k++)
    store_sim_crash_images (medium, k, &plan, check_crash, NULL);
  store_close (medium);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-vhd1-random");
  TCase *c = test_case (suite, "random");

  tcase_add_test (c, random_operations);
  tcase_add_test (c, larger);
  tcase_add_test (c, larger_child);
  tcase_add_test (c, larger_for_xen);
  tcase_add_test (c, sizes_that_cannot_be);
  tcase_add_test (c, creators);
  tcase_add_test (c, hidden_blocks);
  /* Dynamic, differencing. */
  c = test_case (suite, "failures");
  tcase_add_loop_test (c, every_operation_fails, 0, 2);
  tcase_add_loop_test (c, power_cuts, 0, 2);
  return test_run (suite);
}
