/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From bytes to sectors.  store-align, put on top, has made everything
 * whole sectors, but for the last one where the disk ends inside it: a
 * bounce buffer makes that one whole.
 */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "layered/layered-impl.h"
#include "layered/store-layered.h"
#include "store/store-align.h"

struct store_layered {
  struct store store;
  struct layered *ld;
  struct store *bottom;
  bool owns_stack;
};

static struct store_layered *
to_layered (struct store *s)
{
  return container_of (s, struct store_layered, store);
}

/* The rest of the scope is a request of a client. */
#define CLIENT_SCOPE(ld)                                          \
  CLEANUP (layered_clients_leave)                                 \
  struct layered_clients *client_scope __attribute__ ((unused)) = \
    layered_clients_enter (&(ld)->clients)

static uint64_t
sector_size (const struct layered *ld)
{
  return UINT64_C (1) << ld->sector_shift;
}

static void
stack_close (struct store *s)
{
  struct store_layered *sl = to_layered (s);

  store_close (sl->bottom);
  if (sl->owns_stack)
    layered_close (sl->ld);
  free (sl);
}

static int
read_tail (struct store_layered *sl, char *dst, size_t count, uint64_t sector,
           int *err)
{
  CLEANUP_FREE char *whole = malloc (sector_size (sl->ld));

  if (whole == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (layered_read (sl->ld, sl->bottom, whole, sector, 1, err) == -1)
    return -1;
  memcpy (dst, whole, count);
  return 0;
}

static int
read_whole (struct store_layered *sl, void *buf, size_t count, uint64_t offset,
            int *err)
{
  const unsigned shift = sl->ld->sector_shift;
  const uint64_t sector = offset >> shift;
  const uint32_t n = count >> shift;
  const size_t tail = count % sector_size (sl->ld);
  CLIENT_SCOPE (sl->ld);

  if (n > 0 && layered_read (sl->ld, sl->bottom, buf, sector, n, err) == -1)
    return -1;
  if (tail == 0)
    return 0;
  return read_tail (sl, (char *) buf + count - tail, tail, sector + n, err);
}

/* What follows the end of the disk in its last sector is zero. */
static int
write_tail (struct store_layered *sl, const char *src, size_t count,
            uint64_t sector, unsigned flags, int *err)
{
  CLEANUP_FREE char *whole = calloc (1, sector_size (sl->ld));

  if (whole == NULL) {
    *err = ENOMEM;
    return -1;
  }
  memcpy (whole, src, count);
  return layered_write (sl->ld, sl->bottom, whole, sector, 1, flags, err);
}

static int
write_whole (struct store_layered *sl, const void *buf, size_t count,
             uint64_t offset, unsigned flags, int *err)
{
  const unsigned shift = sl->ld->sector_shift;
  const uint64_t sector = offset >> shift;
  const uint32_t n = count >> shift;
  const size_t tail = count % sector_size (sl->ld);
  CLIENT_SCOPE (sl->ld);

  if (n > 0 &&
      layered_write (sl->ld, sl->bottom, buf, sector, n, flags, err) == -1)
    return -1;
  if (tail == 0)
    return 0;
  return write_tail (sl, (const char *) buf + count - tail, tail, sector + n,
                     flags, err);
}

/* The time, for end_request; 0 if nobody wants to know. */
static uint64_t
begin_request (const struct layered *ld)
{
  return atomic_load_explicit (&ld->timed, memory_order_relaxed) ? clock_ns () :
                                                                   0;
}

/* What failed is not counted: it may have been refused at once. */
static int
end_request (struct histogram *h, uint64_t began, int r)
{
  if (began != 0 && r == 0)
    histogram_add (h, clock_ns () - began);
  return r;
}

static int
stack_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct store_layered *sl = to_layered (s);
  const uint64_t began = begin_request (sl->ld);

  return end_request (&sl->ld->latency.read, began,
                      read_whole (sl, buf, count, offset, err));
}

static int
stack_write (struct store *s, const void *buf, size_t count, uint64_t offset,
             unsigned flags, int *err)
{
  struct store_layered *sl = to_layered (s);
  const uint64_t began = begin_request (sl->ld);

  return end_request (&sl->ld->latency.write, began,
                      write_whole (sl, buf, count, offset, flags, err));
}

