/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When a controller does not do what it should.
 *
 * A command that takes too long is aborted; if it does not end then either,
 * the controller is reset and all that was in flight is posted again.  What
 * is late once more fails, by another reset: its memory is the device's
 * until then.
 *
 * To post again is safe for writes: a controller that is disabled has ended
 * all commands, so that none of before can take effect later; who waits for a
 * write has not heard of its end yet, so that nobody can have built on it; and
 * it is the same disk (nvme_verify_namespaces).
 */

#include <config.h>

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-impl.h"
#include "nvme/nvme-status.h"

void
nvme_die (struct nvme *n, const char *reason)
{
  if (n->dead)
    return;
  log_error ("nvme %s: %s: all requests fail from now on", n->name, reason);
  n->dead = true;
  nvme_queue_kill (&n->admin, NVME_SC_DEVICE_GONE);
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_kill (&n->io[i], NVME_SC_DEVICE_GONE);
}

void
nvme_give_back (struct nvme *n)
{
  struct nvme_hw *hw = n->hw;
  int err;

  nvme_queue_drain (&n->admin);
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_drain (&n->io[i]);
  nvme_shutdown (n);
  nvme_disable (n, &err);
  nvme_free_memory (n);
  n->hw = NULL;
  hw->ops->close (hw);
}

static int
bring_back (struct nvme *n, int *err)
{
  if (nvme_bring_up (n, false, err) == 0 &&
      nvme_verify_namespaces (n, err) == 0)
    return 0;
  nvme_queue_stop (&n->admin);
  nvme_queue_flush_posted (&n->admin, NVME_SC_RESET);
  return -1;
}

static int
reset (struct nvme *n)
{
  int err;

  if (bring_back (n, &err) == 0)
    return 0;
  if (err == ESHUTDOWN || nvme_reset_function (n, &err) == -1)
    return -1;
  return bring_back (n, &err);
}

void
nvme_recover (struct nvme *n, const char *reason)
{
  int r;

  log_error ("nvme %s: resetting the controller: %s", n->name, reason);
  n->resets++;
  n->no_events = false;
  /* Whoever has admin_lock waits for a command. */
  nvme_queue_stop (&n->admin);
  nvme_queue_flush_posted (&n->admin, NVME_SC_RESET);
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_stop (&n->io[i]);
  pthread_mutex_lock (&n->admin_lock);
  n->trouble = false;
  r = reset (n);
  pthread_mutex_unlock (&n->admin_lock);
  if (r == -1) {
    nvme_die (n, "the reset failed");
    return;
  }
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_start (&n->io[i]);
}

/* ------------------------------------------------------------------ */
/* Timeouts */

/* A command that is late: which, and whether an abort did not help, or would
 * not, as the last one did not.
 */
struct late {
  uint16_t qid, cid;
  bool hopeless;
};

static uint64_t
limit_ns (const struct nvme *n)
{
  return n->o.command_seconds * CLOCK_SECOND;
}

static bool
find_late (struct nvme *n, struct nvme_queue *q, struct late *late)
{
  const uint64_t limit = limit_ns (n);
  const uint64_t now = clock_coarse_ns ();

  LOCK_SCOPE (&q->lock);
  for (unsigned i = 0; i < q->setup.depth - 1; i++) {
    struct nvme_slot *s = &q->slots[i];

    if (s->state != NVME_SLOT_POSTED || !q->live || now < s->posted_ns + limit)
      continue;
    if (s->aborting && now < s->posted_ns + 2 * limit)
      continue;
    *late = (struct late){ q->setup.qid, s->cid, s->aborting || s->hung > 0 };
    s->aborting = true;
    return true;
  }
  return false;
}

static void
recover_from_late (struct nvme *n)
{
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_note_hung (&n->io[i], limit_ns (n));
  nvme_recover (n, "a command does not end");
}

/* Nobody waits for the answer to an abort: what matters is whether the command
 * ends.
 */
static void
abort_late (struct nvme *n, const struct late *late)
{
  const struct nvme_sqe sqe = nvme_command_abort (late->qid, late->cid);

  log_error ("nvme %s: queue %u: command %u takes more than %u seconds: "
             "aborting it",
             n->name, late->qid, late->cid, n->o.command_seconds);
  n->timeouts++;
  n->aborts++;
  nvme_queue_post_alone (&n->admin, &sqe, false);
}

void
nvme_check_timeouts (struct nvme *n)
{
  struct late late;

  for (unsigned i = 0; i < n->nio; i++) {
    while (find_late (n, &n->io[i], &late)) {
      if (late.hopeless) {
        recover_from_late (n);
        return;
      }
      abort_late (n, &late);
    }
  }
}
