/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From whatever state the controller is in to one with queues (Base 3.5),
 * and back.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/align.h"
#include "base/clock.h"
#include "base/log.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-impl.h"

/* Entries of the admin queues. */
#define ADMIN_DEPTH 32
/* Data of one command, and of all that are in flight in a queue. */
#define PART_MOST (256 * 1024)
#define POOL_SIZE (2 * 1024 * 1024)
#define POOL_LEAST_PAGES 64
/* However long a controller says that it needs. */
#define SHUTDOWN_MOST_MS 30000
#define SHUTDOWN_LEAST_MS 5000

static int
failed (struct nvme *n, const char *what, int e, int *err)
{
  *err = e;
  errno = e;
  log_error ("nvme %s: %s: %m", n->name, what);
  return -1;
}

/* ------------------------------------------------------------------ */
/* Enable and disable */

static uint32_t
read_reg (struct nvme *n, uint32_t reg)
{
  return n->hw->ops->read32 (n->hw, reg);
}

/* Until (CSTS & MASK) == WANT, or FATAL comes.  ENODEV: gone; EIO: fatal;
 * ETIMEDOUT.
 */
static int
wait_status (struct nvme *n, uint32_t mask, uint32_t want, uint32_t fatal,
             uint64_t ms)
{
  const uint64_t limit = clock_ns () + ms * CLOCK_MILLISECOND;
  uint64_t pause_ns = 10000;

  for (;;) {
    const bool late = clock_ns () >= limit;
    const uint32_t csts = read_reg (n, NVME_REG_CSTS);
    struct timespec ts;

    if (csts == NVME_GONE_32)
      return ESHUTDOWN;
    if ((csts & mask) == want)
      return 0;
    if (csts & fatal)
      return EIO;
    if (late)
      return ETIMEDOUT;
    ts = (struct timespec){ .tv_nsec = (long) pause_ns };
    nanosleep (&ts, NULL);
    pause_ns = min_u64 (pause_ns * 2, 10 * CLOCK_MILLISECOND);
  }
}

int
nvme_reset_function (struct nvme *n, int *err)
{
  if (n->hw->ops->reset (n->hw, err) == -1)
    return -1;
  n->vectors_off = true;
  log_debug ("nvme %s: reset of the function", n->name);
  return 0;
}

/* A device that does not become disabled by itself is reset, if it can. */
static int
force_reset (struct nvme *n, int why, int *err)
{
  int e;

  if (why == ESHUTDOWN)
    return failed (n, "the device is gone", why, err);
  if (nvme_reset_function (n, &e) == -1)
    return failed (n, "cannot disable the controller", why, err);
  return 0;
}

int
nvme_disable (struct nvme *n, int *err)
{
  const uint32_t cc = read_reg (n, NVME_REG_CC);
  int e = 0;

  if (cc & NVME_CC_EN) {
    /* While it becomes ready it must not be disabled, but when it was shut
     * down it may not be ready any more.
     */
    if (!(read_reg (n, NVME_REG_CSTS) & NVME_CSTS_SHST_MASK))
      e = wait_status (n, NVME_CSTS_RDY, NVME_CSTS_RDY, NVME_CSTS_CFS,
                       n->cap.ready_ms);
    if (e == ESHUTDOWN)
      return failed (n, "the device is gone", e, err);
    n->hw->ops->write32 (n->hw, NVME_REG_CC,
                         cc & ~(NVME_CC_EN | NVME_CC_SHN_MASK));
  }
  e = wait_status (n, NVME_CSTS_RDY, 0, 0, n->cap.ready_ms);
  return e == 0 ? 0 : force_reset (n, e, err);
}

static int
enable (struct nvme *n, int *err)
{
  struct nvme_hw *hw = n->hw;
  const uint32_t entries = n->admin.setup.depth - 1;
  int e;

  hw->ops->write32 (hw, NVME_REG_AQA, entries << 16 | entries);
  hw->ops->write64 (hw, NVME_REG_ASQ, n->admin.sq_memory.iova);
  hw->ops->write64 (hw, NVME_REG_ACQ, n->admin.cq_memory.iova);
  hw->ops->write32 (hw, NVME_REG_CC,
                    n->cap.cc | NVME_CC_IOSQES | NVME_CC_IOCQES | NVME_CC_EN);
  e = wait_status (n, NVME_CSTS_RDY, NVME_CSTS_RDY, NVME_CSTS_CFS,
                   n->cap.ready_ms);
  return e == 0 ? 0 :
                  failed (n, "the controller does not become ready", e, err);
}

