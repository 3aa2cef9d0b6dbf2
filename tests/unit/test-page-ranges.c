/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Page ranges become extents: whole answers, answers in parts, and
 * answers that must not be believed.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/page-ranges.h"
#include "support/alloc-fault.h"
#include "support/main.h"

#define XML "\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?>"
#define RANGE(a, b) \
  "<PageRange><Start>" a "</Start><End>" b "</End></PageRange>"
#define SIZE (UINT64_C (1) << 40)

static struct extent_list list;
static struct buffer marker, shown;

/* The whole answer in pieces of N bytes. */
static enum cloud_status
feed (const char *text, size_t length, size_t n)
{
  struct page_ranges *p = page_ranges_new (SIZE, &list);
  enum cloud_status status = CLOUD_OK;

  if (p == NULL)
    return CLOUD_NO_MEMORY;
  for (size_t i = 0; status == CLOUD_OK && i < length; i += n)
    status = page_ranges_feed (p, text + i, min_u64 (n, length - i));
  if (status == CLOUD_OK)
    status = page_ranges_end (p, &marker);
  page_ranges_free (p);
  return status;
}

static enum cloud_status
feed_all (const char *text)
{
  return feed (text, strlen (text), strlen (text));
}

/* "d512" is 512 bytes of data, "h512" a hole. */
static const char *
show (void)
{
  uint64_t next = list.start;

  buffer_clear (&shown);
  for (size_t i = 0; i < list.len; i++) {
    const struct extent *e = &list.v[i];

    ck_assert_uint_eq (e->offset, next);
    ck_assert (e->type == 0 || e->type == (EXTENT_HOLE | EXTENT_ZERO));
    buffer_printf (&shown, "%s%c%llu", i > 0 ? " " : "",
                   e->type == 0 ? 'd' : 'h', (unsigned long long) e->count);
    next += e->count;
  }
  return buffer_text (&shown);
}

static void
fini (void)
{
  extent_list_fini (&list);
  buffer_fini (&marker);
  buffer_fini (&shown);
}

static void
answer_is (uint64_t start, uint64_t end, const char *text, const char *expected,
           const char *expected_marker)
{
  static const size_t pieces[] = { 1, 7, 100000 };

  for (size_t i = 0; i < ARRAY_SIZE (pieces); i++) {
    enum cloud_status status;

    extent_list_init (&list, start, end, false);
    status = feed (text, strlen (text), pieces[i]);
    ck_assert_msg (status == CLOUD_OK, "%s: %s", text,
                   cloud_status_string (status));
    ck_assert_str_eq (show (), expected);
    ck_assert_str_eq (buffer_text (&marker), expected_marker);
    fini ();
  }
}

START_TEST (answers)
{
  answer_is (0, SIZE, XML "<PageList></PageList>", "h1099511627776", "");
  answer_is (0, SIZE, "<PageList/>", "h1099511627776", "");
  answer_is (0, 4096,
             XML "<PageList>\n " RANGE ("512", "1023") "\n" RANGE (
               "2048", "4095") "<NextMarker/></PageList>\n",
             "h512 d512 h1024 d2048", "");
  answer_is (0, SIZE,
             "<PageList>" RANGE ("0", "511")
               RANGE ("512", "1023") "</PageList>",
             "d1024 h1099511626752", "");
  /* Before, over the edges, and behind. */
  answer_is (1024, 4096,
             "<PageList>" RANGE ("0", "511") RANGE ("512", "1535")
               RANGE ("3584", "8191") RANGE ("9216", "9727") "</PageList>",
             "d512 h2048 d512", "");
  answer_is (1000, 1001, "<PageList>" RANGE ("512", "1023") "</PageList>", "d1",
             "");
  /* The other order, other elements, references, no space. */
  answer_is (0, 2048,
             "<PageList a='b'><!-- x --><PageRange><End>10&#50;3</End>"
             "<More><Start>9</Start></More><Start>512</Start></PageRange>"
             "<Other><Start>x</Start></Other></PageList>",
             "h512 d512 h1024", "");
}
END_TEST

