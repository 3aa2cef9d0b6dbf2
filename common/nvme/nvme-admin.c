/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Admin commands that somebody waits for.
 */

#include <config.h>

#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-impl.h"
#include "nvme/nvme-status.h"

/* A command that resets ended, or came before, is given so often, and one
 * that the controller could not do now.
 */
#define TRIES 10
#define TRANSIENT_TRIES 3

/* Why there is no slot.  Of a queue that is live all are taken by commands
 * that were not answered.
 */
static uint16_t
why_no_slot (const struct nvme_queue *q)
{
  if (q->dead)
    return NVME_SC_DEVICE_GONE;
  return q->live ? NVME_SC_TIMED_OUT : NVME_SC_RESET;
}

/* Returns the status of the command.  Never waits for a recovery, which
 * waits for admin_lock.
 */
static uint16_t
run_once (struct nvme *n, const struct nvme_sqe *sqe, void *buf, size_t count,
          uint32_t *result)
{
  struct nvme_queue *q = &n->admin;
  struct nvme_request rq;
  uint16_t status;
  struct nvme_slot *s;

  nvme_request_init (&rq, q);
  rq.deadline_ns = clock_ns () + n->o.command_seconds * CLOCK_SECOND;
  pthread_mutex_lock (&q->lock);
  s = nvme_request_get (&rq, count, false);
  status = why_no_slot (q);
  if (s != NULL) {
    status = NVME_SC_TIMED_OUT;
    if (nvme_request_exchange (&rq, s, sqe, buf, count)) {
      status = s->status;
      if (result != NULL)
        *result = s->result;
      nvme_request_release (&rq, s);
    }
  }
  pthread_mutex_unlock (&q->lock);
  nvme_request_fini (&rq);
  return status;
}

static uint16_t
run (struct nvme *n, const struct nvme_sqe *sqe, void *buf, size_t count,
     uint32_t *result)
{
  uint16_t status;
  unsigned i = 0;

  do
    status = run_once (n, sqe, buf, count, result);
  while (nvme_status_is_retryable (status) && status != NVME_SC_RESET &&
         ++i < TRANSIENT_TRIES);
  return status;
}

/* Whatever became of one that is not answered, its slot is not coming back:
 * the watcher resets the controller.
 */
static void
ask_for_reset (struct nvme *n)
{
  n->trouble = true;
  n->admin.setup.notify (n->admin.setup.opaque);
}

int
nvme_admin_locked (struct nvme *n, const struct nvme_sqe *sqe, void *buf,
                   size_t count, uint32_t *result, int *err)
{
  const uint16_t status = run (n, sqe, buf, count, result);
  const int e = nvme_status_errno (status);

  if (e == 0)
    return 0;
  log_debug ("nvme %s: admin command 0x%02x: %s (status 0x%x)", n->name,
             sqe->opcode, nvme_status_string (status), status);
  *err = e;
  return -1;
}

/* Until the recovery that is going on has ended, one way or the other. */
static void
wait_for_recovery (struct nvme_queue *q)
{
  LOCK_SCOPE (&q->lock);
  while (!q->live && !q->dead)
    pthread_cond_wait (&q->room, &q->lock);
}

int
nvme_admin (struct nvme *n, const struct nvme_sqe *sqe, void *buf, size_t count,
            uint32_t *result, int *err)
{
  uint16_t status = NVME_SC_RESET;

  for (unsigned i = 0; i < TRIES && status == NVME_SC_RESET; i++) {
    wait_for_recovery (&n->admin);
    LOCK_SCOPE (&n->admin_lock);
    status = NVME_SC_TIMED_OUT;
    if (n->trouble)
      break;
    status = run (n, sqe, buf, count, result);
    if (status == NVME_SC_TIMED_OUT)
      ask_for_reset (n);
  }
  *err = nvme_status_errno (status);
  return *err == 0 ? 0 : -1;
}

int
nvme_identify (struct nvme *n, uint8_t cns, uint32_t nsid, void *buf, int *err)
{
  const struct nvme_sqe sqe = nvme_command_identify (cns, nsid);

  return nvme_admin (n, &sqe, buf, NVME_DATA_SIZE, NULL, err);
}

int
nvme_get_log (struct nvme *n, uint8_t log, uint32_t nsid, void *buf,
              uint32_t count, int *err)
{
  const struct nvme_sqe sqe = nvme_command_get_log (log, nsid, count);

  if (count == 0 || count % 4 != 0 || count > NVME_DATA_SIZE) {
    *err = EINVAL;
    return -1;
  }
  return nvme_admin (n, &sqe, buf, count, NULL, err);
}
