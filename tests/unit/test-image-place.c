/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-place: the file of a layer, made and opened, over disks that it
 * was made for and others.
 */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "image/vhdx/image-vhdx.h"
#include "layered/image-place.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/temp-dir.h"

#define SIZE (UINT64_C (3) << 20)

static const struct image_place_options writable = { .read_only = false };
static const struct image_place_options read_only = { .read_only = true };

static struct temp_dir dir;
static struct image_place place;

static struct layer_below
a_disk (void)
{
  return (struct layer_below){
    .exists = true, .size = SIZE, .sector_size = 512, .export_name = ""
  };
}

static struct layer_below
a_disk_with_id (uint8_t byte)
{
  struct layer_below below = a_disk ();

  below.has_id = true;
  memset (&below.id, byte, sizeof below.id);
  return below;
}

static void
set_up (void)
{
  temp_dir_create (&dir);
}

static void
tear_down (void)
{
  temp_dir_remove (&dir);
}

/* What the filter does before it listens. */
static int
get_ready (const char *name, int format)
{
  place = (struct image_place){ .format = (enum image_format_id) format };
  if (asprintf (&place.path, "%s/%s", dir.path, name) == -1)
    abort ();
  log_memory_clear ();
  return image_place_ready (&place);
}

static struct layer *
open_layer (const struct image_place_options *o, struct layer_below below)
{
  log_memory_clear ();
  return image_place_open (&place, o, &below);
}

static void
check_refused (const struct image_place_options *o, struct layer_below below,
               const char *message)
{
  ck_assert_ptr_null (open_layer (o, below));
  if (!log_memory_contains (message))
    log_memory_print ();
  ck_assert_msg (log_memory_contains (message), "%s", message);
}

static void
write_sector (struct layer *l, uint64_t sector, int byte)
{
  char buf[512];
  int err;

  memset (buf, byte, sizeof buf);
  ck_assert_int_eq (l->ops->write (l, buf, sector, 1, LAYER_FUA, &err), 0);
}

/* The byte that the sector is full of, or -1. */
static int
read_sector (struct layer *l, uint64_t sector)
{
  CLEANUP (marker_fini) struct marker m;
  uint8_t buf[512];
  int err;

  marker_init (&m, sector, 1);
  ck_assert_int_eq (l->ops->read (l, buf, sector, 1, &m, &err), 0);
  return marker_full (&m) ? buf[0] : -1;
}

static unsigned
count_files (void)
{
  DIR *d = opendir (dir.path);
  const struct dirent *e;
  unsigned n = 0;

  while ((e = readdir (d)) != NULL)
    n += e->d_name[0] != '.';
  closedir (d);
  return n;
}

START_TEST (made_and_opened)
{
  const struct layer_below below = a_disk ();
  struct layer *l;

  ck_assert_int_eq (get_ready ("layer", _i), 0);
  ck_assert_ptr_null (image_place_file (&place));
  ck_assert_uint_eq (place.size + place.sector_size, 0);
  check_refused (&read_only, below, "layer: No such file");
  ck_assert_uint_eq (count_files (), 0);
  l = open_layer (&writable, below);
  ck_assert_ptr_nonnull (l);
  ck_assert_uint_eq (count_files (), 1);
  ck_assert_uint_eq (l->info.nsectors, SIZE / 512);
  ck_assert (!l->info.read_only && l->info.has_id);
  write_sector (l, 7, 'x');
  /* It is somebody's now. */
  check_refused (&writable, below, "lock: ");
  layer_close (l);
  image_place_fini (&place);

  ck_assert_int_eq (get_ready ("layer", _i), 0);
  ck_assert_ptr_nonnull (image_place_file (&place));
  ck_assert_uint_eq (place.size, SIZE);
  ck_assert_uint_eq (place.sector_size, 512);
  /* Whatever has the name by then. */
  ck_assert_int_eq (rename ("layer", "renamed"), 0);
  l = open_layer (&writable, below);
  ck_assert_ptr_nonnull (l);
  ck_assert_int_eq (read_sector (l, 7), 'x');
  ck_assert_int_eq (read_sector (l, 8), -1);
  layer_close (l);
  l = open_layer (&read_only, below);
  ck_assert_ptr_nonnull (l);
  ck_assert (l->info.read_only);
  layer_close (l);
  image_place_fini (&place);
}
END_TEST

