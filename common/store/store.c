/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The front door of every store: checks what the contract in store.h
 * promises to implementations, fills in defaults, and checks that a
 * failure came with a reason.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/cleanup.h"
#include "store/store.h"

/* One buffer of zeroes for stores that cannot zero by themselves. */
#define ZEROES_SIZE (1024 * 1024)

void
store_init (struct store *s, const struct store_ops *ops,
            const struct store_info *info, uint64_t size)
{
  assert (size <= INT64_MAX);
  s->ops = ops;
  s->info = *info;
  if (s->info.sector_size == 0)
    s->info.sector_size = 512;
  if (s->info.physical_sector_size < s->info.sector_size)
    s->info.physical_sector_size = s->info.sector_size;
  if (s->info.align == 0)
    s->info.align = 1;
  if (s->info.preferred == 0)
    s->info.preferred = 4096;
  atomic_init (&s->size_, size);
  s->description = NULL;
}

int
store_describe (struct store *s, const char *fs, ...)
{
  char *description;
  va_list args;
  int r;

  va_start (args, fs);
  r = vasprintf (&description, fs, args);
  va_end (args);
  if (r == -1) {
    errno = ENOMEM;
    return -1;
  }
  free (s->description);
  s->description = description;
  return 0;
}

void
store_close (struct store *s)
{
  char *description;

  if (s == NULL)
    return;
  description = s->description;
  s->ops->close (s);
  free (description);
}

uint64_t
store_size (const struct store *s)
{
  return atomic_load_explicit (&s->size_, memory_order_acquire);
}

/* Refuse a range beyond the end with RANGE_ERRNO, and one that the
 * store cannot take.
 */
static int
check_range (const struct store *s, uint64_t count, uint64_t offset,
             int range_errno, int *err)
{
  const uint64_t size = store_size (s);
  const uint32_t align = s->info.align;

  if (!range_inside (offset, count, size)) {
    *err = range_errno;
    return -1;
  }
  if (align > 1 && (!IS_ALIGNED (offset, align) ||
                    (!IS_ALIGNED (count, align) && offset + count != size))) {
    *err = EINVAL;
    return -1;
  }
  return 0;
}

static int
check_change (const struct store *s, uint64_t count, uint64_t offset,
              int range_errno, int *err)
{
  if (s->info.read_only) {
    *err = EPERM;
    return -1;
  }
  return check_range (s, count, offset, range_errno, err);
}

/* Every failure must say why: nbdkit aborts otherwise. */
static int
checked (int r, const int *err)
{
  assert (r == 0 || (r == -1 && *err > 0));
  return r;
}

/* Split FUA off where the store does not have it: do the operation,
 * then flush.
 */
static unsigned
split_fua (const struct store *s, unsigned flags, bool *flush)
{
  *flush = (flags & STORE_FUA) && !s->info.fua;
  return *flush ? flags & ~(unsigned) STORE_FUA : flags;
}

int
store_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  if (check_range (s, count, offset, EINVAL, err) == -1)
    return -1;
  if (count == 0)
    return 0;
  return checked (s->ops->read (s, buf, count, offset, err), err);
}

