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
  memset (e->host_id, 0, sizeof e->host_id);
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
enable (struct emulated *e)
{
  e->shut_down = false;
  if (e->never_ready)
    return;
  if ((e->cc >> 7 & 0xf) < e->o.mpsmin)
    emulated_error (e, "page size of CC is too small");
  set_up_admin (e);
  e->ready_ns = clock_ns () + e->o.rise_ms * CLOCK_MILLISECOND;
}

static void
see_whether_ready (struct emulated *e)
{
  if (e->cc & NVME_CC_EN && e->ready_ns != 0 && clock_ns () >= e->ready_ns)
    e->csts |= NVME_CSTS_RDY;
}

static void
disable (struct emulated *e)
{
  if (e->ready_ns != 0 &&
      !(e->csts & (NVME_CSTS_RDY | NVME_CSTS_CFS | NVME_CSTS_SHST_MASK)))
    emulated_error (e, "disabled while it becomes ready");
  if (e->o.finishes)
    emulated_execute_late (e);
  if (e->o.replace_at_reset != 0)
    e->ns[e->o.replace_at_reset - 1].id ^= 0x80;
  forget_all (e);
  e->csts = e->o.stuck ? NVME_CSTS_RDY : 0;
  e->ready_ns = 0;
  e->counts.resets++;
}

static void
write_cc (struct emulated *e, uint32_t cc)
{
  const uint32_t was = e->cc;

  e->cc = cc;
  if (!(was & NVME_CC_EN) && cc & NVME_CC_EN)
    enable (e);
  if (was & NVME_CC_EN && !(cc & NVME_CC_EN))
    disable (e);
  if (cc & NVME_CC_SHN_MASK && !e->o.no_shutdown) {
    e->shut_down = true;
    e->csts = (e->csts & ~NVME_CSTS_SHST_MASK) | NVME_CSTS_SHST_DONE;
  }
}

static uint32_t
value_of (const struct emulated *e, uint32_t offset)
{
  switch (offset) {
  case NVME_REG_VS:
    return e->o.version;
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
  see_whether_ready (e);
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
    emulated_work (e);
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
  if (e->o.few_vectors && n > e->o.vectors_had) {
    *err = ENOSPC;
    return -1;
  }
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
  e->ready_ns = 0;
  e->nfds = 0;
  e->o.stuck = false;
  e->never_ready &= !e->o.heals;
  e->counts.resets++;
  return 0;
}

static void
write_report (struct emulated *e, struct nvme_emulated_report *r)
{
  r->errors = e->errors;
  r->dma_errors = e->dma_errors;
  r->shut_down = e->shut_down;
  r->writes = e->counts.writes;
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
  if (o->version == 0)
    o->version = 0x020000;
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
  if (o->rescap == 0)
    o->rescap = NVME_RESCAP_TYPES | NVME_RESCAP_PERSIST;
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
    .bar_size = e->o.bar_size != 0 ?
                  e->o.bar_size :
                  0x1000 + (2 * 4 * EMULATED_QUEUES << e->o.dstrd),
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
  if (e->o.enabled_before) {
    e->cc = NVME_CC_EN;
    e->ready_ns = clock_ns () + e->o.rise_ms * CLOCK_MILLISECOND;
  }
  pthread_mutex_init (&e->lock, NULL);
  pthread_cond_init (&e->work, NULL);
  if (!e->o.no_thread &&
      pthread_create (&e->thread, NULL, emulated_thread, e) != 0)
    abort ();
  return &e->hw;
}
