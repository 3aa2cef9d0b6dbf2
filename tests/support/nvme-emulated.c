/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The emulated controller from outside: registers, memory, interrupts,
 * queues, faults.  See nvme-emulated.h.
 */

#include <config.h>

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "support/must.h"
#include "support/nvme-emulated-impl.h"

static struct emulated *
to_emulated (struct nvme_hw *hw)
{
  return container_of (hw, struct emulated, hw);
}

void
emulated_error (struct emulated *e, const char *fs, ...)
{
  va_list args;

  e->errors++;
  /* Which misleads it on purpose. */
  if (e->o.mutator != NULL)
    return;
  fprintf (stderr, "emulated nvme: ");
  va_start (args, fs);
  vfprintf (stderr, fs, args);
  va_end (args);
  fprintf (stderr, "\n");
}

/* ------------------------------------------------------------------ */
/* Memory of the driver */

void *
emulated_memory (struct emulated *e, uint64_t iova, size_t count)
{
  for (unsigned i = 0; i < e->nregions; i++) {
    const struct emulated_region *r = &e->region[i];

    if (r->va != NULL && iova >= r->iova && iova - r->iova <= r->size &&
        count <= r->size - (iova - r->iova))
      return r->va + (iova - r->iova);
  }
  e->dma_errors++;
  emulated_error (e, "DMA of %zu bytes to 0x%llx", count,
                  (unsigned long long) iova);
  return NULL;
}

static int
emulated_dma_alloc (struct nvme_hw *hw, size_t size, struct nvme_dma *dma,
                    int *err)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  size = ROUND_UP (size, 4096);
  for (unsigned i = 0; i < EMULATED_REGIONS; i++) {
    struct emulated_region *r = &e->region[i];

    if (r->va != NULL)
      continue;
    /* Which alloc-fault may refuse. */
    r->va = aligned_alloc (4096, size);
    if (r->va == NULL)
      break;
    memset (r->va, 0, size);
    r->size = size;
    r->iova = e->next_iova;
    /* Odd pages, and never two blocks side by side. */
    e->next_iova += size + 3 * 4096;
    e->nregions = (unsigned) max_u64 (e->nregions, i + 1);
    *dma = (struct nvme_dma){ r->va, r->iova, size };
    return 0;
  }
  *err = ENOMEM;
  return -1;
}

static void
emulated_dma_free (struct nvme_hw *hw, struct nvme_dma *dma)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  for (unsigned i = 0; i < EMULATED_REGIONS && dma->va != NULL; i++) {
    if (e->region[i].va == dma->va) {
      free (e->region[i].va);
      memset (&e->region[i], 0, sizeof e->region[i]);
    }
  }
  memset (dma, 0, sizeof *dma);
}

/* ------------------------------------------------------------------ */
/* Queues */

uint32_t
emulated_page_size (const struct emulated *e)
{
  return UINT32_C (4096) << (e->cc >> 7 & 0xf);
}

static void
interrupt (struct emulated *e, int vector)
{
  const uint64_t one = 1;

  if (vector < 0)
    return;
  if ((unsigned) vector >= e->nfds)
    return;
  e->counts.interrupts++;
  if (write (e->fd[vector], &one, sizeof one) == -1 && errno != EAGAIN)
    emulated_error (e, "eventfd: %s", strerror (errno));
}

