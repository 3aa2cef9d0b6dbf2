/* SPDX-License-Identifier: BSD-3-Clause
 *
 * By what an image knows its parent, and its children know it.
 */

#include <config.h>

#include <errno.h>

#include "base/cleanup.h"
#include "image/image-core.h"

static int
may_change (const struct image *i, int *err)
{
  *err = i->info.read_only ? EPERM : EIO;
  return i->info.read_only || atomic_load (&i->core->failed) ? -1 : 0;
}

int
image_set_link_id (struct image *i, const struct uuid *id, int *err)
{
  struct image_core *c = i->core;

  if (may_change (i, err) == -1)
    return -1;
  if (i->format->set_link_id == NULL)
    return image_begin_change (i, err);
  LOCK_SCOPE (&c->change_lock);
  if (i->format->set_link_id (i, id, err) == -1)
    return -1;
  atomic_store_explicit (&c->changed, true, memory_order_release);
  return 0;
}

int
image_set_parent (struct image *i, const struct image_create_parent *p,
                  int *err)
{
  if (may_change (i, err) == -1)
    return -1;
  if (!i->info.parent.exists || i->format->set_parent == NULL) {
    *err = i->info.parent.exists ? EOPNOTSUPP : EINVAL;
    return -1;
  }
  if (image_begin_change (i, err) == -1 || image_flush (i, err) == -1)
    return -1;
  return i->format->set_parent (i, p, err);
}
