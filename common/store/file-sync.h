/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Group commit: many threads that want a file durable share one
 * fdatasync.  Invariants:
 *
 * 1. Rounds are numbered from 1 and run one at a time; finished <=
 *    started <= finished + 1.
 * 2. Who asks is served by the first round that starts afterwards, never
 *    by one that is running: its own writes may have missed that.
 * 3. Once a round has failed, it and all later ones have failed.
 *
 * Those whom a round has served write again, and would come too late for
 * the next one if that began at once: one half would always wait for the
 * other half.  So a round waits for as many as there were when the last
 * one ended, but not long, and if they do not come the next rounds do
 * without.
 */

#ifndef DISKSTACK_FILE_SYNC_H
#define DISKSTACK_FILE_SYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct file_sync {
  pthread_mutex_t lock;
  uint64_t started;
  _Atomic uint64_t finished;
  _Atomic uint64_t failed;    /* the first round that failed; 0: none */
  _Atomic uint32_t events[2]; /* for those who wait for odd and even rounds */

  atomic_uint coming;       /* have announced themselves */
  unsigned waiting;         /* for the round that starts next */
  unsigned expected;        /* to wait for it */
  struct timespec deadline; /* by when (CLOCK_MONOTONIC) */
  bool patient;             /* it waits */
  unsigned misses;          /* how often they did not come, of late */
  unsigned skip;            /* rounds that nobody is waited for */
};

extern void file_sync_init (struct file_sync *s);
extern void file_sync_fini (struct file_sync *s);

enum file_sync_result {
  FILE_SYNC_DONE,
  FILE_SYNC_FAILED,       /* by itself: errno is that of fdatasync */
  FILE_SYNC_FAILED_BEFORE /* because an earlier one failed */
};

/* Make everything on FD durable that was written before the call. */
extern enum file_sync_result file_sync (struct file_sync *s, int fd);

/* This thread begins something that it will call file_sync for, and has
 * ended it.  Calls come in pairs; they only help rounds to wait for it.
 */
extern void file_sync_announce (struct file_sync *s);
extern void file_sync_arrive (struct file_sync *s);

/* Data was lost, as somebody else was told: fail from now on. */
extern void file_sync_set_failed (struct file_sync *s);
extern bool file_sync_has_failed (struct file_sync *s);

#endif /* DISKSTACK_FILE_SYNC_H */
