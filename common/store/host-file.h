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
  int fd;           /* if > 0, used instead of opening PATH, and owned from
                     * success on; 0 and -1 are none */
  int dir_fd;       /* if > 0, PATH is one component inside it, not followed
                     * if it is a symbolic link */
  bool direct;      /* also open an O_DIRECT twin */
  bool no_lock;     /* take no locks, ever */
};

/* Open an existing regular file or block device, for writing too if
 * that is permitted.  Other kinds of files are refused without opening
 * them.  Takes no lock.  Returns NULL after log_error (with errno set).
 */
extern struct host_file *host_file_open (const struct host_file_options *o);

/* Create PATH, which must not exist, as a sparse regular file of SIZE
 * bytes, then as host_file_open.  Its name is durable when this returns.
 * On failure no file is left behind.  Not with an fd.
 */
extern struct host_file *host_file_create (const struct host_file_options *o,
                                           uint64_t size);

/* Make the name PATH of a file durable, by a sync of the directory that
 * it is in.  Returns 0, or -1 after log_error (with errno set).
 */
extern int host_file_sync_name (const char *path);

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
 * bytes that QEMU uses, so that the two respect each other.  A reader
 * tolerates readers; a writer tolerates only those readers that ask for
 * no protection from writers (as "qemu-img info -U" does).
 *
 * F counts those that use it.  The lock is the one that the strongest
 * of them needs: a writer that comes to readers makes it stronger, a
 * reader that comes to a writer changes nothing.  On failure the lock
 * and the count are as they were.  Returns 0, or -1 after log_error
 * (errno EBUSY if somebody else has the file, naming the way out:
 * lock=false).  Thread-safe.
 */
extern int host_file_lock (struct host_file *f, bool writer);

/* The reverse of one successful host_file_lock with the same WRITER. */
extern void host_file_unlock (struct host_file *f, bool writer);

/* Make everything durable that was written through any descriptor of F
 * and completed before the call.  Threads that come together share one
 * fdatasync; each waits for one that began after its own call.
 *
 * The kernel tells once that it could not write something, and drops
 * it.  Therefore a failure is kept: every later call fails with EIO.
 * Returns 0, or -1 with *err = ENOSPC or EIO after log_error.
 * Thread-safe.
 */
extern int host_file_sync (struct host_file *f, int *err);

/* Before and after a write, however it ended, that host_file_sync will be
 * called for: so that others may be waited for (file-sync.h).
 */
extern void host_file_sync_announce (struct host_file *f);
extern void host_file_sync_arrive (struct host_file *f);

/* Write COUNT bytes at OFFSET, which is the end of the file or beyond it,
 * and by that make it longer; all of it or nothing.  Not durable yet.
 * Returns 0, or -1 with *err.  (As store_vhd1_append, with F.)
 */
extern int host_file_append (void *f, const void *buf, size_t count,
                             uint64_t offset, int *err);

/* Something other than host_file_sync was told of such a failure. */
extern void host_file_sync_set_failed (struct host_file *f);

/* Must everything that promises durability fail? */
extern bool host_file_sync_has_failed (struct host_file *f);

/* What the client is told of the errno E of a system call: ENOSPC for a
 * medium, quota or file size limit that is full, EPERM for one that must
 * not be written, ENOMEM, and EIO for all that it could not interpret.
 */
extern int host_file_errno (int e);

#endif /* DISKSTACK_HOST_FILE_H */
