/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as an answer to Get Page Ranges: whatever is believed of them
 * is extents in order, and does not depend on how they came.  The first
 * byte says in which pieces.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "cloud/page-ranges.h"
#include "fuzz/fuzz.h"

#define BLOB (UINT64_C (1) << 43)

const char fuzz_name[] = "page-ranges";

static enum cloud_status
read_answer (struct extent_list *l, const uint8_t *data, size_t size,
             size_t piece, struct buffer *marker)
{
  struct page_ranges *p = page_ranges_new (BLOB, l);
  enum cloud_status status = CLOUD_OK;

  fuzz_assert (p != NULL);
  for (size_t i = 0; status == CLOUD_OK && i < size; i += piece)
    status = page_ranges_feed (p, data + i, min_u64 (piece, size - i));
  if (status == CLOUD_OK)
    status = page_ranges_end (p, marker);
  page_ranges_free (p);
  return status;
}

static void
check_list (const struct extent_list *l, bool to_the_end)
{
  uint64_t next = l->start;

  for (size_t i = 0; i < l->len; i++) {
    fuzz_assert (l->v[i].offset == next && l->v[i].count > 0);
    next += l->v[i].count;
  }
  fuzz_assert (next <= l->end && next <= BLOB);
  fuzz_assert (!to_the_end || next == l->end || l->len == EXTENTS_MAX);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct extent_list a, b;
  struct buffer marker_a = { NULL }, marker_b = { NULL };
  enum cloud_status status;

  if (size == 0)
    return 0;
  extent_list_init (&a, 512, BLOB, false);
  extent_list_init (&b, 512, BLOB, false);
  status = read_answer (&a, data + 1, size - 1, size, &marker_a);
  fuzz_assert (cloud_status_string (status) != NULL);
  fuzz_assert ((read_answer (&b, data + 1, size - 1, data[0] + 1, &marker_b) ==
                CLOUD_OK) == (status == CLOUD_OK));
  check_list (&a, status == CLOUD_OK && marker_a.len == 0);
  if (status == CLOUD_OK) {
    fuzz_assert (a.len == b.len && marker_a.len == marker_b.len);
    for (size_t i = 0; i < a.len; i++)
      fuzz_assert (a.v[i].count == b.v[i].count && a.v[i].type == b.v[i].type);
    /* Goes on, and does not begin again. */
    read_answer (&a, data + 1, size - 1, size, &marker_a);
    check_list (&a, false);
  }
  extent_list_fini (&a);
  extent_list_fini (&b);
  buffer_fini (&marker_a);
  buffer_fini (&marker_b);
  return 0;
}