/* The doorbell of a queue, or its shadow. */
static uint32_t
doorbell_of (struct emulated *e, unsigned qid, unsigned is_cq)
{
  const unsigned stride = 1u << e->o.dstrd;
  const uint64_t at = (2 * qid + is_cq) * (uint64_t) stride * 4;
  uint32_t *shadow, *eventidx, value;

  if (e->shadow == 0 || qid == 0)
    return e->doorbell[2 * qid + is_cq];
  shadow = emulated_memory (e, e->shadow + at, 4);
  eventidx = emulated_memory (e, e->eventidx + at, 4);
  if (shadow == NULL || eventidx == NULL)
    return 0;
  value = __atomic_load_n (shadow, __ATOMIC_ACQUIRE);
  /* Tell me of the next one. */
  __atomic_store_n (eventidx, value, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  return le32toh (__atomic_load_n (shadow, __ATOMIC_ACQUIRE));
}

static bool
cq_is_full (struct emulated *e, unsigned cqid)
{
  const struct emulated_queue *q = &e->q[cqid];
  const uint32_t head = doorbell_of (e, cqid, 1);

  if (head >= q->cq_size) {
    emulated_error (e, "head %u of queue %u", head, cqid);
    return true;
  }
  return (q->cq_tail + 1) % q->cq_size == head;
}

/* The phase stays: without it nobody sees the rest. */
static void
mutate (struct emulated *e, struct nvme_cqe *c, uint32_t *last)
{
  const struct nvme_emulated_mutator *m = e->o.mutator;
  struct nvme_cqe copy = *c;

  copy.dw[3] = *last;
  m->completion (m->opaque, copy.dw);
  memcpy (c->dw, copy.dw, 3 * sizeof copy.dw[0]);
  *last = (copy.dw[3] & ~htole32 (NVME_CQE_PHASE)) |
          (*last & htole32 (NVME_CQE_PHASE));
}

static void
post (struct emulated *e, unsigned cqid, unsigned sqid, uint16_t cid,
      uint16_t status, uint32_t result, bool silent)
{
  struct emulated_queue *q = &e->q[cqid];
  struct nvme_cqe *c;
  uint32_t last;

  if (!q->cq_exists)
    return;
  if (cq_is_full (e, cqid)) {
    emulated_error (e, "no room in completion queue %u", cqid);
    return;
  }
  c = emulated_memory (e, q->cq_iova + q->cq_tail * sizeof *c, sizeof *c);
  if (c == NULL)
    return;
  c->dw[0] = htole32 (result);
  c->dw[2] = htole32 (e->q[sqid % EMULATED_QUEUES].sq_head | sqid << 16);
  if (e->fault.kind == NVME_FAULT_BAD_SQHD && silent)
    c->dw[2] |= htole32 (0xffff);
  last = htole32 (cid | q->phase << 16 | (uint32_t) status << 17);
  if (e->o.mutator != NULL)
    mutate (e, c, &last);
  __atomic_store_n (&c->dw[3], last, __ATOMIC_RELEASE);
  if (++q->cq_tail == q->cq_size) {
    q->cq_tail = 0;
    q->phase ^= 1;
  }
  if (!silent)
    interrupt (e, q->vector);
}

void
emulated_complete (struct emulated *e, unsigned qid, uint16_t cid,
                   uint16_t status, uint32_t result)
{
  post (e, e->q[qid].cqid, qid, cid, status, result, false);
}

/* ------------------------------------------------------------------ */
/* Faults */

static bool
fault_matches (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  struct nvme_emulated_fault *f = &e->fault;

  if (f->count == 0 || f->admin != (qid == 0) ||
      (f->opcode != NVME_ANY_OPCODE && f->opcode != sqe->opcode))
    return false;
  if (f->skip > 0) {
    f->skip--;
    return false;
  }
  f->count--;
  return true;
}

static void
keep_late (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  if (e->nlate == EMULATED_LATE)
    abort ();
  e->late[e->nlate++] = (struct emulated_late){ qid, *sqe };
}

/* Execute without the completion being seen. */
static void
execute_silently (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  const unsigned cqid = e->q[qid].cqid;
  struct emulated_queue *q = &e->q[cqid];
  const bool exists = q->cq_exists;

  q->cq_exists = false;
  emulated_execute (e, qid, sqe);
  q->cq_exists = exists;
}

static void
fail_so (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  const uint16_t cid = le16_get (sqe->cid);
  const unsigned cqid = e->q[qid].cqid;
  const int vector = e->q[cqid].vector;

  switch (e->fault.kind) {
  case NVME_FAULT_STATUS:
    emulated_complete (e, qid, cid, e->fault.status, 0);
    break;
  case NVME_FAULT_LATE:
    keep_late (e, qid, sqe);
    break;
  case NVME_FAULT_LOST:
    execute_silently (e, qid, sqe);
    break;
  case NVME_FAULT_IGNORED:
    break;
  case NVME_FAULT_NO_INTERRUPT:
    e->q[cqid].vector = -1;
    emulated_execute (e, qid, sqe);
    e->q[cqid].vector = vector;
    break;
  case NVME_FAULT_TWICE:
    emulated_execute (e, qid, sqe);
    if (!cq_is_full (e, cqid))
      emulated_complete (e, qid, cid, 0, 0);
    break;
  case NVME_FAULT_BAD_CID:
    post (e, cqid, qid, cid ^ 0x5aa5, 0, 0, false);
    break;
  case NVME_FAULT_BAD_SQID:
    post (e, cqid, qid + 1, cid, 0, 0, false);
    break;
  case NVME_FAULT_BAD_SQHD:
    post (e, cqid, qid, cid, 0, 0, true);
    interrupt (e, vector);
    break;
  case NVME_FAULT_CFS:
    e->csts |= NVME_CSTS_CFS;
    break;
  case NVME_FAULT_GONE:
    e->gone = true;
    break;
  }
}

/* ------------------------------------------------------------------ */
/* Work */

static bool
is_running (const struct emulated *e)
{
  return !e->gone && e->csts & NVME_CSTS_RDY && !(e->csts & NVME_CSTS_CFS);
}

/* The next command of a queue; false if there is none now. */
static bool
step (struct emulated *e, unsigned qid)
{
  struct emulated_queue *q = &e->q[qid];
  const struct nvme_sqe *p;
  struct nvme_sqe sqe;
  uint32_t tail;

  if (!q->sq_exists || !is_running (e))
    return false;
  tail = doorbell_of (e, qid, 0);
  if (tail >= q->sq_size) {
    emulated_error (e, "tail %u of queue %u", tail, qid);
    return false;
  }
  if (q->sq_head == tail || cq_is_full (e, q->cqid))
    return false;
  p = emulated_memory (e, q->sq_iova + q->sq_head * sizeof *p, sizeof *p);
  if (p == NULL)
    return false;
  sqe = *p;
  q->sq_head = (q->sq_head + 1) % q->sq_size;
  e->counts.commands++;
  if (fault_matches (e, qid, &sqe))
    fail_so (e, qid, &sqe);
  else
    emulated_execute (e, qid, &sqe);
  return true;
}

/* Everything that there is to do; was there something? */
static bool
work (struct emulated *e)
{
  bool any = false, again;

  do {
    again = false;
    for (unsigned qid = 0; qid < e->nqueues; qid++)
      again |= step (e, qid);
    any |= again;
  } while (again);
  return any;
}

static void *
device_thread (void *opaque)
{
  struct emulated *e = opaque;
  uint64_t since = clock_ns ();

  pthread_mutex_lock (&e->lock);
  while (!e->ending) {
    if (work (e)) {
      since = clock_ns ();
      continue;
    }
    if (clock_ns () - since < e->o.spin_ns) {
      pthread_mutex_unlock (&e->lock);
      for (volatile unsigned i = 0; i < 20; i++)
        ;
      pthread_mutex_lock (&e->lock);
      continue;
    }
    e->sleeping = true;
    atomic_thread_fence (memory_order_seq_cst);
    if (!work (e) && !e->ending)
      pthread_cond_wait (&e->work, &e->lock);
    e->sleeping = false;
    since = clock_ns ();
  }
  pthread_mutex_unlock (&e->lock);
  return NULL;
}

/* ------------------------------------------------------------------ */
/* Registers */

static uint64_t
capabilities (const struct emulated *e)
{
  return (uint64_t) (e->o.entries - 1) | UINT64_C (1) << 16 |
         UINT64_C (1) << 24 | (uint64_t) e->o.dstrd << 32 | UINT64_C (1) << 37 |
         (uint64_t) e->o.mpsmin << 48 | (uint64_t) (e->o.mpsmin + 1) << 52;
}

static void
forget_all (struct emulated *e)
{
  memset (e->q, 0, sizeof e->q);
  for (unsigned i = 0; i < 2 * EMULATED_QUEUES; i++)
    e->doorbell[i] = 0;
  e->shadow = e->eventidx = 0;
  e->nlate = e->nevents = e->npending = 0;
  e->event_wanted = 0;
}

static void
set_up_admin (struct emulated *e)
{
  e->nqueues = 1;
  e->q[0] = (struct emulated_queue){
    .sq_exists = true,
    .cq_exists = true,
    .sq_size = (e->aqa & 0xfff) + 1,
    .cq_size = (e->aqa >> 16 & 0xfff) + 1,
    .sq_iova = e->asq,
    .cq_iova = e->acq,
    .phase = 1,
  };
  if (e->asq % emulated_page_size (e) != 0 ||
      e->acq % emulated_page_size (e) != 0)
    emulated_error (e, "admin queues are not aligned");
}

static void
write_cc (struct emulated *e, uint32_t cc)
{
  const uint32_t was = e->cc;

  e->cc = cc;
  if (!(was & NVME_CC_EN) && cc & NVME_CC_EN && !e->never_ready) {
    if ((cc >> 7 & 0xf) < e->o.mpsmin)
      emulated_error (e, "page size of CC is too small");
    set_up_admin (e);
    e->csts |= NVME_CSTS_RDY;
  }
  if (was & NVME_CC_EN && !(cc & NVME_CC_EN)) {
    forget_all (e);
    e->csts = 0;
    e->counts.resets++;
  }
  if (!(was & NVME_CC_EN) && cc & NVME_CC_EN)
    e->shut_down = false;
  if (cc & NVME_CC_SHN_MASK) {
    e->shut_down = true;
    e->csts = (e->csts & ~NVME_CSTS_SHST_MASK) | NVME_CSTS_SHST_DONE;
  }
}

static uint32_t
value_of (const struct emulated *e, uint32_t offset)
{
  switch (offset) {
  case NVME_REG_VS:
    return 0x020000;
  case NVME_REG_CC:
    return e->cc;
  case NVME_REG_CSTS:
    return e->csts;
  default:
    return 0;
  }
}

static uint32_t
emulated_read32 (struct nvme_hw *hw, uint32_t offset)
{
  struct emulated *e = to_emulated (hw);
  const struct nvme_emulated_mutator *m = e->o.mutator;
  uint32_t value;

  LOCK_SCOPE (&e->lock);
  if (e->gone)
    return UINT32_MAX;
  value = value_of (e, offset);
  return m != NULL ? m->reg (m->opaque, offset, value) : value;
}

static uint64_t
emulated_read64 (struct nvme_hw *hw, uint32_t offset)
{
  struct emulated *e = to_emulated (hw);

  if (e->gone)
    return UINT64_MAX;
  return offset == NVME_REG_CAP ? capabilities (e) : 0;
}

static void
write_doorbell (struct emulated *e, uint32_t offset, uint32_t value)
{
  const uint32_t index = (offset - NVME_REG_DOORBELLS) / 4 >> e->o.dstrd;

  if (index >= 2 * EMULATED_QUEUES ||
      offset != NVME_REG_DOORBELLS + (index << e->o.dstrd) * 4) {
    LOCK_SCOPE (&e->lock);
    emulated_error (e, "doorbell at 0x%x", offset);
    return;
  }
  e->ndoorbells++;
  e->doorbell[index] = value;
  if (e->o.no_thread) {
    LOCK_SCOPE (&e->lock);
    work (e);
    return;
  }
  atomic_thread_fence (memory_order_seq_cst);
  if (e->sleeping) {
    LOCK_SCOPE (&e->lock);
    pthread_cond_signal (&e->work);
  }
}

static void
emulated_write32 (struct nvme_hw *hw, uint32_t offset, uint32_t value)
{
  struct emulated *e = to_emulated (hw);

  if (e->gone)
    return;
  if (offset >= NVME_REG_DOORBELLS) {
    write_doorbell (e, offset, value);
    return;
  }
  LOCK_SCOPE (&e->lock);
  if (offset == NVME_REG_CC)
    write_cc (e, value);
  else if (offset == NVME_REG_AQA)
    e->aqa = value;
  else
    emulated_error (e, "write of register 0x%x", offset);
}

static void
emulated_write64 (struct nvme_hw *hw, uint32_t offset, uint64_t value)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  if (offset == NVME_REG_ASQ)
    e->asq = value;
  else if (offset == NVME_REG_ACQ)
    e->acq = value;
  else
    emulated_error (e, "write of register 0x%x", offset);
}

