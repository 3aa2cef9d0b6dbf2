/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-store.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "pr/pr-store.h"

struct pr_store {
  struct store store;
  struct pr_disk *disk;
  struct pr_initiator *initiator;
  struct store *inner;
};

static struct pr_store *
to_pr (struct store *s)
{
  return container_of (s, struct pr_store, store);
}

/* The result of OP, which is a request that reads or that WRITEs. */
#define REQUEST(s, write, op)                                                  \
  do {                                                                         \
    struct pr_request request;                                                 \
    int result;                                                                \
                                                                               \
    if (pr_disk_begin ((s)->disk, (s)->initiator, write, &request, err) == -1) \
      return -1;                                                               \
    result = (op);                                                             \
    pr_disk_end ((s)->disk, &request);                                         \
    return result;                                                             \
  } while (0)

static void
pr_close (struct store *s)
{
  struct pr_store *p = to_pr (s);

  pr_disk_leave (p->disk, p->initiator);
  store_close (p->inner);
  free (p);
}

static int
pr_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, false, store_read (p->inner, buf, count, offset, err));
}

static int
pr_write (struct store *s, const void *buf, size_t count, uint64_t offset,
          unsigned flags, int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, true, store_write (p->inner, buf, count, offset, flags, err));
}

static int
pr_flush (struct store *s, int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, true, store_flush (p->inner, err));
}

static int
pr_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
         int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, true, store_trim (p->inner, count, offset, flags, err));
}

static int
pr_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
         int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, true, store_zero (p->inner, count, offset, flags, err));
}

static int
pr_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            struct extent_list *out, int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, false, store_extents (p->inner, count, offset, flags, out, err));
}

static int
pr_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, false, store_cache (p->inner, count, offset, err));
}

static void
pr_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  store_uncache (to_pr (s)->inner, count, offset);
}

static int
pr_resize (struct store *s, uint64_t size, int *err)
{
  struct pr_store *p = to_pr (s);

  REQUEST (p, true, store_resize (p->inner, size, err));
}

static const struct store_ops pr_ops = {
  .name = "pr",
  .close = pr_close,
  .read = pr_read,
  .write = pr_write,
  .flush = pr_flush,
  .trim = pr_trim,
  .zero = pr_zero,
  .extents = pr_extents,
  .cache = pr_cache,
  .uncache = pr_uncache,
  .resize = pr_resize,
};

struct store *
pr_store_create (struct pr_disk *d, const char *name, struct store *inner)
{
  struct pr_store *p = calloc (1, sizeof *p);

  if (p == NULL)
    goto fail;
  store_init (&p->store, &pr_ops, &inner->info, store_size (inner));
  if (inner->description != NULL &&
      store_describe (&p->store, "%s", inner->description) == -1)
    goto fail;
  p->initiator = pr_disk_join (d, name);
  if (p->initiator == NULL) {
    free (p->store.description);
    goto fail;
  }
  p->disk = d;
  p->inner = inner;
  return &p->store;

fail:
  free (p);
  errno = ENOMEM;
  return NULL;
}
