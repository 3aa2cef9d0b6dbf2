/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-vhd1: what is opened and as what; what is refused, and with which
 * message.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "unit/vhd1-file.h"

START_TEST (properties)
{
  struct vhd_footer f = good_footer ();
  struct store *s;

  s = open_good (make_file (&f, 512, 1));
  ck_assert_uint_eq (store_size (s), SIZE);
  ck_assert_uint_eq (s->info.sector_size, 512);
  ck_assert_uint_eq (s->info.align, 1);
  ck_assert (s->info.fua && s->info.trim && s->info.zero && s->info.extents);
  ck_assert (s->info.has_id && uuid_equal (&s->info.id, &id));
  ck_assert_str_eq (s->description,
                    "disk.vhd: fixed VHD by Windows 10.0, disk-id=" ID);
  store_close (s);
}
END_TEST

START_TEST (no_id)
{
  const struct vhd_footer f = vhd_footer_fixed (SIZE, 0, &(struct uuid){ 0 });
  struct store *s = open_good (make_file (&f, 512, 1));

  ck_assert (!s->info.has_id);
  ck_assert_str_eq (s->description, "disk.vhd: fixed VHD by Windows 10.0");
  store_close (s);
}
END_TEST

/* Sectors have 512 bytes also on a medium with larger ones. */
START_TEST (sector_size)
{
  const struct vhd_footer f = good_footer ();
  struct store *m = make_file (&f, 512, 1), *s;

  m->info.sector_size = m->info.physical_sector_size = 4096;
  s = open_good (m);
  ck_assert_uint_eq (s->info.sector_size, 512);
  ck_assert_uint_eq (s->info.physical_sector_size, 4096);
  store_close (s);
}
END_TEST

START_TEST (old_footer)
{
  const struct vhd_footer f = good_footer ();
  struct store *s;

  log_memory_clear ();
  s = open_good (make_file (&f, 511, 1));
  ck_assert_uint_eq (store_size (s), SIZE);
  ck_assert (log_memory_contains ("has an old footer of 511 bytes"));
  store_close (s);
}
END_TEST

