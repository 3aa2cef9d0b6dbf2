/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A memory barrier in all threads of the process at once: membarrier(2),
 * Linux 4.14.  Where one side of a handshake happens a million times as
 * often as the other, the frequent side does without a barrier of its
 * own: it is enough that the compiler keeps the order of its accesses
 * (atomic_signal_fence).
 */

#ifndef DISKSTACK_PROCESS_BARRIER_H
#define DISKSTACK_PROCESS_BARRIER_H

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline bool
process_membarrier (int cmd)
{
#ifdef SYS_membarrier
  const int saved = errno;
  const bool done = syscall (SYS_membarrier, cmd, 0, 0) == 0;

  errno = saved;
  return done;
#else
  return false;
#endif
}

/* Whether process_barrier will work: if not, both sides need barriers.
 * Any thread, any number of times.
 */
static inline bool
process_barrier_prepare (void)
{
  return process_membarrier (1 << 4); /* REGISTER_PRIVATE_EXPEDITED */
}

/* When it returns true, each thread of the process has executed a full
 * memory barrier since the call began.  Costs about a microsecond.  False
 * if the system does not do it (any more): then nothing is promised.
 */
static inline bool
process_barrier (void)
{
  const int cmd = 1 << 3; /* PRIVATE_EXPEDITED */

  /* A child of the process that prepared it may have to do so again. */
  return process_membarrier (cmd) ||
         (process_barrier_prepare () && process_membarrier (cmd));
}

#endif /* DISKSTACK_PROCESS_BARRIER_H */
