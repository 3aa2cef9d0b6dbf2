/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A controller is opened, asked about, and closed; see nvme.h.
 */

#include <config.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/align.h"
#include "base/log.h"
#include "nvme/nvme-impl.h"

#define QUEUE_DEPTH 256
#define COMMAND_SECONDS 30
/* However many processors there are. */
#define QUEUE_PAIRS_MOST 256

static unsigned
count_processors (void)
{
  const long n = sysconf (_SC_NPROCESSORS_ONLN);

  return n > 0 ? (unsigned) n : 1;
}

/* As many queues as there are doorbells and interrupts for. */
static void
choose_queues (struct nvme *n)
{
  const uint32_t bar = n->hw->bar_size, stride = n->cap.doorbell_stride;
  uint64_t pairs = n->o.queue_pairs;

  if (pairs == 0)
    pairs = count_processors ();
  pairs = min_u64 (pairs, QUEUE_PAIRS_MOST);
  if (n->hw->nvectors > 0)
    pairs = min_u64 (pairs, max_u64 (n->hw->nvectors - 1, 1));
  pairs = min_u64 (pairs, (bar - NVME_REG_DOORBELLS) / (2 * stride) - 1);
  n->o.queue_pairs = (unsigned) pairs;
  n->nvectors = (unsigned) min_u64 (n->hw->nvectors, pairs + 1);
  if (n->o.queue_depth == 0)
    n->o.queue_depth = QUEUE_DEPTH;
  n->depth = (unsigned) min_u64 (max_u64 (min_u64 (n->o.queue_depth, 4096), 2),
                                 n->cap.max_entries);
}

static int
open_descriptors (struct nvme *n, int *err)
{
  n->fd = calloc (max_u64 (n->nvectors, 1), sizeof *n->fd);
  if (n->fd == NULL) {
    *err = ENOMEM;
    return -1;
  }
  n->nfds = n->nvectors;
  memset (n->fd, -1, n->nfds * sizeof *n->fd);
  for (unsigned i = 0; i < n->nfds; i++) {
    n->fd[i] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (n->fd[i] == -1)
      goto fail;
  }
  n->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  n->removal_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (n->wake_fd != -1 && n->removal_fd != -1)
    return 0;

fail:
  *err = errno;
  log_error ("nvme %s: eventfd: %m", n->name);
  return -1;
}

static void
close_descriptors (struct nvme *n)
{
  for (unsigned i = 0; n->fd != NULL && i < n->nfds; i++) {
    if (n->fd[i] != -1)
      close (n->fd[i]);
  }
  free (n->fd);
  if (n->wake_fd != -1)
    close (n->wake_fd);
  if (n->removal_fd != -1)
    close (n->removal_fd);
}

static int
parse_registers (struct nvme *n, int *err)
{
  const enum nvme_cap_status status =
    nvme_cap_parse (n->hw->ops->read64 (n->hw, NVME_REG_CAP), &n->cap);

  if (status != NVME_CAP_OK) {
    log_error ("nvme %s: %s", n->name, nvme_cap_status_string (status));
    *err = status == NVME_CAP_GONE ? ESHUTDOWN : EOPNOTSUPP;
    return -1;
  }
  n->version = n->hw->ops->read32 (n->hw, NVME_REG_VS);
  /* Those of the admin queues and of one pair. */
  if (n->hw->bar_size < NVME_REG_DOORBELLS + 4 * n->cap.doorbell_stride) {
    log_error ("nvme %s: its registers, %u bytes, have no room for doorbells",
               n->name, n->hw->bar_size);
    *err = EOPNOTSUPP;
    return -1;
  }
  return 0;
}

void
nvme_free_memory (struct nvme *n)
{
  int err;

  if (n->hw == NULL)
    return;
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_free_memory (&n->io[i]);
  nvme_queue_free_memory (&n->admin);
  nvme_memory_free (n->hw, &n->shadow);
  if (n->nvectors > 0)
    n->hw->ops->set_vectors (n->hw, 0, NULL, &err);
}