START_TEST (parts)
{
  extent_list_init (&list, 0, 8192, false);
  ck_assert_int_eq (
    feed_all ("<PageList>" RANGE (
      "512", "1023") "<NextMarker>2!a&amp;b=</NextMarker></PageList>"),
    CLOUD_OK);
  ck_assert_str_eq (show (), "h512 d512");
  ck_assert_str_eq (buffer_text (&marker), "2!a&b=");
  ck_assert_int_eq (feed_all ("<PageList>" RANGE (
                      "1024", "2047") "<NextMarker>3</NextMarker></PageList>"),
                    CLOUD_OK);
  ck_assert_str_eq (show (), "h512 d1536");
  /* From the beginning again. */
  ck_assert_int_eq (feed_all ("<PageList>" RANGE ("512", "1023") "</PageList>"),
                    CLOUD_RANGE_ORDER);
  ck_assert_int_eq (
    feed_all ("<PageList><NextMarker>3</NextMarker></PageList>"),
    CLOUD_RANGE_MARKER);
  ck_assert_int_eq (
    feed_all ("<PageList>" RANGE ("4096", "4607") "<NextMarker></NextMarker>"
                                                  "</PageList>"),
    CLOUD_OK);
  ck_assert_str_eq (show (), "h512 d1536 h2048 d512 h3584");
  ck_assert_uint_eq (marker.len, 0);
  fini ();

  /* What follows is of no interest. */
  answer_is (0, 1024,
             "<PageList>" RANGE ("0", "1023") "<NextMarker>x</NextMarker>"
                                              "</PageList>",
             "d1024", "");
}
END_TEST

START_TEST (first_extent_only)
{
  static const char text[] =
    "<PageList>" RANGE ("512", "1023") RANGE ("2048", "4095") "</PageList>";

  extent_list_init (&list, 600, 8192, true);
  ck_assert_int_eq (feed (text, sizeof text - 1, 100), CLOUD_OK);
  ck_assert_str_eq (show (), "d424");
  fini ();
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *text;
    enum cloud_status status;
  } cases[] = {
    { "", CLOUD_XML_CUT },
    { "<PageList>", CLOUD_XML_CUT },
    { "<PageList>" RANGE ("0", "511"), CLOUD_XML_CUT },
    { "<PageList><PageRange><Start>51", CLOUD_XML_CUT },
    { "<PageList", CLOUD_XML_CUT },
    { "not XML", CLOUD_XML_SYNTAX },
    { "<PageList></Pagelist>", CLOUD_XML_SYNTAX },
    { "<PageList/><PageList/>", CLOUD_XML_SYNTAX },
    { "<PageList>&lol;</PageList>", CLOUD_XML_SYNTAX },
    { "<PageList>\xff</PageList>", CLOUD_XML_SYNTAX },
    { "<!DOCTYPE PageList [<!ENTITY a \"b\">]><PageList>&a;</PageList>",
      CLOUD_XML_DOCTYPE },
    { "<!DOCTYPE PageList SYSTEM \"file:///etc/passwd\"><PageList/>",
      CLOUD_XML_DOCTYPE },
    { "<Error><Code>x</Code></Error>", CLOUD_XML_OTHER },
    { "<pagelist/>", CLOUD_XML_OTHER },
    { "<PageList>" RANGE ("0", "511") "<ClearRange><Start>512</Start><End>1023"
                                      "</End></ClearRange></PageList>",
      CLOUD_XML_OTHER },
    { "<PageList><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>",
      CLOUD_XML_DEPTH },
    { "<PageList><PageRange/></PageList>", CLOUD_RANGE_NUMBER },
    { "<PageList><PageRange><Start>0</Start></PageRange></PageList>",
      CLOUD_RANGE_NUMBER },
    { "<PageList><PageRange><End>511</End></PageRange></PageList>",
      CLOUD_RANGE_NUMBER },
    { "<PageList><PageRange><Start>0</Start><Start>0</Start>",
      CLOUD_RANGE_NUMBER },
    { "<PageList>" RANGE ("", "511"), CLOUD_RANGE_NUMBER },
    { "<PageList>" RANGE ("-1", "511"), CLOUD_RANGE_NUMBER },
    { "<PageList>" RANGE ("0x0", "511"), CLOUD_RANGE_NUMBER },
    { "<PageList>" RANGE ("0", "18446744073709551616"), CLOUD_RANGE_NUMBER },
    { "<PageList>" RANGE ("0", "18446744073709551615"), CLOUD_RANGE_NUMBER },
    { "<PageList>" RANGE ("512", "511"), CLOUD_RANGE_BACKWARD },
    { "<PageList>" RANGE ("1024", "511"), CLOUD_RANGE_BACKWARD },
    { "<PageList>" RANGE ("0", "1023") RANGE ("512", "2047"),
      CLOUD_RANGE_ORDER },
    { "<PageList>" RANGE ("512", "1023") RANGE ("0", "511"),
      CLOUD_RANGE_ORDER },
    { "<PageList>" RANGE ("0", "1099511627776"), CLOUD_RANGE_OUTSIDE },
    { "<PageList><NextMarker>x</NextMarker></PageList>", CLOUD_RANGE_MARKER },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const size_t n = strlen (cases[i].text);

    for (size_t piece = 1; piece <= n; piece += max_u64 (n - 1, 1)) {
      enum cloud_status status;

      extent_list_init (&list, 0, SIZE, false);
      status = feed (cases[i].text, n, piece);
      ck_assert_msg (status == cases[i].status, "%s: %s", cases[i].text,
                     cloud_status_string (status));
      fini ();
    }
  }
}
END_TEST

