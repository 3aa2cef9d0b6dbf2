/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file store: reading, writing and making durable.
 *
 * A durable write is one pwritev2 with RWF_DSYNC.  It writes out its own
 * range and whatever the file system needs to find it again, where
 * fdatasync would write out everything that anybody left dirty in the
 * file; and the kernel merges the cache flushes of concurrent ones.  A
 * flush has to be an fdatasync, which host_file_sync shares out.
 *
 * Without the page cache, where the device has no FUA, it is a write and
 * then such a flush, as it would end in one of its own.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "store/store-file-impl.h"

/* The kernel keeps what one call writes in one folio of its page cache,
 * as large as the call if it can, and on ext4 walks all blocks of the
 * folio whenever some of them are written again.  A call that writes no
 * more than this costs nothing and keeps small writes cheap later on.
 */
#define WRITE_STEP (64 * 1024)

/* The kernel reads ahead no more than about this for one request. */
#define CACHE_STEP (128 * 1024)

/* A device that is not there any more, and will not come back.  What its
 * requests fail with is as if its end had come nearer.
 */
static bool
is_gone (const struct store_file *f, int e)
{
  return f->is_device && (e == ENXIO || e == ENODEV || e == ENOMEDIUM ||
                          host_file_size (f->file) <= 0);
}

/* Has a device become smaller without a word, as partitions do, so that
 * the range is not in it any more?
 */
static bool
has_shrunk (struct store_file *f, uint64_t count, uint64_t offset)
{
  int ignored;

  return f->is_device && store_refresh (&f->store, &ignored) == 0 &&
         !range_inside (offset, count, store_size (&f->store));
}

/* EBADE: a reservation of another host forbids it. */
static int
errno_for_client (struct store_file *f, uint64_t count, uint64_t offset, int e)
{
  if (is_gone (f, e))
    return ESHUTDOWN;
  if (e == 0 && has_shrunk (f, count, offset))
    return EINVAL;
  return e == EBADE ? EPERM : host_file_errno (e);
}

int
file_failed (struct store_file *f, const char *what, uint64_t count,
             uint64_t offset, int e, int *err)
{
  *err = errno_for_client (f, count, offset, e);
  log_error ("%s: %s: offset=%llu count=%llu: %s", what,
             host_file_path (f->file), (unsigned long long) offset,
             (unsigned long long) count,
             *err == ESHUTDOWN ? "the device is gone" :
             e == 0            ? "unexpected end of file" :
                                 strerror (e));
  return -1;
}

/* ------------------------------------------------------------------ */
/* Moving data */

ssize_t
file_transfer_once (int fd, enum file_direction d, const struct iovec *iov,
                    int niov, uint64_t offset)
{
  if (d == FILE_WRITE_DSYNC)
    return pwritev2 (fd, iov, niov, (off_t) offset, RWF_DSYNC);
  if (d == FILE_READ)
    return niov == 1 ? pread (fd, iov->iov_base, iov->iov_len, (off_t) offset) :
                       preadv (fd, iov, niov, (off_t) offset);
  return niov == 1 ? pwrite (fd, iov->iov_base, iov->iov_len, (off_t) offset) :
                     pwritev (fd, iov, niov, (off_t) offset);
}

void
file_iov_advance (struct iovec **iov, int *niov, size_t n)
{
  while (*niov > 0 && n >= (*iov)->iov_len) {
    n -= (*iov)->iov_len;
    ++*iov;
    --*niov;
  }
  if (n > 0) {
    (*iov)->iov_base = (char *) (*iov)->iov_base + n;
    (*iov)->iov_len -= n;
  }
}

static ssize_t
write_step (int fd, const struct iovec *iov, uint64_t offset)
{
  const size_t n = min_u64 (iov->iov_len, WRITE_STEP - offset % WRITE_STEP);

  return pwrite (fd, iov->iov_base, n, (off_t) offset);
}

int
file_transfer (int fd, enum file_direction d, struct iovec *iov, int niov,
               size_t count, uint64_t offset)
{
  while (count > 0) {
    const ssize_t r = d == FILE_WRITE && niov == 1 ?
                        write_step (fd, iov, offset) :
                        file_transfer_once (fd, d, iov, niov, offset);

    if (r == -1) {
      if (errno == EINTR)
        continue;
      return -1;
    }
    if (r == 0) {
      errno = d == FILE_READ ? 0 : EIO;
      return -1;
    }
    count -= (size_t) r;
    offset += (uint64_t) r;
    if (count > 0)
      file_iov_advance (&iov, &niov, (size_t) r);
  }
  return 0;
}

/* The same through the descriptor that the cache mode asks for, with a
 * vector that is not used up.
 */
static int
transfer (struct store_file *f, enum file_direction d, const struct iovec *iov,
          int niov, size_t count, uint64_t offset)
{
  struct iovec one, many[IOV_MAX], *copy = &one;

  if (niov == 1)
    one = *iov;
  else {
    memcpy (many, iov, (size_t) niov * sizeof *iov);
    copy = many;
  }
  if (f->cache == STORE_FILE_CACHE_DIRECT)
    return file_transfer_direct (f, d, copy, niov, count, offset);
  return file_transfer (f->fd, d, copy, niov, count, offset);
}

