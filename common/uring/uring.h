/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io_uring as an engine of the file store.  This room is the only one
 * that includes liburing's header.
 *
 * Each channel is a ring of its own: rings that threads share cost a
 * wake-up for every request (docs/benchmarks.md).  The descriptor and
 * the memory that most jobs use are registered, which saves the kernel
 * from looking them up and pinning pages each time.
 */

#ifndef DISKSTACK_URING_H
#define DISKSTACK_URING_H

#include <errno.h>
#include <stddef.h>

#include "store/file-engine.h"

/* The engine, if the kernel has io_uring and lets this process use it;
 * else NULL with errno set: ENOSYS, or EPERM where it is forbidden, by
 * seccomp or by kernel.io_uring_disabled.  Makes a ring to see.
 */
#ifdef HAVE_LIBURING
extern const struct file_engine *uring_engine (void);
#else
static inline const struct file_engine *
uring_engine (void)
{
  errno = ENOSYS;
  return NULL;
}
#endif

#endif /* DISKSTACK_URING_H */
