/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See file-sync.h.  Threads sleep on a futex, so that those who are served
 * need no lock: all of them wake at the same moment.  Who is not served
 * looks around again under the lock.  events[] changes under the lock, so
 * nobody goes to sleep who was to be woken meanwhile.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "store/file-sync.h"

#define SECOND INT64_C (1000000000)

/* Where time is longer than a register there is a call of its own. */
#ifdef SYS_futex_time64
#define FUTEX (sizeof (time_t) > sizeof (long) ? SYS_futex_time64 : SYS_futex)
#else
#define FUTEX SYS_futex
#endif

/* At most so long does a round wait for others, in nanoseconds. */
#define MAX_WAIT (10 * 1000 * 1000)

/* 2 to the power of this, minus 1, are the most rounds that do not. */
#define MAX_MISSES 5

void
file_sync_init (struct file_sync *s)
{
  memset (s, 0, sizeof *s);
  pthread_mutex_init (&s->lock, NULL);
}

void
file_sync_fini (struct file_sync *s)
{
  pthread_mutex_destroy (&s->lock);
}

/* ------------------------------------------------------------------ */
/* Sleeping and waking */

static _Atomic uint32_t *
events_of (struct file_sync *s, uint64_t round)
{
  return &s->events[round % 2];
}

/* Until there is an event after those that were SEEN, or until DEADLINE
 * unless that is NULL; or for no reason.
 */
static void
sleep_until (_Atomic uint32_t *events, uint32_t seen,
             const struct timespec *deadline)
{
  syscall (FUTEX, events, FUTEX_WAIT_BITSET_PRIVATE, seen, deadline, NULL,
           FUTEX_BITSET_MATCH_ANY);
}

static void
wake_locked (struct file_sync *s, uint64_t round, int count)
{
  _Atomic uint32_t *const events = events_of (s, round);

  atomic_fetch_add (events, 1);
  syscall (FUTEX, events, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* ------------------------------------------------------------------ */
/* Waiting for others */

static struct timespec
now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return t;
}

static int64_t
nanoseconds (struct timespec from, struct timespec to)
{
  return (to.tv_sec - from.tv_sec) * SECOND + (to.tv_nsec - from.tv_nsec);
}

/* A round that served COUNT, and began at START, has ended.  The next one
 * waits no longer than it took: with half of them each time, another round
 * would be over by then.
 */
static void
plan_next (struct file_sync *s, unsigned count, struct timespec start)
{
  const struct timespec end = now ();
  const uint64_t took = (uint64_t) nanoseconds (start, end);

  s->expected = count + s->waiting + atomic_load (&s->coming);
  s->deadline = end;
  s->patient = s->skip == 0;
  if (!s->patient) {
    s->skip--;
    return;
  }
  s->deadline.tv_nsec += (long) min_u64 (took, MAX_WAIT);
  if (s->deadline.tv_nsec >= SECOND) {
    s->deadline.tv_nsec -= SECOND;
    s->deadline.tv_sec++;
  }
}

/* Is nobody else waited for, or not any longer? */
static bool
may_start (struct file_sync *s)
{
  if (s->waiting >= s->expected) {
    s->misses = 0;
    return true;
  }
  if (nanoseconds (now (), s->deadline) > 0)
    return false;
  if (s->patient) {
    s->misses += s->misses < MAX_MISSES;
    s->skip = (1u << s->misses) - 1;
  }
  return true;
}

void
file_sync_announce (struct file_sync *s)
{
  atomic_fetch_add (&s->coming, 1);
}

void
file_sync_arrive (struct file_sync *s)
{
  atomic_fetch_sub (&s->coming, 1);
}

/* ------------------------------------------------------------------ */
/* Rounds */

/* Run the next round.  Called and returns with the lock held; returns 0
 * or an errno.
 */
static int
lead_locked (struct file_sync *s, int fd)
{
  const uint64_t round = ++s->started;
  const unsigned count = s->waiting;
  const struct timespec start = now ();
  int r, e = 0;

  s->waiting = 0;
  pthread_mutex_unlock (&s->lock);
  do
    r = fdatasync (fd);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    e = errno;
  pthread_mutex_lock (&s->lock);

  if (e != 0 && s->failed == 0)
    s->failed = round;
  s->finished = round;
  plan_next (s, count, start);
  if (count > 1)
    wake_locked (s, round, INT_MAX);
  /* One of those who are next, to run it; or all, if none will be. */
  if (s->waiting > 0)
    wake_locked (s, round + 1, s->failed != 0 ? INT_MAX : 1);
  return e;
}

/* What to sleep for. */
struct nap {
  uint32_t seen;
  bool has_deadline;
  struct timespec deadline;
};

/* Lead ROUND if it is time, else say how to wait for it.  Returns false if
 * it is to be waited for; true if not, with *E what fdatasync said if it
 * was this thread that called it.
 */
static bool
lead_or_nap_locked (struct file_sync *s, uint64_t round, int fd, int *e,
                    struct nap *nap)
{
  const bool running = s->started != s->finished;

  if (s->finished >= round || (s->failed != 0 && !running))
    return true;
  if (!running && may_start (s)) {
    *e = lead_locked (s, fd);
    return true;
  }
  nap->seen = *events_of (s, round);
  nap->has_deadline = !running;
  nap->deadline = s->deadline;
  return false;
}

/* The round that serves who asks now; 0 if none will. */
static uint64_t
join (struct file_sync *s)
{
  LOCK_SCOPE (&s->lock);
  if (s->failed != 0)
    return 0;
  s->waiting++;
  return s->started + 1;
}

static bool
lead_or_nap (struct file_sync *s, uint64_t round, int fd, int *e,
             struct nap *nap)
{
  LOCK_SCOPE (&s->lock);
  return lead_or_nap_locked (s, round, fd, e, nap);
}

enum file_sync_result
file_sync (struct file_sync *s, int fd)
{
  const uint64_t round = join (s);
  uint64_t failed;
  struct nap nap;
  int e = 0;

  if (round == 0)
    return FILE_SYNC_FAILED_BEFORE;
  while (s->finished < round && !lead_or_nap (s, round, fd, &e, &nap))
    sleep_until (events_of (s, round), nap.seen,
                 nap.has_deadline ? &nap.deadline : NULL);
  if (e != 0) {
    errno = e;
    return FILE_SYNC_FAILED;
  }
  failed = s->failed;
  return failed != 0 && failed <= round ? FILE_SYNC_FAILED_BEFORE :
                                          FILE_SYNC_DONE;
}

/* The round that is running may have come too late to be told; who waits
 * for the next one is not to wait any longer.
 */
void
file_sync_set_failed (struct file_sync *s)
{
  LOCK_SCOPE (&s->lock);
  if (s->failed == 0)
    s->failed = s->finished + 1;
  wake_locked (s, s->started + 1, INT_MAX);
}

bool
file_sync_has_failed (struct file_sync *s)
{
  return s->failed != 0;
}
