/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The start of a layer file: each thing that can be wrong with it.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/bytes.h"
#include "sector-db/sdb-header.h"
#include "support/main.h"

/* A header that is right. */
static void
make (uint8_t *p)
{
  const be16 page_size = be16_put (SDB_PAGE_SIZE_BYTES);
  const be32 changes = be32_put (7), pages = be32_put (9);
  const be32 version = be32_put (SDB_VERSION);
  const be32 application = be32_put (SDB_APPLICATION_ID);

  memset (p, 0xee, SDB_HEADER_SIZE);
  memcpy (p, "SQLite format 3", 16);
  memcpy (p + 0x10, &page_size, sizeof page_size);
  memcpy (p + 0x18, &changes, sizeof changes);
  memcpy (p + 0x1c, &pages, sizeof pages);
  memcpy (p + 0x3c, &version, sizeof version);
  memcpy (p + 0x44, &application, sizeof application);
}

START_TEST (good)
{
  uint8_t p[SDB_HEADER_SIZE];
  struct sdb_header h;

  make (p);
  ck_assert_int_eq (sdb_header_parse (p, sizeof p, &h), SDB_OK);
  ck_assert_uint_eq (h.page_size, SDB_PAGE_SIZE_BYTES);
  ck_assert_uint_eq (h.page_count, 9);
  ck_assert_uint_eq (h.change_counter, 7);
  ck_assert_uint_eq (h.application_id, SDB_APPLICATION_ID);
  ck_assert_uint_eq (h.user_version, SDB_VERSION);
}
END_TEST

START_TEST (too_short)
{
  uint8_t p[SDB_HEADER_SIZE];
  struct sdb_header h;

  make (p);
  for (size_t n = 0; n < sizeof p; n++)
    ck_assert_int_eq (sdb_header_parse (p, n, &h), SDB_TOO_SHORT);
}
END_TEST

static const struct {
  size_t offset;
  uint8_t bytes[4];
  size_t n;
  enum sdb_status status;
} wrongs[] = {
  { 0x00, { 's' }, 1, SDB_NOT_SQLITE },
  { 0x0f, { ' ' }, 1, SDB_NOT_SQLITE },
  { 0x44, { 0 }, 4, SDB_NOT_LAYER },
  { 0x47, { 0x73 }, 1, SDB_NOT_LAYER },
  { 0x3c, { 0, 0, 0, SDB_VERSION + 1 }, 4, SDB_NEWER },
  { 0x3c, { 0xff, 0xff, 0xff, 0xff }, 4, SDB_NEWER },
  { 0x3c, { 0, 0, 0, 0 }, 4, SDB_NEWER },
  { 0x10, { 0x08, 0x00 }, 2, SDB_PAGE_SIZE },
  { 0x10, { 0x00, 0x01 }, 2, SDB_PAGE_SIZE },
};

START_TEST (wrong)
{
  uint8_t p[SDB_HEADER_SIZE];
  struct sdb_header h;

  make (p);
  memcpy (p + wrongs[_i].offset, wrongs[_i].bytes, wrongs[_i].n);
  ck_assert_int_eq (sdb_header_parse (p, sizeof p, &h), wrongs[_i].status);
}
END_TEST

/* 1 stands for 65536, which does not fit. */
START_TEST (largest_page)
{
  const be16 one = be16_put (1);
  uint8_t p[SDB_HEADER_SIZE];
  struct sdb_header h;

  make (p);
  memcpy (p + 0x10, &one, sizeof one);
  ck_assert_int_eq (sdb_header_parse (p, sizeof p, &h), SDB_PAGE_SIZE);
  ck_assert_uint_eq (h.page_size, 65536);
}
END_TEST

START_TEST (strings)
{
  for (int s = SDB_OK; s <= SDB_LOG_DATA_CRC; s++) {
    ck_assert_ptr_nonnull (sdb_status_string ((enum sdb_status) s));
    for (int t = SDB_OK; t < s; t++)
      ck_assert_str_ne (sdb_status_string ((enum sdb_status) s),
                        sdb_status_string ((enum sdb_status) t));
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sdb-header");
  TCase *c = test_case (suite, "sdb-header");

  tcase_add_test (c, good);
  tcase_add_test (c, too_short);
  tcase_add_loop_test (c, wrong, 0, sizeof wrongs / sizeof wrongs[0]);
  tcase_add_test (c, largest_page);
  tcase_add_test (c, strings);
  return test_run (suite);
}