/* All that is not the hardware. */
static void
free_all (struct nvme *n)
{
  struct nvme_ns *ns;

  nvme_free_memory (n);
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_fini (&n->io[i]);
  free (n->io);
  nvme_queue_fini (&n->admin);
  close_descriptors (n);
  if (n->has_key)
    pthread_key_delete (n->key);
  while ((ns = n->namespaces) != NULL) {
    n->namespaces = ns->next;
    free (ns);
  }
  pthread_mutex_destroy (&n->ns_lock);
  pthread_mutex_destroy (&n->admin_lock);
  free (n->name);
  free (n);
}

static void
start_queues (struct nvme *n)
{
  for (unsigned i = 0; i < n->nio; i++)
    nvme_queue_start (&n->io[i]);
}

struct nvme *
nvme_open (struct nvme_hw *hw, const struct nvme_options *o, int *err)
{
  struct nvme *n = calloc (1, sizeof *n);
  int e;

  if (n == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  n->hw = hw;
  n->name = strdup (hw->name);
  if (o != NULL)
    n->o = *o;
  if (n->o.command_seconds == 0)
    n->o.command_seconds = COMMAND_SECONDS;
  n->wake_fd = n->removal_fd = -1;
  pthread_mutex_init (&n->admin_lock, NULL);
  pthread_mutex_init (&n->ns_lock, NULL);
  *err = ENOMEM;
  if (n->name == NULL || parse_registers (n, err) == -1)
    goto fail;
  choose_queues (n);
  if (open_descriptors (n, err) == -1)
    goto fail;
  *err = pthread_key_create (&n->key, NULL);
  n->has_key = *err == 0;
  if (!n->has_key || nvme_bring_up (n, true, err) == -1)
    goto disable;
  start_queues (n);
  if (nvme_watch (n, err) == -1)
    goto disable;
  return n;

disable:
  nvme_disable (n, &e);
fail:
  free_all (n);
  return NULL;
}

void
nvme_close (struct nvme *n)
{
  struct nvme_hw *hw;
  int err;

  if (n == NULL)
    return;
  nvme_unwatch (n);
  hw = n->hw;
  if (hw != NULL) {
    nvme_shutdown (n);
    nvme_disable (n, &err);
  }
  free_all (n);
  if (hw != NULL)
    hw->ops->close (hw);
}

/* ------------------------------------------------------------------ */

void
nvme_get_info (struct nvme *n, struct nvme_info *info)
{
  const struct nvme_controller_data *d = &n->data;

  *info = (struct nvme_info){
    .version = n->version,
    .nn = d->nn,
    .queue_pairs = n->nio,
    .queue_depth = n->depth,
    .volatile_cache = d->volatile_cache,
    .write_zeroes = d->oncs & NVME_ONCS_WRITE_ZEROES,
    .deallocate = d->oncs & NVME_ONCS_DATASET,
    .reservations = d->oncs & NVME_ONCS_RESERVATIONS,
    .long_host_id = d->long_host_id,
    .critical_warning = n->critical_warning,
  };
  memcpy (info->serial, d->serial, sizeof info->serial);
  memcpy (info->model, d->model, sizeof info->model);
  memcpy (info->firmware, d->firmware, sizeof info->firmware);
}

static void
add_counts (struct nvme_queue *q, struct nvme_counts *c)
{
  pthread_mutex_lock (&q->lock);
  c->commands += q->counts.commands;
  c->doorbells += q->counts.doorbells;
  c->interrupts += q->counts.interrupts;
  c->polls += q->counts.polls;
  c->sgls += q->counts.sgls;
  c->bad_completions += q->counts.bad_completions;
  pthread_mutex_unlock (&q->lock);
}

void
nvme_get_counts (struct nvme *n, struct nvme_counts *c)
{
  *c = (struct nvme_counts){
    .timeouts = n->timeouts,
    .aborts = n->aborts,
    .resets = n->resets,
    .events = n->events,
  };
  add_counts (&n->admin, c);
  for (unsigned i = 0; i < n->nio; i++)
    add_counts (&n->io[i], c);
}
