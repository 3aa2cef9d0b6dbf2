/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What another implementation of VHDX gets wrong, by name; each is a way
 * to lose data or to show somebody else's.
 */

#include <config.h>

#include <errno.h>
#include <semaphore.h>

#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-sim.h"
#include "support/threads.h"
#include "unit/vhdx-file.h"

#define SIZE (8 * MIB)

static uint8_t buf[MIB], zeroes[MIB];

static void
write_at (struct image *i, uint8_t byte, uint64_t count, uint64_t offset)
{
  int err;

  memset (buf, byte, count);
  ck_assert_int_eq (image_write (i, buf, count, offset, 0, &err), 0);
}

static void
check_at (struct image *i, uint8_t byte, uint64_t count, uint64_t offset)
{
  uint8_t *expected = must_malloc (count);
  int err;

  memset (expected, byte, count);
  ck_assert_int_eq (image_read (i, buf, count, offset, NULL, NULL, &err), 0);
  ck_assert (memcmp (buf, expected, count) == 0);
  free (expected);
}

static void
flush (struct image *i)
{
  int err;

  ck_assert_int_eq (image_flush (i, &err), 0);
}

/* The file as it is, for somebody else: its writer was killed. */
static struct store *
copy_of (struct store *s)
{
  struct store *copy = vhdx_empty_file ();
  const uint64_t size = store_size (s);
  int err;

  ck_assert_int_eq (store_resize (copy, size, &err), 0);
  for (uint64_t at = 0; at < size; at += MIB) {
    vhdx_peek (s, buf, min_u64 (MIB, size - at), at);
    if (memcmp (buf, zeroes, min_u64 (MIB, size - at)) != 0)
      vhdx_poke (copy, buf, min_u64 (MIB, size - at), at);
  }
  return copy;
}

/* Space between the last block and the end of the file is not zero just
 * because it is there.
 */
START_TEST (end_of_the_file_is_not_assumed_to_be_zero)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct store *s = vhdx_make_file (&o);
  struct image *i;
  int err;

  memset (buf, 'j', MIB);
  ck_assert_int_eq (store_resize (s, 40 * MIB, &err), 0);
  for (unsigned k = 4; k < 40; k++)
    vhdx_poke (s, buf, MIB, k * MIB);
  i = vhdx_must_open (s, false);
  for (unsigned k = 0; k < 4; k++) {
    write_at (i, 'd', 512, k * MIB + 4096);
    check_at (i, 0, 4096, k * MIB);
    check_at (i, 'd', 512, k * MIB + 4096);
    check_at (i, 0, MIB - 4096 - 512, k * MIB + 4096 + 512);
  }
  image_close (i);
}
END_TEST

/* The same where the space was a block's that was trimmed, with and
 * without a crash before it is used again.
 */
START_TEST (trimmed_blocks_do_not_come_back)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);

  for (int kill = 0; kill < 2; kill++) {
    struct store *s = vhdx_make_file (&o);
    struct image *i = vhdx_must_open (store_fault_borrow (s), false);
    int err;

    s->info.zero = s->info.fast_zero = false;
    s->info.trim = false;
    for (unsigned k = 0; k < 3; k++)
      write_at (i, 'o', MIB, k * MIB);
    flush (i);
    ck_assert_int_eq (image_trim (i, MIB, MIB, 0, &err), 0);
    ck_assert_int_eq (image_trim (i, MIB, 2 * MIB, 0, &err), 0);
    flush (i);
    flush (i);
    if (kill) {
      struct store *copy = copy_of (s);

      image_close (i);
      store_close (s);
      s = copy;
      i = vhdx_must_open (store_fault_borrow (s), false);
    }
    check_at (i, 0, MIB, MIB);
    for (unsigned k = 1; k < 5; k++) {
      write_at (i, 'n', 512, k * MIB + 512);
      check_at (i, 0, 512, k * MIB);
      check_at (i, 0, MIB - 1024, k * MIB + 1024);
    }
    image_close (i);
    store_close (s);
  }
}
END_TEST

/* The zeroes around what is written into a new block are durable before
 * the block is.
 */
static bool
check_padding (void *opaque, struct store *s, const char *what)
{
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  int err;

  ck_assert_int_eq (image_read (i, buf, MIB, 3 * MIB, NULL, NULL, &err), 0);
  for (unsigned k = 0; k < MIB; k++)
    if (buf[k] != 0 && (buf[k] != 'd' || k < 4096 || k >= 4096 + 512))
      ck_abort_msg ("%s: byte %u is %#x", what, k, buf[k]);
  image_close (i);
  return true;
}

