/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-vhd1: what is made, byte for byte where Windows does the same;
 * what is refused; the order; every operation failing.
 */

#include <config.h>

#include <errno.h>
#include <time.h>

#include "base/align.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-trace.h"
#include "unit/image-vhd1-file.h"
#include "vhd/vhd-locator.h"
#include "vhd/vhd-size.h"

#define EMPTY_DISK (40 * MIB)

static struct store *
empty (void)
{
  const struct store_mem_options m = store_mem_defaults (0);

  return store_mem_create (&m);
}

/* Windows 8 made one of 40 MiB: header and BAT at the same places. */
START_TEST (dynamic)
{
  const uint32_t now = vhd_timestamp (time (NULL));
  struct store *file = vhd1_file (EMPTY_DISK, 0, false);
  uint8_t bat[512], ones[512], head[512], end[512];
  struct vhd_footer f = file_footer (file, false);
  struct vhd_header h = file_header (file);

  ck_assert_uint_eq (store_size (file), 2560);
  ck_assert_uint_eq (f.type, VHD_TYPE_DYNAMIC);
  ck_assert_uint_eq (f.data_offset, 512);
  ck_assert_uint_eq (f.current_size, EMPTY_DISK);
  ck_assert_uint_eq (f.original_size, EMPTY_DISK);
  ck_assert_mem_eq (f.creator, "win ", 4);
  ck_assert_uint_le (now, f.timestamp);
  ck_assert_uint_le (f.timestamp, now + 60);
  ck_assert_uint_eq (f.geometry.cylinders, 963);
  ck_assert_uint_eq (f.geometry.heads, 5);
  ck_assert_uint_eq (f.geometry.sectors, 17);
  ck_assert (!uuid_is_nil (&f.id));
  ck_assert_uint_eq (h.next, UINT64_MAX);
  ck_assert_uint_eq (h.bat_offset, 1536);
  ck_assert_uint_eq (h.nentries, 20);
  ck_assert_uint_eq (h.block_size, 2 * MIB);
  ck_assert (uuid_is_nil (&h.parent_id));
  memset (ones, 0xff, sizeof ones);
  file_read (file, bat, sizeof bat, 1536);
  ck_assert_mem_eq (bat, ones, sizeof bat);
  file_read (file, head, sizeof head, 0);
  file_read (file, end, sizeof end, 2560 - 512);
  ck_assert_mem_eq (head, end, sizeof head);
  store_close (file);
}
END_TEST

/* Windows 10 made a child of a 40 MiB disk: the absolute path, the BAT,
 * the relative path with 64 KiB of room.  A URL comes behind.
 */
START_TEST (differencing)
{
  static const struct {
    const char *platform;
    enum vhd_platform kind;
    uint64_t offset;
    uint32_t space;
    const char *path;
  } cases[] = {
    { "W2ku", VHD_PLATFORM_W2KU, 4096, 4096, "\\dir\\base.vhd" },
    { "W2ru", VHD_PLATFORM_W2RU, 12288, 65536, ".\\base.vhd" },
    { "MacX", VHD_PLATFORM_MACX, 77824, 4096, "file:///dir/base.vhd" },
  };
  struct store *file = vhd1_file (EMPTY_DISK, 0, true);
  struct vhd_header h = file_header (file);
  char path[512];

  ck_assert_uint_eq (file_footer (file, true).type, VHD_TYPE_DIFFERENCING);
  ck_assert_uint_eq (h.bat_offset, 8192);
  ck_assert (uuid_equal (&h.parent_id, &test_parent.link_id));
  ck_assert_uint_eq (h.parent_timestamp, 1234);
  ck_assert_int_eq (vhd_parent_name_decode (&h, path, sizeof path), VHD_OK);
  ck_assert_str_eq (path, "base.vhd");
  for (unsigned k = 0; k < ARRAY_SIZE (cases); k++) {
    uint8_t content[512];

    ck_assert_mem_eq (h.locator[k].platform, cases[k].platform, 4);
    ck_assert_uint_eq (h.locator[k].offset, cases[k].offset);
    ck_assert_uint_eq (h.locator[k].space, cases[k].space);
    file_read (file, content, sizeof content, h.locator[k].offset);
    ck_assert_int_eq (vhd_locator_decode (cases[k].kind, content,
                                          h.locator[k].length, path,
                                          sizeof path),
                      VHD_OK);
    ck_assert_str_eq (path, cases[k].path);
  }
  ck_assert_uint_eq (h.locator[3].length, 0);
  ck_assert_uint_eq (store_size (file), 77824 + 4096 + 512);
  store_close (file);
}
END_TEST

