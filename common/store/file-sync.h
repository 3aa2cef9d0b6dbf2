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
 */

#ifndef DISKSTACK_FILE_SYNC_H
#define DISKSTACK_FILE_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct file_sync {
  pthread_mutex_t lock;
  pthread_cond_t round_finished;
  uint64_t started, finished;
  uint64_t failed; /* the first round that failed; 0: none */
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

/* Data was lost, as somebody else was told: fail from now on. */
extern void file_sync_set_failed (struct file_sync *s);
extern bool file_sync_has_failed (struct file_sync *s);

#endif /* DISKSTACK_FILE_SYNC_H */
