/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-open: which text opens what.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/log.h"
#include "image/image-options.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "open/store-open.h"
#include "store/store-file.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/store-mem.h"
#include "vhd/vhd-footer.h"

#define SIZE 8192

/* A folder with a VHD "disk.vhd", which is also called "a:b". */
static void
set_up (void)
{
  const struct vhd_footer f =
    vhd_footer_fixed (SIZE, 0, &(struct uuid){ { 1 } });
  char dir[] = "/tmp/test-store-open-XXXXXX";
  uint8_t footer[VHD_FOOTER_SIZE];
  int fd;

  ck_assert_ptr_nonnull (mkdtemp (dir));
  ck_assert_int_eq (chdir (dir), 0);
  vhd_footer_serialise (&f, footer);
  fd = open ("disk.vhd", O_RDWR | O_CREAT | O_EXCL, 0600);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (pwrite (fd, footer, sizeof footer, SIZE), sizeof footer);
  close (fd);
  ck_assert_int_eq (link ("disk.vhd", "a:b"), 0);
}

static void
tear_down (void)
{
  char dir[128];

  ck_assert_ptr_nonnull (getcwd (dir, sizeof dir));
  unlink ("disk.vhd");
  unlink ("a:b");
  ck_assert_int_eq (rmdir (dir), 0);
}

/* A dynamic image, and a child of it in a folder below. */
static void
make_pair (const char *parent, const char *child, bool vhdx)
{
  struct image_create_options o = { .name = "new",
                                    .type = IMAGE_DYNAMIC,
                                    .size = 1 << 20 };
  struct image_create_parent p = { .timestamp = 0 };
  char relative[64];

  snprintf (relative, sizeof relative, "../%s", parent);
  p.relative = relative;
  for (unsigned i = 0; i < 2; i++) {
    const struct host_file_options ho = { .path = i == 0 ? parent : child };
    const struct store_file_options rw = { .read_only = false };
    struct host_file *f = host_file_create (&ho, 0);
    struct store *s = store_file_create (f, &rw);
    const struct image_open_options io = { .name = parent };
    struct image *image;

    ck_assert_int_eq (
      vhdx ? image_vhdx_format (s, &o) : image_vhd1_format (s, &o), 0);
    if (i == 0) {
      image = vhdx ? image_vhdx_open (s, &io) : image_vhd1_open (s, &io);
      ck_assert_ptr_nonnull (image);
      p.link_id = image_info (image)->own_link_id;
      image_close (image);
    }
    else
      store_close (s);
    host_file_unref (f);
    o.type = IMAGE_DIFFERENCING;
    o.parent = &p;
  }
}

START_TEST (opens)
{
  static const struct {
    const char *spec, *kind;
    uint64_t size;
  } cases[] = {
    { "disk.vhd", "file", SIZE + 512 },     { "./a:b", "file", SIZE + 512 },
    { "raw:disk.vhd", "file", SIZE + 512 }, { "raw:a:b", "file", SIZE + 512 },
    { "vhd1:disk.vhd", "vhd1", SIZE },      { "vhd1:./a:b", "vhd1", SIZE },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    for (int read_only = 0; read_only <= 1; read_only++) {
      const struct store_open_options o = { .read_only = read_only };
      struct store *s = store_open (cases[i].spec, &o);

      ck_assert_msg (s != NULL, "%s", cases[i].spec);
      ck_assert_str_eq (s->ops->name, cases[i].kind);
      ck_assert_uint_eq (store_size (s), cases[i].size);
      ck_assert (s->info.read_only == read_only);
      store_close (s);
    }
  }
}
END_TEST

START_TEST (refuses)
{
  static const struct {
    const char *spec;
    int error;
    const char *message;
  } cases[] = {
    { "a:b", EINVAL,
      "\"a:\" is no kind of disk; a file of that name is "
      "\"./a:b\"" },
    { "VHD1:disk.vhd", EINVAL, "\"VHD1:\" is no kind of disk" },
    { "missing", ENOENT, "missing" },
    { "vhd1:missing", ENOENT, "missing" },
    { "vhd1:/dev/null", EINVAL, "/dev/null" },
    { "vhdx:missing", ENOENT, "missing" },
    { "vhdx:disk.vhd", EINVAL, "disk.vhd" },
    { "", ENOENT, "" },
#ifdef HAVE_LIBCURL
    { "http://127.0.0.1:1/x?secret", EIO, "http://127.0.0.1:1/x: " },
    { "vhdx:https://127.0.0.1:1/x", EIO, "https://127.0.0.1:1/x: " },
#endif
  };
  const struct store_open_options o = { .read_only = true };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    log_memory_clear ();
    ck_assert_ptr_null (store_open (cases[i].spec, &o));
    ck_assert_int_eq (errno, cases[i].error);
    ck_assert_uint_eq (log_memory_errors (), 1);
    ck_assert_msg (log_memory_contains (cases[i].message), "%s", cases[i].spec);
  }
}
END_TEST

