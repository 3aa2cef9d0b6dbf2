/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The nbdkit filter or plugin below, as a store.
 *
 * Requests are split, because counts are 32 bits here and because of
 * two things in nbdkit 1.32: a plugin need not expect more than 64 MiB,
 * and a zero longer than that whose plugin cannot do it is reported as
 * done with all but the start left as it was.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "glue/store-next.h"

#define MAX_DATA (UINT32_C (32) * 1024 * 1024)
#define MAX_ZERO (UINT32_C (64) * 1024 * 1024)
#define MAX_RANGE (UINT32_C (2) * 1024 * 1024 * 1024)

/* What nbdkit allows us to call: it asserts the rest. */
struct abilities {
  int write, flush, rotational, trim, zero, fast_zero, extents, fua, multi_conn,
    cache;
};

struct store_next {
  struct store store;
  nbdkit_next *next;
  bool owns_next;
  struct abilities can;
};

static struct store_next *
to_next (struct store *s)
{
  return container_of (s, struct store_next, store);
}

static nbdkit_next *
next_of (struct store *s)
{
  return to_next (s)->next;
}

static void
next_close (struct store *s)
{
  nbdkit_next *next = next_of (s);

  if (to_next (s)->owns_next) {
    next->finalize (next);
    nbdkit_next_context_close (next);
  }
  free (to_next (s));
}

/* Do OP (count, offset, flags) in pieces of at most MAX. */
#define IN_PIECES(max, count, offset, op)                 \
  do {                                                    \
    while ((count) > 0) {                                 \
      const uint32_t n = (uint32_t) min_u64 (count, max); \
                                                          \
      if ((op) == -1)                                     \
        return -1;                                        \
      (offset) += n;                                      \
      (count) -= n;                                       \
    }                                                     \
    return 0;                                             \
  } while (0)

static int
next_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  nbdkit_next *next = next_of (s);
  char *p = buf;

  IN_PIECES (MAX_DATA, count, offset,
             (p += n, next->pread (next, p - n, n, offset, 0, err)));
}

static int
next_write (struct store *s, const void *buf, size_t count, uint64_t offset,
            unsigned flags, int *err)
{
  nbdkit_next *next = next_of (s);
  const uint32_t f = flags & STORE_FUA ? NBDKIT_FLAG_FUA : 0;
  const char *p = buf;

  IN_PIECES (MAX_DATA, count, offset,
             (p += n, next->pwrite (next, p - n, n, offset, f, err)));
}

static int
next_flush (struct store *s, int *err)
{
  nbdkit_next *next = next_of (s);

  return to_next (s)->can.flush ? next->flush (next, 0, err) : 0;
}

static int
next_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  nbdkit_next *next = next_of (s);
  const uint32_t f = flags & STORE_FUA ? NBDKIT_FLAG_FUA : 0;

  if (!to_next (s)->can.trim)
    return 0;
  IN_PIECES (MAX_RANGE, count, offset, next->trim (next, n, offset, f, err));
}

static int
next_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  nbdkit_next *next = next_of (s);
  const uint32_t f = (flags & STORE_FUA ? NBDKIT_FLAG_FUA : 0) |
                     (flags & STORE_MAY_TRIM ? NBDKIT_FLAG_MAY_TRIM : 0) |
                     (flags & STORE_FAST_ZERO ? NBDKIT_FLAG_FAST_ZERO : 0);

  if (!to_next (s)->can.zero ||
      ((flags & STORE_FAST_ZERO) && !to_next (s)->can.fast_zero)) {
    *err = EOPNOTSUPP;
    return -1;
  }
  IN_PIECES (MAX_ZERO, count, offset, next->zero (next, n, offset, f, err));
}

static int
next_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              struct extent_list *out, int *err)
{
  nbdkit_next *next = next_of (s);
  const uint32_t n = (uint32_t) min_u64 (count, MAX_RANGE);
  const uint32_t f = flags & STORE_REQ_ONE ? NBDKIT_FLAG_REQ_ONE : 0;
  struct nbdkit_extents *exts = nbdkit_extents_new (offset, offset + n);
  int r;

  if (exts == NULL) {
    *err = errno;
    return -1;
  }
  r = next->extents (next, n, offset, f, exts, err);
  for (size_t i = 0; r == 0 && i < nbdkit_extents_count (exts); i++) {
    const struct nbdkit_extent e = nbdkit_get_extent (exts, i);
    const uint64_t end = min_u64 (e.offset + e.length, offset + n);

    if (end > extent_list_next (out))
      r = extent_list_add (out, end - extent_list_next (out), e.type, err);
  }
  nbdkit_extents_free (exts);
  return r;
}

