/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-path: what the paths in images mean.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "image/image-path.h"
#include "support/alloc-fault.h"
#include "support/main.h"

#define RELATIVE IMAGE_FORM_RELATIVE
#define HOST IMAGE_FORM_HOST
#define WINDOWS IMAGE_FORM_WINDOWS
#define URL IMAGE_PATH_URL
#define ABSOLUTE IMAGE_PATH_ABSOLUTE

START_TEST (plain)
{
  static const struct {
    enum image_path_kind kind;
    const char *path;
    const char *plain; /* NULL: no path */
    enum image_path_form form;
    const char *base;
  } cases[] = {
    { IMAGE_PATH_RELATIVE, ".\\p.vhd", "./p.vhd", RELATIVE, "p.vhd" },
    { IMAGE_PATH_RELATIVE, "..\\a\\p.vhd", "../a/p.vhd", RELATIVE, "p.vhd" },
    { IMAGE_PATH_RELATIVE, "p.vhd", "p.vhd", RELATIVE, "p.vhd" },
    { IMAGE_PATH_RELATIVE, "", "", RELATIVE, NULL },
    { IMAGE_PATH_RELATIVE, "a\\..", "a/..", RELATIVE, NULL },
    { IMAGE_PATH_RELATIVE, "a\\.", "a/.", RELATIVE, NULL },
    /* What is called relative and is not. */
    { IMAGE_PATH_RELATIVE, "C:\\p.vhd", "C:/p.vhd", WINDOWS, "p.vhd" },
    { IMAGE_PATH_RELATIVE, "/etc/shadow", "/etc/shadow", HOST, "shadow" },
    { IMAGE_PATH_NAME, "p.vhd", "p.vhd", RELATIVE, "p.vhd" },
    { IMAGE_PATH_NAME, "C:p.vhd", "C:p.vhd", WINDOWS, "p.vhd" },
    { ABSOLUTE, "c:\\vm\\p.vhd", "c:/vm/p.vhd", WINDOWS, "p.vhd" },
    { ABSOLUTE, "\\\\?\\C:\\vm\\p.vhd", "C:/vm/p.vhd", WINDOWS, "p.vhd" },
    { ABSOLUTE, "\\\\.\\C:\\p.vhd", "C:/p.vhd", WINDOWS, "p.vhd" },
    { ABSOLUTE, "\\\\host\\share\\p", "//host/share/p", WINDOWS, "p" },
    { ABSOLUTE, "\\\\?\\unc\\host\\s\\p", "//host/s/p", WINDOWS, "p" },
    { ABSOLUTE, "/srv/vm/p.vhd", "/srv/vm/p.vhd", HOST, "p.vhd" },
    { ABSOLUTE, "\\srv\\p.vhd", "/srv/p.vhd", HOST, "p.vhd" },
    { ABSOLUTE, "C:\\", "C:/", WINDOWS, NULL },
    { ABSOLUTE, "\\\\?\\", "//?/", WINDOWS, NULL },
    { IMAGE_PATH_VOLUME, "\\\\?\\Volume{12}\\vm\\p", "//?/Volume{12}/vm/p",
      WINDOWS, "p" },
    { URL, "file:///srv/a%20b.vhd", "/srv/a b.vhd", HOST, "a b.vhd" },
    { URL, "FILE://LocalHost/srv/p", "/srv/p", HOST, "p" },
    { URL, "file:///C:/vm/p%C3%A4.vhd", "C:/vm/p\xc3\xa4.vhd", WINDOWS,
      "p\xc3\xa4.vhd" },
    { URL, "file://./p.vhd", "./p.vhd", RELATIVE, "p.vhd" },
    { URL, "file://../p.vhd", "../p.vhd", RELATIVE, "p.vhd" },
    { URL, "file:/srv/p", "/srv/p", HOST, "p" },
    { URL, "file:p", "p", RELATIVE, "p" },
    { URL, "./sub/p.vhd", "./sub/p.vhd", RELATIVE, "p.vhd" },
    { URL, "/srv/p.vhd", "/srv/p.vhd", HOST, "p.vhd" },
    { URL, "file://host/share/p", "//host/share/p", WINDOWS, "p" },
    { URL, "C:/p", "C:/p", WINDOWS, "p" },
    { URL, "file:///a%2Fb%5cc", "/a/b/c", HOST, "c" },
    { URL, "a:b%3a", "a:b:", WINDOWS, "b:" },
    { URL, "http://host/p.vhd", NULL, 0, NULL },
    { URL, "files:///p.vhd", NULL, 0, NULL },
    { URL, "file:///a%00b", NULL, 0, NULL },
    { URL, "file:///a%", NULL, 0, NULL },
    { URL, "file:///a%4", NULL, 0, NULL },
    { URL, "file:///a%4g", NULL, 0, NULL },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct image_path p = { cases[i].kind, (char *) cases[i].path };
    char *text = image_path_plain (&p);

    if (cases[i].plain == NULL) {
      ck_assert_msg (text == NULL, "%s", cases[i].path);
      ck_assert_int_eq (errno, EINVAL);
      continue;
    }
    ck_assert_str_eq (text, cases[i].plain);
    ck_assert_msg (image_path_form (text) == cases[i].form, "%s", text);
    ck_assert_pstr_eq (image_path_base (text), cases[i].base);
    free (text);
  }
}
END_TEST

