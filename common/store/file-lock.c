/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See file-lock.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/align.h"
#include "store/file-lock.h"

#define USED_BASE 100     /* byte of a permission that is used */
#define UNSHARED_BASE 200 /* byte of one that is not shared */

#define CONSISTENT_READ (1u << 0)
#define WRITE (1u << 1)
#define WRITE_UNCHANGED (1u << 2) /* writes what is there already */
#define RESIZE (1u << 3)
#define NR_PERMISSIONS 4

struct permissions {
  unsigned used;
  unsigned unshared;
};

/* A writer shares CONSISTENT_READ, as QEMU's devices do: those who read
 * without protection ("force-share") know what they get.
 */
static const struct permissions modes[] = {
  [FILE_LOCK_NONE] = { 0, 0 },
  [FILE_LOCK_READER] = { CONSISTENT_READ, WRITE | RESIZE },
  [FILE_LOCK_WRITER] = { CONSISTENT_READ | WRITE | RESIZE,
                         WRITE | WRITE_UNCHANGED | RESIZE },
};

/* Not every kernel and file system says the same when it has no locks. */
static int
lock_errno (int e)
{
  switch (e) {
  case EAGAIN:
  case EACCES: /* an exclusive lock: not QEMU, but somebody */
    return EBUSY;
  case EINVAL:
  case ENOLCK:
  case ENOSYS:
  case ENOTTY:
    return EOPNOTSUPP;
  default:
    return e;
  }
}

static int
set_byte (int fd, off_t byte, short type)
{
  struct flock lock = {
    .l_type = type,
    .l_whence = SEEK_SET,
    .l_start = byte,
    .l_len = 1,
  };

  while (fcntl (fd, F_OFD_SETLK, &lock) == -1) {
    if (errno != EINTR) {
      errno = lock_errno (errno);
      return -1;
    }
  }
  return 0;
}

/* Does somebody else hold BYTE? */
static int
test_byte (int fd, off_t byte)
{
  struct flock lock = {
    .l_type = F_WRLCK,
    .l_whence = SEEK_SET,
    .l_start = byte,
    .l_len = 1,
  };

  if (fcntl (fd, F_OFD_GETLK, &lock) == -1) {
    errno = lock_errno (errno);
    return -1;
  }
  if (lock.l_type != F_UNLCK) {
    errno = EBUSY;
    return -1;
  }
  return 0;
}

/* Give up what is in FROM and not in KEEP.  Unlocking does not fail in
 * a way that leaves anything to do.
 */
static void
drop (int fd, const struct permissions *from, const struct permissions *keep)
{
  const int saved = errno;

  for (unsigned i = 0; i < NR_PERMISSIONS; i++) {
    if (from->used & ~keep->used & (1u << i))
      set_byte (fd, USED_BASE + i, F_UNLCK);
    if (from->unshared & ~keep->unshared & (1u << i))
      set_byte (fd, UNSHARED_BASE + i, F_UNLCK);
  }
  errno = saved;
}

/* Take what is in WANTED and not in HELD; on failure some of it may have
 * been taken.
 */
static int
take (int fd, const struct permissions *held, const struct permissions *wanted)
{
  for (unsigned i = 0; i < NR_PERMISSIONS; i++) {
    if ((wanted->used & ~held->used & (1u << i)) &&
        set_byte (fd, USED_BASE + i, F_RDLCK) == -1)
      return -1;
    if ((wanted->unshared & ~held->unshared & (1u << i)) &&
        set_byte (fd, UNSHARED_BASE + i, F_RDLCK) == -1)
      return -1;
  }
  return 0;
}

/* Does nobody else say the opposite of what is in WANTED and not in
 * HELD?  Whoever came after what is held has found it there; a lock of
 * theirs that we might see is one that they are about to give up.
 */
static int
check (int fd, const struct permissions *held, const struct permissions *wanted)
{
  for (unsigned i = 0; i < NR_PERMISSIONS; i++) {
    if ((wanted->used & ~held->used & (1u << i)) &&
        test_byte (fd, UNSHARED_BASE + i) == -1)
      return -1;
    if ((wanted->unshared & ~held->unshared & (1u << i)) &&
        test_byte (fd, USED_BASE + i) == -1)
      return -1;
  }
  return 0;
}

int
file_lock_change (int fd, enum file_lock_mode held, enum file_lock_mode wanted)
{
  const struct permissions *from = &modes[held], *to = &modes[wanted];

  if (take (fd, from, to) == -1 || check (fd, from, to) == -1) {
    drop (fd, to, from);
    return -1;
  }
  drop (fd, from, to);
  return 0;
}