static int
stack_flush (struct store *s, int *err)
{
  struct store_layered *sl = to_layered (s);
  CLIENT_SCOPE (sl->ld);
  const uint64_t began = begin_request (sl->ld);

  return end_request (&sl->ld->latency.flush, began,
                      layered_flush (sl->ld, sl->bottom, err));
}

static int
stack_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  struct store_layered *sl = to_layered (s);
  CLIENT_SCOPE (sl->ld);

  return layered_trim (sl->ld, sl->bottom, offset >> sl->ld->sector_shift,
                       DIV_ROUND_UP (count, sector_size (sl->ld)), flags, err);
}

static int
stack_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  struct store_layered *sl = to_layered (s);
  CLIENT_SCOPE (sl->ld);

  return layered_zero (sl->ld, sl->bottom, offset >> sl->ld->sector_shift,
                       DIV_ROUND_UP (count, sector_size (sl->ld)), flags, err);
}

static int
stack_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               struct extent_list *out, int *err)
{
  struct store_layered *sl = to_layered (s);

  return layered_extents (sl->ld, sl->bottom, offset >> sl->ld->sector_shift,
                          DIV_ROUND_UP (count, sector_size (sl->ld)), flags,
                          out, err);
}

static int
stack_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct store_layered *sl = to_layered (s);
  CLIENT_SCOPE (sl->ld);

  return layered_cache (sl->ld, sl->bottom, offset >> sl->ld->sector_shift,
                        DIV_ROUND_UP (count, sector_size (sl->ld)), err);
}

static const struct store_ops stack_ops = {
  .name = "layered",
  .close = stack_close,
  .read = stack_read,
  .write = stack_write,
  .flush = stack_flush,
  .trim = stack_trim,
  .zero = stack_zero,
  .extents = stack_extents,
  .cache = stack_cache,
};

static struct store_info
stack_info (const struct layered *ld, const struct store *bottom)
{
  const bool w = ld->reaches_bottom;
  struct store_info info = {
    .sector_size = sector_size (ld),
    .align = sector_size (ld),
    .preferred = 65536,
    .read_only = ld->read_only,
    .fua = true,
    .trim = true,
    .zero = !w || bottom->info.zero,
    .fast_zero = !w || bottom->info.fast_zero,
    .extents = true,
    .cache = ld->fetch != NULL || (bottom && bottom->info.cache),
    .shared_flush = !w || bottom->info.shared_flush,
    .rotational = bottom && bottom->info.rotational,
  };

  if (bottom != NULL) {
    info.physical_sector_size = bottom->info.physical_sector_size;
    info.preferred = max_u64 (info.preferred, bottom->info.preferred);
    info.has_id = bottom->info.has_id;
    info.id = bottom->info.id;
  }
  for (unsigned i = ld->nlayers; i-- > 0;) {
    const struct layer_info *li = &ld->member[i].layer->info;

    info.physical_sector_size =
      max_u64 (info.physical_sector_size, li->physical_sector_size);
    if (li->has_id) {
      info.has_id = true;
      info.id = li->id;
    }
  }
  return info;
}

/* Does a change go to more than one place? */
static bool
is_written_twice (const struct layered *ld)
{
  return ld->nwritten + ld->writes_bottom > 1;
}

static struct store *
create (struct layered *ld, struct store *bottom, bool owns_stack)
{
  const struct store_info info = stack_info (ld, bottom);
  struct store_layered *sl = calloc (1, sizeof *sl);
  struct store *s;

  if (sl == NULL)
    return NULL;
  store_init (&sl->store, &stack_ops, &info, ld->size);
  sl->ld = ld;
  if (bottom != NULL && bottom->description != NULL &&
      store_describe (&sl->store, "%s", bottom->description) == -1) {
    free (sl);
    return NULL;
  }
  s = store_align_create (&sl->store, ld->locks);
  if (s == NULL) {
    store_close (&sl->store);
    return NULL;
  }
  if (is_written_twice (ld))
    store_align_order_changes (s);
  sl->bottom = bottom;
  sl->owns_stack = owns_stack;
  return s;
}

struct store *
store_layered_create (struct layered *ld, struct store *bottom)
{
  return create (ld, bottom, false);
}

struct store *
store_layered_create_owning (struct layered *ld, struct store *bottom)
{
  return create (ld, bottom, true);
}
