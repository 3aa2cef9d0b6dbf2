/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-find: which file is opened for what an image says, and which
 * never.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "image/image-find.h"
#include "support/main.h"
#include "support/temp-dir.h"

#define RELATIVE IMAGE_PATH_RELATIVE
#define ABSOLUTE IMAGE_PATH_ABSOLUTE
#define URL IMAGE_PATH_URL
#define NAME IMAGE_PATH_NAME

/* vm/ has images, and out/ is beside it; each file has its own path as
 * its text.
 */
static struct temp_dir dir;
static char vm[PATH_MAX + 8], out[PATH_MAX + 8], base[PATH_MAX + 8];

static void
make (const char *path)
{
  temp_dir_file (path, path);
}

static void
set_up (void)
{
  temp_dir_create (&dir);
  snprintf (vm, sizeof vm, "%s/vm", dir.path);
  snprintf (out, sizeof out, "%s/out", dir.path);
  snprintf (base, sizeof base, "%s/base", dir.path);
  temp_dir_folder ("vm");
  temp_dir_folder ("vm/sub");
  temp_dir_folder ("vm/Mixed");
  temp_dir_folder ("vmx");
  temp_dir_folder ("out");
  temp_dir_folder ("base");
  make ("vm/p.vhd");
  make ("vm/sub/q.vhd");
  make ("vm/Mixed/Case.VHD");
  make ("vm/Mixed/cASE.vhd");
  make ("vm/a b.vhd");
  make ("vmx/x.vhd");
  make ("out/secret");
  make ("out/p2.vhd");
  make ("base/p.vhd");
  make ("base/b.vhd");
  temp_dir_link ("sub/q.vhd", "vm/inside");
  temp_dir_link ("../out/secret", "vm/outside");
  temp_dir_link ("../out", "vm/outfolder");
  temp_dir_link ("../base/b.vhd", "vm/to-base");
  temp_dir_link ("nowhere", "vm/dangling");
  if (mkfifo ("vm/fifo", 0600) == -1)
    abort ();
}

static void
tear_down (void)
{
  temp_dir_remove (&dir);
}

/* Which file is found for the N paths, from its text; "" for none. */
static const char *
find (const struct image_find *f, const struct image_path *paths, unsigned n,
      struct buffer *tried)
{
  static char text[256];
  const struct image_parent p = { .exists = true,
                                  .path = (struct image_path *) paths,
                                  .npaths = n };
  CLEANUP_FREE char *path = NULL;
  const int fd = image_find_parent (f, &p, &path, tried);
  ssize_t length;

