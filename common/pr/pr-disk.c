/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-disk.h.
 *
 * Locks: `command' is held by one command at a time, from its start to its
 * end; `now' is read with it.  `lock', inside, is for everything else, and
 * never held while something is waited for but on its condition variables.
 *
 * Invariants, with `lock': `may' of each initiator is what NOW allows; `next'
 * is what AFTER allows while a command is CHANGING something, and the same
 * as `may' otherwise; every request in the list was allowed when it was put
 * there, and there is none in it that NEXT forbids and that is not awaited.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "pr/pr-disk.h"
#include "reservation/reservation-scsi.h"
#include "reservation/reservation.h"

struct pr_initiator {
  struct pr_initiator *next_one;
  unsigned users;
  bool may[2], next[2]; /* read, write */
  bool aborted;         /* by the command that is running */
  char name[];
};

struct pr_disk {
  struct pr_target target;
  struct pr_file *file; /* or NULL */

  pthread_mutex_t command;
  struct reservation now, after;

  pthread_mutex_t lock;
  pthread_cond_t changed;  /* CHANGING became false */
  pthread_cond_t finished; /* AWAITED became 0 */
  bool changing;
  unsigned awaited; /* requests */
  struct pr_request *requests;
  struct pr_initiator *initiators;
};

/* ------------------------------------------------------------------ */
/* Initiators and their requests */

/* With the lock. */
static void
look_up (const struct pr_disk *d, struct pr_initiator *i)
{
  const struct reservation *next = d->changing ? &d->after : &d->now;

  for (unsigned write = 0; write < 2; write++) {
    i->may[write] = reservation_allows (&d->now, i->name, write);
    i->next[write] = reservation_allows (next, i->name, write);
  }
}

static void
look_all_up (struct pr_disk *d)
{
  for (struct pr_initiator *i = d->initiators; i != NULL; i = i->next_one)
    look_up (d, i);
}

/* With the lock.  NULL: nobody has the name. */
static struct pr_initiator *
find_initiator (const struct pr_disk *d, const char *name)
{
  for (struct pr_initiator *i = d->initiators; i != NULL; i = i->next_one) {
    if (strcmp (i->name, name) == 0)
      return i;
  }
  return NULL;
}

struct pr_initiator *
pr_disk_join (struct pr_disk *d, const char *name)
{
  struct pr_initiator *i;

  LOCK_SCOPE (&d->lock);
  i = find_initiator (d, name);
  if (i == NULL) {
    i = calloc (1, sizeof *i + strlen (name) + 1);
    if (i == NULL)
      return NULL;
    memcpy (i->name, name, strlen (name) + 1);
    look_up (d, i);
    i->next_one = d->initiators;
    d->initiators = i;
  }
  i->users++;
  return i;
}

void
pr_disk_leave (struct pr_disk *d, struct pr_initiator *i)
{
  LOCK_SCOPE (&d->lock);
  if (--i->users > 0)
    return;
  for (struct pr_initiator **p = &d->initiators; *p != NULL;
       p = &(*p)->next_one) {
    if (*p == i) {
      *p = i->next_one;
      break;
    }
  }
  free (i);
}

int
pr_disk_begin (struct pr_disk *d, struct pr_initiator *i, bool write,
               struct pr_request *r, int *err)
{
  LOCK_SCOPE (&d->lock);
  while (d->changing && i->may[write] != i->next[write])
    pthread_cond_wait (&d->changed, &d->lock);
  if (!i->may[write]) {
    log_debug ("pr: initiator \"%s\": a reservation forbids to %s", i->name,
               write ? "write" : "read");
    *err = EPERM;
    return -1;
  }
  *r = (struct pr_request){
    .next = d->requests, .link = &d->requests, .initiator = i, .write = write
  };
  if (r->next != NULL)
    r->next->link = &r->next;
  d->requests = r;
  return 0;
}

void
pr_disk_end (struct pr_disk *d, struct pr_request *r)
{
  LOCK_SCOPE (&d->lock);
  *r->link = r->next;
  if (r->next != NULL)
    r->next->link = r->link;
  if (r->awaited && --d->awaited == 0)
    pthread_cond_signal (&d->finished);
}

/* ------------------------------------------------------------------ */
/* Commands */

/* With `command'.  Whom the command is about. */
static void
note (void *opaque, const char *name, enum reservation_notice notice)
{
  struct pr_disk *d = opaque;
  struct pr_initiator *i;

  if (notice == RESERVATION_NOTICE_RELEASED)
    return;
  log_debug ("pr: %s is not registered any more", name);
  LOCK_SCOPE (&d->lock);
  i = find_initiator (d, name);
  if (i != NULL)
    i->aborted = notice == RESERVATION_NOTICE_ABORTED;
}

