/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening VHDX files: what is found in them, what is mended, and that
 * nothing else is touched.
 */

#include <config.h>

#include <errno.h>

#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "unit/vhdx-file-open.h"

/* What is in the first block that make_with_data wrote, or 0. */
static uint8_t
look (struct store *s, bool read_only)
{
  struct image *i = vhdx_must_open (store_fault_borrow (s), read_only);
  uint8_t buf[512];
  int err;

  ck_assert_int_eq (image_read (i, buf, 512, 3 * MIB, NULL, NULL, &err), 0);
  image_close (i);
  return buf[0];
}

START_TEST (properties)
{
  struct store *s = make (false);
  struct image *i;
  const struct image_info *info;
  struct vhdx_header h;

  i = vhdx_must_open (store_fault_borrow (s), false);
  info = image_info (i);
  ck_assert_str_eq (info->format, "vhdx");
  ck_assert_str_eq (image_name (i), VHDX_NAME);
  ck_assert_uint_eq (info->size, SIZE);
  ck_assert_uint_eq (image_size (i), SIZE);
  ck_assert_uint_eq (info->sector_size, 512);
  ck_assert_uint_eq (info->physical_sector_size, 4096);
  ck_assert_uint_eq (info->block_size, MIB);
  ck_assert (!info->read_only && !info->keeps_blocks && info->has_id);
  ck_assert (!info->parent.exists);
  h = vhdx_current_header (s);
  ck_assert (uuid_equal (&info->own_link_id, &h.data_write_id));
  ck_assert_uint_eq (image_used (i), 0);
  image_close (i);
  store_close (s);
}
END_TEST

START_TEST (properties_of_a_child)
{
  struct store *s = make (true);
  struct image *i = vhdx_must_open (store_fault_borrow (s), true);
  const struct image_parent *p = &image_info (i)->parent;

  ck_assert (image_info (i)->read_only);
  ck_assert (p->exists && uuid_equal (&p->id, &vhdx_parent.link_id));
  ck_assert (!p->has_other_id);
  ck_assert_uint_eq (p->npaths, 2);
  ck_assert_int_eq (p->path[0].kind, IMAGE_PATH_RELATIVE);
  ck_assert_str_eq (p->path[0].path, ".\\base.vhdx");
  ck_assert_int_eq (p->path[1].kind, IMAGE_PATH_ABSOLUTE);
  ck_assert_str_eq (p->path[1].path, "/srv/vm/base.vhdx");
  image_close (i);
  store_close (s);
}
END_TEST

