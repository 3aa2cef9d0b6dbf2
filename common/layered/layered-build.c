/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a list of layers to a stack: every rule is checked here, once.
 */

#include <config.h>

#include <stdlib.h>

#include "base/align.h"
#include "layered/layered-cache-impl.h"
#include "layered/layered-record.h"

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
    [LAYERED_WRITE_BACK] = "cannot be write-back: a write-back layer is not "
                           "write-through as well, all layers above it are "
                           "one or the other, and what is below it is "
                           "writable and not smaller",
    [LAYERED_MAX_USELESS] =
      "cannot be kept below max=: that is for a layer whose content is also "
      "below it (write-back, write-through, or a read cache that is not "
      "written), and of which nothing is beyond the end of what is below",
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

/* Is what the layer has also below it? */
static bool
may_lose (const struct layered *ld, const struct layered_member *m,
          bool written)
{
  if (m->layer->ops->used == NULL)
    return false;
  if (written && (m->write_back || m->write_through))
    return true;
  return (!written || ld->read_only) && m->read_cache;
}

/* One layer of the write path, if it is WRITTEN at all. */
static enum layered_status
check_written (const struct layered *ld, const struct layered_member *m,
               bool written)
{
  if (m->write_back && (!written || m->write_through))
    return LAYERED_WRITE_BACK;
  if (!written && m->write_through)
    return LAYERED_USELESS_WRITE_THROUGH;
  if (written && m->layer->info.read_only && !ld->read_only)
    return LAYERED_READ_ONLY;
  if (m->max > 0 && !may_lose (ld, m, written))
    return LAYERED_MAX_USELESS;
  return LAYERED_OK;
}

/* Rules about the write path, top-down; sets what layered.h says of it. */
static enum layered_status
check_write_path (struct layered *ld, const struct layered_bottom *bottom,
                  unsigned *which)
{
  const unsigned n = ld->nlayers;
  bool written = true, at_once = true;

  for (unsigned i = 0; i < n; i++) {
    const struct layered_member *m = &ld->member[i];
    const enum layered_status status = check_written (ld, m, written);

    *which = i;
    if (status != LAYERED_OK)
      return status;
    if (at_once)
      ld->nwritten = i + 1;
    at_once = at_once && m->write_through;
    written = written && (m->write_through || m->write_back);
  }
  if (written && n > 0 && !bottom->exists) {
    *which = n - 1;
    return ld->member[n - 1].write_back ? LAYERED_WRITE_BACK :
                                          LAYERED_USELESS_WRITE_THROUGH;
  }
  *which = n;
  ld->writes_bottom = at_once;
  ld->reaches_bottom = written;
  if (written && bottom->info.read_only && !ld->read_only)
    return LAYERED_READ_ONLY;
  return LAYERED_OK;
}

/* What may leave a layer must have a place below; once sizes are set. */
static enum layered_status
check_sizes (const struct layered *ld, unsigned *which)
{
  for (unsigned i = 0; i < ld->nlayers; i++) {
    const struct layered_member *m = &ld->member[i];

    *which = i;
    if (ld->visible[i] == ld->visible[i + 1])
      continue;
    if (m->write_back)
      return LAYERED_WRITE_BACK;
    if (m->max > 0)
      return LAYERED_MAX_USELESS;
  }
  return LAYERED_OK;
}

static int
create_caches (struct layered *ld, unsigned *which)
{
  for (unsigned i = 0; i < ld->nlayers; i++) {
    *which = i;
    if (!ld->member[i].write_back && ld->member[i].max == 0)
      continue;
    ld->cache[i] = layered_cache_create (ld, i);
    if (ld->cache[i] == NULL)
      return -1;
  }
  return 0;
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

static bool
has_read_cache (const struct layered *ld)
{
  for (unsigned i = 0; i < ld->nlayers; i++) {
    if (ld->member[i].read_cache)
      return true;
  }
  return false;
}

static void
free_stack (struct layered *ld)
{
  for (unsigned i = 0; i < ld->nlayers; i++)
    layered_cache_free (ld->cache[i]);
  layered_fetch_free (ld->fetch);
  range_lock_free (ld->locks);
  range_lock_free (ld->bottom_locks);
  free (ld);
}

/* What else can go wrong once there is something to free. */
static enum layered_status
complete_stack (struct layered *ld, const struct layered_bottom *bottom,
                uint64_t size, unsigned *which)
{
  const struct layered_tuning defaults = { 0 };
  enum layered_status status = check_write_path (ld, bottom, which);

  if (status != LAYERED_OK)
    return status;
  set_sizes (ld, bottom, size);
  layered_tune (ld, &defaults);
  status = check_sizes (ld, which);
  if (status != LAYERED_OK)
    return status;
  if (create_caches (ld, which) == -1 ||
      (has_read_cache (ld) && (ld->fetch = layered_fetch_create (ld)) == NULL))
    return LAYERED_NO_MEMORY;
  return LAYERED_OK;
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
  *status = complete_stack (ld, bottom, size, which);
  if (*status != LAYERED_OK) {
    free_stack (ld);
    return NULL;
  }
  return ld;
}

void
layered_close (struct layered *ld)
{
  int err;

  if (ld == NULL)
    return;
  layered_record_stop (ld, &err);
  for (unsigned i = 0; i < ld->nlayers; i++) {
    if (ld->cache[i] != NULL && !ld->read_only)
      layered_cache_forget_marks (ld->cache[i]);
  }
  for (unsigned i = 0; i < ld->nlayers; i++)
    layer_close (ld->member[i].layer);
  free_stack (ld);
}