int
store_read_any (struct store *s, void *buf, size_t count, uint64_t offset,
                int *err)
{
  const uint32_t align = s->info.align;
  const uint64_t size = store_size (s), start = ROUND_DOWN (offset, align);
  CLEANUP_FREE char *around = NULL;
  uint64_t end;

  if ((IS_ALIGNED (offset, align) && IS_ALIGNED (count, align)) ||
      !range_inside (offset, count, size))
    return store_read (s, buf, count, offset, err);
  end = min_u64 (ROUND_UP (offset + count, align), size);
  around = malloc (end - start);
  if (around == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (store_read (s, around, end - start, start, err) == -1)
    return -1;
  memcpy (buf, around + (offset - start), count);
  return 0;
}

int
store_write (struct store *s, const void *buf, size_t count, uint64_t offset,
             unsigned flags, int *err)
{
  bool flush;

  if (check_change (s, count, offset, ENOSPC, err) == -1)
    return -1;
  if (count == 0)
    return 0;
  flags = split_fua (s, flags, &flush);
  if (checked (s->ops->write (s, buf, count, offset, flags, err), err) == -1)
    return -1;
  return flush ? store_flush (s, err) : 0;
}

/* The bytes of the vector, or more than any disk has. */
static uint64_t
iov_count (const struct iovec *iov, int niov)
{
  uint64_t count = 0;

  for (int i = 0; i < niov; i++) {
    if (!checked_add (count, iov[i].iov_len, &count))
      return UINT64_MAX;
  }
  return count;
}

bool
store_iov_is_divisible (const struct store *s, const struct iovec *iov,
                        int niov, uint64_t offset)
{
  const uint64_t unit = max_u64 (s->info.sector_size, s->info.align);

  for (int i = 0; i < niov - 1; i++) {
    offset += iov[i].iov_len;
    if (!IS_ALIGNED (offset, unit))
      return false;
  }
  return true;
}

static int
read_each (struct store *s, const struct iovec *iov, int niov, uint64_t offset,
           int *err)
{
  for (int i = 0; i < niov; i++) {
    if (store_read (s, iov[i].iov_base, iov[i].iov_len, offset, err) == -1)
      return -1;
    offset += iov[i].iov_len;
  }
  return 0;
}

int
store_readv_joined (struct store *s, const struct iovec *iov, int niov,
                    size_t count, uint64_t offset, int *err)
{
  CLEANUP_FREE char *joined = malloc (count);
  const char *p = joined;

  if (joined == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (store_read (s, joined, count, offset, err) == -1)
    return -1;
  for (int i = 0; i < niov; i++) {
    if (iov[i].iov_len > 0)
      memcpy (iov[i].iov_base, p, iov[i].iov_len);
    p += iov[i].iov_len;
  }
  return 0;
}

int
store_readv (struct store *s, const struct iovec *iov, int niov,
             uint64_t offset, int *err)
{
  const uint64_t count = iov_count (iov, niov);

  assert (niov >= 0 && niov <= IOV_MAX);
  if (check_range (s, count, offset, EINVAL, err) == -1)
    return -1;
  if (count == 0)
    return 0;
  if (s->ops->readv != NULL)
    return checked (s->ops->readv (s, iov, niov, count, offset, err), err);
  if (store_iov_is_divisible (s, iov, niov, offset))
    return read_each (s, iov, niov, offset, err);
  return store_readv_joined (s, iov, niov, count, offset, err);
}

static int
write_each (struct store *s, const struct iovec *iov, int niov, uint64_t offset,
            int *err)
{
  for (int i = 0; i < niov; i++) {
    if (store_write (s, iov[i].iov_base, iov[i].iov_len, offset, 0, err) == -1)
      return -1;
    offset += iov[i].iov_len;
  }
  return 0;
}

int
store_writev_joined (struct store *s, const struct iovec *iov, int niov,
                     size_t count, uint64_t offset, unsigned flags, int *err)
{
  CLEANUP_FREE char *joined = malloc (count);
  char *p = joined;

  if (joined == NULL) {
    *err = ENOMEM;
    return -1;
  }
  for (int i = 0; i < niov; i++) {
    if (iov[i].iov_len > 0)
      memcpy (p, iov[i].iov_base, iov[i].iov_len);
    p += iov[i].iov_len;
  }
  return store_write (s, joined, count, offset, flags, err);
}

int
store_writev (struct store *s, const struct iovec *iov, int niov,
              uint64_t offset, unsigned flags, int *err)
{
  const uint64_t count = iov_count (iov, niov);
  bool flush;
  int r;

  assert (niov >= 0 && niov <= IOV_MAX);
  if (check_change (s, count, offset, ENOSPC, err) == -1)
    return -1;
  if (count == 0)
    return 0;
  if (s->ops->writev != NULL) {
    flags = split_fua (s, flags, &flush);
    r = checked (s->ops->writev (s, iov, niov, count, offset, flags, err), err);
  }
  else {
    flush = flags & STORE_FUA;
    r = store_iov_is_divisible (s, iov, niov, offset) ?
          write_each (s, iov, niov, offset, err) :
          store_writev_joined (s, iov, niov, count, offset, 0, err);
  }
  if (r == -1)
    return -1;
  return flush ? store_flush (s, err) : 0;
}

int
store_flush (struct store *s, int *err)
{
  if (s->ops->flush == NULL || s->info.read_only)
    return 0;
  return checked (s->ops->flush (s, err), err);
}

int
store_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  bool flush;

  if (check_change (s, count, offset, EINVAL, err) == -1)
    return -1;
  if (count == 0 || s->ops->trim == NULL)
    return 0;
  flags = split_fua (s, flags, &flush);
  if (checked (s->ops->trim (s, count, offset, flags, err), err) == -1)
    return -1;
  return flush ? store_flush (s, err) : 0;
}

static int
write_zeroes (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  CLEANUP_FREE void *zeroes = calloc (1, min_u64 (count, ZEROES_SIZE));

  if (zeroes == NULL) {
    *err = ENOMEM;
    return -1;
  }
  while (count > 0) {
    /* In pieces that meet where sectors meet. */
    const size_t n = min_u64 (count, ZEROES_SIZE - offset % ZEROES_SIZE);

    if (store_write (s, zeroes, n, offset, 0, err) == -1)
      return -1;
    offset += n;
    count -= n;
  }
  return 0;
}

int
store_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
            int *err)
{
  bool flush;
  int r = -1;

  if (check_change (s, count, offset, ENOSPC, err) == -1)
    return -1;
  if (count == 0)
    return 0;
  flags = split_fua (s, flags, &flush);
  *err = EOPNOTSUPP;
  if (s->ops->zero != NULL)
    r = checked (s->ops->zero (s, count, offset, flags, err), err);
  if (r == -1 && *err == EOPNOTSUPP && !(flags & STORE_FAST_ZERO)) {
    flush |= flags & STORE_FUA;
    r = write_zeroes (s, count, offset, err);
  }
  if (r == -1)
    return -1;
  return flush ? store_flush (s, err) : 0;
}

