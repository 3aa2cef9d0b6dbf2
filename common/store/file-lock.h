/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Locks between processes on one open file description, on the bytes
 * and with the meaning that QEMU gave them (docs/interop and
 * block/file-posix.c there), so that it and we respect each other.
 *
 * There are four permissions.  A process says which it uses by a shared
 * lock on byte 100 + permission, and which it does not want others to
 * use by one on byte 200 + permission.  Having said so, it looks
 * whether somebody else said the opposite.  All locks are shared ones:
 * they never wait, and reading the file is not disturbed.
 */

#ifndef DISKSTACK_FILE_LOCK_H
#define DISKSTACK_FILE_LOCK_H

enum file_lock_mode {
  FILE_LOCK_NONE,
  /* Reads consistent data, so nobody else may write or resize. */
  FILE_LOCK_READER,
  /* Reads, writes and resizes; nobody else may do the latter two. */
  FILE_LOCK_WRITER,
};

/* Go from the mode HELD on FD, which must be open for reading, to
 * WANTED.  Returns 0, or -1 with errno set and the locks as they were:
 * EBUSY if somebody else is in the way, EOPNOTSUPP if the file system
 * has no such locks.  The caller serialises calls on one description.
 */
extern int file_lock_change (int fd, enum file_lock_mode held,
                             enum file_lock_mode wanted);

#endif /* DISKSTACK_FILE_LOCK_H */
