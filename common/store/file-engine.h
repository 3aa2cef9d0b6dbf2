/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A way to have several transfers on one descriptor in flight from one
 * thread: what a file store needs of the kernel's asynchronous I/O, and
 * no more.  common/uring has the one that there is; tests have others.
 *
 * All I/O is done on channels.  A channel belongs to one thread at a
 * time, which need not be the one that opened it, in the process that
 * opened it.
 */

#ifndef DISKSTACK_FILE_ENGINE_H
#define DISKSTACK_FILE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One transfer. */
struct file_job {
  bool write;
  char *buf;
  size_t count;
  uint64_t offset;
  unsigned tag; /* comes back with the result */
};

struct file_engine {
  const char *name; /* for messages */

  /* A channel to FD with room for DEPTH jobs.  Most of them will be
   * within the SIZE bytes at BUF, which stays as long as the channel.
   * Returns NULL with errno set.
   */
  void *(*open) (int fd, unsigned depth, char *buf, size_t size);

  /* No job may be unfinished, unless the process has forked: then only
   * what is the child's goes.
   */
  void (*close) (void *channel);

  /* Begin a job; at most DEPTH may be unfinished. */
  void (*start) (void *channel, const struct file_job *job);

  /* Wait until some job is done: its tag, and the bytes that were moved,
   * which may be fewer than COUNT, or a negative errno.  Returns 0.
   *
   * Returns -1 with errno set if the kernel takes no more jobs.  Then no
   * job is in flight any more, those that were not reported may be done
   * or not, and the channel can only be closed.
   */
  int (*wait) (void *channel, unsigned *tag, ssize_t *result);
};

#endif /* DISKSTACK_FILE_ENGINE_H */
