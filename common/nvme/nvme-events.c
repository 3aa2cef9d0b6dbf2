/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The thread that watches: asynchronous events, removal, and, each tick,
 * what takes too long.  It has no part in I/O.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-impl.h"
#include "nvme/nvme-status.h"

static void
drain (int fd)
{
  uint64_t value;

  if (read (fd, &value, sizeof value) == -1 && errno != EAGAIN)
    log_debug ("nvme: eventfd: %m");
}

/* ------------------------------------------------------------------ */
/* Events */

static void
read_smart (struct nvme *n)
{
  const uint8_t before = n->critical_warning;
  uint8_t log[NVME_SMART_SIZE];
  int err;

  if (nvme_get_log (n, NVME_LOG_SMART, NVME_NSID_ALL, log, sizeof log, &err) ==
      -1)
    return;
  n->critical_warning = log[NVME_SMART_CRITICAL_WARNING];
  for (unsigned bit = 0; bit < 8; bit++) {
    if (n->critical_warning & ~before & 1u << bit)
      log_error ("nvme %s: critical warning 0x%02x: %s", n->name,
                 n->critical_warning, nvme_critical_warning_string (bit));
  }
}

/* Reading the list is what lets the next notice come. */
static void
read_changed_namespaces (struct nvme *n)
{
  CLEANUP_FREE le32 *list = malloc (NVME_DATA_SIZE);
  int err;

  if (list == NULL ||
      nvme_get_log (n, NVME_LOG_CHANGED_NAMESPACES, NVME_NSID_ALL, list,
                    NVME_DATA_SIZE, &err) == -1) {
    nvme_refresh_nsid (n, NVME_NSID_ALL);
    return;
  }
  for (unsigned i = 0; i < NVME_LIST_MAX && le32_get (list[i]) != 0; i++)
    nvme_refresh_nsid (n, le32_get (list[i]));
}

static void
handle_event (struct nvme *n, uint32_t result)
{
  const unsigned type = result & 7, information = result >> 8 & 0xff;

  n->events++;
  if (type == NVME_EVENT_SMART)
    read_smart (n);
  else if (type == NVME_EVENT_NOTICE && information == NVME_NOTICE_NAMESPACE)
    read_changed_namespaces (n);
  else
    log_debug ("nvme %s: event of type %u, 0x%02x", n->name, type, information);
}

static struct nvme_slot *
take_events (struct nvme_queue *q)
{
  struct nvme_slot *events;

  LOCK_SCOPE (&q->lock);
  events = q->events;
  q->events = NULL;
  return events;
}

/* Have one request for an event at the controller. */
static void
ask_for_event (struct nvme *n)
{
  const struct nvme_sqe sqe = nvme_command_async_event ();

  if (!n->no_events && !nvme_queue_awaits_event (&n->admin))
    nvme_queue_post_alone (&n->admin, &sqe, true);
}

/* What does not know the command never will; anything else may be over when
 * it is asked again, at the next tick.
 */
static void
note_refusal (struct nvme *n, uint16_t status)
{
  const uint16_t code = status & NVME_STATUS_CODE_MASK;

  log_debug ("nvme %s: no asynchronous events (status 0x%x)", n->name, status);
  if (code == NVME_SC_INVALID_OPCODE || code == NVME_SC_INVALID_FIELD)
    n->no_events = true;
}

static void
handle_events (struct nvme *n)
{
  struct nvme_slot *s = take_events (&n->admin), *next;

  for (; s != NULL; s = next) {
    const uint16_t status = s->status;
    const uint32_t result = s->result;

    next = s->next;
    pthread_mutex_lock (&n->admin.lock);
    nvme_request_release (&(struct nvme_request){ .q = &n->admin }, s);
    pthread_mutex_unlock (&n->admin.lock);
    if ((status & NVME_STATUS_CODE_MASK) != 0) {
      note_refusal (n, status);
      continue;
    }
    handle_event (n, result);
    ask_for_event (n);
  }
}

/* ------------------------------------------------------------------ */
/* The thread */

static bool
any_broken (struct nvme *n)
{
  for (unsigned i = 0; i <= n->nio; i++) {
    struct nvme_queue *q = i < n->nio ? &n->io[i] : &n->admin;

    LOCK_SCOPE (&q->lock);
    if (q->broken)
      return true;
  }
  return false;
}

/* What the controller itself says of its health. */
static void
check_status (struct nvme *n)
{
  const uint32_t csts = n->hw->ops->read32 (n->hw, NVME_REG_CSTS);

  if (csts == NVME_GONE_32)
    nvme_die (n, "the device is gone");
  else if (csts & NVME_CSTS_CFS)
    nvme_recover (n, "it reports a fatal error (CSTS.CFS)");
  else if (n->trouble)
    nvme_recover (n, "an admin command took too long");
  else if (any_broken (n))
    nvme_recover (n, "it completed what it was not given");
  else
    return;
  /* The request for events went with the old queue. */
  if (!n->dead)
    ask_for_event (n);
}

static uint64_t
tick_ms (const struct nvme *n)
{
  return min_u64 (n->o.command_seconds * UINT64_C (100), 1000);
}

/* NEXT: when timeouts are to be looked for again. */
static void
check_all (struct nvme *n, uint64_t *next)
{
  nvme_queue_look (&n->admin);
  check_status (n);
  handle_events (n);
  if (clock_ns () < *next || n->dead)
    return;
  nvme_check_timeouts (n);
  ask_for_event (n);
  *next = clock_ns () + tick_ms (n) * CLOCK_MILLISECOND;
}

static void *
watch (void *opaque)
{
  struct nvme *n = opaque;
  uint64_t next = clock_ns ();
  struct pollfd p[] = {
    { .fd = n->wake_fd, .events = POLLIN },
    { .fd = n->removal_fd, .events = POLLIN },
    { .fd = n->admin.setup.fd, .events = POLLIN },
  };

  ask_for_event (n);
  /* What it would not tell again. */
  read_smart (n);
  while (!n->ending) {
    poll (p, ARRAY_SIZE (p), (int) tick_ms (n));
    drain (n->wake_fd);
    if (p[1].revents & POLLIN)
      nvme_die (n, "it is to be removed");
    else
      check_all (n, &next);
    if (n->dead) {
      nvme_give_back (n);
      break;
    }
  }
  return NULL;
}

int
nvme_watch (struct nvme *n, int *err)
{
  int e;

  if (n->hw->ops->set_removal (n->hw, n->removal_fd, &e) == -1)
    log_debug ("nvme %s: removal is not announced", n->name);
  *err = pthread_create (&n->watcher, NULL, watch, n);
  if (*err != 0)
    return -1;
  n->has_watcher = true;
  return 0;
}

void
nvme_unwatch (struct nvme *n)
{
  const uint64_t one = 1;

  if (!n->has_watcher)
    return;
  n->ending = true;
  if (write (n->wake_fd, &one, sizeof one) == -1)
    log_error ("nvme %s: cannot end the watcher: %m", n->name);
  pthread_join (n->watcher, NULL);
  n->has_watcher = false;
}