static int
next_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  nbdkit_next *next = next_of (s);

  if (!s->info.cache)
    return 0;
  IN_PIECES (MAX_DATA, count, offset, next->cache (next, n, offset, 0, err));
}

static const struct store_ops next_ops = {
  .name = "next",
  .close = next_close,
  .read = next_read,
  .write = next_write,
  .flush = next_flush,
  .trim = next_trim,
  .zero = next_zero,
  .extents = next_extents,
  .cache = next_cache,
};

static int
ask_abilities (nbdkit_next *next, struct abilities *a)
{
  a->write = next->can_write (next);
  a->flush = next->can_flush (next);
  a->rotational = next->is_rotational (next);
  a->trim = next->can_trim (next);
  a->zero = next->can_zero (next);
  a->fast_zero = next->can_fast_zero (next);
  a->extents = next->can_extents (next);
  a->fua = next->can_fua (next);
  a->multi_conn = next->can_multi_conn (next);
  a->cache = next->can_cache (next);
  return a->write < 0 || a->flush < 0 || a->rotational < 0 || a->trim < 0 ||
             a->zero < 0 || a->fast_zero < 0 || a->extents < 0 || a->fua < 0 ||
             a->multi_conn < 0 || a->cache < 0 ?
           -1 :
           0;
}

static bool
find_disk_id (const char *description, struct uuid *id)
{
  static const char token[] = "disk-id=";
  char text[UUID_STRLEN + 1] = "";
  const char *p = description ? strstr (description, token) : NULL;

  if (p == NULL)
    return false;
  strncpy (text, p + strlen (token), UUID_STRLEN);
  return uuid_parse (text, id) && !uuid_is_nil (id);
}

static void
set_block_size (nbdkit_next *next, struct store_info *info, uint32_t minimum,
                uint32_t preferred)
{
  if (minimum >= 512)
    info->sector_size = minimum;
  if (minimum > 1)
    info->align = minimum;
  info->physical_sector_size = min_u64 (preferred, 4096);
  info->preferred = preferred;
}

struct store *
store_next_create (nbdkit_next *next)
{
  const int64_t size = next->get_size (next);
  const char *description = next->export_description (next);
  struct store_info info = { 0 };
  uint32_t minimum, preferred, maximum;
  struct store_next *sn;
  struct abilities a;

  if (size < 0 || ask_abilities (next, &a) == -1 ||
      next->block_size (next, &minimum, &preferred, &maximum) == -1)
    return NULL;
  set_block_size (next, &info, minimum, preferred);
  info.read_only = !a.write;
  info.rotational = a.rotational;
  info.fua = a.fua == NBDKIT_FUA_NATIVE;
  info.trim = a.trim;
  info.zero = a.zero == NBDKIT_ZERO_NATIVE;
  info.fast_zero = info.zero && a.fast_zero;
  info.extents = a.extents;
  info.cache = a.cache == NBDKIT_CACHE_NATIVE;
  info.shared_flush = a.multi_conn;
  info.has_id = find_disk_id (description, &info.id);

  sn = calloc (1, sizeof *sn);
  if (sn == NULL)
    goto no_memory;
  store_init (&sn->store, &next_ops, &info, (uint64_t) size);
  sn->next = next;
  sn->can = a;
  if (description != NULL &&
      store_describe (&sn->store, "%s", description) == -1) {
    free (sn);
    goto no_memory;
  }
  return &sn->store;

no_memory:
  log_error ("out of memory");
  return NULL;
}

struct store *
store_next_open (nbdkit_backend *backend, bool read_only)
{
  nbdkit_next *next = nbdkit_next_context_open (backend, read_only, "", 1);
  struct store *s = NULL;

  if (next == NULL)
    return NULL;
  if (next->prepare (next) == 0) {
    s = store_next_create (next);
    if (s == NULL)
      next->finalize (next);
  }
  if (s == NULL) {
    nbdkit_next_context_close (next);
    return NULL;
  }
  to_next (s)->owns_next = true;
  return s;
}
