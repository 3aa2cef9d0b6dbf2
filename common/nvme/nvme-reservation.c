/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reservations of a namespace: the host's identity, and commands (Base 7.2
 * to 7.6) as somebody else made them.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-impl.h"
#include "nvme/nvme-status.h"

int
nvme_tell_host_id (struct nvme *n, int *err)
{
  const bool whole = n->data.long_host_id;
  const struct nvme_sqe sqe = nvme_command_set_feature (
    NVME_FEATURE_HOST_ID, whole ? NVME_HOST_ID_EXTENDED : 0);
  uint8_t id[sizeof n->o.host_id.b];

  if (uuid_is_nil (&n->o.host_id) || !(n->data.oncs & NVME_ONCS_RESERVATIONS))
    return 0;
  memcpy (id, n->o.host_id.b, sizeof id);
  return nvme_admin_locked (n, &sqe, id, whole ? sizeof id : NVME_HOST_ID_SHORT,
                            NULL, err);
}

/* ------------------------------------------------------------------ */

/* Why it was not the namespace that ended a command so; else 0. */
static int
errno_of_no_answer (uint16_t status)
{
  switch (status & NVME_STATUS_CODE_MASK) {
  case NVME_SC_TIMED_OUT:
  case NVME_SC_DEVICE_GONE:
  case NVME_SC_INVALID_NAMESPACE:
  case NVME_SC_RESET:
  case NVME_SC_ABORT_REQUESTED:
    return nvme_status_errno (status);
  default:
    return 0;
  }
}

/* The status of the command, which is given once. */
static uint16_t
run (struct nvme_ns *ns, const struct nvme_sqe *sqe, void *buf, size_t count)
{
  struct nvme_queue *q = nvme_queue_of_thread (ns->n);
  struct nvme_request rq;
  uint16_t status = NVME_SC_DEVICE_GONE;
  struct nvme_slot *s;

  nvme_request_init (&rq, q);
  rq.gone = &ns->gone;
  pthread_mutex_lock (&q->lock);
  s = nvme_request_get (&rq, count, true);
  if (s != NULL) {
    s->once = true;
    nvme_request_exchange (&rq, s, sqe, buf, count);
    status = s->status;
    nvme_request_release (&rq, s);
  }
  pthread_mutex_unlock (&q->lock);
  nvme_request_fini (&rq);
  return status;
}

int
nvme_reservation (struct nvme_ns *ns, uint8_t opcode, uint32_t cdw10,
                  uint32_t cdw11, void *buf, size_t count, uint16_t *status,
                  int *err)
{
  const struct nvme_sqe sqe = {
    .opcode = opcode,
    .nsid = le32_put (ns->nsid),
    .cdw10 = le32_put (cdw10),
    .cdw11 = le32_put (cdw11),
  };

  if (count % 4 != 0 || count > ns->n->max_part) {
    *err = EINVAL;
    return -1;
  }
  *status = run (ns, &sqe, buf, count) & NVME_STATUS_CODE_MASK;
  *err = nvme_shows_detached (ns, *status) ? ESHUTDOWN :
                                             errno_of_no_answer (*status);
  return *err == 0 ? 0 : -1;
}