START_TEST (paths)
{
  static const struct {
    const char *relative, *absolute;
    const char *locators; /* each with a semicolon */
  } cases[] = {
    { "../b.vhd", NULL, "W2ru=..\\b.vhd;MacX=file://../b.vhd;" },
    { "sub/b.vhd", NULL, "W2ru=.\\sub\\b.vhd;MacX=file://./sub/b.vhd;" },
    { "./b.vhd", NULL, "W2ru=.\\b.vhd;MacX=file://./b.vhd;" },
    { NULL, "/x/b.vhd", "W2ku=\\x\\b.vhd;MacX=file:///x/b.vhd;" },
    { "a\\b.vhd", "/x/a\\b.vhd", "MacX=file:///x/a%5Cb.vhd;" },
    { "\xc3\xa9.vhd", NULL, "W2ru=.\\\xc3\xa9.vhd;MacX=file://./%C3%A9.vhd;" },
  };

  for (size_t k = 0; k < ARRAY_SIZE (cases); k++) {
    struct image_create_parent p = test_parent;
    const struct image_create_options o = {
      .name = NAME, .type = IMAGE_DIFFERENCING, .size = EMPTY_DISK, .parent = &p
    };
    struct store *file = empty ();
    char all[512] = "", path[256];
    struct vhd_header h;

    p.relative = cases[k].relative;
    p.absolute = cases[k].absolute;
    ck_assert_int_eq (image_vhd1_format (file, &o), 0);
    h = file_header (file);
    for (unsigned n = 0; n < VHD_LOCATORS && h.locator[n].length > 0; n++) {
      uint8_t content[512];

      file_read (file, content, sizeof content, h.locator[n].offset);
      vhd_locator_decode (vhd_locator_platform (&h.locator[n]), content,
                          h.locator[n].length, path, sizeof path);
      snprintf (all + strlen (all), sizeof all - strlen (all), "%.4s=%s;",
                h.locator[n].platform, path);
    }
    ck_assert_str_eq (all, cases[k].locators);
    store_close (file);
  }
}
END_TEST

START_TEST (fixed)
{
  const struct image_create_options o = { .name = NAME,
                                          .type = IMAGE_FIXED,
                                          .size = EMPTY_DISK };
  struct store *file = empty ();
  struct vhd_footer f;
  bool from_head;
  int err;

  ck_assert_int_eq (image_vhd1_format (file, &o), 0);
  ck_assert_uint_eq (store_size (file), EMPTY_DISK + 512);
  ck_assert_int_eq (vhd1_find_footer (file, &f, &from_head, &err), VHD_OK);
  ck_assert (!from_head);
  ck_assert_uint_eq (f.type, VHD_TYPE_FIXED);
  ck_assert_uint_eq (f.current_size, EMPTY_DISK);
  store_close (file);
}
END_TEST

/* Sizes are exact, and the whole of the largest is there. */
START_TEST (sizes)
{
  static const struct {
    uint64_t size, block_size;
    uint32_t nentries;
  } cases[] = {
    { 512, 0, 1 },
    { 2 * MIB + 512, 0, 2 },
    { 12345 * 512, 4096, 1544 },
    { 4096, 4096, 1 },
    { UINT64_C (0xff000000) * 512, 256 * MIB, 8160 },
    { UINT64_C (0xff000000) * 512, 0, 1044480 },
  };

  for (size_t k = 0; k < ARRAY_SIZE (cases); k++) {
    struct store *file = vhd1_file (cases[k].size, cases[k].block_size, false);
    struct image *i = must_open (file, false);

    ck_assert_uint_eq (image_size (i), cases[k].size);
    ck_assert_uint_eq (file_header (file).nentries, cases[k].nentries);
    must_write (i, cases[k].size - 512, 512, 7);
    ck_assert (reads_as (i, cases[k].size - 512, 512, 7));
    image_close (i);
    store_close (file);
  }
}
END_TEST

