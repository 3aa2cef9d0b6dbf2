/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See luks-copy.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "luks/luks-copy.h"

#define PIECE (1024 * 1024)

int
luks_copy_init (struct luks_copy *c, uint64_t size, int *err)
{
  c->fd = memfd_create ("luks-header", MFD_CLOEXEC);
  if (c->fd == -1 || ftruncate (c->fd, (off_t) size) == -1) {
    *err = errno;
    luks_copy_fini (c);
    return -1;
  }
  snprintf (c->path, sizeof c->path, "/proc/self/fd/%d", c->fd);
  return 0;
}

void
luks_copy_fini (struct luks_copy *c)
{
  if (c->fd >= 0)
    close (c->fd);
  c->fd = -1;
}

/* All N bytes. */
static int
read_copy (int fd, char *buf, size_t n, uint64_t offset, int *err)
{
  while (n > 0) {
    const ssize_t r = pread (fd, buf, n, (off_t) offset);

    if (r <= 0) {
      *err = r == 0 ? EIO : errno;
      return -1;
    }
    buf += r;
    offset += (uint64_t) r;
    n -= (size_t) r;
  }
  return 0;
}

static int
write_copy (int fd, const char *buf, size_t n, uint64_t offset, int *err)
{
  while (n > 0) {
    const ssize_t r = pwrite (fd, buf, n, (off_t) offset);

    if (r == -1) {
      *err = errno;
      return -1;
    }
    buf += r;
    offset += (uint64_t) r;
    n -= (size_t) r;
  }
  return 0;
}

static int
copy (const struct luks_copy *c, struct store *s, bool save, uint64_t start,
      uint64_t end, int *err)
{
  CLEANUP_FREE char *buf = malloc (PIECE);

  if (buf == NULL) {
    *err = ENOMEM;
    return -1;
  }
  end = min_u64 (end, store_size (s));
  for (uint64_t at = start; at < end; at += PIECE) {
    const size_t n = min_u64 (end - at, PIECE);
    const int r = save ? read_copy (c->fd, buf, n, at, err) :
                         store_read_any (s, buf, n, at, err);

    if (r == -1 || (save ? store_write (s, buf, n, at, 0, err) :
                           write_copy (c->fd, buf, n, at, err)) == -1)
      return -1;
  }
  return 0;
}

int
luks_copy_load (const struct luks_copy *c, struct store *s, uint64_t start,
                uint64_t end, int *err)
{
  return copy (c, s, false, start, end, err);
}

int
luks_copy_save (const struct luks_copy *c, struct store *s, uint64_t start,
                uint64_t end, int *err)
{
  return copy (c, s, true, start, end, err);
}