/* ------------------------------------------------------------------ */
/* The rest of the seam */

static int
emulated_set_vectors (struct nvme_hw *hw, unsigned n, const int *fd, int *err)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  if (n > hw->nvectors || (n > 0 && e->cc & NVME_CC_EN))
    emulated_error (e, "set_vectors (%u)", n);
  e->nfds = n;
  if (n > 0)
    memcpy (e->fd, fd, n * sizeof *fd);
  return 0;
}

static int
emulated_set_removal (struct nvme_hw *hw, int fd, int *err)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->removal_fd = fd;
  return 0;
}

static int
emulated_reset (struct nvme_hw *hw, int *err)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  if (e->no_reset) {
    *err = EOPNOTSUPP;
    return -1;
  }
  forget_all (e);
  e->cc = e->csts = e->aqa = 0;
  e->asq = e->acq = 0;
  e->nfds = 0;
  e->counts.resets++;
  return 0;
}

static void
write_report (struct emulated *e, struct nvme_emulated_report *r)
{
  r->errors = e->errors;
  r->dma_errors = e->dma_errors;
  r->shut_down = e->shut_down;
  r->disabled = !(e->cc & NVME_CC_EN);
  for (unsigned i = 0; i < EMULATED_REGIONS; i++)
    r->dma_leaked += e->region[i].va != NULL;
  r->closed = true;
}

