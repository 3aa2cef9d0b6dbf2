/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhd-locator: paths to the parent, as each platform writes them.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhd/vhd-locator.h"

#define W2RU VHD_PLATFORM_W2RU
#define W2KU VHD_PLATFORM_W2KU
#define WI2K VHD_PLATFORM_WI2K
#define MACX VHD_PLATFORM_MACX

START_TEST (platforms)
{
  static const char letters[][5] = { "",     "W2ru", "Wi2r", "W2ku",
                                     "Wi2k", "MacX", "Mac ", "Qxyz" };

  for (unsigned i = 0; i < ARRAY_SIZE (letters); i++) {
    struct vhd_locator l = { .space = 0 };

    memcpy (l.platform, letters[i], 4);
    ck_assert_int_eq (vhd_locator_platform (&l), (int) i);
    if (i < VHD_PLATFORM_UNKNOWN)
      ck_assert_str_eq (vhd_platform_code (i), letters[i]);
  }
}
END_TEST

START_TEST (spaces)
{
  static const struct {
    uint32_t space, length;
    uint64_t expected;
  } cases[] = {
    { 0, 0, 0 },          { 0, 20, 20 },
    { 1, 20, 512 },       { 511, 20, 511 * 512 },
    { 512, 20, 512 },     { 4096, 66, 4096 },
    { 65536, 20, 65536 }, { 512, 600, 600 },
    { 700, 20, 700 },     { UINT32_MAX, 1, UINT32_MAX },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const struct vhd_locator l = { .space = cases[i].space,
                                   .length = cases[i].length };

    ck_assert_uint_eq (vhd_locator_space (&l), cases[i].expected);
  }
}
END_TEST

/* In memory of just its size, so that tools see what is read. */
static enum vhd_status
decode (enum vhd_platform platform, const char *bytes, size_t count, char *out,
        size_t n)
{
  char *copy = malloc (count + 1);
  enum vhd_status status;

  memcpy (copy, bytes, count);
  copy = realloc (copy, count > 0 ? count : 1);
  status = vhd_locator_decode (platform, copy, count, out, n);
  free (copy);
  return status;
}

