/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See page-ranges.h.
 */

#include <config.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "cloud/page-ranges.h"
#include "cloud/xml-reader.h"

struct page_ranges {
  struct xml_reader *xml;
  struct extent_list *list;
  uint64_t size;
  uint64_t behind;    /* the end of the last range */
  uint64_t beginning; /* where the list ended before this answer */
  bool in_range, has_start, has_end;
  uint64_t start, end; /* of the range that is being read, half-open */
  char marker[XML_TEXT_MAX];
};

static bool
read_number (const char *text, uint64_t *r)
{
  *r = 0;
  if (*text == '\0')
    return false;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9' || !checked_mul (*r, 10, r) ||
        !checked_add (*r, (uint64_t) (*text - '0'), r))
      return false;
  }
  return true;
}

static enum cloud_status
add_extent (struct page_ranges *p, uint64_t end, uint32_t type)
{
  const uint64_t next = extent_list_next (p->list);
  int err;

  if (end > next && extent_list_add (p->list, end - next, type, &err) == -1)
    return CLOUD_NO_MEMORY;
  return CLOUD_OK;
}

static enum cloud_status
add_range (struct page_ranges *p)
{
  enum cloud_status status;

  if (!p->has_start || !p->has_end)
    return CLOUD_RANGE_NUMBER;
  if (p->end <= p->start)
    return CLOUD_RANGE_BACKWARD;
  if (p->start < p->behind)
    return CLOUD_RANGE_ORDER;
  if (p->end > p->size)
    return CLOUD_RANGE_OUTSIDE;
  p->behind = p->end;
  status = add_extent (p, p->start, EXTENT_HOLE | EXTENT_ZERO);
  if (status == CLOUD_OK)
    status = add_extent (p, p->end, 0);
  return status;
}

/* A diff has ranges that were cleared, and does not tell those that are as
 * they were: it must never be taken for the whole.
 */
static enum cloud_status
on_start (void *opaque, unsigned depth, const char *name)
{
  struct page_ranges *p = opaque;

  if (depth == 0)
    return strcmp (name, "PageList") == 0 ? CLOUD_OK : CLOUD_XML_OTHER;
  if (depth == 1) {
    if (strcmp (name, "ClearRange") == 0)
      return CLOUD_XML_OTHER;
    p->in_range = strcmp (name, "PageRange") == 0;
    p->has_start = p->has_end = false;
  }
  return CLOUD_OK;
}

static enum cloud_status
on_end (void *opaque, unsigned depth, const char *name, const char *text)
{
  struct page_ranges *p = opaque;

  if (depth == 2 && p->in_range && strcmp (name, "Start") == 0) {
    if (p->has_start || !read_number (text, &p->start))
      return CLOUD_RANGE_NUMBER;
    p->has_start = true;
  }
  else if (depth == 2 && p->in_range && strcmp (name, "End") == 0) {
    /* The last byte; what is behind it must be a number, too. */
    if (p->has_end || !read_number (text, &p->end) ||
        !checked_add (p->end, 1, &p->end))
      return CLOUD_RANGE_NUMBER;
    p->has_end = true;
  }
  else if (depth == 1 && p->in_range)
    return add_range (p);
  else if (depth == 1 && strcmp (name, "NextMarker") == 0) {
    if (strlen (text) == sizeof p->marker - 1) /* perhaps cut off */
      return CLOUD_TOO_LONG;
    strcpy (p->marker, text);
  }
  return CLOUD_OK;
}

struct page_ranges *
page_ranges_new (uint64_t size, struct extent_list *l)
{
  static const struct xml_handler handler = { on_start, on_end };
  struct page_ranges *p = calloc (1, sizeof *p);

  if (p == NULL)
    return NULL;
  p->list = l;
  p->size = size;
  p->beginning = extent_list_next (l);
  /* A range may begin before what is asked for; but not before what was
   * answered.
   */
  p->behind = p->beginning > l->start ? p->beginning : 0;
  p->xml = xml_reader_new (&handler, p, PAGE_RANGES_MAX);
  if (p->xml == NULL) {
    free (p);
    return NULL;
  }
  return p;
}

void
page_ranges_free (struct page_ranges *p)
{
  if (p == NULL)
    return;
  xml_reader_free (p->xml);
  free (p);
}

enum cloud_status
page_ranges_feed (struct page_ranges *p, const void *bytes, size_t n)
{
  return xml_reader_feed (p->xml, bytes, n);
}

enum cloud_status
page_ranges_end (struct page_ranges *p, struct buffer *marker)
{
  enum cloud_status status = xml_reader_end (p->xml);

  buffer_clear (marker);
  if (status != CLOUD_OK)
    return status;
  if (p->marker[0] == '\0' || extent_list_full (p->list))
    return add_extent (p, p->list->end, EXTENT_HOLE | EXTENT_ZERO);
  if (extent_list_next (p->list) == p->beginning)
    return CLOUD_RANGE_MARKER;
  buffer_puts (marker, p->marker);
  return buffer_failed (marker) ? CLOUD_NO_MEMORY : CLOUD_OK;
}