void
nvme_shutdown (struct nvme *n)
{
  const uint32_t cc = read_reg (n, NVME_REG_CC);
  const uint64_t ms = max_u64 (
    min_u64 (n->data.shutdown_us / 1000, SHUTDOWN_MOST_MS), SHUTDOWN_LEAST_MS);

  if (cc == NVME_GONE_32 || !(cc & NVME_CC_EN))
    return;
  n->hw->ops->write32 (n->hw, NVME_REG_CC,
                       (cc & ~NVME_CC_SHN_MASK) | NVME_CC_SHN_NORMAL);
  if (wait_status (n, NVME_CSTS_SHST_MASK, NVME_CSTS_SHST_DONE, NVME_CSTS_CFS,
                   ms) != 0)
    log_error ("nvme %s: the controller does not shut down", n->name);
}

/* ------------------------------------------------------------------ */
/* What it is */

static int
identify (struct nvme *n, uint8_t cns, void *buf, int *err)
{
  const struct nvme_sqe sqe = nvme_command_identify (cns, 0);

  return nvme_admin_locked (n, &sqe, buf, NVME_DATA_SIZE, NULL, err);
}

/* What is posted again, and all that comes, counts on what it could BEFORE,
 * which firmware that a reset activates may have changed.
 */
static bool
can_as_much (const struct nvme_controller_data *now,
             const struct nvme_controller_data *before)
{
  return now->max_transfer >= before->max_transfer &&
         (now->oncs & before->oncs) == before->oncs &&
         now->sgl >= before->sgl && now->long_host_id == before->long_host_id &&
         now->volatile_cache <= before->volatile_cache;
}

static int
identify_controller (struct nvme *n, bool first, int *err)
{
  struct nvme_identify_controller *id = malloc (sizeof *id);
  struct nvme_controller_data data; /* read without a lock, so fixed */
  enum nvme_identify_status status;

  if (id == NULL)
    return failed (n, "identify", ENOMEM, err);
  if (identify (n, NVME_CNS_CONTROLLER, id, err) == -1) {
    free (id);
    return failed (n, "cannot identify the controller", *err, err);
  }
  status = nvme_identify_controller (id, n->cap.smallest_page, &data);
  free (id);
  if (status != NVME_IDENTIFY_OK) {
    log_error ("nvme %s: %s", n->name, nvme_identify_status_string (status));
    *err = EOPNOTSUPP;
    return -1;
  }
  if (!first && (strcmp (data.serial, n->data.serial) != 0 ||
                 strcmp (data.model, n->data.model) != 0))
    return failed (n, "it is another controller now", ESHUTDOWN, err);
  if (!first && !can_as_much (&data, &n->data))
    return failed (n, "it can do less than before the reset", ESHUTDOWN, err);
  if (first)
    n->data = data;
  return 0;
}

/* Those of the NVM command set; older controllers do not say. */
static int
identify_limits (struct nvme *n, int *err)
{
  struct nvme_identify_limits *id = malloc (sizeof *id);
  const struct nvme_identify_limits *told = NULL;

  if (id == NULL)
    return failed (n, "identify", ENOMEM, err);
  *err = EOPNOTSUPP;
  if (n->version >= NVME_VERSION (1, 4) &&
      identify (n, NVME_CNS_CONTROLLER_NVM, id, err) == 0)
    told = id;
  else if (*err == ESHUTDOWN || *err == ETIMEDOUT) {
    free (id);
    return failed (n, "cannot identify the controller's limits", *err, err);
  }
  nvme_identify_limits (told, n->cap.smallest_page, &n->limits);
  free (id);
  return 0;
}

/* ------------------------------------------------------------------ */
/* Queues */

static void
notify (void *opaque)
{
  struct nvme *n = opaque;
  const uint64_t one = 1;

  if (write (n->wake_fd, &one, sizeof one) == -1)
    log_debug ("nvme %s: cannot wake the watcher: %m", n->name);
}