int
store_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               struct extent_list *out, int *err)
{
  const uint64_t size = store_size (s), align = s->info.align;
  uint64_t end;

  if (!range_inside (offset, count, size)) {
    *err = EINVAL;
    return -1;
  }
  if (!IS_ALIGNED (offset, align)) {
    *err = EINVAL;
    return -1;
  }
  if (count == 0)
    return 0;
  assert (extent_list_next (out) == offset);
  if (s->ops->extents == NULL)
    return extent_list_add (out, count, 0, err);
  end = min_u64 (ROUND_UP (offset + count, align), size);
  if (checked (s->ops->extents (s, end - offset, offset, flags, out, err),
               err) == -1)
    return -1;
  assert (extent_list_next (out) > offset || extent_list_full (out));
  return 0;
}

int
store_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  if (check_range (s, count, offset, EINVAL, err) == -1)
    return -1;
  if (count == 0 || s->ops->cache == NULL)
    return 0;
  return checked (s->ops->cache (s, count, offset, err), err);
}

void
store_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  int err;

  if (count > 0 && s->ops->uncache != NULL &&
      check_range (s, count, offset, EINVAL, &err) == 0)
    s->ops->uncache (s, count, offset);
}

int
store_resize (struct store *s, uint64_t size, int *err)
{
  if (s->info.read_only) {
    *err = EPERM;
    return -1;
  }
  if (s->ops->resize == NULL || size > INT64_MAX) {
    *err = s->ops->resize == NULL ? EOPNOTSUPP : EINVAL;
    return -1;
  }
  if (checked (s->ops->resize (s, size, err), err) == -1)
    return -1;
  atomic_store_explicit (&s->size_, size, memory_order_release);
  return 0;
}

int
store_refresh (struct store *s, int *err)
{
  uint64_t size;

  if (s->ops->refresh == NULL)
    return 0;
  if (checked (s->ops->refresh (s, &size, err), err) == -1)
    return -1;
  atomic_store_explicit (&s->size_, size, memory_order_release);
  return 0;
}