START_TEST (padding_is_durable_before_the_block)
{
  const struct store_sim_plan plan = { .which = STORE_SIM_EVERYTHING,
                                       .max_each = 12 };
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct store *s = store_sim_create (0);
  struct image *i;
  int err;

  ck_assert_int_eq (image_vhdx_format (s, &o), 0);
  i = vhdx_must_open (store_fault_borrow (s), false);
  write_at (i, 'o', MIB, 0);
  write_at (i, 'o', MIB, MIB);
  flush (i);
  ck_assert_int_eq (image_zero (i, MIB, 0, 0, &err), 0);
  flush (i);
  image_close (i);
  /* What is free now holds something else. */
  memset (buf, 'j', MIB);
  vhdx_poke (s, buf, MIB, 4 * MIB);
  store_sim_settle (s);
  i = vhdx_must_open (store_fault_borrow (s), false);
  write_at (i, 'd', 512, 3 * MIB + 4096);
  flush (i);
  image_close (i);
  ck_assert_uint_eq (vhdx_peek_entry (s, 3),
                     vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 4 * MIB));
  for (uint64_t p = 0; p <= store_sim_position (s); p++)
    store_sim_crash_images (s, p, &plan, check_padding, NULL);
  store_close (s);
}
END_TEST

/* And they do not overwrite what another thread writes into the block at
 * the same time.
 */
static void
write_part (void *opaque, unsigned index)
{
  uint8_t part[512];
  int err;

  memset (part, (int) index + 1, sizeof part);
  for (unsigned k = 0; k < SIZE / MIB; k++)
    if (image_write (opaque, part, sizeof part, k * MIB + index * 4096, 0,
                     &err) == -1)
      abort ();
}

START_TEST (padding_does_not_hit_other_writers)
{
  for (int round = 0; round < 20; round++) {
    const struct image_create_options o = vhdx_options (SIZE, MIB, false);
    struct store *s = vhdx_make_file (&o), *way;
    struct image *i;
    int err;

    memset (buf, 'j', MIB);
    ck_assert_int_eq (store_resize (s, 14 * MIB, &err), 0);
    for (unsigned k = 4; k < 14; k++)
      vhdx_poke (s, buf, MIB, k * MIB);
    way = store_fault_create (s);
    i = vhdx_must_open (way, false);
    store_fault_set (way, &(struct store_fault_plan){ .kinds = STORE_OPS_CHANGE,
                                                      .delay = 50 });
    threads_run (8, write_part, i);
    for (unsigned k = 0; k < SIZE / MIB; k++) {
      for (unsigned n = 0; n < 8; n++) {
        check_at (i, (uint8_t) (n + 1), 512, k * MIB + n * 4096);
        check_at (i, 0, 3584, k * MIB + n * 4096 + 512);
      }
      check_at (i, 0, MIB - 8 * 4096, k * MIB + 8 * 4096);
    }
    image_close (i);
  }
}
END_TEST

/* A file is clean when it was closed, and everybody can open it. */
START_TEST (closed_files_have_no_log)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct store *s = vhdx_make_file (&o);
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);

  write_at (i, 'd', 512, MIB);
  flush (i);
  ck_assert (vhdx_has_log (s));
  write_at (i, 'e', 512, 5 * MIB);
  image_close (i);
  ck_assert (!vhdx_has_log (s));
  ck_assert_uint_eq (store_size (s), 6 * MIB);
  store_close (s);
}
END_TEST

/* One that was not closed can be read by who may not write it, as it
 * will be after the log is applied; and it is not changed by that.
 */
START_TEST (dirty_files_can_be_read)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct store *s = vhdx_make_file (&o), *dirty;
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  struct mem_image *before;
  struct vhdx_header h;
  uint64_t where = 0;

  write_at (i, 'd', 512, MIB);
  flush (i);
  dirty = copy_of (s);
  image_close (i);
  store_close (s);
  /* As if what was written in place had been lost. */
  vhdx_poke_entry (dirty, 1, 0);
  before = mem_image_copy (store_mem_image (dirty));
  i = vhdx_must_open (store_fault_borrow (dirty), true);
  check_at (i, 'd', 512, MIB);
  ck_assert_uint_eq (image_used (i), MIB);
  image_close (i);
  ck_assert (mem_image_equal (before, store_mem_image (dirty), &where));
  mem_image_free (before);
  i = vhdx_must_open (store_fault_borrow (dirty), false);
  check_at (i, 'd', 512, MIB);
  image_close (i);
  h = vhdx_current_header (dirty);
  ck_assert (uuid_is_nil (&h.log_id));
  store_close (dirty);
}
END_TEST