/* With fewer vectors than queues the admin queue is looked at without. */
static int
vector_of (const struct nvme *n, unsigned qid)
{
  if (n->nvectors > 1)
    return (int) qid;
  return n->nvectors == 1 && qid == 1 ? 0 : -1;
}

static int
init_queue (struct nvme *n, struct nvme_queue *q, unsigned qid, unsigned depth,
            size_t part, unsigned pages, int *err)
{
  const int vector = vector_of (n, qid);
  const struct nvme_queue_setup setup = {
    .hw = n->hw,
    .qid = (uint16_t) qid,
    .depth = depth,
    .pages = pages,
    .max_pages = (unsigned) DIV_ROUND_UP (part, n->cap.page_size),
    .page_size = n->cap.page_size,
    .sq_doorbell = nvme_doorbell (&n->cap, qid, 0),
    .cq_doorbell = nvme_doorbell (&n->cap, qid, 1),
    .fd = vector >= 0 ? n->fd[vector] : -1,
    .spin_ns = n->o.spin_ns,
    .sgl = qid > 0 && n->data.sgl,
    .notify = notify,
    .opaque = n,
  };

  return nvme_queue_init (q, &setup, err);
}

/* How many of each kind the controller grants of those that we want. */
static int
ask_for_queues (struct nvme *n, unsigned want, unsigned *granted, int *err)
{
  const struct nvme_sqe sqe = nvme_command_set_feature (
    NVME_FEATURE_QUEUES, (want - 1) << 16 | (want - 1));
  uint32_t result;

  if (nvme_admin_locked (n, &sqe, NULL, 0, &result, err) == -1)
    return failed (n, "cannot set the number of queues", *err, err);
  *granted =
    (unsigned) min_u64 (want, min_u64 (result & 0xffff, result >> 16) + 1);
  return 0;
}

static int
create_queue (struct nvme *n, struct nvme_queue *q, int *err)
{
  const uint16_t qid = q->setup.qid;
  struct nvme_sqe sqe = nvme_command_create_cq (
    qid, n->depth, vector_of (n, qid), q->cq_memory.iova);

  nvme_queue_clear (q);
  if (nvme_admin_locked (n, &sqe, NULL, 0, NULL, err) == -1)
    return -1;
  sqe = nvme_command_create_sq (qid, n->depth, q->sq_memory.iova);
  return nvme_admin_locked (n, &sqe, NULL, 0, NULL, err);
}

static int
alloc_queues (struct nvme *n, unsigned want, int *err)
{
  const unsigned pages =
    (unsigned) max_u64 (POOL_SIZE / n->cap.page_size, POOL_LEAST_PAGES);
  struct nvme_queue *io = calloc (want, sizeof *io);

  if (io == NULL)
    return failed (n, "queues", ENOMEM, err);
  n->io = io;
  n->max_part = min_u64 (n->data.max_transfer, PART_MOST);
  for (n->nio = 0; n->nio < want; n->nio++) {
    if (init_queue (n, &io[n->nio], n->nio + 1, n->depth, n->max_part, pages,
                    err) == -1)
      break;
  }
  /* Fewer do, too, if there is no more memory to be locked. */
  return n->nio > 0 ? 0 : failed (n, "queues", *err, err);
}

static int
create_queues (struct nvme *n, bool first, int *err)
{
  const unsigned want = first ? n->o.queue_pairs : n->nio;
  unsigned granted;

  if (ask_for_queues (n, want, &granted, err) == -1)
    return -1;
  if (first) {
    if (alloc_queues (n, granted, err) == -1)
      return -1;
  }
  else if (granted < n->nio)
    return failed (n, "it has fewer queues than before", EIO, err);
  for (unsigned i = 0; i < n->nio; i++) {
    if (create_queue (n, &n->io[i], err) == 0)
      continue;
    /* It may have granted what it does not have. */
    if (!first || i == 0 || *err == ESHUTDOWN || *err == ETIMEDOUT)
      return failed (n, "cannot create a queue", *err, err);
    while (n->nio > i)
      nvme_queue_fini (&n->io[--n->nio]);
  }
  return 0;
}