static void
emulated_close (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  e->ending = true;
  if (!e->o.no_thread) {
    pthread_mutex_lock (&e->lock);
    pthread_cond_signal (&e->work);
    pthread_mutex_unlock (&e->lock);
    pthread_join (e->thread, NULL);
  }
  if (e->o.report != NULL)
    write_report (e, e->o.report);
  for (unsigned i = 0; i < EMULATED_REGIONS; i++)
    free (e->region[i].va);
  for (unsigned i = 0; i < e->o.nn; i++)
    munmap (e->ns[i].data, e->ns[i].most);
  free (e->ns);
  pthread_cond_destroy (&e->work);
  pthread_mutex_destroy (&e->lock);
  free (e);
}

static const struct nvme_hw_ops emulated_ops = {
  .name = "emulated",
  .close = emulated_close,
  .read32 = emulated_read32,
  .read64 = emulated_read64,
  .write32 = emulated_write32,
  .write64 = emulated_write64,
  .dma_alloc = emulated_dma_alloc,
  .dma_free = emulated_dma_free,
  .set_vectors = emulated_set_vectors,
  .set_removal = emulated_set_removal,
  .reset = emulated_reset,
};

static void
set_defaults (struct nvme_emulated_options *o)
{
  if (o->entries == 0)
    o->entries = 1024;
  if (o->queues == 0)
    o->queues = 16;
  if (o->vectors == 0)
    o->vectors = o->queues + 1;
  if (o->lba_size == 0)
    o->lba_size = 512;
  if (o->size == 0)
    o->size = 16 * 1024 * 1024;
  if (o->nn == 0)
    o->nn = 1;
}