START_TEST (identity)
{
  struct image_place_options forced = { .force = true };
  struct layer *l;

  ck_assert_int_eq (get_ready ("layer", _i), 0);
  l = open_layer (&writable, a_disk_with_id (0x11));
  ck_assert_ptr_nonnull (l);
  /* That of the disk, so that what is above knows it by the same. */
  ck_assert (l->info.has_id);
  ck_assert_uint_eq (l->info.id.b[5], 0x11);
  write_sector (l, 1, 'y');
  layer_close (l);

  l = open_layer (&writable, a_disk_with_id (0x11));
  ck_assert_ptr_nonnull (l);
  layer_close (l);
  check_refused (&writable, a_disk_with_id (0x22),
                 "the layer was made for another disk: its id was "
                 "11111111-1111-1111-1111-111111111111, now it is "
                 "22222222-2222-2222-2222-222222222222; if you are sure");
  ck_assert_int_eq (errno, EINVAL);
  l = open_layer (&forced, a_disk_with_id (0x22));
  ck_assert_ptr_nonnull (l);
  ck_assert (log_memory_contains ("going on, as it is forced"));
  ck_assert_int_eq (read_sector (l, 1), 'y');
  layer_close (l);
  /* A disk that says nothing may be it. */
  l = open_layer (&writable, a_disk ());
  ck_assert_ptr_nonnull (l);
  layer_close (l);
  image_place_fini (&place);
}
END_TEST

START_TEST (geometry)
{
  const struct image_place_options sized = { .size = 1 << 20,
                                             .block_size = 1 << 20 };
  const struct image_place_options odd = { .size = 1000 };
  struct layer_below below = a_disk ();
  struct layer *l;

  ck_assert_int_eq (get_ready ("layer", _i), 0);
  check_refused (&odd, below, "size 1000 is not a multiple");
  l = open_layer (&sized, below);
  ck_assert_uint_eq (l->info.nsectors, (1 << 20) / 512);
  layer_close (l);
  image_place_fini (&place);

  /* A size that is no whole number of sectors is rounded up. */
  ck_assert_int_eq (get_ready ("rounded", _i), 0);
  below.size = SIZE + 100;
  l = open_layer (&writable, below);
  ck_assert_uint_eq (l->info.nsectors, SIZE / 512 + 1);
  layer_close (l);
  image_place_fini (&place);

  ck_assert_int_eq (get_ready ("large", _i), 0);
  below = a_disk ();
  below.sector_size = 4096;
  if (_i == IMAGE_FORMAT_VHD1)
    check_refused (&writable, below, "has sectors of 4096 bytes, which a VHD");
  else {
    l = open_layer (&writable, below);
    ck_assert_uint_eq (l->info.sector_size, 4096);
    layer_close (l);
  }
  image_place_fini (&place);
  ck_assert_int_eq (get_ready ("huge", _i), 0);
  below.sector_size = 65536;
  below.size = 1 << 20;
  check_refused (&writable, below, "has sectors of 65536 bytes, which a VHD");
  image_place_fini (&place);
}
END_TEST

START_TEST (not_ready)
{
  ck_assert_int_eq (get_ready ("gone/layer", _i), -1);
  ck_assert (log_memory_contains ("the folder of the layer: No such file"));
  image_place_fini (&place);

  temp_dir_file ("text", "text");
  ck_assert_int_eq (get_ready ("text", _i), -1);
  ck_assert (log_memory_contains ("text: "));
  image_place_fini (&place);

  temp_dir_folder ("folder");
  ck_assert_int_eq (get_ready ("folder", _i), -1);
  ck_assert (log_memory_contains ("folder: is a directory"));
  image_place_fini (&place);
}
END_TEST

START_TEST (not_differencing)
{
  const struct host_file_options ho = { .path = "dynamic" };
  const struct store_file_options so = { .read_only = false };
  const struct image_create_options co = { .name = "dynamic",
                                           .type = IMAGE_DYNAMIC,
                                           .size = SIZE };
  struct host_file *f = host_file_create (&ho, 0);
  struct store *s = store_file_create (f, &so);

  ck_assert_int_eq (image_vhdx_format (s, &co), 0);
  store_close (s);
  host_file_unref (f);
  ck_assert_int_eq (get_ready ("dynamic", IMAGE_FORMAT_VHDX), -1);
  ck_assert (log_memory_contains ("dynamic: is not a differencing image"));
  image_place_fini (&place);
}
END_TEST

/* What fails leaves no file, and no lock. */
START_TEST (no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    const struct layer_below below = a_disk ();
    struct layer *l = NULL;
    int r;

    place = (struct image_place){ .format = (enum image_format_id) _i };
    if (asprintf (&place.path, "%s/layer", dir.path) == -1)
      abort ();
    alloc_fault_nth (f.n);
    r = image_place_ready (&place);
    if (r == 0)
      l = image_place_open (&place, &writable, &below);
    f.fired = alloc_fault_stop ();
    ck_assert (l != NULL || f.fired);
    layer_close (l);
    image_place_fini (&place);
    ck_assert_uint_le (count_files (), 1);
    if (f.n % 2 == 0)
      unlink ("layer");
    log_memory_clear ();
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-place");
  TCase *c = test_case (suite, "image-place");
  const TTest *const both[] = { made_and_opened, identity, geometry, not_ready,
                                no_memory };

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (both); i++)
    tcase_add_loop_test (c, both[i], 0, 2);
  tcase_add_test (c, not_differencing);
  return test_run (suite);
}
