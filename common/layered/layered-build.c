/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a list of layers to a stack: every rule is checked here, once.
 */

#include <config.h>

#include <stdlib.h>

#include "base/align.h"
#include "layered/layered.h"

const char *
layered_status_string (enum layered_status status)
{
  static const char *const strings[] = {
    [LAYERED_OK] = "is fine",
    [LAYERED_EMPTY] = "is missing: the stack has neither a layer nor a disk "
                      "below",
    [LAYERED_TOO_MANY] = "is one too many: a stack has at most 64 layers",
    [LAYERED_READ_CACHE] = "cannot be a read cache, as it cannot write "
                           "without overwriting",
    [LAYERED_SECTOR_SIZE] = "has a sector size that is not a power of two of "
                            "at least 512",
    [LAYERED_SECTOR_MISMATCH] = "has another sector size than the layer "
                                "below it; give both the same",
    [LAYERED_USELESS_WRITE_THROUGH] =
      "cannot be write-through: only the layers from the top down to the "
      "last one that is written can be, and only with something writable "
      "below",
    [LAYERED_READ_ONLY] = "is read-only and would have to be written; make "
                          "it writable or serve the disk read-only",
    [LAYERED_NO_MEMORY] = "does not fit in memory",
  };

  return strings[status];
}

/* Rules about one layer and its neighbour below, bottom-up. */
static enum layered_status
check_layers (const struct layered_member *m, unsigned n, unsigned *which)
{
  for (unsigned i = n; i-- > 0;) {
    const struct layer_info *info = &m[i].layer->info;

    *which = i;
    if (m[i].read_cache && !info->no_overwrite)
      return LAYERED_READ_CACHE;
    if (info->sector_size < 512 || !is_power_of_2 (info->sector_size))
      return LAYERED_SECTOR_SIZE;
    if (info->sector_size != m[n - 1].layer->info.sector_size)
      return LAYERED_SECTOR_MISMATCH;
  }
  return LAYERED_OK;
}

/* Rules about the write path, top-down; sets nwritten, writes_bottom. */
static enum layered_status
check_write_path (struct layered *ld, const struct layered_bottom *bottom,
                  unsigned *which)
{
  const unsigned n = ld->nlayers;
  bool written = true;

  for (unsigned i = 0; i < n; i++) {
    const struct layered_member *m = &ld->member[i];

    *which = i;
    if (!written && m->write_through)
      return LAYERED_USELESS_WRITE_THROUGH;
    if (written) {
      if (m->layer->info.read_only && !ld->read_only)
        return LAYERED_READ_ONLY;
      ld->nwritten = i + 1;
    }
    written = written && m->write_through;
  }
  if (written && n > 0 && !bottom->exists) {
    *which = n - 1;
    return LAYERED_USELESS_WRITE_THROUGH;
  }
  *which = n;
  ld->writes_bottom = written;
  if (written && bottom->info.read_only && !ld->read_only)
    return LAYERED_READ_ONLY;
  return LAYERED_OK;
}

static void
set_sizes (struct layered *ld, const struct layered_bottom *bottom,
           uint64_t size)
{
  const unsigned n = ld->nlayers;
  const uint32_t sector_size =
    n > 0 ? ld->member[0].layer->info.sector_size : bottom->info.sector_size;
  uint64_t visible = UINT64_MAX;

  ld->sector_shift = log2_of (sector_size);
  for (unsigned i = 0; i < n; i++) {
    visible = min_u64 (visible, ld->member[i].layer->info.nsectors);
    ld->visible[i] = visible;
  }
  ld->bottom_size = bottom->exists ? bottom->size : 0;
  ld->visible[n] =
    min_u64 (visible, DIV_ROUND_UP (ld->bottom_size, (uint64_t) sector_size));
  ld->nsectors = ld->visible[0];
  ld->size = ld->nsectors << ld->sector_shift;
  if (n == 0)
    ld->size = ld->bottom_size;
  else if (size != 0 && size < ld->size && ld->size - size < sector_size)
    ld->size = size;
}

static void
free_stack (struct layered *ld)
{
  range_lock_free (ld->locks);
  range_lock_free (ld->bottom_locks);
  free (ld);
}

struct layered *
layered_create (const struct layered_member *members, unsigned nlayers,
                const struct layered_bottom *bottom, uint64_t size,
                bool read_only, enum layered_status *status, unsigned *which)
{
  struct layered *ld;

  *which = 0;
  *status = LAYERED_EMPTY;
  if (nlayers == 0 && !bottom->exists)
    return NULL;
  *status = LAYERED_TOO_MANY;
  if (nlayers > LAYERED_MAX) {
    *which = LAYERED_MAX;
    return NULL;
  }
  *status = check_layers (members, nlayers, which);
  if (*status != LAYERED_OK)
    return NULL;

  *status = LAYERED_NO_MEMORY;
  ld = calloc (1, sizeof *ld);
  if (ld == NULL)
    return NULL;
  ld->locks = range_lock_create ();
  ld->bottom_locks = range_lock_create ();
  if (ld->locks == NULL || ld->bottom_locks == NULL) {
    free_stack (ld);
    return NULL;
  }
  ld->nlayers = nlayers;
  for (unsigned i = 0; i < nlayers; i++)
    ld->member[i] = members[i];
  ld->read_only = read_only;
  *status = check_write_path (ld, bottom, which);
  if (*status != LAYERED_OK) {
    free_stack (ld);
    return NULL;
  }
  set_sizes (ld, bottom, size);
  return ld;
}

void
layered_close (struct layered *ld)
{
  if (ld == NULL)
    return;
  for (unsigned i = 0; i < ld->nlayers; i++)
    layer_close (ld->member[i].layer);
  free_stack (ld);
}
