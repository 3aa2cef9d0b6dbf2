/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking at all entries of the BAT as they are in the file: before
 * anything was changed, or after a commit.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"

#define PIECE (64u << 10)

/* How many entries from INDEX on, at most *N, are in pages that are all
 * zero (*ZERO), or else may be anything.  Whole pages, or up to *N.
 */
static int
same_entries (struct image *i, uint64_t index, uint64_t *n, bool *zero,
              int *err)
{
  const uint64_t start = i->bat_offset + index * sizeof (le64);
  const uint64_t count = *n * sizeof (le64);
  struct extent_list l;
  int r;

  *zero = false;
  if (!i->inner->info.extents ||
      !range_inside (start, count, store_size (i->inner)))
    return 0;
  extent_list_init (&l, start, start + count, true);
  r = store_extents (i->inner, count, start, STORE_REQ_ONE, &l, err);
  if (r == 0 && l.len > 0 && l.v[0].count < count) {
    const uint64_t pages = l.v[0].count / IMAGE_PAGE;

    /* A page that is zero in part is read. */
    *zero = (l.v[0].type & EXTENT_ZERO) && pages > 0;
    *n = min_u64 (*n, (*zero ? pages : pages + 1) * VHDX_ENTRIES_PER_PAGE);
  }
  else if (r == 0 && l.len > 0)
    *zero = l.v[0].type & EXTENT_ZERO;
  extent_list_fini (&l);
  if (r == -1) {
    errno = *err;
    log_error ("%s: looking for the used parts of the BAT: %m", i->name);
  }
  return r;
}

/* N entries from INDEX on, the first one of a page. */
static int
see_pages (const le64 *entries, uint64_t index, uint64_t n, image_vhdx_see see,
           void *opaque, int *err)
{
  for (uint64_t k = 0, some; k < n; k += some) {
    some = min_u64 (n - k, VHDX_ENTRIES_PER_PAGE);
    if (!bytes_are_zero (entries + k, some * sizeof *entries) &&
        see (opaque, entries + k, index + k, some, err) == -1)
      return -1;
  }
  return 0;
}

static int
see_range (struct image *i, uint64_t index, uint64_t n, image_vhdx_see see,
           void *opaque, int *err)
{
  CLEANUP_FREE le64 *entries = malloc (PIECE);

  if (entries == NULL)
    return image_no_memory (i, err);
  while (n > 0) {
    /* In whole pages, which the region has. */
    const uint64_t k = min_u64 (n, PIECE / sizeof *entries);
    const uint64_t count = ROUND_UP (k * sizeof *entries, IMAGE_PAGE);

    if (image_inner_read (i, entries, count,
                          i->bat_offset + index * sizeof *entries, "the BAT",
                          err) == -1 ||
        see_pages (entries, index, k, see, opaque, err) == -1)
      return -1;
    index += k;
    n -= k;
  }
  return 0;
}

int
image_vhdx_walk (struct image *i, uint64_t index, uint64_t end,
                 image_vhdx_see see, void *opaque, int *err)
{
  bool zero;

  for (uint64_t n; index < end; index += n) {
    n = end - index;
    if (same_entries (i, index, &n, &zero, err) == -1)
      return -1;
    if (!zero && see_range (i, index, n, see, opaque, err) == -1)
      return -1;
  }
  return 0;
}