/* To open for writing and to change nothing leaves each byte as it was. */
START_TEST (untouched)
{
  struct store *s = make_with_data ();
  struct mem_image *before = mem_image_copy (store_mem_image (s));
  uint64_t where = 0;

  for (int k = 0; k < 2; k++) {
    ck_assert_int_eq (look (s, k), 'd');
    ck_assert (mem_image_equal (before, store_mem_image (s), &where));
  }
  mem_image_free (before);
  store_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* What is mended */

START_TEST (torn_header)
{
  for (unsigned k = 0; k < 2; k++) {
    struct store *s = make_with_data ();

    vhdx_poke (s, "torn", 4, VHDX_HEADER_OFFSET (k) + 512);
    ck_assert_int_eq (look (s, true), 'd');
    ck_assert_int_eq (look (s, false), 'd');
    store_close (s);
  }
}
END_TEST

/* The good copy is put over the bad one, and only by who may write. */
START_TEST (region_table)
{
  uint8_t *a = must_malloc (VHDX_REGION_SIZE);
  uint8_t *b = must_malloc (VHDX_REGION_SIZE);

  for (unsigned k = 0; k < 2; k++) {
    struct store *s = make_with_data ();
    const struct vhdx_header before = vhdx_current_header (s);
    struct vhdx_header after;

    vhdx_poke (s, "bad", 3, VHDX_REGION_OFFSET (k) + 4096);
    ck_assert_int_eq (look (s, true), 'd');
    vhdx_peek (s, a, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (k));
    ck_assert (memcmp (a + 4096, "bad", 3) == 0);
    ck_assert_int_eq (look (s, false), 'd');
    vhdx_peek (s, a, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (0));
    vhdx_peek (s, b, VHDX_REGION_SIZE, VHDX_REGION_OFFSET (1));
    ck_assert (memcmp (a, b, VHDX_REGION_SIZE) == 0);
    ck_assert_int_eq (vhdx_region_verify (a), VHDX_OK);
    after = vhdx_current_header (s);
    ck_assert (!uuid_equal (&after.file_write_id, &before.file_write_id));
    ck_assert (uuid_equal (&after.data_write_id, &before.data_write_id));
    store_close (s);
  }
  free (a);
  free (b);
}
END_TEST

/* The last bytes of a file may be missing. */
START_TEST (short_file)
{
  for (int read_only = 1; read_only >= 0; read_only--) {
    struct store *s = make_with_data ();
    const uint64_t cut = store_size (s) - MIB + 4096;
    struct image *i;
    uint8_t buf[MIB / 64];
    int err;

    ck_assert_int_eq (store_resize (s, cut, &err), 0);
    i = vhdx_must_open (store_fault_borrow (s), read_only);
    ck_assert_int_eq (
      image_read (i, buf, sizeof buf, 3 * MIB, NULL, NULL, &err), 0);
    ck_assert_int_eq (buf[0], 'd');
    ck_assert_int_eq (buf[4096], 0);
    if (!read_only)
      ck_assert_int_eq (
        image_write (i, buf, sizeof buf, 3 * MIB + 65536, 0, &err), 0);
    image_close (i);
    ck_assert_uint_eq (store_size (s), read_only ? cut : ROUND_UP (cut, MIB));
    store_close (s);
  }
}
END_TEST

/* What is behind the last used byte goes away. */
START_TEST (unused_end)
{
  struct store *s = make_with_data ();
  const uint64_t size = store_size (s);
  int err;

  ck_assert_int_eq (store_resize (s, size + 50 * MIB, &err), 0);
  ck_assert_int_eq (look (s, true), 'd');
  ck_assert_uint_eq (store_size (s), size + 50 * MIB);
  ck_assert_int_eq (look (s, false), 'd');
  ck_assert_uint_eq (store_size (s), size);
  store_close (s);
}
END_TEST

/* A medium of a fixed size: what is behind the end is not known to be
 * zero, and it gets full.
 */
START_TEST (fixed_medium)
{
  const struct image_create_options o = vhdx_options (SIZE, MIB, false);
  struct store *made = vhdx_make_file (&o), *s;
  struct store_mem_options m = store_mem_defaults (8 * MIB + 3 * 512);
  uint8_t *buf = must_malloc (4 * MIB), *zero = must_calloc (1, MIB);
  struct image *i;
  int err;

  m.resize = false;
  s = store_mem_create (&m);
  memset (buf, 'x', 4 * MIB);
  vhdx_poke (s, buf, 4 * MIB, 4 * MIB);
  vhdx_peek (made, buf, 4 * MIB, 0);
  vhdx_poke (s, buf, 4 * MIB, 0);
  store_close (made);

  memset (buf, 'd', MIB);
  i = vhdx_must_open (store_fault_borrow (s), false);
  for (unsigned k = 0; k < 4; k++)
    ck_assert_int_eq (image_write (i, buf, 512, k * MIB + 1024, 0, &err), 0);
  ck_assert_int_eq (image_write (i, buf, 512, 5 * MIB, 0, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert_int_eq (image_read (i, buf, MIB, 2 * MIB, NULL, NULL, &err), 0);
  ck_assert (memcmp (buf, zero, 1024) == 0 && buf[1024] == 'd' &&
             memcmp (buf + 1536, zero, MIB - 1536) == 0);
  image_close (i);
  i = vhdx_must_open (s, true);
  ck_assert_int_eq (image_read (i, buf, MIB, 3 * MIB, NULL, NULL, &err), 0);
  ck_assert_int_eq (buf[1024], 'd');
  image_close (i);
  free (buf);
  free (zero);
}
END_TEST

/* Space that an unmapped block remembers is not used for another, and
 * forgotten when the block is written.
 */
START_TEST (remembered_space)
{
  struct store *s = make (false);
  uint8_t buf[512] = { 'n' };
  struct image *i;
  int err;

  for (unsigned k = 0; k < 4; k++)
    extend (s);
  vhdx_poke_entry (s, 2, vhdx_entry_encode (VHDX_BLOCK_UNMAPPED, 4 * MIB));
  vhdx_poke_entry (s, 3, vhdx_entry_encode (VHDX_BLOCK_UNDEFINED, 5 * MIB));
  vhdx_poke_entry (s, 4, vhdx_entry_encode (VHDX_BLOCK_ZERO, 7 * MIB));
  /* Somebody else's, and beyond the end: no reason to refuse. */
  vhdx_poke_entry (s, 5, vhdx_entry_encode (VHDX_BLOCK_UNMAPPED, 2 * MIB));
  vhdx_poke_entry (s, 6, vhdx_entry_encode (VHDX_BLOCK_UNMAPPED, 99 * MIB));
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_int_eq (image_write (i, buf, 512, 2 * MIB, 0, &err), 0);
  ck_assert_int_eq (image_write (i, buf, 512, 7 * MIB, 0, &err), 0);
  ck_assert_int_eq (image_flush (i, &err), 0);
  ck_assert_uint_eq (vhdx_peek_entry (s, 2),
                     vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 6 * MIB));
  ck_assert_uint_eq (vhdx_peek_entry (s, 7),
                     vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 8 * MIB));
  image_close (i);
  ck_assert_uint_eq (store_size (s), 9 * MIB);
  i = vhdx_must_open (store_fault_borrow (s), false);
  ck_assert_int_eq (image_write (i, buf, 512, 1 * MIB, 0, &err), 0);
  image_close (i);
  ck_assert_uint_eq (vhdx_peek_entry (s, 1),
                     vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 4 * MIB));
  store_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Failures */

/* A file that has a log to apply and a bad region table. */
static struct store *
make_in_need (void)
{
  struct store *s = make (true);
  uint8_t page[4096] = { 0 };
  const struct vhdx_log_change change = { .offset = 3 * MIB,
                                          .length = sizeof page,
                                          .page = page };
  struct vhdx_log_entry e = { .sequence = 100 };
  const le64 raw =
    le64_put (vhdx_entry_encode (VHDX_BLOCK_FULLY_PRESENT, 4 * MIB));

  memcpy (page + 8 * 3, &raw, sizeof raw);
  e.flushed_offset = 4 * MIB;
  e.last_offset = 6 * MIB;
  vhdx_poke_log (s, e, &change, 1);
  vhdx_poke (s, "bad", 3, VHDX_REGION_OFFSET (1) + 4096);
  return s;
}

static void
check_in_need (struct store *s, bool read_only)
{
  struct image *i = vhdx_must_open (store_fault_borrow (s), read_only);
  enum image_state state;
  uint64_t count = MIB, place;
  struct image_visit v;
  int err;

  image_enter (i, &v);
  ck_assert_int_eq (image_map (i, 3 * MIB, &count, &state, &place, &err), 0);
  image_leave (i, &v);
  ck_assert_int_eq (state, IMAGE_DATA);
  ck_assert_uint_eq (place, 4 * MIB);
  image_close (i);
}

START_TEST (log_is_applied)
{
  struct store *s = make_in_need ();
  struct mem_image *before = mem_image_copy (store_mem_image (s));
  uint64_t where;

  check_in_need (s, true);
  ck_assert (mem_image_equal (before, store_mem_image (s), &where));
  check_in_need (s, false);
  ck_assert (!vhdx_has_log (s));
  ck_assert_uint_eq (store_size (s), 5 * MIB);
  check_in_need (s, true);
  mem_image_free (before);
  store_close (s);
}
END_TEST

/* Whatever fails, it is said, and it can be tried again. */
START_TEST (operations_fail)
{
  for (int read_only = 0; read_only < 2; read_only++) {
    struct nth_fault f = NTH_FAULT_INIT;

    while (nth_fault_next (&f)) {
      struct store *s = make_in_need (), *way = store_fault_borrow (s);
      struct image *i;

      log_memory_clear ();
      store_fault_nth (way, STORE_OPS_ALL, f.n);
      i = vhdx_try_open (way, read_only);
      f.fired = store_fault_fired (way);
      store_fault_reset (way);
      if (i != NULL)
        image_close (i);
      else {
        ck_assert (f.fired && log_memory_errors () >= 1);
        store_close (way);
      }
      check_in_need (s, read_only);
      store_close (s);
    }
    ck_assert_uint_gt (f.n, 10);
  }
}
END_TEST

START_TEST (allocations_fail)
{
  for (int read_only = 0; read_only < 2; read_only++) {
    struct nth_fault f = NTH_FAULT_INIT;

    while (nth_fault_next (&f)) {
      struct store *s = make_in_need (), *way = store_fault_borrow (s);
      struct image *i;
      int error;

      alloc_fault_nth (f.n);
      errno = 0;
      i = vhdx_try_open (way, read_only);
      error = errno;
      f.fired = alloc_fault_stop ();
      if (i != NULL)
        image_close (i);
      else {
        ck_assert (f.fired);
        ck_assert_int_eq (error, ENOMEM);
        store_close (way);
      }
      check_in_need (s, read_only);
      store_close (s);
    }
    ck_assert_uint_gt (f.n, 5);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-vhdx-open");
  TCase *c = test_case (suite, "open");

  tcase_add_test (c, properties);
  tcase_add_test (c, properties_of_a_child);
  tcase_add_test (c, untouched);
  tcase_add_test (c, torn_header);
  tcase_add_test (c, region_table);
  tcase_add_test (c, short_file);
  tcase_add_test (c, unused_end);
  tcase_add_test (c, fixed_medium);
  tcase_add_test (c, remembered_space);
  tcase_add_test (c, log_is_applied);
  tcase_add_test (c, operations_fail);
  tcase_add_test (c, allocations_fail);
  return test_run (suite);
}
