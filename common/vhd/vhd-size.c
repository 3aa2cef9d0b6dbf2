/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-size.h.
 */

#include <config.h>

#include <stdbool.h>

#include "base/align.h"
#include "base/checked.h"
#include "vhd/vhd-creator.h"
#include "vhd/vhd-size.h"

static bool
is_by_geometry (const struct vhd_footer *f, enum vhd_size_rule rule)
{
  const struct vhd_creator *creator = vhd_creator_find (f);

  if (rule == VHD_SIZE_AUTO)
    return creator != NULL && creator->size_is_geometry &&
           vhd_geometry_size (&f->geometry) != 0;
  return rule == VHD_SIZE_GEOMETRY;
}

enum vhd_status
vhd_size (const struct vhd_footer *f, enum vhd_size_rule rule, uint64_t *size)
{
  *size = f->current_size;
  /* The largest geometry says no more than "large". */
  if (!is_by_geometry (f, rule) || vhd_geometry_is_largest (&f->geometry))
    return VHD_OK;
  *size = min_u64 (*size, vhd_geometry_size (&f->geometry));
  return vhd_geometry_size (&f->geometry) != 0 ? VHD_OK : VHD_NO_GEOMETRY;
}

enum vhd_status
vhd_size_fixed (const struct vhd_footer *f, uint64_t file_size,
                enum vhd_size_rule rule, uint64_t *size)
{
  *size = 0;
  if (f->type == VHD_TYPE_DYNAMIC)
    return VHD_DYNAMIC;
  if (f->type == VHD_TYPE_DIFFERENCING)
    return VHD_DIFFERENCING;
  if (file_size < f->length ||
      !range_inside (0, f->current_size, file_size - f->length))
    return VHD_TRUNCATED;
  return vhd_size (f, rule, size);
}
