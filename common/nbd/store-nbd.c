/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-nbd.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/log.h"
#include "nbd/remote-impl.h"
#include "nbd/store-nbd.h"

/* Bytes of one trim, zero or cache.  nbdkit before 1.44 may do only the
 * start of larger zeroes and call them done.
 */
#define MOST_RANGE (64 * 1024 * 1024)

/* Of a question about extents; the answer may be shorter anyhow. */
#define MOST_EXTENTS (1024 * 1024 * 1024)

struct store_nbd {
  struct store store;
  struct remote *remote;
};

static struct remote *
to_remote (struct store *s)
{
  return container_of (s, struct store_nbd, store)->remote;
}

static void
nbd_store_close (struct store *s)
{
  remote_unref (to_remote (s));
  free (container_of (s, struct store_nbd, store));
}

/* Run J, and tell if it fails, unless that has been told or is no news. */
static int
run (struct store *s, const char *what, struct remote_job *j, int *err)
{
  const uint64_t offset = j->offset, count = j->left;

  if (remote_run (to_remote (s), j, err) == 0)
    return 0;
  if (*err != ESHUTDOWN && *err != EOPNOTSUPP) {
    errno = *err;
    log_error ("nbd: %s: %s of %llu bytes at %llu: %m",
               remote_uri (to_remote (s)), what, (unsigned long long) count,
               (unsigned long long) offset);
  }
  return -1;
}

/* ------------------------------------------------------------------ */
/* Reading and writing */

static uint32_t
fua (unsigned flags)
{
  return flags & STORE_FUA ? LIBNBD_CMD_FLAG_FUA : 0;
}

static int
nbd_store_readv (struct store *s, const struct iovec *iov, int niov,
                 size_t count, uint64_t offset, int *err)
{
  struct remote_job j = { .kind = REMOTE_READ,
                          .offset = offset,
                          .left = count,
                          .most = to_remote (s)->max_payload,
                          .iov = iov };

  if (!store_iov_is_divisible (s, iov, niov, offset))
    return store_readv_joined (s, iov, niov, count, offset, err);
  return run (s, "read", &j, err);
}

static int
nbd_store_writev (struct store *s, const struct iovec *iov, int niov,
                  size_t count, uint64_t offset, unsigned flags, int *err)
{
  struct remote_job j = { .kind = REMOTE_WRITE,
                          .offset = offset,
                          .left = count,
                          .most = to_remote (s)->max_payload,
                          .iov = iov,
                          .flags = fua (flags) };

  if (!store_iov_is_divisible (s, iov, niov, offset))
    return store_writev_joined (s, iov, niov, count, offset, flags, err);
  return run (s, "write", &j, err);
}

static int
nbd_store_read (struct store *s, void *buf, size_t count, uint64_t offset,
                int *err)
{
  const struct iovec iov = { .iov_base = buf, .iov_len = count };

  return nbd_store_readv (s, &iov, 1, count, offset, err);
}

static int
nbd_store_write (struct store *s, const void *buf, size_t count,
                 uint64_t offset, unsigned flags, int *err)
{
  const struct iovec iov = { .iov_base = (void *) buf, .iov_len = count };

  return nbd_store_writev (s, &iov, 1, count, offset, flags, err);
}

/* ------------------------------------------------------------------ */
/* The rest */

/* A server that has no flush has nothing to flush. */
static int
nbd_store_flush (struct store *s, int *err)
{
  struct remote_job j = { .kind = REMOTE_FLUSH };

  return to_remote (s)->flush ? run (s, "flush", &j, err) : 0;
}

static int
nbd_store_trim (struct store *s, uint64_t count, uint64_t offset,
                unsigned flags, int *err)
{
  struct remote_job j = { .kind = REMOTE_TRIM,
                          .offset = offset,
                          .left = count,
                          .most = MOST_RANGE,
                          .flags = fua (flags) };

  return to_remote (s)->trim ? run (s, "trim", &j, err) : 0;
}

/* If part of it was done before it was refused, it has to be done. */
static int
nbd_store_zero (struct store *s, uint64_t count, uint64_t offset,
                unsigned flags, int *err)
{
  const struct remote *r = to_remote (s);
  struct remote_job j = {
    .kind = REMOTE_ZERO,
    .offset = offset,
    .left = count,
    .most = MOST_RANGE,
    .flags = fua (flags) |
             (flags & STORE_MAY_TRIM ? 0 : LIBNBD_CMD_FLAG_NO_HOLE) |
             (flags & STORE_FAST_ZERO ? LIBNBD_CMD_FLAG_FAST_ZERO : 0),
  };

  if (!r->zero || ((flags & STORE_FAST_ZERO) && !r->fast_zero)) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (run (s, "zero", &j, err) == 0)
    return 0;
  if (*err != EOPNOTSUPP || !(flags & STORE_FAST_ZERO) || count <= MOST_RANGE)
    return -1;
  return store_zero (s, count, offset, flags & ~(unsigned) STORE_FAST_ZERO,
                     err);
}

static int
nbd_store_extents (struct store *s, uint64_t count, uint64_t offset,
                   unsigned flags, struct extent_list *out, int *err)
{
  const uint64_t n = min_u64 (count, MOST_EXTENTS);
  struct remote_job j = {
    .kind = REMOTE_EXTENTS,
    .offset = offset,
    .left = n,
    .most = MOST_EXTENTS,
    .flags = flags & STORE_REQ_ONE ? LIBNBD_CMD_FLAG_REQ_ONE : 0,
    .out = out,
  };

  if (!to_remote (s)->extents)
    return extent_list_add (out, count, 0, err);
  if (run (s, "extents", &j, err) == -1)
    return -1;
  /* An answer of nothing. */
  if (extent_list_next (out) == offset)
    return extent_list_add (out, n, 0, err);
  return 0;
}

static int
nbd_store_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct remote_job j = {
    .kind = REMOTE_CACHE, .offset = offset, .left = count, .most = MOST_RANGE
  };

  return to_remote (s)->cache ? run (s, "cache", &j, err) : 0;
}

static const struct store_ops nbd_store_ops = {
  .name = "nbd",
  .close = nbd_store_close,
  .read = nbd_store_read,
  .write = nbd_store_write,
  .readv = nbd_store_readv,
  .writev = nbd_store_writev,
  .flush = nbd_store_flush,
  .trim = nbd_store_trim,
  .zero = nbd_store_zero,
  .extents = nbd_store_extents,
  .cache = nbd_store_cache,
};

struct store *
store_nbd_create (struct remote *r, bool read_only)
{
  const struct store_info info = {
    .sector_size = max_u64 (512, r->min_block),
    .align = r->min_block,
    .preferred = r->preferred,
    .read_only = read_only || r->read_only,
    .rotational = r->rotational,
    .fua = r->fua,
    .trim = r->trim,
    .zero = r->zero,
    .fast_zero = r->fast_zero,
    .extents = r->extents,
    .cache = r->cache,
    .shared_flush = r->multi_conn,
  };
  struct store_nbd *s = calloc (1, sizeof *s);

  if (s != NULL) {
    store_init (&s->store, &nbd_store_ops, &info, r->size);
    if (store_describe (&s->store, "%s", r->uri) == 0) {
      s->remote = remote_ref (r);
      return &s->store;
    }
  }
  free (s);
  errno = ENOMEM;
  log_error ("nbd: %s: %m", r->uri);
  return NULL;
}