struct nvme_hw *
nvme_emulated_create (const struct nvme_emulated_options *o)
{
  struct emulated *e = must_calloc (1, sizeof *e);

  e->o = *o;
  set_defaults (&e->o);
  e->hw = (struct nvme_hw){
    .ops = &emulated_ops,
    .name = (char *) "emulated",
    .bar_size = 0x1000 + (2 * 4 * EMULATED_QUEUES << e->o.dstrd),
    .nvectors = e->o.no_vectors ? 0 : e->o.vectors,
  };
  e->removal_fd = -1;
  e->next_iova = UINT64_C (0x5000003000);
  e->ns = must_calloc (e->o.nn, sizeof *e->ns);
  for (unsigned i = 0; i < e->o.nn; i++) {
    struct emulated_ns *ns = &e->ns[i];

    ns->size = e->o.size;
    ns->most = e->o.size + 4 * 1024 * 1024;
    ns->id = (uint8_t) (i + 1);
    ns->data = mmap (NULL, ns->most, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ns->data == MAP_FAILED)
      abort ();
  }
  pthread_mutex_init (&e->lock, NULL);
  pthread_cond_init (&e->work, NULL);
  if (!e->o.no_thread &&
      pthread_create (&e->thread, NULL, device_thread, e) != 0)
    abort ();
  return &e->hw;
}

