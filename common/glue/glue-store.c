/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-store.h.
 */

#include <config.h>

#include <errno.h>

#include <nbdkit-filter.h>

#include "base/align.h"
#include "glue/glue-store.h"

/* What nbdkit takes for an answer of .block_size. */
#define MAX_MINIMUM (64 * 1024)
#define MIN_PREFERRED 512
#define MAX_PREFERRED (32 * 1024 * 1024)

_Static_assert(EXTENT_HOLE == NBDKIT_EXTENT_HOLE, "extent types");
_Static_assert(EXTENT_ZERO == NBDKIT_EXTENT_ZERO, "extent types");

unsigned
glue_store_flags (uint32_t flags)
{
  return (flags & NBDKIT_FLAG_FUA ? STORE_FUA : 0) |
         (flags & NBDKIT_FLAG_MAY_TRIM ? STORE_MAY_TRIM : 0) |
         (flags & NBDKIT_FLAG_FAST_ZERO ? STORE_FAST_ZERO : 0) |
         (flags & NBDKIT_FLAG_REQ_ONE ? STORE_REQ_ONE : 0);
}

void
glue_store_block_size (const struct store *s, uint32_t align, uint32_t *minimum,
                       uint32_t *preferred, uint32_t *maximum)
{
  align = min_u64 (align, MAX_MINIMUM);
  *minimum = IS_ALIGNED (store_size (s), align) ? align : 1;
  *preferred = max_u64 (s->info.preferred, max_u64 (align, MIN_PREFERRED));
  *preferred = min_u64 (*preferred, MAX_PREFERRED);
  *maximum = UINT32_MAX;
}

/* The list never reaches beyond the request, which nbdkit before 1.44
 * could not stand (CVE-2025-47711).
 */
int
glue_store_extents (struct store *s, uint32_t count, uint64_t offset,
                    uint32_t flags, struct nbdkit_extents *extents, int *err)
{
  struct extent_list list;
  int r;

  extent_list_init (&list, offset, offset + count, flags & NBDKIT_FLAG_REQ_ONE);
  r = store_extents (s, count, offset, glue_store_flags (flags), &list, err);
  for (size_t i = 0; r == 0 && i < list.len; i++) {
    r = nbdkit_add_extent (extents, list.v[i].offset, list.v[i].count,
                           list.v[i].type);
    if (r == -1)
      *err = errno ? errno : EIO;
  }
  extent_list_fini (&list);
  return r;
}