/* A kind that the program brings along. */
static void *
fake_open (const char *spec)
{
  if (strcmp (spec, "fake:bad") != 0)
    return strdup (spec);
  log_error ("fake");
  errno = ENXIO;
  return NULL;
}

static bool
fake_is_writable (const void *opened)
{
  return strcmp (opened, "fake://rw?x=y:z") == 0;
}

static struct store *
fake_store (void *opened, bool read_only)
{
  struct store_mem_options m = store_mem_defaults (strlen (opened));

  m.info.read_only = read_only;
  return store_mem_create (&m);
}

static const struct store_open_kind fake[] = {
  { "fake", fake_open, fake_is_writable, fake_store, free },
  { NULL },
};

START_TEST (more_kinds)
{
  const struct store_open_options o = { .read_only = true, .more = fake };
  const char *const specs[] = { "fake://rw?x=y:z", "fake:ro", "disk.vhd",
                                "./disk.vhd", "fake:ro" };
  struct store_source *s[ARRAY_SIZE (specs)];
  struct store *store;

  for (size_t i = 0; i < ARRAY_SIZE (specs); i++) {
    s[i] = store_source_open (specs[i], &o);
    ck_assert_ptr_nonnull (s[i]);
  }
  ck_assert (store_source_is_writable (s[0]));
  ck_assert (!store_source_is_writable (s[1]));
  ck_assert (store_source_is_writable (s[2]));
  for (size_t i = 0; i < ARRAY_SIZE (specs); i++)
    for (size_t j = 0; j < ARRAY_SIZE (specs); j++)
      ck_assert (store_source_same (s[i], s[j]) == (i == j || i + j == 5));
  ck_assert_ptr_null (store_source_file (s[0]));
  store = store_source_store (s[0], &o);
  ck_assert_uint_eq (store_size (store), strlen (specs[0]));
  ck_assert (store->info.read_only);
  store_close (store);
  for (size_t i = 0; i < ARRAY_SIZE (specs); i++)
    store_source_unref (s[i]);
  ck_assert_ptr_null (store_source_open ("fake:bad", &o));
  ck_assert_int_eq (errno, ENXIO);
  ck_assert_ptr_null (store_source_open ("fak:ro", &o));
  ck_assert_int_eq (errno, EINVAL);
}
END_TEST

/* A differencing image, with a parent that is found. */
START_TEST (chains)
{
  static const struct {
    const char *parent, *child;
    bool vhdx;
  } cases[] = {
    { "p.vhdx", "vhdx:sub/c", true },
    { "p.vhd", "vhd1:sub/c", false },
  };
  struct image_chain_options where = { .search = (const char *const[]){ "." },
                                       .nsearch = 1 };
  const struct store_open_options ro = { .read_only = true };
  const struct store_open_options with = { .image = &where };
  int err;

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    struct store *s;

    ck_assert_int_eq (mkdir ("sub", 0700), 0);
    make_pair (cases[i].parent, "sub/c", cases[i].vhdx);
    ck_assert_ptr_null (store_open (cases[i].child, &ro));
    ck_assert_int_eq (errno, ENOENT);
    s = store_open (cases[i].child, &with);
    ck_assert_ptr_nonnull (s);
    ck_assert_str_eq (s->ops->name, "image");
    ck_assert_int_eq (store_write (s, "data", 4, 0, 0, &err), -1);
    ck_assert_int_eq (err, EINVAL); /* whole sectors only */
    ck_assert_int_eq (store_cache (s, 512, 0, &err), 0);
    store_close (s);
    where.parent = cases[i].parent;
    where.nsearch = 0;
    s = store_open (cases[i].child, &with);
    ck_assert_ptr_nonnull (s);
    store_close (s);
    where.parent = NULL;
    where.nsearch = 1;
    ck_assert_int_eq (unlink ("sub/c"), 0);
    ck_assert_int_eq (rmdir ("sub"), 0);
    ck_assert_int_eq (unlink (cases[i].parent), 0);
  }
}
END_TEST

