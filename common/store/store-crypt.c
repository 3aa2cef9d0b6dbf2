/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-crypt.h.  Invariant: what store.c passes is whole data units,
 * as info.align is a multiple of the unit and the size is one.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "store/aligned-pool.h"
#include "store/store-crypt.h"

struct crypt_volume {
  _Atomic unsigned references;
  struct xts *xts;
  struct aligned_pool *pool;
  uint32_t unit;
  uint64_t data_offset, size;
  bool discard;
};

struct store_crypt {
  struct store store;
  struct crypt_volume *volume;
  struct store *inner;
};

/* Buffers suit any medium below. */
#define BUFFER_ALIGN 4096

/* ------------------------------------------------------------------ */
/* The volume */

struct crypt_volume *
crypt_volume_create (const struct crypt_volume_options *o,
                     enum xts_status *status)
{
  struct crypt_volume *v;

  *status = xts_check (&o->xts);
  if (*status != XTS_OK)
    return NULL;
  *status = XTS_CRYPTO;
  v = calloc (1, sizeof *v);
  if (v == NULL)
    return NULL;
  atomic_init (&v->references, 1);
  v->unit = o->xts.unit;
  v->data_offset = o->data_offset;
  v->size = o->size;
  v->discard = o->discard;
  v->pool = aligned_pool_create (BUFFER_ALIGN);
  if (v->pool != NULL)
    v->xts = xts_create (&o->xts, status);
  if (v->xts == NULL) {
    crypt_volume_unref (v);
    return NULL;
  }
  return v;
}

void
crypt_volume_unref (struct crypt_volume *v)
{
  if (v == NULL || atomic_fetch_sub (&v->references, 1) > 1)
    return;
  xts_free (v->xts);
  aligned_pool_free (v->pool);
  free (v);
}

bool
crypt_volume_fits (const struct crypt_volume *v, const struct store *inner,
                   char *out, size_t n)
{
  const uint64_t below = store_size (inner);
  const uint64_t least = v->size != 0 ? v->size : v->unit;

  if (below < v->data_offset || below - v->data_offset < least) {
    snprintf (out, n,
              "is cut off: it has %" PRIu64 " bytes, and %" PRIu64
              " of data should begin at %" PRIu64,
              below, least, v->data_offset);
    return false;
  }
  if (!IS_ALIGNED (v->data_offset, inner->info.align)) {
    snprintf (out, n,
              "has blocks of %u bytes, and the data begins inside one, at "
              "%" PRIu64,
              inner->info.align, v->data_offset);
    return false;
  }
  return true;
}

/* ------------------------------------------------------------------ */
/* Requests */

static struct store_crypt *
to_crypt (struct store *s)
{
  return container_of (s, struct store_crypt, store);
}

/* The offset below. */
static uint64_t
below (const struct store_crypt *c, uint64_t offset)
{
  return c->volume->data_offset + offset;
}

static int
status_errno (enum xts_status status, int *err)
{
  if (status == XTS_OK)
    return 0;
  *err = ENOMEM;
  return -1;
}

static void
crypt_close (struct store *s)
{
  struct store_crypt *c = to_crypt (s);

  store_close (c->inner);
  crypt_volume_unref (c->volume);
  free (c);
}

static int
crypt_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct store_crypt *c = to_crypt (s);

  if (store_read (c->inner, buf, count, below (c, offset), err) == -1)
    return -1;
  return status_errno (xts_decrypt (c->volume->xts, buf, buf, count, offset),
                       err);
}

/* Encrypt N bytes of DATA, or zeroes, in BUFFER, and write that. */
static int
write_piece (struct store_crypt *c, void *buffer, const char *data, size_t n,
             uint64_t offset, unsigned flags, int *err)
{
  if (data == NULL)
    memset (buffer, 0, n);
  if (status_errno (
        xts_encrypt (c->volume->xts, buffer, data ? data : buffer, n, offset),
        err) == -1)
    return -1;
  return store_write (c->inner, buffer, n, below (c, offset), flags, err);
}

