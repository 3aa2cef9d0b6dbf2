/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-vhd1: what is opened and as what; what is refused, with which
 * message
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "unit/image-vhd1-file.h"

START_TEST (properties)
{
  struct store *file = filled (false);
  struct image *i = must_open (file, false);
  const struct image_info *info = image_info (i);
  const struct vhd_footer f = file_footer (file, true);

  ck_assert_str_eq (info->format, "vhd1");
  ck_assert_str_eq (image_name (i), NAME);
  ck_assert_uint_eq (info->size, DISK);
  ck_assert_uint_eq (image_size (i), DISK);
  ck_assert_uint_eq (info->sector_size, 512);
  ck_assert_uint_eq (info->block_size, BLOCK);
  ck_assert (!info->read_only && !info->keeps_blocks);
  ck_assert (info->has_id && uuid_equal (&info->id, &f.id));
  ck_assert (uuid_equal (&info->own_link_id, &f.id));
  ck_assert (!info->parent.exists);
  ck_assert_uint_eq (image_used (i), 3 * (BLOCK + 512));
  ck_assert (is_state (i, 512, BLOCK - 512, IMAGE_DATA));
  ck_assert (is_state (i, BLOCK, 2 * BLOCK, IMAGE_ABSENT));
  image_close (i);
  store_close (file);
}
END_TEST

/* Nothing is written to a file that is only opened and closed. */
START_TEST (as_it_was)
{
  struct store *file = filled (true);
  struct mem_image *before = mem_image_copy (store_mem_image (file));
  const struct image_open_options o = { .name = NAME };
  struct store *way = store_fault_borrow (file);
  struct image *i;
  uint64_t where;

  i = image_vhd1_open (way, &o);
  ck_assert_uint_eq (store_fault_count (way, STORE_OPS_CHANGE), 0);
  image_close (i);
  ck_assert (mem_image_equal (before, store_mem_image (file), &where));
  mem_image_free (before);
  store_close (file);
}
END_TEST

