/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See file-sync.h.
 */

#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/file-sync.h"

void
file_sync_init (struct file_sync *s)
{
  pthread_mutex_init (&s->lock, NULL);
  pthread_cond_init (&s->round_finished, NULL);
  s->started = s->finished = s->failed = 0;
}

void
file_sync_fini (struct file_sync *s)
{
  pthread_cond_destroy (&s->round_finished);
  pthread_mutex_destroy (&s->lock);
}

/* Run the next round.  Called and returns with the lock held; returns 0
 * or an errno.
 */
static int
lead (struct file_sync *s, int fd)
{
  const uint64_t round = ++s->started;
  int r, e = 0;

  pthread_mutex_unlock (&s->lock);
  do
    r = fdatasync (fd);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    e = errno;
  pthread_mutex_lock (&s->lock);

  s->finished = round;
  if (e != 0 && s->failed == 0)
    s->failed = round;
  pthread_cond_broadcast (&s->round_finished);
  return e;
}

enum file_sync_result
file_sync (struct file_sync *s, int fd)
{
  LOCK_SCOPE (&s->lock);
  const uint64_t wanted = s->started + 1;

  if (s->failed != 0)
    return FILE_SYNC_FAILED_BEFORE;
  while (s->finished < wanted) {
    int e;

    if (s->started != s->finished) {
      pthread_cond_wait (&s->round_finished, &s->lock);
      continue;
    }
    /* The round before ours failed while we waited for it. */
    if (s->failed != 0)
      return FILE_SYNC_FAILED_BEFORE;
    e = lead (s, fd);
    if (e != 0) {
      errno = e;
      return FILE_SYNC_FAILED;
    }
  }
  if (s->failed != 0 && s->failed <= wanted)
    return FILE_SYNC_FAILED_BEFORE;
  return FILE_SYNC_DONE;
}

/* The round that is running may have come too late to be told. */
void
file_sync_set_failed (struct file_sync *s)
{
  LOCK_SCOPE (&s->lock);
  if (s->failed == 0)
    s->failed = s->finished + 1;
}

bool
file_sync_has_failed (struct file_sync *s)
{
  LOCK_SCOPE (&s->lock);
  return s->failed != 0;
}