START_TEST (oddities)
{
  struct vhd_footer f = good_footer ();

  f.saved_state = 1;
  log_memory_clear ();
  store_close (open_good (make_file (&f, 512, 1)));
  ck_assert (log_memory_contains ("a virtual machine that is suspended"));
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

START_TEST (size_rules)
{
  static const uint64_t sizes[] = { 15 * 4 * 512, SIZE, 15 * 4 * 512 };

  for (int rule = VHD_SIZE_AUTO; rule <= VHD_SIZE_GEOMETRY; rule++) {
    const struct store_vhd1_options o = { .name = "x", .size_rule = rule };
    struct vhd_footer f = good_footer ();
    struct store *s;
    char byte = 1;
    int err;

    memcpy (f.creator, "vpc ", 4);
    f.geometry = (struct vhd_geometry){ 15, 4, 1 };
    s = store_vhd1_create (make_file (&f, 512, 1), &o);
    ck_assert_ptr_nonnull (s);
    ck_assert_uint_eq (store_size (s), sizes[rule]);
    ck_assert_int_eq (store_write (s, &byte, 1, sizes[rule], 0, &err), -1);
    ck_assert_int_eq (err, ENOSPC);
    store_close (s);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Refusals */

/* CHANGE must make the image one that is refused with MESSAGE. */
struct refusal {
  void (*change) (struct vhd_footer *f);
  void (*spoil) (uint8_t footer[VHD_FOOTER_SIZE]);
  uint64_t file_size; /* if it is not to be SIZE + 512 */
  enum vhd_size_rule rule;
  int error;
  const char *message;
};

static void
version_2 (struct vhd_footer *f)
{
  f->version = 0x00020001;
}

static void
type_6 (struct vhd_footer *f)
{
  f->type = 6;
}

static void
dynamic (struct vhd_footer *f)
{
  f->type = VHD_TYPE_DYNAMIC;
}

static void
differencing (struct vhd_footer *f)
{
  f->type = VHD_TYPE_DIFFERENCING;
}

static void
odd_size (struct vhd_footer *f)
{
  f->current_size = 1000;
}

static void
one_sector_more (struct vhd_footer *f)
{
  f->current_size += 512;
}

static void
huge (struct vhd_footer *f)
{
  f->current_size = -UINT64_C (512);
}

static void
no_geometry (struct vhd_footer *f)
{
  f->geometry.sectors = 0;
}

static void
no_cookie (uint8_t *footer)
{
  footer[0] = 'C';
}

static void
no_checksum (uint8_t *footer)
{
  memset (footer + 0x40, 0, 4);
}

static const struct refusal refusals[] = {
  { .file_size = 510,
    .error = EINVAL,
    .message = "is too short to be a VHD (510 bytes)" },
  { .spoil = no_cookie,
    .error = EINVAL,
    .message = "has no VHD footer at its end" },
  { .spoil = no_checksum,
    .error = EINVAL,
    .message = "has a VHD footer with a wrong checksum" },
  { .change = version_2,
    .error = EINVAL,
    .message = "has a VHD footer of an unknown format version (2.1)" },
  { .change = type_6,
    .error = EINVAL,
    .message = "is a VHD of an unknown type (6)" },
  { .change = odd_size,
    .error = EINVAL,
    .message = "is a VHD whose size is not a multiple of 512 bytes (1000)" },
  { .change = one_sector_more,
    .error = EINVAL,
    .message = "is shorter than the disk that its VHD footer describes (66048 "
               "bytes with a footer of 512 in a file of 66048)" },
  { .change = huge,
    .error = EINVAL,
    .message = "(18446744073709551104 bytes with a footer of 512 in a file "
               "of 66048)" },
  { .change = no_geometry,
    .rule = VHD_SIZE_GEOMETRY,
    .error = EINVAL,
    .message = "is a VHD whose footer tells no geometry" },
  { .change = dynamic,
    .error = EOPNOTSUPP,
    .message = "is a dynamic VHD, not a fixed one" },
  { .change = differencing,
    .error = EOPNOTSUPP,
    .message = "is a differencing VHD, not a fixed one" },
};

static struct store *
make_refused (const struct refusal *r)
{
  struct vhd_footer f = good_footer ();
  uint8_t footer[VHD_FOOTER_SIZE];
  struct store *m;

  if (r->change != NULL)
    r->change (&f);
  m = make_file (&f, 512, 1);
  mem_image_read (store_mem_image (m), footer, 512, SIZE);
  if (r->spoil != NULL)
    r->spoil (footer);
  mem_image_write (store_mem_image (m), footer, 512, SIZE);
  if (r->file_size != 0) {
    int err;

    ck_assert_int_eq (store_resize (m, r->file_size, &err), 0);
  }
  return m;
}

static void
expect_refusal (struct store *m, enum vhd_size_rule rule, int error,
                const char *message)
{
  const struct store_vhd1_options o = { .name = "disk.vhd", .size_rule = rule };
  int err;

  log_memory_clear ();
  errno = 0;
  ck_assert_ptr_null (store_vhd1_create (m, &o));
  ck_assert_int_eq (errno, error);
  ck_assert_uint_eq (log_memory_errors (), 1);
  if (!log_memory_contains ("error: disk.vhd: ") ||
      !log_memory_contains (message)) {
    log_memory_print ();
    ck_abort_msg ("not the message that was expected: %s", message);
  }
  /* Still ours. */
  ck_assert_int_eq (store_flush (m, &err), 0);
}

START_TEST (refused)
{
  const struct refusal *r = &refusals[_i];
  struct store *m = make_refused (r);

  expect_refusal (m, r->rule, r->error, r->message);
  store_close (m);
}
END_TEST

START_TEST (empty_file)
{
  struct store_mem_options o = store_mem_defaults (0);
  struct store *m = store_mem_create (&o);

  log_memory_clear ();
  ck_assert_ptr_null (store_vhd1_create (m, &options));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("is too short to be a VHD (0 bytes)"));
  store_close (m);
}
END_TEST

/* A dynamic disk that lost its end is called what it is. */
START_TEST (head_copy)
{
  struct vhd_footer f = good_footer ();
  struct store *m = make_file (&f, 512, 4096);
  uint8_t head[VHD_FOOTER_SIZE], zeroes[VHD_FOOTER_SIZE] = { 0 };

  mem_image_write (store_mem_image (m), zeroes, 512, SIZE);
  f.type = VHD_TYPE_DIFFERENCING;
  vhd_footer_serialise (&f, head);
  mem_image_write (store_mem_image (m), head, 512, 0);
  expect_refusal (m, VHD_SIZE_AUTO, EOPNOTSUPP, "is a differencing VHD");

  /* The one at the end counts if there is one. */
  f.type = VHD_TYPE_FIXED;
  vhd_footer_serialise (&f, head);
  mem_image_write (store_mem_image (m), head, 512, SIZE);
  store_close (open_good (m));
}
END_TEST

/* A fixed disk has no copy, whatever a guest has written at its start. */
START_TEST (guest_data_is_no_head_copy)
{
  const struct vhd_footer f = good_footer ();
  struct store *m = make_file (&f, 512, 1);
  uint8_t footer[VHD_FOOTER_SIZE], zeroes[VHD_FOOTER_SIZE] = { 0 };

  mem_image_read (store_mem_image (m), footer, 512, SIZE);
  mem_image_write (store_mem_image (m), footer, 512, 0);
  mem_image_write (store_mem_image (m), zeroes, 512, SIZE);
  expect_refusal (m, VHD_SIZE_AUTO, EINVAL, "has no VHD footer at its end");
  store_close (m);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-vhd1");
  TCase *c = test_case (suite, "open");

  tcase_add_test (c, properties);
  tcase_add_test (c, no_id);
  tcase_add_test (c, sector_size);
  tcase_add_test (c, old_footer);
  tcase_add_test (c, oddities);
  tcase_add_test (c, size_rules);
  c = test_case (suite, "refuse");
  tcase_add_loop_test (c, refused, 0, ARRAY_SIZE (refusals));
  tcase_add_test (c, empty_file);
  tcase_add_test (c, head_copy);
  tcase_add_test (c, guest_data_is_no_head_copy);
  return test_run (suite);
}
