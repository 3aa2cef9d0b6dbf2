/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making room for a structure of the file: blocks that are there move to
 * other places, one by one, as in image-compact.c.  What is free there is
 * claimed first, so that none of them comes back.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "image/image-core.h"

struct vacating {
  uint64_t start, end;
  uint64_t *block;
  uint64_t n, room;
};

static int
note_block (void *opaque, struct image *i, uint64_t block,
            const struct image_entry *e, int *err)
{
  struct vacating *v = opaque;
  const uint64_t start = e->place - i->core->data_at;

  if (start >= v->end || v->start >= start + i->core->footprint)
    return 0;
  if (v->n == v->room) {
    const uint64_t room = v->room == 0 ? 64 : v->room * 2;
    uint64_t *more = realloc (v->block, room * sizeof *more);

    if (more == NULL) {
      *err = ENOMEM;
      return -1;
    }
    v->block = more;
    v->room = room;
  }
  v->block[v->n++] = block;
  return 0;
}

static int
claim_free (struct image *i, const struct vacating *v, int *err)
{
  if (image_space_claim_free (i->space, v->start, v->end - v->start) == 0)
    return 0;
  *err = ENOMEM;
  return -1;
}

static int
move_blocks (struct image *i, const struct vacating *v, int *err)
{
  CLEANUP_FREE uint8_t *buf = malloc (IMAGE_MOVE_PIECE);

  if (buf == NULL) {
    *err = ENOMEM;
    return -1;
  }
  for (uint64_t k = 0; k < v->n; k++) {
    if (image_move_block (i, v->block[k], UINT64_MAX, buf, err) == -1)
      return -1;
  }
  return image_settle (i, err);
}

int
image_vacate (struct image *i, uint64_t start, uint64_t end, int *err)
{
  struct vacating v = { .start = start, .end = end };
  int r = -1;

  if (image_settle (i, err) == 0 &&
      image_each_block (i, note_block, &v, err) == 0 &&
      claim_free (i, &v, err) == 0 && move_blocks (i, &v, err) == 0)
    r = claim_free (i, &v, err);
  free (v.block);
  return r;
}