/* A file that is shorter than its log says has lost data. */
START_TEST (a_file_that_lost_its_end_is_refused)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct store *s = vhdx_make_file (&o), *dirty;
  struct image *i = vhdx_must_open (store_fault_borrow (s), false);
  int err;

  write_at (i, 'd', 512, MIB);
  flush (i);
  write_at (i, 'd', 512, 2 * MIB);
  flush (i);
  dirty = copy_of (s);
  image_close (i);
  store_close (s);
  ck_assert_int_eq (store_resize (dirty, 5 * MIB, &err), 0);
  for (int read_only = 0; read_only < 2; read_only++) {
    struct store *way = store_fault_borrow (dirty);

    log_memory_clear ();
    ck_assert_ptr_null (vhdx_try_open (way, read_only));
    ck_assert (log_memory_contains ("is shorter than"));
    store_close (way);
  }
  store_close (dirty);
}
END_TEST

/* Zero is zero: parts of blocks too, and in fixed files. */
START_TEST (zeroes_are_not_only_for_whole_blocks)
{
  for (int type = IMAGE_FIXED; type <= IMAGE_DIFFERENCING; type++) {
    struct image_create_options o =
      vhdx_options (SIZE, MIB, type == IMAGE_DIFFERENCING);
    struct image *i;
    int err;

    o.type = (enum image_type) type;
    i = vhdx_must_open (vhdx_make_file (&o), false);
    for (unsigned k = 0; k < SIZE / MIB; k++)
      write_at (i, 'd', MIB, k * MIB);
    ck_assert_int_eq (image_zero (i, 2 * MIB, MIB / 2, 0, &err), 0);
    check_at (i, 'd', MIB / 2, 0);
    check_at (i, 0, MIB, MIB / 2);
    check_at (i, 0, MIB, MIB + MIB / 2);
    check_at (i, 'd', MIB / 2, 2 * MIB + MIB / 2);
    image_close (i);
  }
}
END_TEST

START_TEST (read_only_images_can_be_flushed)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct image *i = vhdx_must_open (vhdx_make_file (&o), true);
  int err;

  flush (i);
  ck_assert_int_eq (image_write (i, zeroes, 512, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  image_close (i);
}
END_TEST

/* A second accepted id, which is there while a child is merged; all
 * zeroes is none.
 */
START_TEST (the_second_linkage_counts)
{
  static const char nil[] = "{00000000-0000-0000-0000-000000000000}";
  static const char one[] = "{03020100-0504-0706-0809-0a0b0c0d0e0f}";
  const struct image_create_options o = vhdx_options (SIZE, MIB, true);
  struct store *s = vhdx_make_file (&o);
  uint8_t *metadata = must_malloc (VHDX_METADATA_NEW_SIZE);
  uint8_t wide[2 * sizeof nil];
  struct image *i;
  bool found = false;

  i = vhdx_must_open (store_fault_borrow (s), true);
  ck_assert (!image_info (i)->parent.has_other_id);
  image_close (i);
  for (size_t k = 0; k < sizeof nil; k++) {
    wide[2 * k] = (uint8_t) nil[k];
    wide[2 * k + 1] = 0;
  }
  vhdx_peek (s, metadata, VHDX_METADATA_NEW_SIZE, 2 * MIB);
  for (size_t at = 0; at + sizeof wide <= VHDX_METADATA_NEW_SIZE; at++) {
    if (memcmp (metadata + at, wide, 2 * (sizeof nil - 1)) != 0)
      continue;
    for (size_t k = 0; k + 1 < sizeof one; k++)
      metadata[at + 2 * k] = (uint8_t) one[k];
    found = true;
  }
  ck_assert (found);
  vhdx_poke (s, metadata, VHDX_METADATA_NEW_SIZE, 2 * MIB);
  free (metadata);
  i = vhdx_must_open (s, true);
  ck_assert (image_info (i)->parent.has_other_id);
  for (uint8_t k = 0; k < 16; k++)
    ck_assert_uint_eq (image_info (i)->parent.other_id.b[k], k);
  image_close (i);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    end_of_the_file_is_not_assumed_to_be_zero,
    trimmed_blocks_do_not_come_back,
    padding_is_durable_before_the_block,
    padding_does_not_hit_other_writers,
    closed_files_have_no_log,
    dirty_files_can_be_read,
    a_file_that_lost_its_end_is_refused,
    zeroes_are_not_only_for_whole_blocks,
    read_only_images_can_be_flushed,
    the_second_linkage_counts,
  };

  return test_main ("image-vhdx-defects", tests, ARRAY_SIZE (tests));
}