/* DATA is NULL for zeroes.  Several pieces with FUA are flushed once. */
static int
write_pieces (struct store_crypt *c, const char *data, uint64_t count,
              uint64_t offset, unsigned flags, int *err)
{
  const bool flush = count > ALIGNED_POOL_SIZE && (flags & STORE_FUA);
  void *buffer = aligned_pool_get (c->volume->pool);
  int r = 0;

  if (flush)
    flags &= ~(unsigned) STORE_FUA;
  for (uint64_t at = 0; r == 0 && at < count; at += ALIGNED_POOL_SIZE) {
    const size_t n = min_u64 (count - at, ALIGNED_POOL_SIZE);

    r = write_piece (c, buffer, data ? data + at : NULL, n, offset + at,
                     flags & STORE_FUA, err);
  }
  aligned_pool_put (c->volume->pool, buffer);
  if (r == 0 && flush)
    r = store_flush (c->inner, err);
  return r;
}

static int
crypt_write (struct store *s, const void *buf, size_t count, uint64_t offset,
             unsigned flags, int *err)
{
  return write_pieces (to_crypt (s), buf, count, offset, flags, err);
}

static int
crypt_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  if (flags & STORE_FAST_ZERO) {
    *err = EOPNOTSUPP;
    return -1;
  }
  return write_pieces (to_crypt (s), NULL, count, offset, flags, err);
}

static int
crypt_flush (struct store *s, int *err)
{
  return store_flush (to_crypt (s)->inner, err);
}

static int
crypt_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  struct store_crypt *c = to_crypt (s);

  if (!c->volume->discard)
    return 0;
  return store_trim (c->inner, count, below (c, offset), flags, err);
}

/* What is allocated is the same as below; but zeroes there are noise
 * here.
 */
static int
crypt_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               struct extent_list *out, int *err)
{
  struct store_crypt *c = to_crypt (s);
  const uint64_t start = below (c, offset);
  struct extent_list list;
  int r;

  extent_list_init (&list, start, start + count, out->one);
  r = store_extents (c->inner, count, start, flags, &list, err);
  for (size_t i = 0; r == 0 && i < list.len; i++)
    r =
      extent_list_add (out, list.v[i].count, list.v[i].type & EXTENT_HOLE, err);
  extent_list_fini (&list);
  return r;
}

static int
crypt_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct store_crypt *c = to_crypt (s);

  return store_cache (c->inner, count, below (c, offset), err);
}

static void
crypt_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  struct store_crypt *c = to_crypt (s);

  store_uncache (c->inner, count, below (c, offset));
}

static const struct store_ops crypt_ops = {
  .name = "crypt",
  .close = crypt_close,
  .read = crypt_read,
  .write = crypt_write,
  .flush = crypt_flush,
  .trim = crypt_trim,
  .zero = crypt_zero,
  .extents = crypt_extents,
  .cache = crypt_cache,
  .uncache = crypt_uncache,
};

/* ------------------------------------------------------------------ */
/* Opening */

/* A sector of the medium is written without tearing, and so is what it
 * decrypts to, as blocks of 16 bytes do not depend on each other.
 */
static struct store_info
info_over (const struct crypt_volume *v, const struct store_info *inner)
{
  struct store_info info = *inner;

  info.align = max_u64 (inner->align, v->unit);
  info.physical_sector_size = max_u64 (inner->physical_sector_size, v->unit);
  info.preferred = max_u64 (inner->preferred, v->unit);
  info.trim = inner->trim && v->discard;
  info.zero = true;
  info.fast_zero = false;
  /* Which is of what is encrypted. */
  info.has_id = false;
  memset (&info.id, 0, sizeof info.id);
  return info;
}

struct store *
store_crypt_create (struct crypt_volume *v, struct store *inner)
{
  const struct store_info info = info_over (v, &inner->info);
  const uint64_t room = store_size (inner) - v->data_offset;
  struct store_crypt *c = calloc (1, sizeof *c);

  if (c == NULL)
    return NULL;
  store_init (&c->store, &crypt_ops, &info,
              ROUND_DOWN (v->size != 0 ? v->size : room, v->unit));
  atomic_fetch_add (&v->references, 1);
  c->volume = v;
  c->inner = inner;
  return &c->store;
}