START_TEST (child)
{
  static const struct {
    enum image_path_kind kind;
    const char *path;
  } expected[] = {
    { IMAGE_PATH_RELATIVE, ".\\base.vhd" },
    { IMAGE_PATH_ABSOLUTE, "\\dir\\base.vhd" },
    { IMAGE_PATH_URL, "file:///dir/base.vhd" },
    { IMAGE_PATH_NAME, "base.vhd" },
  };
  struct store *file = filled (true);
  struct image *i = must_open (file, true);
  const struct image_parent *p = &image_info (i)->parent;

  ck_assert (p->exists && !p->has_other_id);
  ck_assert (uuid_equal (&p->id, &test_parent.link_id));
  ck_assert_uint_eq (p->timestamp, 1234);
  ck_assert_uint_eq (p->npaths, ARRAY_SIZE (expected));
  for (unsigned k = 0; k < p->npaths; k++) {
    ck_assert_int_eq (p->path[k].kind, expected[k].kind);
    ck_assert_str_eq (p->path[k].path, expected[k].path);
  }
  /* Sectors, not blocks. */
  ck_assert (is_state (i, 0, 512, IMAGE_DATA));
  ck_assert (is_state (i, 512, 3 * BLOCK, IMAGE_ABSENT));
  ck_assert (is_state (i, 3 * BLOCK + 512, BLOCK - 512, IMAGE_DATA));
  image_close (i);
  store_close (file);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Locators */

struct locator_case {
  const char *platform;
  const char *content;
  size_t count;
};

static void
set_locators (struct store *file, const struct locator_case *cases, size_t n)
{
  struct vhd_header h = file_header (file);

  memset (h.locator, 0, sizeof h.locator);
  for (size_t k = 0; k < n; k++) {
    h.locator[k].offset = 12288 + 512 * k + 3; /* no need to be aligned */
    h.locator[k].space = 1;
    h.locator[k].length = (uint32_t) cases[k].count;
    memcpy (h.locator[k].platform, cases[k].platform, 4);
    file_write (file, cases[k].content, cases[k].count, h.locator[k].offset);
  }
  file_set_header (file, &h);
}

START_TEST (locators_in_order)
{
  static const struct locator_case cases[] = {
    { "MacX", "file://../u.vhd", 15 },    { "Wi2k", "D:\\a.vhd", 8 },
    { "W2ku", "\\\0\\\0s\0\\\0b\0", 10 }, { "Mac ", "alias", 5 },
    { "Wi2r", "..\\c.vhd", 8 },           { "W2ru", ".\0\\\0d\0", 6 },
    { "W2ru", ".\0\\\0d\0", 6 },          { "W2ru", "b\0a\0d", 5 },
  };
  static const struct {
    enum image_path_kind kind;
    const char *path;
  } expected[] = {
    { IMAGE_PATH_RELATIVE, ".\\d" },       { IMAGE_PATH_RELATIVE, "..\\c.vhd" },
    { IMAGE_PATH_ABSOLUTE, "\\\\s\\b" },   { IMAGE_PATH_ABSOLUTE, "D:\\a.vhd" },
    { IMAGE_PATH_URL, "file://../u.vhd" }, { IMAGE_PATH_NAME, "base.vhd" },
  };
  struct store *file = vhd1_file (DISK, BLOCK, true);
  const struct image_parent *p;
  struct image *i;

  set_locators (file, cases, ARRAY_SIZE (cases));
  i = must_open (file, true);
  ck_assert (log_memory_contains ("the parent locator W2ru is an odd number"));
  p = &image_info (i)->parent;
  ck_assert_uint_eq (p->npaths, ARRAY_SIZE (expected));
  for (unsigned k = 0; k < p->npaths; k++) {
    ck_assert_int_eq (p->path[k].kind, expected[k].kind);
    ck_assert_str_eq (p->path[k].path, expected[k].path);
  }
  image_close (i);
  store_close (file);
}
END_TEST

START_TEST (other_kinds_of_paths)
{
  static const struct locator_case cases[] = {
    { "Wi2k", "\\\\?\\Volume{x}\\a", 15 },
    { "Wi2r", "", 0 },
    { "W2ru", "", 0 },
  };
  struct store *file = vhd1_file (DISK, BLOCK, true);
  struct vhd_header h;
  struct image *i;

  set_locators (file, cases, ARRAY_SIZE (cases));
  h = file_header (file);
  memset (h.parent_name, 0, sizeof h.parent_name);
  file_set_header (file, &h);
  i = must_open (file, true);
  ck_assert_uint_eq (image_info (i)->parent.npaths, 1);
  ck_assert_int_eq (image_info (i)->parent.path[0].kind, IMAGE_PATH_VOLUME);
  image_close (i);

  /* One that is longer than any path. */
  h.locator[0].length = 70000;
  h.locator[0].offset = 1536;
  file_set_header (file, &h);
  i = must_open (file, true);
  ck_assert (log_memory_contains ("of 70000 bytes is too long"));
  ck_assert_uint_eq (image_info (i)->parent.npaths, 0);
  image_close (i);

  /* An empty one is nowhere. */
  h.locator[0].length = 0;
  h.locator[0].offset = UINT64_C (1) << 50;
  file_set_header (file, &h);
  i = must_open (file, true);
  ck_assert (log_memory_contains ("of 0 bytes is not in the file"));
  ck_assert_uint_eq (image_info (i)->parent.npaths, 0);
  image_close (i);
  store_close (file);
}
END_TEST

/* New blocks are not put over what a locator may grow into, W2ru here; also
 * if the FIRST one takes the end of that, and some of the next.
 */
static void
keep_space (const struct vhd_locator *first)
{
  struct store *file = vhd1_file (DISK, BLOCK, true);
  struct vhd_header h = file_header (file);
  uint8_t before[65536], after[65536];
  struct image *i;
  struct rng rng;

  if (first != NULL)
    h.locator[0] = *first;
  file_set_header (file, &h);
  rng_init (&rng, 1);
  rng_fill (&rng, before, sizeof before);
  file_write (file, before, sizeof before, 12288);
  i = must_open (file, false);
  for (uint64_t k = 0; k < NBLOCKS; k++)
    must_write (i, k * BLOCK, 512, (uint8_t) (k + 1));
  image_close (i);
  file_read (file, after, sizeof after, 12288);
  ck_assert_mem_eq (before, after, sizeof before);
  image_close (must_open (file, false));
  store_close (file);
}

START_TEST (locators_keep_their_space)
{
  keep_space (NULL);
}
END_TEST

START_TEST (locators_overlap)
{
  const struct vhd_locator first = { .platform = "Wi2k",
                                     .offset = 12288 + 65536 - 2048,
                                     .space = 4096,
                                     .length = 10 };

  keep_space (&first);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Refusals */

static void
no_cookies (struct store *file)
{
  file_write (file, "x", 1, 0);
  file_write (file, "x", 1, store_size (file) - 512);
}

static void
both_footers (struct store *file, void (*change) (struct vhd_footer *f))
{
  struct vhd_footer f = file_footer (file, false);

  change (&f);
  file_set_footer (file, &f, true);
  file_set_footer (file, &f, false);
}

static void
make_fixed (struct vhd_footer *f)
{
  f->type = VHD_TYPE_FIXED;
}

static void
fixed (struct store *file)
{
  both_footers (file, make_fixed);
}

static void
make_far (struct vhd_footer *f)
{
  f->data_offset = UINT64_MAX;
}

static void
header_far (struct store *file)
{
  both_footers (file, make_far);
}

static void
make_odd (struct vhd_footer *f)
{
  f->data_offset = 513;
}

static void
header_odd (struct store *file)
{
  both_footers (file, make_odd);
}

static void
make_elsewhere (struct vhd_footer *f)
{
  f->data_offset = 1024;
}

static void
header_elsewhere (struct store *file)
{
  both_footers (file, make_elsewhere);
}

static void
make_large (struct vhd_footer *f)
{
  f->current_size = DISK + BLOCK;
}

static void
size_large (struct store *file)
{
  both_footers (file, make_large);
}

static void
make_huge (struct vhd_footer *f)
{
  f->current_size = UINT64_C (0xff000001) * 512;
}

static void
size_huge (struct store *file)
{
  both_footers (file, make_huge);
}

static void
header_torn (struct store *file)
{
  file_write (file, "x", 1, 512 + 700);
}

static void
header_version (struct store *file)
{
  struct vhd_header h = file_header (file);

  h.version = 0x00020003;
  file_set_header (file, &h);
}

static void
block_size (struct store *file)
{
  struct vhd_header h = file_header (file);

  h.block_size = 3 * 512;
  file_set_header (file, &h);
}

static void
bat_far (struct store *file)
{
  struct vhd_header h = file_header (file);

  h.bat_offset = store_size (file) - 512;
  file_set_header (file, &h);
}

static void
bat_long (struct store *file)
{
  struct vhd_header h = file_header (file);

  h.nentries = UINT32_MAX;
  file_set_header (file, &h);
}

static void
locator_far (struct store *file)
{
  struct vhd_header h = file_header (file);

  memcpy (h.locator[5].platform, "W2ru", 4);
  h.locator[5].length = 2;
  h.locator[5].offset = UINT64_MAX;
  file_set_header (file, &h);
}

/* These only if it is to be written to. */

static void
bat_over_header (struct store *file)
{
  struct vhd_header h = file_header (file);

  h.bat_offset = 1024;
  file_set_header (file, &h);
}

static void
block_over_bat (struct store *file)
{
  file_set_entry (file, 5, 3);
}

static void
block_beyond (struct store *file)
{
  file_set_entry (file, 5, (uint32_t) (store_size (file) / 512));
}

static void
block_partly_beyond (struct store *file)
{
  file_set_entry (file, 5, file_entry (file, 64) + 8);
}

static void
blocks_overlap (struct store *file)
{
  file_set_entry (file, 5, file_entry (file, 3) + 8);
}

static void
hole_for_a_bat (struct store *file)
{
  struct vhd_header h = file_header (file);

  h.bat_offset = ROUND_UP (store_size (file), 512);
  h.nentries = UINT32_C (1) << 30;
  file_set_header (file, &h);
  file_resize (file, h.bat_offset + (UINT64_C (4) << 30) + 512);
}

static const struct {
  void (*spoil) (struct store *file);
  const char *message;
  bool when_writing; /* only */
} refusals[] = {
  { no_cookies, "has no VHD footer at its end", false },
  { fixed, "is a fixed VHD", false },
  { header_far, "has no place for the dynamic header", false },
  { header_odd, "(offset 513)", false },
  { header_elsewhere, "has no dynamic header where", false },
  { header_torn, "a dynamic header with a wrong checksum", false },
  { header_version, "dynamic header of an unknown version (2.3)", false },
  { block_size, "(1536 bytes)", false },
  { size_large, "block table does not cover the disk", false },
  { size_huge, "more than 2040 GiB", false },
  { bat_far, "is shorter than its block table requires", false },
  { bat_long, "(4294967295 entries at offset 1536)", false },
  { locator_far, "is shorter than its parent locators require", false },
  { bat_over_header,
    "the block table at offset 1024 overlaps the dynamic "
    "header at offset 512",
    true },
  { block_over_bat, "block 5 at offset 1536 overlaps the block table", true },
  { block_beyond, "block 5 at offset 209408 is beyond the end", true },
  { block_partly_beyond, "is beyond the end of the file", true },
  { blocks_overlap, "blocks 3 and 5 overlap", true },
  { hole_for_a_bat, "block 0 at offset 0 overlaps the copy", true },
};

START_TEST (refused)
{
  for (size_t k = 0; k < ARRAY_SIZE (refusals); k++) {
    struct store *file = filled (false);
    struct mem_image *before;
    struct image *i;
    uint64_t where;

    refusals[k].spoil (file);
    before = mem_image_copy (store_mem_image (file));
    ck_assert_ptr_null (try_open (file, false));
    ck_assert_int_eq (errno, EINVAL);
    ck_assert_uint_eq (log_memory_errors (), 1);
    if (!log_memory_contains (refusals[k].message))
      log_memory_print ();
    ck_assert_msg (log_memory_contains (refusals[k].message), "%s",
                   refusals[k].message);
    ck_assert (mem_image_equal (before, store_mem_image (file), &where));
    i = try_open (file, true);
    ck_assert ((i != NULL) == refusals[k].when_writing);
    image_close (i);
    mem_image_free (before);
    store_close (file);
  }
}
END_TEST

/* A block that cannot be read does not keep others from it. */
START_TEST (bad_entries)
{
  static const uint32_t entries[] = { 0, 1, 3, 100000, 0xfffffffe };
  uint8_t buf[512];
  int err;

  for (size_t k = 0; k < ARRAY_SIZE (entries); k++) {
    struct store *file = filled (false);
    struct image *i;

    file_set_entry (file, 5, entries[k]);
    i = must_open (file, true);
    ck_assert_int_eq (image_read (i, buf, 512, 5 * BLOCK, NULL, NULL, &err),
                      -1);
    ck_assert_int_eq (err, EIO);
    ck_assert (reads_as (i, 0, 512, 1));
    ck_assert (reads_as (i, DISK - 512, 512, 3));
    image_close (i);
    store_close (file);
  }
}
END_TEST

START_TEST (large_units)
{
  struct store_mem_options m = store_mem_defaults (8192);
  const struct image_open_options o = { .name = NAME };
  struct store *file;

  m.info.align = 4096;
  file = store_mem_create (&m);
  log_memory_clear ();
  ck_assert_ptr_null (image_vhd1_open (file, &o));
  ck_assert (log_memory_contains ("cannot be used in units of 4096 bytes"));
  store_close (file);
}
END_TEST

START_TEST (saved_state)
{
  struct store *file = filled (false);
  struct vhd_footer f = file_footer (file, false);

  f.saved_state = 1;
  file_set_footer (file, &f, true);
  file_set_footer (file, &f, false);
  check_filled (file);
  ck_assert (log_memory_contains ("virtual machine that is suspended"));
  store_close (file);
}
END_TEST

START_TEST (size_rules)
{
  static const uint64_t sizes[] = { 15 * 4 * 512, DISK, 15 * 4 * 512 };
  struct store *file = filled (false);
  struct vhd_footer f = file_footer (file, false);

  memcpy (f.creator, "vpc ", 4);
  f.geometry = (struct vhd_geometry){ 15, 4, 1 };
  file_set_footer (file, &f, true);
  file_set_footer (file, &f, false);
  for (int rule = VHD_SIZE_AUTO; rule <= VHD_SIZE_GEOMETRY; rule++) {
    const struct image_open_options o = { .name = NAME,
                                          .read_only = true,
                                          .size_rule = rule };
    struct image *i = image_vhd1_open (store_fault_borrow (file), &o);

    ck_assert_ptr_nonnull (i);
    ck_assert_uint_eq (image_size (i), sizes[rule]);
    image_close (i);
  }
  store_close (file);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    properties,
    as_it_was,
    child,
    locators_in_order,
    other_kinds_of_paths,
    locators_keep_their_space,
    locators_overlap,
    refused,
    bad_entries,
    large_units,
    saved_state,
    size_rules,
  };

  return test_main ("image-vhd1-open", tests, ARRAY_SIZE (tests));
}