START_TEST (refused)
{
  static const struct image_create_parent no_path = { .timestamp = 1 };
  static const struct image_create_parent no_utf8 = { .relative = "\xff" };
  static const struct {
    struct image_create_options o;
    const char *message;
  } cases[] = {
    { { .size = 0 }, "multiple of 512" },
    { { .size = 1000 }, "multiple of 512" },
    { { .size = UINT64_C (0xff000001) * 512 }, "at most 2040 GiB" },
    { { .size = EMPTY_DISK, .block_size = 3 * MIB }, "power of two" },
    { { .size = EMPTY_DISK, .block_size = 2048 }, "power of two" },
    { { .size = EMPTY_DISK, .block_size = 512 * MIB }, "power of two" },
    { { .size = 1024 * 1024 * MIB, .block_size = 4096 }, "too small" },
    { { .size = EMPTY_DISK, .sector_size = 4096 }, "have 512 bytes" },
    { { .size = EMPTY_DISK, .parent = &test_parent }, "has a parent" },
    { { .size = EMPTY_DISK, .type = IMAGE_DIFFERENCING }, "has a parent" },
    { { .size = EMPTY_DISK, .type = IMAGE_DIFFERENCING, .parent = &no_path },
      "no path" },
    { { .size = EMPTY_DISK, .type = IMAGE_DIFFERENCING, .parent = &no_utf8 },
      "no UTF-8" },
  };

  for (size_t k = 0; k < ARRAY_SIZE (cases); k++) {
    struct image_create_options o = cases[k].o;
    struct store *file = empty ();

    o.name = NAME;
    if (o.type == IMAGE_FIXED)
      o.type = IMAGE_DYNAMIC;
    log_memory_clear ();
    ck_assert_int_eq (image_vhd1_format (file, &o), -1);
    ck_assert_int_eq (errno, EINVAL);
    ck_assert_msg (log_memory_contains (cases[k].message), "%s",
                   cases[k].message);
    ck_assert_uint_eq (store_size (file), 0);
    store_close (file);
  }
}
END_TEST

/* Nobody takes it for a VHD before all of it is there. */
START_TEST (identity_last)
{
  const struct image_create_options o = { .name = NAME,
                                          .type = IMAGE_DYNAMIC,
                                          .size = EMPTY_DISK };
  struct store *file = empty ();
  struct trace *t;
  struct store *s = store_trace_create (file, &t);
  const unsigned writes = STORE_OP_BIT (STORE_OP_WRITE);
  long head, end;

  ck_assert_int_eq (image_vhd1_format (s, &o), 0);
  head = trace_find (t, 0, writes, 0, 512);
  end = trace_find (t, 0, writes, 2560 - 512, 512);
  ck_assert_int_gt (head, 0);
  ck_assert_int_gt (end, head);
  ck_assert (trace_durable_before (t, head, 512, 2560 - 512));
  ck_assert (trace_durable_before (t, end, 0, 512));
  ck_assert_int_eq (trace_get (t, trace_len (t) - 1).op.kind, STORE_OP_FLUSH);
  store_close (s);
  trace_free (t);
}
END_TEST

static const struct image_create_options child_options = { .name = NAME,
                                                           .type =
                                                             IMAGE_DIFFERENCING,
                                                           .size = EMPTY_DISK,
                                                           .parent =
                                                             &test_parent };

START_TEST (every_operation_fails)
{
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    struct store *s = store_fault_create (empty ());
    int r;

    log_memory_clear ();
    store_fault_nth (s, STORE_OPS_ALL, n.n);
    r = image_vhd1_format (s, &child_options);
    n.fired = store_fault_fired (s);
    ck_assert_int_eq (r, n.fired ? -1 : 0);
    ck_assert_uint_eq (log_memory_errors (), n.fired ? 1 : 0);
    store_close (s);
  }
}
END_TEST

START_TEST (every_allocation_fails)
{
  struct nth_fault n = NTH_FAULT_INIT;

  while (nth_fault_next (&n)) {
    struct store *s = empty ();
    int r;

    alloc_fault_nth (n.n);
    r = image_vhd1_format (s, &child_options);
    n.fired = alloc_fault_stop ();
    ck_assert_int_eq (r, n.fired ? -1 : 0);
    store_close (s);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    dynamic,
    differencing,
    paths,
    fixed,
    sizes,
    refused,
    identity_last,
    every_operation_fails,
    every_allocation_fails,
  };

  return test_main ("image-vhd1-create", tests, ARRAY_SIZE (tests));
}
