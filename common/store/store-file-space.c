/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file store: zeroing, trimming, what is allocated, resizing.
 *
 * Which calls a file system has cannot be asked, so they are tried, the
 * best first, and what fails for want of support is not tried again.
 * Everything goes through the buffered descriptor; the kernel keeps the
 * page cache right.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store-file-impl.h"

/* An answer about extents ends after this many, so that a fragmented
 * file costs no more than about a millisecond for each question.
 */
#define EXTENTS_PER_ANSWER 1024

enum attempt {
  ATTEMPT_DONE,
  ATTEMPT_UNSUPPORTED, /* nothing happened */
  ATTEMPT_FAILED,      /* *err is set */
};

/* What system calls say when they cannot do something here, as opposed
 * to when it went wrong.
 */
static bool
is_unsupported (int e)
{
  return e == EOPNOTSUPP || e == ENOSYS || e == ENOTTY || e == ENODEV;
}

/* What came of the call WHAT, which returned R; METHOD is its bit. */
static enum attempt
judge (struct store_file *f, int r, const char *what, unsigned method,
       uint64_t count, uint64_t offset, int *err)
{
  if (r == 0)
    return ATTEMPT_DONE;
  if (is_unsupported (errno)) {
    log_debug ("%s: %s: %m; not trying it again", what,
               host_file_path (f->file));
    set_missing (f, method);
    return ATTEMPT_UNSUPPORTED;
  }
  /* A device that is mounted somewhere: now, not never. */
  if (f->is_device && errno == EBUSY)
    return ATTEMPT_UNSUPPORTED;
  file_failed (f, what, count, offset, errno, err);
  return ATTEMPT_FAILED;
}

static enum attempt
try_fallocate (struct store_file *f, int mode, const char *what,
               unsigned method, uint64_t count, uint64_t offset, int *err)
{
  int r;

  if (is_missing (f, method))
    return ATTEMPT_UNSUPPORTED;
  do
    r = fallocate (f->fd, mode, (off_t) offset, (off_t) count);
  while (r == -1 && errno == EINTR);
  return judge (f, r, what, method, count, offset, err);
}

static enum attempt
try_punch_hole (struct store_file *f, uint64_t count, uint64_t offset, int *err)
{
  return try_fallocate (f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        "fallocate: FALLOC_FL_PUNCH_HOLE", MISSING_PUNCH_HOLE,
                        count, offset, err);
}

static enum attempt
try_zero_range (struct store_file *f, uint64_t count, uint64_t offset, int *err)
{
  return try_fallocate (f, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                        "fallocate: FALLOC_FL_ZERO_RANGE", MISSING_ZERO_RANGE,
                        count, offset, err);
}

/* A hole, and space for it again.  If the second half turns out not to
 * be there (which happens once), zeroes are written into the hole.
 */
static enum attempt
try_punch_and_allocate (struct store_file *f, uint64_t count, uint64_t offset,
                        int *err)
{
  enum attempt a;

  if (is_missing (f, MISSING_ALLOCATE))
    return ATTEMPT_UNSUPPORTED;
  a = try_punch_hole (f, count, offset, err);
  if (a != ATTEMPT_DONE)
    return a;
  return try_fallocate (f, FALLOC_FL_KEEP_SIZE, "fallocate", MISSING_ALLOCATE,
                        count, offset, err);
}

/* Call the ioctl on a range of the device, on at most STEP bytes at once,
 * so that a signal or the end of the server has to wait no longer than for
 * one.  If the first is not supported, nothing has happened.
 */
static enum attempt
try_ioctl (struct store_file *f, unsigned long request, const char *what,
           unsigned method, uint64_t step, uint64_t count, uint64_t offset,
           int *err)
{
  enum attempt a = ATTEMPT_DONE;

  if (is_missing (f, method))
    return ATTEMPT_UNSUPPORTED;
  for (uint64_t done = 0; a == ATTEMPT_DONE && done < count;) {
    /* Up to a multiple of STEP, where the next one begins. */
    const uint64_t at = offset + done;
    const uint64_t n = min_u64 (count - done, step - at % step);
    uint64_t range[2] = { at, n };
    int r;

    do
      r = ioctl (f->fd, request, range);
    while (r == -1 && errno == EINTR);
    a = judge (f, r, what, method, n, at, err);
    if (a == ATTEMPT_UNSUPPORTED && done > 0) {
      file_failed (f, what, n, at, errno, err);
      a = ATTEMPT_FAILED;
    }
    done += n;
  }
  return a;
}