/* ------------------------------------------------------------------ */
/* For the test */

void
nvme_emulated_fault (struct nvme_hw *hw, const struct nvme_emulated_fault *f)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->fault = *f;
}

bool
nvme_emulated_fault_done (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->fault.count == 0;
}

static void
set_flag (struct nvme_hw *hw, bool *flag, bool on)
{
  LOCK_SCOPE (&to_emulated (hw)->lock);
  *flag = on;
}

void
nvme_emulated_no_abort (struct nvme_hw *hw, bool on)
{
  set_flag (hw, &to_emulated (hw)->no_abort, on);
}

void
nvme_emulated_never_ready (struct nvme_hw *hw, bool on)
{
  set_flag (hw, &to_emulated (hw)->never_ready, on);
}

void
nvme_emulated_no_reset (struct nvme_hw *hw, bool on)
{
  set_flag (hw, &to_emulated (hw)->no_reset, on);
}

void
nvme_emulated_release (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  for (unsigned i = 0; i < e->nlate; i++)
    emulated_execute (e, e->late[i].qid, &e->late[i].sqe);
  e->nlate = 0;
}

unsigned
nvme_emulated_nlate (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->nlate;
}

unsigned
nvme_emulated_nevents (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->nevents;
}

void
nvme_emulated_remove (struct nvme_hw *hw)
{
  to_emulated (hw)->gone = true;
}

void
nvme_emulated_ask_removal (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);
  const uint64_t one = 1;

  LOCK_SCOPE (&e->lock);
  if (write (e->removal_fd, &one, sizeof one) == -1)
    abort ();
}

static void
changed (struct emulated *e, uint32_t nsid)
{
  e->changed[nsid] = true;
  if (e->event_wanted & NVME_ASYNC_NAMESPACE && e->npending < 8)
    e->event_pending[e->npending++] =
      NVME_LOG_CHANGED_NAMESPACES << 16 | NVME_EVENT_NOTICE;
  emulated_tell_events (e);
}

void
nvme_emulated_resize (struct nvme_hw *hw, uint32_t nsid, uint64_t size)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  if (size > e->ns[nsid - 1].most)
    abort ();
  e->ns[nsid - 1].size = size;
  changed (e, nsid);
}

void
nvme_emulated_replace (struct nvme_hw *hw, uint32_t nsid)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->ns[nsid - 1].id ^= 0x80;
  changed (e, nsid);
}

void
nvme_emulated_warn (struct nvme_hw *hw, uint8_t warning)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->warning = warning;
  if (e->event_wanted & warning && e->npending < 8)
    e->event_pending[e->npending++] = NVME_LOG_SMART << 16 | NVME_EVENT_SMART;
  emulated_tell_events (e);
}

uint8_t *
nvme_emulated_data (struct nvme_hw *hw, uint32_t nsid)
{
  return to_emulated (hw)->ns[nsid - 1].data;
}

struct nvme_emulated_counts
nvme_emulated_counts (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->counts.doorbells = e->ndoorbells;
  return e->counts;
}

unsigned
nvme_emulated_errors (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->errors;
}