/* Text and markers are cut off, answers have an end. */
START_TEST (too_long)
{
  struct buffer text = { .max = 0 };
  struct page_ranges *p;
  enum cloud_status status = CLOUD_OK;
  uint64_t fed = 0;

  buffer_puts (&text, "<PageList>" RANGE ("0", "511") "<NextMarker>");
  for (unsigned i = 0; i < 2000; i++)
    buffer_putc (&text, 'x');
  buffer_puts (&text, "</NextMarker></PageList>");
  extent_list_init (&list, 0, SIZE, false);
  ck_assert_int_eq (feed (text.data, text.len, text.len), CLOUD_TOO_LONG);
  fini ();

  extent_list_init (&list, 0, SIZE, false);
  p = page_ranges_new (SIZE, &list);
  ck_assert_int_eq (page_ranges_feed (p, "<PageList>", 10), CLOUD_OK);
  memset (text.data, ' ', text.len);
  while (status == CLOUD_OK) {
    status = page_ranges_feed (p, text.data, text.len);
    fed += text.len;
    ck_assert_uint_le (fed, PAGE_RANGES_MAX + text.len);
  }
  ck_assert_int_eq (status, CLOUD_TOO_LONG);
  ck_assert_int_eq (page_ranges_feed (p, "x", 1), CLOUD_TOO_LONG);
  page_ranges_free (p);
  buffer_fini (&text);
  fini ();
}
END_TEST

/* More ranges than a list has extents: it ends where it is full. */
START_TEST (full_list)
{
  struct buffer text = { .max = 0 };
  const unsigned n = EXTENTS_MAX / 2 + 1000;

  buffer_puts (&text, "<PageList>");
  for (unsigned i = 0; i < n; i++)
    buffer_printf (&text, RANGE ("%u", "%u"), i * 1024u + 512,
                   i * 1024u + 1023);
  buffer_puts (&text, "<NextMarker>x</NextMarker></PageList>");
  extent_list_init (&list, 0, SIZE, false);
  ck_assert_int_eq (feed (text.data, text.len, 65536), CLOUD_OK);
  ck_assert_uint_eq (list.len, EXTENTS_MAX);
  ck_assert_uint_eq (extent_list_next (&list), EXTENTS_MAX * 512u);
  ck_assert_uint_eq (marker.len, 0);
  buffer_fini (&text);
  fini ();
}
END_TEST

START_TEST (no_memory)
{
  static const char text[] = "<PageList>" RANGE ("512", "1023")
    RANGE ("2048", "4095") "<NextMarker>x</NextMarker></PageList>";
  bool failed = true;

  for (unsigned nth = 1; failed; nth++) {
    enum cloud_status status;

    extent_list_init (&list, 0, SIZE, false);
    alloc_fault_nth (nth);
    status = feed (text, sizeof text - 1, 10);
    failed = alloc_fault_stop ();
    ck_assert_int_eq (status, failed ? CLOUD_NO_MEMORY : CLOUD_OK);
    ck_assert (failed || nth > 10);
    fini ();
  }
  page_ranges_free (NULL);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    answers, parts, first_extent_only, refused, too_long, full_list, no_memory,
  };

  return test_main ("page-ranges", tests, ARRAY_SIZE (tests));
}