/* What is open is locked; what could not be opened is not. */
START_TEST (locks)
{
  const struct store_open_options rw = { .read_only = false };
  const struct store_open_options free_for_all = { .no_lock = true };
  struct store *s = store_open ("vhd1:disk.vhd", &rw), *other;

  ck_assert_ptr_nonnull (s);
  ck_assert_ptr_null (store_open ("vhd1:disk.vhd", &rw));
  ck_assert_int_eq (errno, EBUSY);
  other = store_open ("vhd1:disk.vhd", &free_for_all);
  ck_assert_ptr_nonnull (other);
  store_close (other);
  store_close (s);

  ck_assert_int_eq (truncate ("disk.vhd", SIZE), 0);
  ck_assert_ptr_null (store_open ("vhd1:disk.vhd", &rw));
  s = store_open ("raw:disk.vhd", &rw);
  ck_assert_ptr_nonnull (s);
  store_close (s);
}
END_TEST

/* Opened once, used twice: by readers, then by a writer as well. */
START_TEST (in_two_steps)
{
  const struct store_open_options ro = { .read_only = true };
  const struct store_open_options rw = { .read_only = false };
  struct store_source *source = store_source_open ("vhd1:disk.vhd", &rw);
  struct store *reader, *writer;

  ck_assert_ptr_nonnull (source);
  ck_assert_str_eq (host_file_path (store_source_file (source)), "disk.vhd");
  /* Not locked yet. */
  writer = store_open ("raw:disk.vhd", &rw);
  ck_assert_ptr_nonnull (writer);
  ck_assert_ptr_null (store_source_store (source, &ro));
  store_close (writer);

  ck_assert_int_eq (rename ("disk.vhd", "moved"), 0);
  reader = store_source_store (source, &ro);
  ck_assert_ptr_nonnull (reader);
  ck_assert_str_eq (reader->ops->name, "vhd1");
  ck_assert (reader->info.read_only);
  writer = store_source_store (source, &rw);
  ck_assert_ptr_nonnull (writer);
  ck_assert (!writer->info.read_only);
  ck_assert_int_eq (rename ("moved", "disk.vhd"), 0);
  store_source_unref (source);
  ck_assert_ptr_null (store_open ("raw:disk.vhd", &ro));
  store_close (writer);
  store_close (reader);

  ck_assert_ptr_null (store_source_open ("vhd1:missing", &rw));
  ck_assert_int_eq (errno, ENOENT);
  ck_assert_ptr_null (store_source_open ("a:b", &rw));
  ck_assert_int_eq (errno, EINVAL);
  store_source_unref (NULL);
}
END_TEST

START_TEST (absolute)
{
  static const struct {
    const char *spec, *prefix, *rest;
  } cases[] = {
    { "disk.vhd", "", "/disk.vhd" },
    { "./a:b", "", "/./a:b" },
    { "vhd1:disk.vhd", "vhd1:", "/disk.vhd" },
    { "raw:a:b", "raw:", "/a:b" },
  };
  static const char *const same[] = { "/x", "vhd1:/x", "a:b", "https://h/x",
                                      "vhd1:http://h/x" };
  char folder[128], expected[256];

  ck_assert_ptr_nonnull (getcwd (folder, sizeof folder));
  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char *r = store_open_absolute (cases[i].spec);

    snprintf (expected, sizeof expected, "%s%s%s", cases[i].prefix, folder,
              cases[i].rest);
    ck_assert_str_eq (r, expected);
    free (r);
  }
  for (size_t i = 0; i < ARRAY_SIZE (same); i++) {
    char *r = store_open_absolute (same[i]);

    ck_assert_str_eq (r, same[i]);
    free (r);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-open");
  TCase *c = test_case (suite, "store-open");

  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, opens);
  tcase_add_test (c, refuses);
  tcase_add_test (c, more_kinds);
  tcase_add_test (c, chains);
  tcase_add_test (c, locks);
  tcase_add_test (c, in_two_steps);
  tcase_add_test (c, absolute);
  return test_run (suite);
}