/* ------------------------------------------------------------------ */

/* Shadow doorbells, if there are any; a controller without is as good. */
static void
use_shadow_doorbells (struct nvme *n)
{
  const uint32_t page = n->cap.page_size;
  const uint32_t stride = n->cap.doorbell_stride / sizeof (uint32_t);
  struct nvme_sqe sqe;
  int err;

  if (!(n->data.oacs & NVME_OACS_DOORBELL_BUFFERS) ||
      2 * (n->nio + 1) * n->cap.doorbell_stride > page)
    return;
  if (n->shadow.va == NULL && nvme_memory_alloc (n->hw, 2 * (size_t) page, page,
                                                 &n->shadow, &err) == -1)
    return;
  memset (n->shadow.va, 0, 2 * (size_t) page);
  sqe = nvme_command_doorbell_buffers (n->shadow.iova, n->shadow.iova + page);
  if (nvme_admin_locked (n, &sqe, NULL, 0, NULL, &err) == -1)
    return;
  for (unsigned i = 0; i < n->nio; i++) {
    uint32_t *p = (uint32_t *) n->shadow.va + 2 * stride * (i + 1);

    nvme_queue_use_shadow (&n->io[i], p, p + page / sizeof *p, stride);
  }
}

/* Which events we want of those that it has. */
static void
configure_events (struct nvme *n)
{
  const struct nvme_sqe sqe = nvme_command_set_feature (
    NVME_FEATURE_ASYNC_EVENTS,
    NVME_ASYNC_SMART | (n->data.oaes & NVME_ASYNC_NAMESPACE));
  int err;

  /* Those that it does not know do not come. */
  nvme_admin_locked (n, &sqe, NULL, 0, NULL, &err);
}

/* Have interrupts, and as many I/O queues as there can be with them: with
 * fewer vectors than the device has if the machine has no more to give.
 */
static int
get_vectors (struct nvme *n, int *err)
{
  struct nvme_hw *hw = n->hw;

  while (n->nvectors > 0 &&
         hw->ops->set_vectors (hw, n->nvectors, n->fd, err) == -1) {
    if (*err != ENOSPC)
      return failed (n, "cannot have interrupts", *err, err);
    n->nvectors /= 2;
    n->o.queue_pairs =
      (unsigned) min_u64 (n->o.queue_pairs, max_u64 (n->nvectors, 2) - 1);
  }
  return 0;
}

/* They stay when the controller is reset, and others cannot take them. */
static int
get_vectors_again (struct nvme *n, int *err)
{
  struct nvme_hw *hw = n->hw;

  if (!n->vectors_off || n->nvectors == 0)
    return 0;
  if (hw->ops->set_vectors (hw, 0, NULL, err) == -1 ||
      hw->ops->set_vectors (hw, n->nvectors, n->fd, err) == -1)
    return failed (n, "cannot have interrupts", *err, err);
  return 0;
}

static int
prepare (struct nvme *n, bool first, int *err)
{
  if (!first) {
    for (unsigned i = 0; i < n->nio; i++)
      nvme_queue_harvest (&n->io[i]);
    return get_vectors_again (n, err);
  }
  if (get_vectors (n, err) == -1)
    return -1;
  if (init_queue (n, &n->admin, 0, ADMIN_DEPTH, NVME_DATA_SIZE, ADMIN_DEPTH,
                  err) == -1)
    return failed (n, "admin queue", *err, err);
  return 0;
}

int
nvme_bring_up (struct nvme *n, bool first, int *err)
{
  if (nvme_disable (n, err) == -1 || prepare (n, first, err) == -1)
    return -1;
  n->vectors_off = false;
  nvme_queue_clear (&n->admin);
  if (enable (n, err) == -1)
    return -1;
  nvme_queue_start (&n->admin);
  if (identify_controller (n, first, err) == -1 ||
      (first && identify_limits (n, err) == -1) ||
      create_queues (n, first, err) == -1)
    return -1;
  if (nvme_tell_host_id (n, err) == -1)
    return failed (n, "cannot set the host identifier", *err, err);
  use_shadow_doorbells (n);
  configure_events (n);
  return 0;
}