/* ------------------------------------------------------------------ */
/* Zero */

static enum attempt
zero_in_file (struct store_file *f, uint64_t count, uint64_t offset,
              unsigned flags, int *err)
{
  enum attempt a = ATTEMPT_UNSUPPORTED;

  if (flags & STORE_MAY_TRIM)
    a = try_punch_hole (f, count, offset, err);
  if (a == ATTEMPT_UNSUPPORTED)
    a = try_zero_range (f, count, offset, err);
  if (a == ATTEMPT_UNSUPPORTED)
    a = try_punch_and_allocate (f, count, offset, err);
  return a;
}

/* Zero less than a sector of the device. */
static enum attempt
zero_edge (struct store_file *f, uint64_t start, uint64_t end, int *err)
{
  static const char zeroes[512];

  while (start < end) {
    struct iovec iov = {
      .iov_base = (void *) zeroes,
      .iov_len = min_u64 (end - start, sizeof zeroes),
    };
    const size_t n = iov.iov_len;

    if (file_transfer (f->fd, FILE_WRITE, &iov, 1, n, start) == -1) {
      file_failed (f, "pwrite", n, start, errno, err);
      return ATTEMPT_FAILED;
    }
    start += n;
  }
  return ATTEMPT_DONE;
}

/* On a device, PUNCH_HOLE zeroes, in no time or not at all, and may
 * unmap.  BLKZEROOUT always works and never unmaps, but unless the
 * device can zero by itself, it sends zeroes.
 */
static enum attempt
zero_sectors (struct store_file *f, uint64_t count, uint64_t offset,
              unsigned flags, int *err)
{
  enum attempt a = ATTEMPT_UNSUPPORTED;

  if (flags & STORE_MAY_TRIM)
    a = try_punch_hole (f, count, offset, err);
  if (a == ATTEMPT_UNSUPPORTED &&
      (f->device.write_zeroes || !(flags & STORE_FAST_ZERO)))
    a = try_ioctl (f, BLKZEROOUT, "ioctl: BLKZEROOUT", MISSING_ZEROOUT,
                   f->device.zero_step, count, offset, err);
  return a;
}

static enum attempt
zero_in_device (struct store_file *f, uint64_t count, uint64_t offset,
                unsigned flags, int *err)
{
  const uint64_t start = offset, end = offset + count;
  const uint64_t body_start = ROUND_UP (start, f->device.logical_size);
  const uint64_t body_end = ROUND_DOWN (end, f->device.logical_size);
  enum attempt a;

  if (body_start >= body_end)
    return ATTEMPT_UNSUPPORTED;
  /* The body first: if it cannot be done, nothing may have been. */
  a = zero_sectors (f, body_end - body_start, body_start, flags, err);
  if (a == ATTEMPT_DONE)
    a = zero_edge (f, start, body_start, err);
  if (a == ATTEMPT_DONE)
    a = zero_edge (f, body_end, end, err);
  return a;
}

int
file_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  struct store_file *f = to_file (s);
  const enum attempt a = f->is_device ?
                           zero_in_device (f, count, offset, flags, err) :
                           zero_in_file (f, count, offset, flags, err);

  if (a == ATTEMPT_UNSUPPORTED)
    *err = EOPNOTSUPP;
  if (a != ATTEMPT_DONE)
    return -1;
  return flags & STORE_FUA ? host_file_sync (f->file, err) : 0;
}

/* ------------------------------------------------------------------ */
/* Trim */

/* Only whole units of the device; others it would leave as they are, or
 * refuse.
 */
static enum attempt
trim_device (struct store_file *f, uint64_t count, uint64_t offset, int *err)
{
  const uint64_t unit = f->device.discard_unit, skew = f->device.discard_skew;
  uint64_t start, end;

  if (unit == 0 || offset + count < skew)
    return ATTEMPT_UNSUPPORTED;
  start = offset <= skew ? skew : skew + ROUND_UP (offset - skew, unit);
  end = skew + ROUND_DOWN (offset + count - skew, unit);
  if (start >= end)
    return ATTEMPT_UNSUPPORTED;
  return try_ioctl (f, BLKDISCARD, "ioctl: BLKDISCARD", MISSING_DISCARD,
                    f->device.discard_step, end - start, start, err);
}