  text[0] = '\0';
  if (fd == -1) {
    ck_assert_int_eq (errno, ENOENT);
    ck_assert_ptr_null (path);
    ck_assert_uint_gt (tried->len + (n == 0), 0);
    return text;
  }
  length = read (fd, text, sizeof text - 1);
  ck_assert_int_gt (length, 0);
  text[length] = '\0';
  ck_assert_int_eq (fcntl (fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  ck_assert (strncmp (path, dir.path, strlen (dir.path)) == 0);
  ck_assert_str_eq (path + strlen (dir.path) + 1, text);
  close (fd);
  return text;
}

static const char *
find_one (const struct image_find *f, enum image_path_kind kind,
          const char *path)
{
  const struct image_path p = { kind, (char *) path };
  CLEANUP (buffer_fini) struct buffer tried = { 0 };

  return find (f, &p, 1, &tried);
}

START_TEST (one_path)
{
  static const struct {
    enum image_path_kind kind;
    const char *path, *found;
  } cases[] = {
    { RELATIVE, ".\\p.vhd", "vm/p.vhd" },
    { RELATIVE, "p.vhd", "vm/p.vhd" },
    { RELATIVE, "sub\\q.vhd", "vm/sub/q.vhd" },
    { RELATIVE, "sub\\..\\p.vhd", "vm/p.vhd" },
    { RELATIVE, "..\\vm\\p.vhd", "vm/p.vhd" },
    { RELATIVE, ".\\inside", "vm/sub/q.vhd" },
    { URL, "file://./a%20b.vhd", "vm/a b.vhd" },
    { URL, "./sub/q.vhd", "vm/sub/q.vhd" },
    { NAME, "p.vhd", "vm/p.vhd" },
    { NAME, "C:\\dir\\p.vhd", "vm/p.vhd" },
    /* The last part, in the folder. */
    { RELATIVE, "..\\gone\\p.vhd", "vm/p.vhd" },
    { ABSOLUTE, "C:\\gone\\p.vhd", "vm/p.vhd" },
    { ABSOLUTE, "\\\\host\\share\\p.vhd", "vm/p.vhd" },
    { IMAGE_PATH_VOLUME, "\\\\?\\Volume{1}\\p.vhd", "vm/p.vhd" },
    { URL, "file:///gone/a%20b.vhd", "vm/a b.vhd" },
    /* In any case. */
    { RELATIVE, ".\\P.VHD", "vm/p.vhd" },
    { RELATIVE, "SUB\\Q.vhd", "vm/sub/q.vhd" },
    { RELATIVE, "mixed\\case.vhd", "vm/Mixed/Case.VHD" },
    { RELATIVE, "Mixed\\cASE.vhd", "vm/Mixed/cASE.vhd" },
    { ABSOLUTE, "C:\\GONE\\P.vhd", "vm/p.vhd" },
    /* Not there. */
    { RELATIVE, ".\\gone.vhd", "" },
    { RELATIVE, "", "" },
    { RELATIVE, ".", "" },
    { RELATIVE, "sub", "" },
    { RELATIVE, "fifo", "" },
    { RELATIVE, "dangling", "" },
    { RELATIVE, "p.vhd\\p.vhd\\..", "" },
    { URL, "http://host/p.vhd", "" },
    /* There, but not where it may be. */
    { RELATIVE, "..\\out\\secret", "" },
    { RELATIVE, "..\\vmx\\x.vhd", "" },
    { RELATIVE, "outside", "" },
    { RELATIVE, "outfolder\\p2.vhd", "" },
    { RELATIVE, "OUTFOLDER\\p2.vhd", "" },
    { RELATIVE, "to-base", "" },
    { RELATIVE, "/etc/passwd", "" },
    { ABSOLUTE, "/etc/passwd", "" },
    { URL, "file:///etc/passwd", "" },
    { URL, "file:///proc/self/exe", "" },
    { NAME, "..\\out\\secret", "" },
  };
  const struct image_find f = { .folder = vm };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const char *found = find_one (&f, cases[i].kind, cases[i].path);

    ck_assert_msg (strcmp (found, cases[i].found) == 0, "%s: \"%s\"",
                   cases[i].path, found);
  }
}
END_TEST

/* Folders that the user chose. */
START_TEST (more_folders)
{
  const char *const search[] = { base };
  const char *const from[] = { "D:\\images", "/old" };
  const char *const to[] = { out, base };
  const struct image_find f = { .folder = vm,
                                .search = search,
                                .nsearch = 1,
                                .map_from = from,
                                .map_to = to,
                                .nmap = 2 };
  static const struct {
    enum image_path_kind kind;
    const char *path, *found;
  } cases[] = {
    { RELATIVE, "..\\base\\b.vhd", "base/b.vhd" },
    { RELATIVE, "to-base", "base/b.vhd" },
    { RELATIVE, "b.vhd", "base/b.vhd" },
    { NAME, "B.VHD", "base/b.vhd" },
    { RELATIVE, "p.vhd", "vm/p.vhd" }, /* the folder of the image first */
    { ABSOLUTE, "d:/images/p2.vhd", "out/p2.vhd" },
    { ABSOLUTE, "\\\\?\\d:\\Images\\P2.vhd", "out/p2.vhd" },
    { ABSOLUTE, "/old/b.vhd", "base/b.vhd" },
    { URL, "file:///old/b.vhd", "base/b.vhd" },
    { ABSOLUTE, "D:\\images\\..\\vmx\\x.vhd", "" },
    { ABSOLUTE, "E:\\images\\p2.vhd", "" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const char *found = find_one (&f, cases[i].kind, cases[i].path);

    ck_assert_msg (strcmp (found, cases[i].found) == 0, "%s: \"%s\"",
                   cases[i].path, found);
  }
}
END_TEST

START_TEST (absolute_of_this_host)
{
  const struct image_find f = { .folder = vm };
  char path[PATH_MAX + 64];

  snprintf (path, sizeof path, "%s/sub/q.vhd", vm);
  ck_assert_str_eq (find_one (&f, ABSOLUTE, path), "vm/sub/q.vhd");
  snprintf (path, sizeof path, "file://localhost%s/sub/q.vhd", vm);
  ck_assert_str_eq (find_one (&f, URL, path), "vm/sub/q.vhd");
  snprintf (path, sizeof path, "%s/p2.vhd", out);
  ck_assert_str_eq (find_one (&f, ABSOLUTE, path), "");
}
END_TEST

START_TEST (order)
{
  static const struct image_path paths[] = {
    { RELATIVE, (char *) "..\\out\\secret" }, /* not allowed: go on */
    { ABSOLUTE, (char *) "C:\\x\\P.vhd" },    /* another case: later */
    { NAME, (char *) "b.vhd" },
    { URL, (char *) "sub/q.vhd" },
  };
  const char *const search[] = { base };
  const struct image_find f = { .folder = vm, .search = search, .nsearch = 1 };
  CLEANUP (buffer_fini) struct buffer tried = { 0 };

  ck_assert_str_eq (find (&f, paths, 4, &tried), "vm/sub/q.vhd");
  ck_assert_str_eq (find (&f, paths, 3, &tried), "base/b.vhd");
  ck_assert_str_eq (find (&f, paths, 2, &tried), "vm/p.vhd");
  ck_assert_str_eq (find (&f, paths, 0, &tried), "");
}
END_TEST

START_TEST (what_was_tried)
{
  static const struct image_path paths[] = {
    { RELATIVE, (char *) ".\\gone.vhd" },
    { RELATIVE, (char *) "..\\out\\secret" },
    { RELATIVE, (char *) "fifo" },
    { ABSOLUTE, (char *) "C:\\x\\gone.vhd" },
    { URL, (char *) "http://x/y" },
    { NAME, (char *) "new\nline\x7f" },
  };
  const struct image_find f = { .folder = vm };
  CLEANUP (buffer_fini) struct buffer tried = { 0 };
  char expected[8 * PATH_MAX];

  ck_assert_str_eq (find (&f, paths, ARRAY_SIZE (paths), &tried), "");
  snprintf (expected, sizeof expected,
            "%s/gone.vhd (No such file or directory); "
            "%s/../out/secret (is not in a folder that parents may be in); "
            "%s/fifo (is not a regular file); "
            "C:\\x\\gone.vhd (is of Windows, and no parent-map= is for it); "
            "http://x/y (is no path); "
            "%s/secret (No such file or directory); "
            "%s/new?line? (No such file or directory)",
            vm, vm, vm, vm, vm);
  ck_assert_str_eq (buffer_text (&tried), expected);
}
END_TEST

/* An image that is in no folder that can be known. */
START_TEST (no_folder)
{
  const char *const search[] = { base };
  const struct image_find f = { .search = search, .nsearch = 1 };

  ck_assert_str_eq (find_one (&f, RELATIVE, ".\\b.vhd"), "base/b.vhd");
  ck_assert_str_eq (find_one (&f, RELATIVE, "x\\secret"), "");
  ck_assert_str_eq (find_one (&f, URL, "file:///etc/passwd"), "");
}
END_TEST

START_TEST (real_paths)
{
  CLEANUP_CLOSE int fd = open ("vm/inside", O_RDONLY);
  char *path = image_find_real_path (fd), *folder;

  ck_assert_str_eq (path + strlen (dir.path), "/vm/sub/q.vhd");
  folder = image_find_folder (path);
  ck_assert_str_eq (folder + strlen (dir.path), "/vm/sub");
  free (folder);
  free (path);
  folder = image_find_folder ("/x");
  ck_assert_str_eq (folder, "/");
  free (folder);

  ck_assert_int_eq (unlink ("vm/sub/q.vhd"), 0);
  ck_assert_ptr_null (image_find_real_path (fd));
  ck_assert_int_eq (errno, ENOENT);
  make ("vm/sub/q.vhd (deleted)");
  ck_assert_ptr_null (image_find_real_path (fd));
  ck_assert_ptr_null (image_find_real_path (-1));
}
END_TEST

/* The user may name any file. */
START_TEST (given)
{
  char *path, text[32] = "";
  int fd = image_find_open ("vm/outside", &path);

  ck_assert_int_ge (fd, 0);
  ck_assert_str_eq (path + strlen (dir.path), "/out/secret");
  ck_assert_int_gt (read (fd, text, sizeof text - 1), 0);
  ck_assert_str_eq (text, "out/secret");
  free (path);
  close (fd);
  ck_assert_int_eq (image_find_open ("vm/gone", &path), -1);
  ck_assert_int_eq (errno, ENOENT);
  ck_assert_int_eq (image_find_open ("vm/fifo", &path), -1);
  ck_assert_int_eq (errno, EINVAL);
  ck_assert_int_eq (image_find_open ("vm", &path), -1);
  ck_assert_int_eq (errno, EISDIR);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-find");
  TCase *c = test_case (suite, "image-find");
  const TTest *const tests[] = { one_path,       more_folders,
                                 order,          absolute_of_this_host,
                                 what_was_tried, no_folder,
                                 real_paths,     given };

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
