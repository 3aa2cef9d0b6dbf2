/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-store.h.
 */

#include <config.h>

#include <errno.h>

#include <nbdkit-filter.h>

#include "base/align.h"
#include "glue/glue-store.h"

#define PREFERRED_MAX (UINT32_C (32) * 1024 * 1024)

unsigned
glue_store_flags (uint32_t flags)
{
  return (flags & NBDKIT_FLAG_FUA ? STORE_FUA : 0) |
         (flags & NBDKIT_FLAG_MAY_TRIM ? STORE_MAY_TRIM : 0) |
         (flags & NBDKIT_FLAG_FAST_ZERO ? STORE_FAST_ZERO : 0) |
         (flags & NBDKIT_FLAG_REQ_ONE ? STORE_REQ_ONE : 0);
}

int
glue_store_block_size (const struct store *s, uint32_t *minimum,
                       uint32_t *preferred, uint32_t *maximum)
{
  const struct store_info *info = &s->info;

  *minimum =
    IS_ALIGNED (store_size (s), info->sector_size) ? info->sector_size : 1;
  *preferred = max_u64 (min_u64 (info->preferred, PREFERRED_MAX), 4096);
  *maximum = UINT32_MAX;
  return 0;
}

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