/* From now on nothing begins that AFTER does not allow; wait until all that
 * did begin has ended.
 */
static void
begin_change (struct pr_disk *d)
{
  LOCK_SCOPE (&d->lock);
  d->changing = true;
  look_all_up (d);
  for (struct pr_request *r = d->requests; r != NULL; r = r->next) {
    if (!r->initiator->next[r->write] || r->initiator->aborted) {
      r->awaited = true;
      d->awaited++;
    }
  }
  while (d->awaited > 0)
    pthread_cond_wait (&d->finished, &d->lock);
}

/* AFTER holds now, or is forgotten. */
static void
end_change (struct pr_disk *d, bool holds)
{
  LOCK_SCOPE (&d->lock);
  if (holds)
    d->now = d->after;
  d->changing = false;
  look_all_up (d);
  for (struct pr_initiator *i = d->initiators; i != NULL; i = i->next_one)
    i->aborted = false;
  pthread_cond_broadcast (&d->changed);
}

static enum reservation_status
execute (struct pr_disk *d, const char *initiator,
         const struct reservation_command *c)
{
  enum reservation_status status;

  LOCK_SCOPE (&d->command);
  d->after = d->now;
  status = reservation_do (&d->after, initiator, c, note, d);
  if (status != RESERVATION_GOOD)
    return status;
  begin_change (d);
  if (d->file != NULL && pr_file_save (d->file, &d->after) == -1)
    status = RESERVATION_NOT_KEPT;
  end_change (d, status == RESERVATION_GOOD);
  return status;
}

static void
disk_out (struct pr_target *t, const char *initiator,
          const uint8_t cdb[PR_CDB_SIZE], const uint8_t *list, size_t size,
          struct pr_answer *a)
{
  struct pr_disk *d = container_of (t, struct pr_disk, target);
  char to[RESERVATION_NAME_MAX + 1];
  struct reservation_command c;
  enum reservation_status status =
    reservation_out_parse (cdb, list, size, &c, to);

  if (status == RESERVATION_GOOD)
    status = execute (d, initiator, &c);
  log_debug ("pr: %s: PERSISTENT RESERVE OUT, action %u, type %u: %s",
             initiator, c.action, c.type, reservation_status_string (status));
  pr_answer_set (a, status);
}

static void
disk_in (struct pr_target *t, const char *initiator,
         const uint8_t cdb[PR_CDB_SIZE], uint8_t *data, size_t size,
         struct pr_answer *a)
{
  struct pr_disk *d = container_of (t, struct pr_disk, target);
  enum reservation_status status;
  size_t n;

  LOCK_SCOPE (&d->command);
  status = reservation_in (&d->now, cdb, data, size, &n);
  pr_answer_set (a, status);
  a->count = n;
}

static const struct pr_target_ops disk_ops = {
  .name = "disk",
  .pr_in = disk_in,
  .pr_out = disk_out,
};

/* ------------------------------------------------------------------ */

struct pr_disk *
pr_disk_create (const char *path)
{
  struct pr_disk *d = calloc (1, sizeof *d);

  if (d == NULL) {
    log_error ("pr: %m");
    return NULL;
  }
  if (path != NULL && (d->file = pr_file_open (path, &d->now)) == NULL) {
    const int saved = errno;

    free (d);
    errno = saved;
    return NULL;
  }
  d->now.no_ptpl = path == NULL;
  d->target.ops = &disk_ops;
  pthread_mutex_init (&d->command, NULL);
  pthread_mutex_init (&d->lock, NULL);
  pthread_cond_init (&d->changed, NULL);
  pthread_cond_init (&d->finished, NULL);
  return d;
}

struct pr_target *
pr_disk_target (struct pr_disk *d)
{
  return &d->target;
}

void
pr_disk_free (struct pr_disk *d)
{
  if (d == NULL)
    return;
  pr_file_close (d->file);
  pthread_cond_destroy (&d->finished);
  pthread_cond_destroy (&d->changed);
  pthread_mutex_destroy (&d->lock);
  pthread_mutex_destroy (&d->command);
  free (d);
}