/* Not being able to is success. */
int
file_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  struct store_file *f = to_file (s);
  const enum attempt a = f->is_device ? trim_device (f, count, offset, err) :
                                        try_punch_hole (f, count, offset, err);

  if (a == ATTEMPT_FAILED)
    return -1;
  return flags & STORE_FUA ? host_file_sync (f->file, err) : 0;
}

/* ------------------------------------------------------------------ */
/* Extents */

/* Where, at or after OFFSET, WHENCE is; not beyond END.  Returns 0 or an
 * errno.
 *
 * lseek moves the position of the descriptor, which all threads share,
 * but nobody uses it: what counts is what is returned.  So no lock is
 * needed here.
 */
static int
seek (const struct store_file *f, uint64_t offset, int whence, uint64_t end,
      uint64_t *found)
{
  const off_t r = lseek (f->fd, (off_t) offset, whence);

  /* From here to the end of the file there is no data.  (Or, since
   * there is always a hole at the end, somebody has cut the file off;
   * reading will tell.)
   */
  if (r == -1 && errno != ENXIO)
    return errno;
  *found = r == -1 ? end : min_u64 ((uint64_t) r, end);
  return 0;
}

int
file_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              struct extent_list *out, int *err)
{
  struct store_file *f = to_file (s);
  const uint64_t end = offset + count;
  const size_t enough =
    out->len + (flags & STORE_REQ_ONE ? 1 : EXTENTS_PER_ANSWER);

  if (!s->info.extents) /* devices, and file systems without SEEK_HOLE */
    return extent_list_add (out, count, 0, err);
  while (offset < end && out->len < enough && !extent_list_full (out)) {
    uint64_t data = end, next;
    int e = seek (f, offset, SEEK_DATA, end, &data);

    next = data;
    if (e == 0 && data == offset)
      e = seek (f, offset, SEEK_HOLE, end, &next);
    if (e != 0)
      return file_failed (f, "lseek", count, offset, e, err);
    if (extent_list_add (out, max_u64 (next - offset, 1),
                         data == offset ? 0 : EXTENT_HOLE | EXTENT_ZERO,
                         err) == -1)
      return -1;
    offset = extent_list_next (out);
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* Resize */

int
file_resize (struct store *s, uint64_t size, int *err)
{
  struct store_file *f = to_file (s);
  int r;

  if (f->is_device || !f->whole) {
    *err = EOPNOTSUPP;
    return -1;
  }
  if (!IS_ALIGNED (size, f->store.info.sector_size) &&
      f->store.info.align >= f->store.info.sector_size) {
    *err = EINVAL;
    return -1;
  }
  do
    r = ftruncate (f->fd, (off_t) size);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return file_failed (f, "ftruncate", size, 0, errno, err);
  return 0;
}

/* Several threads may find out at the same time; one of them tells. */
static bool
is_news (struct store_file *f, uint64_t size)
{
  return atomic_exchange_explicit (&f->told_size, size, memory_order_relaxed) !=
         size;
}

/* There is nothing there any more; E is what the kernel said, or 0. */
static int
device_is_gone (struct store_file *f, int e, int *err)
{
  if (is_news (f, 0))
    return file_failed (f, "ioctl: BLKGETSIZE64", 0, 0, e, err);
  *err = ESHUTDOWN;
  return -1;
}

/* Only devices change their size without being told to; a file that
 * somebody makes longer or shorter is not meant to be served meanwhile.
 */
int
file_refresh (struct store *s, uint64_t *size, int *err)
{
  struct store_file *f = to_file (s);
  const uint64_t old = store_size (s);
  int64_t now;

  *size = old;
  if (!f->is_device || !f->whole)
    return 0;
  now = host_file_size (f->file);
  /* What a request says then is more than that it is out of range. */
  if (now == -1 || (now == 0 && old > 0))
    return device_is_gone (f, now == -1 ? errno : 0, err);
  *size = (uint64_t) now;
  if (is_news (f, *size) && *size != old)
    log_error ("%s: has changed its size from %llu to %llu bytes",
               host_file_path (f->file), (unsigned long long) old,
               (unsigned long long) now);
  return 0;
}
