/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-locator: items that are right but for one thing.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-locator.h"

#define LINKAGE "{f88d4d92-6fcc-408d-9bef-9b7c89f15c89}"
#define LINKAGE2 "{00112233-4455-6677-8899-aabbccddeeff}"
#define NIL "{00000000-0000-0000-0000-000000000000}"

static const struct vhdx_locator_pair windows[] = {
  { "parent_linkage", LINKAGE },
  { "absolute_win32_path", "C:\\vm\\gr\xc3\xbc\xc3\x9f \xf0\x9f\x92\xbe.vhdx" },
  { "relative_path", "..\\vm\\\xe7\xa3\x81\xe7\x9b\xa4.vhdx" },
  { "volume_path", "\\\\?\\Volume{5e0bd954}\\a.vhdx" },
  { "parent_linkage2", NIL },
  { "what is this", "kept" },
};

static uint8_t item[8192];
static size_t length;

static void
make (const struct vhdx_locator_pair *pairs, unsigned count)
{
  memset (item, 0x5a, sizeof item);
  ck_assert_int_eq (
    vhdx_locator_serialise (pairs, count, item, sizeof item, &length), VHDX_OK);
}

/* With nothing behind it, so that a sanitizer sees what reads there. */
static enum vhdx_status
parse_to (struct vhdx_locator **l)
{
  uint8_t *copy = malloc (length + 1);
  enum vhdx_status status;

  ck_assert_ptr_nonnull (copy);
  memcpy (copy + 1, item, length);
  status = vhdx_locator_parse (copy + 1, length, l);
  free (copy);
  ck_assert ((status == VHDX_OK) == (*l != NULL));
  return status;
}

static enum vhdx_status
parse (void)
{
  struct vhdx_locator *l;
  const enum vhdx_status status = parse_to (&l);

  vhdx_locator_free (l);
  return status;
}

static enum vhdx_status
parse_pairs (const struct vhdx_locator_pair *pairs, unsigned count)
{
  make (pairs, count);
  return parse ();
}

START_TEST (as_windows)
{
  struct vhdx_locator *l;
  struct uuid linkage;

  make (windows, ARRAY_SIZE (windows));
  ck_assert_int_eq (parse_to (&l), VHDX_OK);
  ck_assert (vhdx_guid_parse (LINKAGE, &linkage));
  ck_assert (uuid_equal (&l->linkage, &linkage));
  ck_assert (!l->has_linkage2); /* nil: never matches */
  ck_assert_str_eq (l->absolute, windows[1].value);
  ck_assert_str_eq (l->relative, windows[2].value);
  ck_assert_str_eq (l->volume, windows[3].value);
  ck_assert_uint_eq (l->count, ARRAY_SIZE (windows));
  for (unsigned i = 0; i < l->count; i++) {
    ck_assert_str_eq (l->pair[i].key, windows[i].key);
    ck_assert_str_eq (l->pair[i].value, windows[i].value);
  }
  vhdx_locator_free (l);
}
END_TEST

START_TEST (bytes)
{
  static const struct vhdx_locator_pair pair = { "k", "v\xc3\xbc" };
  static const uint8_t rest[] = { 0, 0, 1, 0, 32, 0,   0, 0,   34, 0,    0,
                                  0, 2, 0, 4, 0,  'k', 0, 'v', 0,  0xfc, 0 };

  make (&pair, 1);
  ck_assert_mem_eq (item, vhdx_guid_locator_vhdx.b, 16);
  ck_assert_mem_eq (item + 16, rest, sizeof rest);
  ck_assert_uint_eq (length, 16 + sizeof rest);
}
END_TEST

START_TEST (second_linkage)
{
  static const struct vhdx_locator_pair pairs[] = {
    { "parent_linkage2", LINKAGE2 },
    { "parent_linkage", LINKAGE },
    { "relative_path", "" }
  };
  struct vhdx_locator *l;
  struct uuid linkage;

  make (pairs, ARRAY_SIZE (pairs));
  ck_assert_int_eq (parse_to (&l), VHDX_OK);
  ck_assert (vhdx_guid_parse (LINKAGE2, &linkage));
  ck_assert (l->has_linkage2);
  ck_assert (uuid_equal (&l->linkage2, &linkage));
  ck_assert_ptr_null (l->relative); /* leads nowhere */
  ck_assert_ptr_null (l->absolute);
  vhdx_locator_free (l);
}
END_TEST

START_TEST (linkages)
{
  static const struct {
    struct vhdx_locator_pair pair[2];
    enum vhdx_status status;
  } cases[] = {
    { { { "parent_linkage", LINKAGE }, { "x", "y" } }, VHDX_OK },
    { { { "x", "y" }, { "parent_linkage", LINKAGE } }, VHDX_OK },
    { { { "x", "y" }, { "z", LINKAGE } }, VHDX_LOCATOR_LINKAGE },
    { { { "x", "y" }, { "Parent_Linkage", LINKAGE } }, VHDX_LOCATOR_LINKAGE },
    { { { "x", "y" }, { "parent_linkage", NIL } }, VHDX_LOCATOR_LINKAGE },
    { { { "x", "y" }, { "parent_linkage", "" } }, VHDX_LOCATOR_LINKAGE },
    { { { "x", "y" }, { "parent_linkage", "no" } }, VHDX_LOCATOR_LINKAGE },
    { { { "parent_linkage", LINKAGE }, { "parent_linkage2", "no" } },
      VHDX_LOCATOR_LINKAGE },
    { { { "parent_linkage", LINKAGE }, { "parent_linkage", LINKAGE } },
      VHDX_LOCATOR_TWICE },
    { { { "parent_linkage", LINKAGE }, { "", "y" } }, VHDX_LOCATOR_PLACE },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum vhdx_status status = parse_pairs (cases[i].pair, 2);

    ck_assert_msg (status == cases[i].status, "%zu: %s", i,
                   vhdx_status_string (status));
  }
  ck_assert_int_eq (parse_pairs (NULL, 0), VHDX_LOCATOR_LINKAGE);
}
END_TEST

