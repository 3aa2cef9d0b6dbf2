/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who reads or writes in space that a block might give up.  Entering and
 * leaving are two stores to a place of the thread's own; the machinery is
 * that of the writers of presence sets.  A thread that is inside already
 * may enter again, which does nothing.
 */

#ifndef DISKSTACK_IMAGE_VISIT_H
#define DISKSTACK_IMAGE_VISIT_H

#include "image/image.h"
#include "presence/presence-writers.h"

#define VISIT_CROWD NWRITERS
#define VISIT_NONE (NWRITERS + 1)

static inline void
visit_enter (struct presence_writers *ws, struct image_visit *v)
{
  const struct presence_writer *w = presence_enter (ws);

  v->slot = w == NULL       ? VISIT_NONE :
            w == &ws->crowd ? VISIT_CROWD :
                              (unsigned) (w - ws->writer);
}

static inline void
visit_leave (struct presence_writers *ws, const struct image_visit *v)
{
  if (v->slot == VISIT_NONE)
    return;
  presence_leave (ws,
                  v->slot == VISIT_CROWD ? &ws->crowd : &ws->writer[v->slot]);
}

#endif /* DISKSTACK_IMAGE_VISIT_H */
