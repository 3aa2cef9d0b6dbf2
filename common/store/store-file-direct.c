/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file store: O_DIRECT.  Offsets and counts come aligned, except at
 * the end of a disk whose size is not a multiple; that last piece goes
 * through the page cache, and nothing else does.  (What the two write
 * into one block of the file system is kept apart by the kernel.)
 *
 * Memory that is not aligned is copied through a buffer of the pool; a
 * request that is larger than one is split, unless it is one for the
 * engine (store-file-batch.c).
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "store/store-file-impl.h"

/* How much of the range is for O_DIRECT; the rest is the last piece. */
static size_t
direct_part (const struct store_file *f, size_t count, uint64_t offset)
{
  const uint64_t size = store_size (&f->store);
  const uint64_t end = ROUND_DOWN (size, f->direct_align);

  return offset >= end ? 0 : min_u64 (count, end - offset);
}

bool
file_direct_is_single (const struct store_file *f, size_t count,
                       uint64_t offset)
{
  return count <= ALIGNED_POOL_SIZE && direct_part (f, count, offset) == count;
}

/* Everything is aligned.  A transfer that is cut short to something that
 * is not, which happens when it runs into something odd, goes on through
 * the page cache, which takes anything and says what is the matter.
 */
int
file_transfer_aligned (struct store_file *f, enum file_direction d, void *buf,
                       size_t count, uint64_t offset)
{
  const uint32_t align =
    f->direct_align > f->memory_align ? f->direct_align : f->memory_align;
  struct iovec iov = { .iov_base = buf, .iov_len = count };

  while (iov.iov_len > 0) {
    const ssize_t r = file_transfer_once (f->direct_fd, d, &iov, 1, offset);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return -1;
    iov.iov_base = (char *) iov.iov_base + r;
    iov.iov_len -= (size_t) r;
    offset += (uint64_t) r;
    if (r == 0 || !IS_ALIGNED ((size_t) r, align))
      return file_transfer (f->fd, d, &iov, 1, iov.iov_len, offset);
  }
  return 0;
}

void
file_gather (char *buf, const struct iovec *iov, size_t at, size_t n)
{
  for (; n > 0; iov++) {
    const size_t skip = min_u64 (at, iov->iov_len);
    const size_t len = min_u64 (n, iov->iov_len - skip);

    memcpy (buf, (const char *) iov->iov_base + skip, len);
    at -= skip;
    buf += len;
    n -= len;
  }
}

void
file_scatter (const struct iovec *iov, const char *buf, size_t at, size_t n)
{
  for (; n > 0; iov++) {
    const size_t skip = min_u64 (at, iov->iov_len);
    const size_t len = min_u64 (n, iov->iov_len - skip);

    memcpy ((char *) iov->iov_base + skip, buf, len);
    at -= skip;
    buf += len;
    n -= len;
  }
}

/* How much of the front element can be used as it is? */
static size_t
usable_in_place (const struct store_file *f, const struct iovec *iov,
                 size_t count)
{
  if (!IS_ALIGNED ((uintptr_t) iov->iov_base, f->memory_align))
    return 0;
  return ROUND_DOWN (min_u64 (iov->iov_len, count), f->direct_align);
}

static int
transfer_copied (struct store_file *f, enum file_direction d,
                 const struct iovec *iov, size_t n, uint64_t offset)
{
  char *buf = aligned_pool_get (f->pool);
  int r, saved;

  if (d != FILE_READ)
    file_gather (buf, iov, 0, n);
  r = file_transfer_aligned (f, d, buf, n, offset);
  saved = errno;
  if (d == FILE_READ && r == 0)
    file_scatter (iov, buf, 0, n);
  aligned_pool_put (f->pool, buf);
  errno = saved;
  return r;
}

int
file_transfer_direct (struct store_file *f, enum file_direction d,
                      struct iovec *iov, int niov, size_t count,
                      uint64_t offset)
{
  size_t direct = direct_part (f, count, offset);

  count -= direct;
  while (direct > 0) {
    size_t n;
    int r;

    file_iov_advance (&iov, &niov, 0); /* empty elements */
    n = usable_in_place (f, iov, direct);
    if (n > 0)
      r = file_transfer_aligned (f, d, iov->iov_base, n, offset);
    else if (file_wants_batch (f, d, direct)) {
      n = direct;
      r = file_transfer_batch (f, d, iov, n, offset);
    }
    else {
      n = min_u64 (direct, ALIGNED_POOL_SIZE);
      r = transfer_copied (f, d, iov, n, offset);
    }
    if (r == -1)
      return -1;
    file_iov_advance (&iov, &niov, n);
    direct -= n;
    offset += n;
  }
  return file_transfer (f->fd, d, iov, niov, count, offset);
}