/* ------------------------------------------------------------------ */
/* Reading */

int
file_readv (struct store *s, const struct iovec *iov, int niov, size_t count,
            uint64_t offset, int *err)
{
  struct store_file *f = to_file (s);

  if (transfer (f, FILE_READ, iov, niov, count, offset) == -1)
    return file_failed (f, "pread", count, offset, errno, err);
  if (f->cache == STORE_FILE_CACHE_NONE)
    page_evict_clean (&f->evict, count, offset);
  return 0;
}

int
file_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  const struct iovec iov = { .iov_base = buf, .iov_len = count };

  return file_readv (s, &iov, 1, count, offset, err);
}

/* Advice, in steps that the kernel does not cut short. */
int
file_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct store_file *f = to_file (s);

  while (count > 0) {
    const uint64_t n = min_u64 (count, CACHE_STEP);
    const int r =
      posix_fadvise (f->fd, (off_t) offset, (off_t) n, POSIX_FADV_WILLNEED);

    if (r != 0) {
      log_debug ("posix_fadvise: %s: WILLNEED: %s", host_file_path (f->file),
                 strerror (r));
      return 0;
    }
    offset += n;
    count -= n;
  }
  return 0;
}

void
file_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  page_evict_around (to_file (s)->fd, count, offset);
}

/* ------------------------------------------------------------------ */
/* Writing */

static int
write_plain (struct store_file *f, const struct iovec *iov, int niov,
             size_t count, uint64_t offset, int *err)
{
  if (transfer (f, FILE_WRITE, iov, niov, count, offset) == -1)
    return file_failed (f, "pwrite", count, offset, errno, err);
  return 0;
}

/* Start writing out; wait for what was started some writes ago. */
static int
evict_written (struct store_file *f, size_t count, uint64_t offset, int *err)
{
  if (page_evict_dirty (&f->evict, count, offset) == 0)
    return 0;
  host_file_sync_set_failed (f->file);
  return file_failed (f, "sync_file_range: cache=none", count, offset, errno,
                      err);
}

/* A durable write failed with the errno E: was it the write, or was it
 * making it durable?  The latter may be the news, which comes only once,
 * that something else was lost.  Writing again without it tells, except
 * that no chances are taken with EIO.  A device without the page cache in
 * between has no such news: it is asked to flush, and a sector that cannot
 * be written spoils nothing else.
 */
static int
durable_write_failed (struct store_file *f, const struct iovec *iov, int niov,
                      size_t count, uint64_t offset, int e, int *err)
{
  if (f->is_device && f->cache == STORE_FILE_CACHE_DIRECT) {
    int ignored;

    host_file_sync (f->file, &ignored);
  }
  else if (e == EIO || transfer (f, FILE_WRITE, iov, niov, count, offset) == 0)
    host_file_sync_set_failed (f->file);
  return file_failed (f, "pwritev2: RWF_DSYNC", count, offset, e, err);
}

static int
write_and_sync (struct store_file *f, const struct iovec *iov, int niov,
                size_t count, uint64_t offset, int *err)
{
  int r;

  host_file_sync_announce (f->file);
  r = write_plain (f, iov, niov, count, offset, err);
  host_file_sync_arrive (f->file);
  return r == 0 ? host_file_sync (f->file, err) : -1;
}

static int
write_durable (struct store_file *f, const struct iovec *iov, int niov,
               size_t count, uint64_t offset, int *err)
{
  /* Fails, and says why. */
  if (host_file_sync_has_failed (f->file))
    return host_file_sync (f->file, err);

  if (!is_missing (f, MISSING_DSYNC) &&
      (f->cache != STORE_FILE_CACHE_DIRECT ||
       file_direct_is_single (f, count, offset))) {
    if (transfer (f, FILE_WRITE_DSYNC, iov, niov, count, offset) == 0)
      return 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
      return durable_write_failed (f, iov, niov, count, offset, errno, err);
    log_debug ("pwritev2: %s: no RWF_DSYNC, using fdatasync",
               host_file_path (f->file));
    set_missing (f, MISSING_DSYNC);
  }
  return write_and_sync (f, iov, niov, count, offset, err);
}

int
file_writev (struct store *s, const struct iovec *iov, int niov, size_t count,
             uint64_t offset, unsigned flags, int *err)
{
  struct store_file *f = to_file (s);

  if (flags & STORE_FUA) {
    if (write_durable (f, iov, niov, count, offset, err) == -1)
      return -1;
    if (f->cache == STORE_FILE_CACHE_NONE)
      page_evict_clean (&f->evict, count, offset);
    return 0;
  }
  if (write_plain (f, iov, niov, count, offset, err) == -1)
    return -1;
  if (f->cache == STORE_FILE_CACHE_NONE)
    return evict_written (f, count, offset, err);
  return 0;
}

int
file_write (struct store *s, const void *buf, size_t count, uint64_t offset,
            unsigned flags, int *err)
{
  const struct iovec iov = { .iov_base = (void *) buf, .iov_len = count };

  return file_writev (s, &iov, 1, count, offset, flags, err);
}

int
file_flush (struct store *s, int *err)
{
  return host_file_sync (to_file (s)->file, err);
}
