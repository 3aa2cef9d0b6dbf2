/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file or block device of the host, held open.  It is opened once,
 * early, while the current directory, the user and the name space are
 * still the user's; stores are made over it later, read-only or
 * writable, and share it by reference.
 */

#ifndef DISKSTACK_HOST_FILE_H
#define DISKSTACK_HOST_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct host_file;

struct host_file_options {
  const char *path; /* also names the file in messages */
  int fd;           /* if >= 0, used instead of opening PATH, and owned */
  int dir_fd;       /* if > 0, PATH is one component inside it, not followed
                     * if it is a symbolic link */
  bool direct;      /* also open an O_DIRECT twin */
  bool no_lock;     /* take no locks, ever */
};

/* Open an existing regular file or block device, for writing too if
 * that is permitted.  Takes no lock.  Returns NULL after log_error (with
 * errno set).
 */
extern struct host_file *host_file_open (const struct host_file_options *o);

/* Create PATH, which must not exist, as a sparse regular file of SIZE
 * bytes, then as host_file_open.  On failure no file is left behind.
 */
extern struct host_file *host_file_create (const struct host_file_options *o,
                                           uint64_t size);

extern struct host_file *host_file_ref (struct host_file *f);

/* Drop a reference; the last one closes the descriptors, which also
 * drops the locks.  NULL is ignored.
 */
extern void host_file_unref (struct host_file *f);

/* The descriptor for buffered I/O; host_file_direct_fd is -1 without a
 * twin.  Both belong to F.
 */
extern int host_file_fd (const struct host_file *f);
extern int host_file_direct_fd (const struct host_file *f);
extern const char *host_file_path (const struct host_file *f);
extern bool host_file_is_writable (const struct host_file *f);
extern bool host_file_is_block_device (const struct host_file *f);

/* Bytes now: file length or device capacity.  -1 with errno set. */
extern int64_t host_file_size (const struct host_file *f);

/* Lock against other processes with open-file-description locks on the
 * bytes that QEMU uses, so that the two respect each other: a reader
 * tolerates readers, a writer tolerates nobody.  Called again, it
 * changes the lock that is held; on failure it leaves it as it was.
 * Returns 0, or -1 after log_error (errno EBUSY if somebody else has
 * the file, naming the way out: lock=false).
 */
extern int host_file_lock (struct host_file *f, bool writer);

#endif /* DISKSTACK_HOST_FILE_H */