START_TEST (cut_off)
{
  make (windows, ARRAY_SIZE (windows));
  while (length-- > 0) {
    const enum vhdx_status status = parse ();

    ck_assert_int_eq (status, length < 20 + 12 * ARRAY_SIZE (windows) ?
                                VHDX_LOCATOR_SHORT :
                                VHDX_LOCATOR_PLACE);
  }
}
END_TEST

static void
put32 (size_t at, uint32_t value)
{
  const le32 v = le32_put (value);

  memcpy (item + at, &v, sizeof v);
}

static void
put16 (size_t at, uint16_t value)
{
  const le16 v = le16_put (value);

  memcpy (item + at, &v, sizeof v);
}

START_TEST (damaged)
{
  make (windows, ARRAY_SIZE (windows));
  item[3] ^= 1;
  ck_assert_int_eq (parse (), VHDX_LOCATOR_TYPE);

  make (windows, ARRAY_SIZE (windows));
  put16 (18, 257);
  ck_assert_int_eq (parse (), VHDX_LOCATOR_COUNT);
  put16 (18, 256);
  ck_assert_int_eq (parse (), VHDX_LOCATOR_SHORT);
  put16 (16, 0x1234); /* reserved */
  put16 (18, ARRAY_SIZE (windows));
  ck_assert_int_eq (parse (), VHDX_OK);

  put32 (20, UINT32_MAX);
  ck_assert_int_eq (parse (), VHDX_LOCATOR_PLACE);
  make (windows, ARRAY_SIZE (windows));
  put32 (24, (uint32_t) length - 75);
  ck_assert_int_eq (parse (), VHDX_LOCATOR_PLACE);
  make (windows, ARRAY_SIZE (windows));
  put16 (30, UINT16_MAX);
  ck_assert_int_eq (parse (), VHDX_LOCATOR_PLACE);
  make (windows, ARRAY_SIZE (windows));
  put16 (30, 75); /* half a character */
  ck_assert_int_eq (parse (), VHDX_LOCATOR_TEXT);
}
END_TEST

/* The same text many times takes no more memory than it is long. */
START_TEST (shared_text)
{
  make (windows, ARRAY_SIZE (windows));
  for (unsigned i = 0; i < ARRAY_SIZE (windows); i++) {
    put32 (24 + 12 * i, 92);
    put16 (30 + 12 * i, (uint16_t) (length - 92));
  }
  ck_assert_int_eq (parse (), VHDX_LOCATOR_PLACE);
}
END_TEST

START_TEST (no_text)
{
  static const uint8_t bad[][4] = {
    { 0x00, 0xd8, 'x', 0 }, /* half a pair */
    { 0x00, 0xdc, 'x', 0 },
    { 0, 0, 'x', 0 }, /* a zero inside */
  };

  for (size_t i = 0; i < ARRAY_SIZE (bad); i++) {
    make (windows, ARRAY_SIZE (windows));
    memcpy (item + length - 8, bad[i], 4); /* in "kept" */
    ck_assert_int_eq (parse (), VHDX_LOCATOR_TEXT);
  }
  /* A terminator is none of the text. */
  make (windows, ARRAY_SIZE (windows));
  memset (item + length, 0, 2);
  length += 2;
  put16 (20 + 12 * 5 + 10, 10);
  ck_assert_int_eq (parse (), VHDX_OK);
}
END_TEST

START_TEST (no_memory)
{
  struct vhdx_locator *l;
  enum vhdx_status status;

  make (windows, ARRAY_SIZE (windows));
  alloc_fault_nth (1);
  status = vhdx_locator_parse (item, length, &l);
  ck_assert (alloc_fault_stop ());
  ck_assert_int_eq (status, VHDX_NO_MEMORY);
  ck_assert_ptr_null (l);
}
END_TEST

START_TEST (too_long)
{
  static char text[40000];
  static uint8_t large[200000];
  struct vhdx_locator_pair pair = { "parent_linkage", LINKAGE };
  size_t used;

  make (&pair, 1);
  for (size_t size = 0; size < length; size++) {
    ck_assert_int_eq (vhdx_locator_serialise (&pair, 1, large, size, &used),
                      VHDX_LOCATOR_TOO_LONG);
    ck_assert_uint_eq (used, 0);
  }
  ck_assert_int_eq (vhdx_locator_serialise (&pair, 1, large, length, &used),
                    VHDX_OK);
  ck_assert_uint_eq (used, length);

  memset (text, 'x', sizeof text - 1);
  pair.value = text;
  ck_assert_int_eq (
    vhdx_locator_serialise (&pair, 1, large, sizeof large, &used),
    VHDX_LOCATOR_TOO_LONG);
  text[UINT16_MAX / 2] = '\0';
  ck_assert_int_eq (
    vhdx_locator_serialise (&pair, 1, large, sizeof large, &used), VHDX_OK);
  pair.value = "\xff";
  ck_assert_int_eq (
    vhdx_locator_serialise (&pair, 1, large, sizeof large, &used),
    VHDX_LOCATOR_TEXT);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    as_windows, bytes,       second_linkage, linkages,  cut_off,
    damaged,    shared_text, no_text,        no_memory, too_long,
  };

  return test_main ("vhdx-locator", tests, ARRAY_SIZE (tests));
}