START_TEST (map)
{
  static const char *const from[] = {
    "C:\\vm",         "c:/VM/deep\\", "D:\\",
    "\\\\host\\data", "/old/place",   "\\\\?\\Volume{12}",
  };
  static const char *const to[] = {
    "/srv/vm", "/deep", "/d", "/share", "/new", "/volume",
  };
  static const struct {
    const char *plain, *mapped;
  } cases[] = {
    { "C:/vm/p.vhd", "/srv/vm/p.vhd" },
    { "c:/Vm/a/../P.vhd", "/srv/vm/a/../P.vhd" },
    { "C:/vm/deep/p.vhd", "/deep/p.vhd" },
    { "C:/vm/deeper/p.vhd", "/srv/vm/deeper/p.vhd" },
    { "C:/vms/p.vhd", NULL },
    { "C:/vm", "/srv/vm/" },
    { "C:/v", NULL },
    { "d:/p.vhd", "/d/p.vhd" },
    { "d:p.vhd", NULL },
    { "//HOST/data/p", "/share/p" },
    { "//host/other/p", NULL },
    { "/old/place/p", "/new/p" },
    { "/OLD/place/p", NULL },
    { "//?/volume{12}/p", "/volume/p" },
    { "", NULL },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char *text = image_path_map (cases[i].plain, from, to, ARRAY_SIZE (from));

    ck_assert_pstr_eq (text, cases[i].mapped);
    if (text == NULL)
      ck_assert_int_eq (errno, ENOENT);
    free (text);
  }
  ck_assert_ptr_null (image_path_map ("C:/vm", NULL, NULL, 0));
}
END_TEST

START_TEST (inside)
{
  ck_assert (image_path_inside ("/a/b/c", "/a/b"));
  ck_assert (image_path_inside ("/a/b/c", "/a"));
  ck_assert (image_path_inside ("/a", "/"));
  ck_assert (!image_path_inside ("/a/bc", "/a/b"));
  ck_assert (!image_path_inside ("/a/b", "/a/b"));
  ck_assert (!image_path_inside ("/a", "/a/b"));
  ck_assert (!image_path_inside ("(unreachable)/a", "/"));
}
END_TEST

START_TEST (no_memory)
{
  static const char *const from[] = { "C:\\vm" }, *const to[] = { "/srv" };
  const struct image_path p = { IMAGE_PATH_URL, (char *) "file:///a" };
  char *text;
  bool failed;

  alloc_fault_nth (1);
  text = image_path_plain (&p);
  failed = alloc_fault_stop ();
  ck_assert (failed && text == NULL);
  ck_assert_int_eq (errno, ENOMEM);
  for (unsigned n = 1; n <= 2; n++) {
    alloc_fault_nth (n);
    text = image_path_map ("C:/vm/p", from, to, 1);
    failed = alloc_fault_stop ();
    ck_assert (failed && text == NULL);
    ck_assert_int_eq (errno, ENOMEM);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { plain, map, inside, no_memory };

  return test_main ("image-path", tests, ARRAY_SIZE (tests));
}