START_TEST (decoding)
{
  static const struct {
    enum vhd_platform platform;
    const char *bytes;
    size_t count;
    enum vhd_status status;
    const char *path;
  } cases[] = {
    { W2RU, ".\0\\\0a\0", 6, VHD_OK, ".\\a" },
    { W2KU, "C\0:\0\xe9\0\0\0", 8, VHD_OK, "C:\xc3\xa9" },
    { W2RU, "a\0b", 3, VHD_PATH_ODD, "" },
    { W2RU, "\0\xd8", 2, VHD_PATH_UNPAIRED, "" },
    { W2RU, "a\0\0\0b\0", 6, VHD_PATH_ZERO, "" },
    { W2RU, "", 0, VHD_PATH_EMPTY, "" },
    { W2RU, "\0\0", 2, VHD_PATH_EMPTY, "" },
    { WI2K, "C:\\x", 4, VHD_OK, "C:\\x" },
    { WI2K, "C:\\x\0\0", 6, VHD_OK, "C:\\x" },
    { WI2K, "\xe9", 1, VHD_OK, "\xc3\xa9" },
    { WI2K, "\xff", 1, VHD_OK, "\xc3\xbf" },
    { WI2K, "\xc3\xa9", 2, VHD_OK, "\xc3\xa9" },
    { WI2K, "a\0b", 3, VHD_PATH_ZERO, "" },
    { VHD_PLATFORM_WI2R, "..\\y", 4, VHD_OK, "..\\y" },
    { MACX, "file:///a%20b", 13, VHD_OK, "file:///a%20b" },
    { MACX, "file:///\xff", 9, VHD_PATH_BAD_UTF8, "" },
    { MACX, "x\0y", 3, VHD_PATH_ZERO, "" },
    { VHD_PLATFORM_MAC, "alias", 5, VHD_PATH_UNKNOWN, "" },
    { VHD_PLATFORM_UNKNOWN, "path", 4, VHD_PATH_UNKNOWN, "" },
    { VHD_PLATFORM_NONE, "", 0, VHD_PATH_UNKNOWN, "" },
    { W2RU, "0\0001\0002\0003\0004\0005\0006\0007\0", 16, VHD_PATH_TOO_LONG,
      "" },
    { WI2K, "01234567", 8, VHD_PATH_TOO_LONG, "" },
    { WI2K, "\xe9\xe9\xe9\xe9", 4, VHD_PATH_TOO_LONG, "" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const size_t n = cases[i].status == VHD_PATH_TOO_LONG ? 8 : 32;
    char out[32] = "unset";

    ck_assert_int_eq (
      decode (cases[i].platform, cases[i].bytes, cases[i].count, out, n),
      cases[i].status);
    ck_assert_str_eq (out, cases[i].path);
  }
}
END_TEST

START_TEST (encoding)
{
  uint8_t out[16];
  size_t count;

  ck_assert_int_eq (vhd_locator_encode (W2KU, "a\xc3\xa9", out, 16, &count),
                    VHD_OK);
  ck_assert_uint_eq (count, 4);
  ck_assert_mem_eq (out, "a\0\xe9\0", 4);
  ck_assert_int_eq (vhd_locator_encode (MACX, "file:///x", out, 16, &count),
                    VHD_OK);
  ck_assert_uint_eq (count, 9);
  ck_assert_int_eq (vhd_locator_encode (MACX, "file:///x", out, 8, &count),
                    VHD_PATH_TOO_LONG);
  ck_assert_int_eq (vhd_locator_encode (MACX, "\xff", out, 8, &count),
                    VHD_PATH_BAD_UTF8);
  ck_assert_int_eq (vhd_locator_encode (W2RU, "\xff", out, 8, &count),
                    VHD_PATH_BAD_UTF8);
  ck_assert_int_eq (vhd_locator_encode (W2RU, "12345", out, 8, &count),
                    VHD_PATH_TOO_LONG);
  ck_assert_int_eq (vhd_locator_encode (WI2K, "x", out, 8, &count),
                    VHD_PATH_UNKNOWN);
  ck_assert_uint_eq (count, 0);
}
END_TEST

START_TEST (names)
{
  struct vhd_header h = { .block_size = 512 };
  char name[600], out[1024];

  ck_assert_int_eq (vhd_parent_name_decode (&h, out, sizeof out),
                    VHD_PATH_EMPTY);
  ck_assert_int_eq (vhd_parent_name_encode (&h, "p.vhd"), VHD_OK);
  ck_assert_mem_eq (h.parent_name, "\0p\0.\0v\0h\0d\0\0", 12);
  memcpy (h.parent_name + 12, "\0rubbish", 8);
  ck_assert_int_eq (vhd_parent_name_decode (&h, out, sizeof out), VHD_OK);
  ck_assert_str_eq (out, "p.vhd");

  /* All 256 units, as who fills it might do. */
  for (size_t i = 0; i < sizeof h.parent_name; i++)
    h.parent_name[i] = i % 2 ? 'x' : 0;
  ck_assert_int_eq (vhd_parent_name_decode (&h, out, sizeof out), VHD_OK);
  ck_assert_uint_eq (strlen (out), 256);
  ck_assert_int_eq (vhd_parent_name_decode (&h, out, 256), VHD_PATH_TOO_LONG);
  h.parent_name[510] = 0xd8;
  ck_assert_int_eq (vhd_parent_name_decode (&h, out, sizeof out),
                    VHD_PATH_UNPAIRED);

  memset (name, 'd', sizeof name);
  strcpy (name + 300, "/base.vhd");
  ck_assert_int_eq (vhd_parent_name_encode (&h, name), VHD_OK);
  ck_assert_int_eq (vhd_parent_name_decode (&h, out, sizeof out), VHD_OK);
  ck_assert_str_eq (out, "base.vhd");
  name[300] = 'd';
  ck_assert_int_eq (vhd_parent_name_encode (&h, name), VHD_PATH_TOO_LONG);
  ck_assert_int_eq (vhd_parent_name_decode (&h, out, sizeof out),
                    VHD_PATH_EMPTY);
  strcpy (name + 300, "/"); /* whose last part is nothing */
  ck_assert_int_eq (vhd_parent_name_encode (&h, name), VHD_PATH_TOO_LONG);
  ck_assert_int_eq (vhd_parent_name_encode (&h, "\xc3"), VHD_PATH_BAD_UTF8);
}
END_TEST

START_TEST (paths_to_urls)
{
  static const struct {
    const char *path;
    enum vhd_status status;
    const char *url;
  } cases[] = {
    { "/a/b.vhd", VHD_OK, "file:///a/b.vhd" },
    { "./b.vhd", VHD_OK, "file://./b.vhd" },
    { "../b.vhd", VHD_OK, "file://../b.vhd" },
    { "b c.vhd", VHD_OK, "file://./b%20c.vhd" },
    { "/a\\b%:?\xc3\xa9", VHD_OK, "file:///a%5Cb%25%3A%3F%C3%A9" },
    { "", VHD_PATH_EMPTY, "" },
    { "/\xff", VHD_PATH_BAD_UTF8, "" },
    { "/0123456789abcdef0123456789", VHD_PATH_TOO_LONG, "" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char url[32] = "unset";

    ck_assert_int_eq (vhd_url_from_path (cases[i].path, url, sizeof url),
                      cases[i].status);
    ck_assert_str_eq (url, cases[i].url);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    platforms, spaces, decoding, encoding, names, paths_to_urls,
  };

  return test_main ("vhd-locator", tests, ARRAY_SIZE (tests));
}
