/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the emulated controller does with commands.  See nvme-emulated.h.
 */

#include <config.h>

#include <endian.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "support/nvme-emulated-impl.h"

/* ------------------------------------------------------------------ */
/* Data */

/* Where the next page of a transfer is. */
struct prp_walk {
  struct emulated *e;
  uint64_t next, list; /* list: address of the next entry, 0 at first */
  uint64_t prp2;
  uint64_t left; /* bytes */
  bool bad;
};

static uint64_t
next_address (struct prp_walk *w)
{
  const uint32_t page = emulated_page_size (w->e);
  const le64 *p;

  if (w->list == 0) {
    if (w->left <= page)
      return w->prp2;
    w->list = w->prp2;
    w->e->counts.prp_lists++;
  }
  /* The last entry of a page points to more of the list. */
  if (w->list % page == page - 8 && w->left > page) {
    p = emulated_memory (w->e, w->list, 8);
    if (p == NULL)
      return 0;
    w->list = le64_get (*p);
    if (w->list % page != 0)
      emulated_error (w->e, "a list of PRPs that is not aligned");
  }
  p = emulated_memory (w->e, w->list, 8);
  w->list += 8;
  return p != NULL ? le64_get (*p) : 0;
}

static void
copy (uint8_t *data, void *memory, uint64_t count, bool to_host)
{
  if (to_host)
    memcpy (memory, data, count);
  else
    memcpy (data, memory, count);
}

/* The same through one SGL descriptor, of a data block, which is all that
 * the driver is to use.
 */
static bool
move_block (struct emulated *e, const struct nvme_sqe *sqe, uint8_t *data,
            uint64_t count, bool to_host)
{
  const uint64_t iova = le64_get (sqe->prp1), rest = le64_get (sqe->prp2);
  const unsigned kind = e->o.sgls & NVME_SGLS_MASK;
  void *p;

  if ((sqe->flags & NVME_SQE_PSDT_MASK) != NVME_SQE_PSDT_SGL ||
      (kind != NVME_SGLS_ANY && kind != NVME_SGLS_DWORDS))
    emulated_error (e, "an SGL that is not supported");
  else if (NVME_SGL_TYPE (rest) != NVME_SGL_DATA_BLOCK)
    emulated_error (e, "an SGL of type 0x%x", (unsigned) NVME_SGL_TYPE (rest));
  else if (rest != count)
    emulated_error (e, "an SGL of %llu bytes for %llu",
                    (unsigned long long) rest, (unsigned long long) count);
  else if (kind == NVME_SGLS_DWORDS && (iova % 4 != 0 || count % 4 != 0))
    emulated_error (e, "an SGL that is not aligned");
  else if ((p = emulated_memory (e, iova, count)) != NULL) {
    e->counts.sgls++;
    if (data != NULL)
      copy (data, p, count, to_host);
    return true;
  }
  return false;
}

bool
emulated_move (struct emulated *e, const struct nvme_sqe *sqe, uint8_t *data,
               uint64_t count, bool to_host)
{
  const uint32_t page = emulated_page_size (e);
  struct prp_walk w = {
    .e = e,
    .next = le64_get (sqe->prp1),
    .prp2 = le64_get (sqe->prp2),
    .left = count,
  };

  if (sqe->flags & NVME_SQE_PSDT_MASK)
    return move_block (e, sqe, data, count, to_host);
  while (w.left > 0) {
    const uint64_t n = min_u64 (w.left, page - w.next % page);
    void *p = emulated_memory (e, w.next, n);

    if (p == NULL)
      return false;
    if (data != NULL) {
      copy (data, p, n, to_host);
      data += n;
    }
    w.left -= n;
    if (w.left > 0) {
      w.next = next_address (&w);
      if (w.next % page != 0) {
        emulated_error (e, "a PRP that is not aligned");
        return false;
      }
    }
  }
  return true;
}

static void
answer (struct emulated *e, const struct nvme_sqe *sqe, void *data,
        size_t count)
{
  const struct nvme_emulated_mutator *m = e->o.mutator;
  bool ok;

  if (m != NULL)
    m->data (m->opaque, data, count);
  ok = emulated_move (e, sqe, data, count, true);

  emulated_complete (e, 0, le16_get (sqe->cid),
                     ok ? NVME_SC_SUCCESS : NVME_SC_DATA_TRANSFER, 0);
}

/* ------------------------------------------------------------------ */
/* Identify and logs */

static void
identify_controller (struct emulated *e, const struct nvme_sqe *sqe)
{
  const struct nvme_emulated_options *o = &e->o;
  struct nvme_identify_controller id;
  unsigned oncs = 0;

  if (!o->no_dataset)
    oncs |= NVME_ONCS_DATASET;
  if (!o->no_write_zeroes)
    oncs |= NVME_ONCS_WRITE_ZEROES;
  if (o->reservations)
    oncs |= NVME_ONCS_RESERVATIONS;
  memset (&id, 0, sizeof id);
  memcpy (id.sn, "EMULATED-1          ", sizeof id.sn);
  if (o->serial != 0)
    id.sn[9] = o->serial;
  memset (id.mn, ' ', sizeof id.mn);
  memcpy (id.mn, "Emulated NVMe", 13);
  memcpy (id.fr, "1.0     ", sizeof id.fr);
  id.mdts = (uint8_t) o->mdts;
  id.oaes = le32_put (NVME_ASYNC_NAMESPACE);
  id.oacs = le16_put (o->doorbell_buffers ? NVME_OACS_DOORBELL_BUFFERS : 0);
  id.aerl = 3;
  id.sqes = 0x66;
  id.cqes = 0x44;
  id.nn = le32_put (o->nn);
  id.oncs = le16_put ((uint16_t) oncs);
  id.vwc = o->volatile_cache;
  id.ctratt = le32_put (o->short_host_id ? 0 : NVME_CTRATT_HOST_ID_128);
  id.sgls = le32_put (o->sgls);
  answer (e, sqe, &id, sizeof id);
}

static void
identify_limits (struct emulated *e, const struct nvme_sqe *sqe)
{
  struct nvme_identify_limits id;

  memset (&id, 0, sizeof id);
  id.wzsl = e->o.wzsl;
  id.dmrl = e->o.dmrl;
  id.dmrsl = le32_put (e->o.dmrsl);
  id.dmsl = le64_put (e->o.dmsl);
  answer (e, sqe, &id, sizeof id);
}

static void
identify_namespace (struct emulated *e, const struct nvme_sqe *sqe)
{
  const uint32_t nsid = le32_get (sqe->nsid);
  struct nvme_identify_namespace id;
  const struct emulated_ns *ns;

  if (nsid == 0 || nsid > e->o.nn) {
    emulated_complete (e, 0, le16_get (sqe->cid),
                       NVME_SC_INVALID_NAMESPACE | NVME_STATUS_DNR, 0);
    return;
  }
  ns = &e->ns[nsid - 1];
  memset (&id, 0, sizeof id);
  if (ns->size > 0) {
    id.nsze = id.ncap = id.nuse = le64_put (ns->size / e->o.lba_size);
    id.nsfeat = e->o.nsfeat;
    id.dlfeat = e->o.dlfeat;
    id.npwg = le16_put (e->o.npwg);
    id.rescap = e->o.reservations ? e->o.rescap : 0;
    id.nsattr = e->o.nsattr;
    id.lbaf[0].lbads = (uint8_t) log2_of (e->o.lba_size);
    id.lbaf[0].ms = le16_put (e->o.metadata);
    if (!e->o.uuid_only)
      memset (id.nguid, ns->id, sizeof id.nguid);
  }
  answer (e, sqe, &id, sizeof id);
}

/* A descriptor that nobody knows, and the UUID if there is one. */
static void
identify_descriptors (struct emulated *e, const struct nvme_sqe *sqe)
{
  const struct emulated_ns *ns = &e->ns[le32_get (sqe->nsid) - 1];
  uint8_t list[NVME_DATA_SIZE] = { 0x77, 3, 0, 0, 1, 2, 3 };

  if (e->o.uuid_only) {
    list[7] = NVME_NIDT_UUID;
    list[8] = 16;
    memset (list + 11, ns->id, 16);
  }
  answer (e, sqe, list, sizeof list);
}

static void
identify_list (struct emulated *e, const struct nvme_sqe *sqe)
{
  le32 list[NVME_LIST_MAX] = { 0 };
  unsigned n = 0;

  for (uint32_t nsid = le32_get (sqe->nsid) + 1; nsid <= e->o.nn; nsid++) {
    if (e->ns[nsid - 1].size > 0 && n < NVME_LIST_MAX)
      list[n++] = le32_put (nsid);
  }
  answer (e, sqe, list, sizeof list);
}

static void
identify (struct emulated *e, const struct nvme_sqe *sqe)
{
  switch (le32_get (sqe->cdw10) & 0xff) {
  case NVME_CNS_NAMESPACE:
    identify_namespace (e, sqe);
    return;
  case NVME_CNS_CONTROLLER:
    identify_controller (e, sqe);
    return;
  case NVME_CNS_ACTIVE_LIST:
    if (e->o.version >= 0x010100) {
      identify_list (e, sqe);
      return;
    }
    break;
  case NVME_CNS_DESCRIPTORS:
    if (le32_get (sqe->nsid) - 1 < e->o.nn) {
      identify_descriptors (e, sqe);
      return;
    }
    break;
  case NVME_CNS_CONTROLLER_NVM:
    if (!e->o.no_limits) {
      identify_limits (e, sqe);
      return;
    }
  }
  emulated_complete (e, 0, le16_get (sqe->cid),
                     NVME_SC_INVALID_FIELD | NVME_STATUS_DNR, 0);
}

static void
get_log (struct emulated *e, const struct nvme_sqe *sqe)
{
  const uint32_t cdw10 = le32_get (sqe->cdw10);
  const size_t count = ((size_t) (cdw10 >> 16) + 1) * 4;
  uint8_t log[NVME_DATA_SIZE] = { 0 };
  le32 list[NVME_LIST_MAX] = { 0 };
  unsigned n = 0;

  if (count > sizeof log) {
    emulated_error (e, "log of %zu bytes", count);
    return;
  }
  if ((cdw10 & 0xff) == NVME_LOG_SMART)
    log[NVME_SMART_CRITICAL_WARNING] = e->warning;
  else {
    for (uint32_t nsid = 1; nsid <= e->o.nn && nsid < 64; nsid++) {
      if (e->changed[nsid])
        list[n++] = le32_put (nsid);
      e->changed[nsid] = false;
    }
    memcpy (log, list, sizeof list);
  }
  answer (e, sqe, log, count);
}

/* ------------------------------------------------------------------ */
/* Other admin commands */

void
emulated_tell_events (struct emulated *e)
{
  while (e->npending > 0 && e->nevents > 0) {
    e->nevents--;
    emulated_complete (e, 0, e->event_cid[e->nevents], 0, e->event_pending[0]);
    e->npending--;
    memmove (e->event_pending, e->event_pending + 1,
             e->npending * sizeof e->event_pending[0]);
  }
}

static void
async_event (struct emulated *e, const struct nvme_sqe *sqe)
{
  const uint16_t cid = le16_get (sqe->cid);

  if (e->nevents == 4) {
    emulated_complete (e, 0, cid, NVME_SC_ASYNC_LIMIT, 0);
    return;
  }
  e->event_cid[e->nevents++] = cid;
  emulated_tell_events (e);
}

static uint16_t
set_feature (struct emulated *e, const struct nvme_sqe *sqe, uint32_t *result)
{
  switch (le32_get (sqe->cdw10) & 0xff) {
  case NVME_FEATURE_QUEUES:
    *result = (e->o.queues - 1) << 16 | (e->o.queues - 1);
    return NVME_SC_SUCCESS;
  case NVME_FEATURE_ASYNC_EVENTS:
    e->event_wanted = le32_get (sqe->cdw11);
    return NVME_SC_SUCCESS;
  case NVME_FEATURE_HOST_ID:
    return emulated_set_host_id (e, sqe);
  default:
    return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
  }
}

static bool
queue_is_wrong (struct emulated *e, unsigned qid, uint32_t size, uint64_t iova,
                size_t entry)
{
  if (qid == 0 || qid > e->o.queues || qid >= EMULATED_QUEUES || size < 2 ||
      size > e->o.entries || iova % emulated_page_size (e) != 0 ||
      emulated_memory (e, iova, size * entry) == NULL) {
    emulated_error (e, "queue %u of %u entries", qid, size);
    return true;
  }
  return false;
}

static uint16_t
create_cq (struct emulated *e, const struct nvme_sqe *sqe)
{
  const uint32_t cdw10 = le32_get (sqe->cdw10), cdw11 = le32_get (sqe->cdw11);
  const unsigned qid = cdw10 & 0xffff;
  const uint32_t size = (cdw10 >> 16) + 1;
  struct emulated_queue *q = &e->q[qid % EMULATED_QUEUES];

  if (queue_is_wrong (e, qid, size, le64_get (sqe->prp1), 16) || q->cq_exists)
    return NVME_SC_INVALID_QID | NVME_STATUS_DNR;
  if (cdw11 & 2 && cdw11 >> 16 >= e->nfds)
    emulated_error (e, "vector %u", cdw11 >> 16);
  q->cq_exists = true;
  q->cq_size = size;
  q->cq_iova = le64_get (sqe->prp1);
  q->cq_tail = 0;
  q->phase = 1;
  q->vector = cdw11 & 2 ? (int) (cdw11 >> 16) : -1;
  return NVME_SC_SUCCESS;
}

static uint16_t
create_sq (struct emulated *e, const struct nvme_sqe *sqe)
{
  const uint32_t cdw10 = le32_get (sqe->cdw10);
  const unsigned qid = cdw10 & 0xffff, cqid = le32_get (sqe->cdw11) >> 16;
  const uint32_t size = (cdw10 >> 16) + 1;
  struct emulated_queue *q = &e->q[qid % EMULATED_QUEUES];

  if (queue_is_wrong (e, qid, size, le64_get (sqe->prp1), 64) || q->sq_exists)
    return NVME_SC_INVALID_QID | NVME_STATUS_DNR;
  if (cqid >= EMULATED_QUEUES || !e->q[cqid].cq_exists)
    return NVME_SC_CQ_INVALID | NVME_STATUS_DNR;
  q->sq_exists = true;
  q->sq_size = size;
  q->sq_iova = le64_get (sqe->prp1);
  q->sq_head = 0;
  q->cqid = cqid;
  e->nqueues = (unsigned) max_u64 (e->nqueues, qid + 1);
  return NVME_SC_SUCCESS;
}

/* The result is 0 if it was aborted. */
static uint32_t
abort_command (struct emulated *e, const struct nvme_sqe *sqe)
{
  const uint32_t cdw10 = le32_get (sqe->cdw10);

  e->counts.aborts++;
  for (unsigned i = 0; i < e->nlate && !e->no_abort; i++) {
    const struct emulated_late *l = &e->late[i];

    if (l->qid != (cdw10 & 0xffff) || le16_get (l->sqe.cid) != cdw10 >> 16)
      continue;
    emulated_complete (e, l->qid, le16_get (l->sqe.cid),
                       NVME_SC_ABORT_REQUESTED, 0);
    e->late[i] = e->late[--e->nlate];
    return 0;
  }
  return 1;
}

static uint16_t
doorbell_buffers (struct emulated *e, const struct nvme_sqe *sqe)
{
  const uint32_t page = emulated_page_size (e);

  if (!e->o.doorbell_buffers ||
      emulated_memory (e, le64_get (sqe->prp1), page) == NULL ||
      emulated_memory (e, le64_get (sqe->prp2), page) == NULL)
    return NVME_SC_INVALID_FIELD;
  e->shadow = le64_get (sqe->prp1);
  e->eventidx = le64_get (sqe->prp2);
  return NVME_SC_SUCCESS;
}

static void
execute_admin (struct emulated *e, const struct nvme_sqe *sqe)
{
  uint16_t status = NVME_SC_SUCCESS;
  uint32_t result = 0;

  if (sqe->flags & NVME_SQE_PSDT_MASK) /* Base 4.1 */
    emulated_error (e, "an admin command with an SGL");
  switch (sqe->opcode) {
  case NVME_ADMIN_IDENTIFY:
    identify (e, sqe);
    return;
  case NVME_ADMIN_GET_LOG:
    get_log (e, sqe);
    return;
  case NVME_ADMIN_ASYNC_EVENT:
    async_event (e, sqe);
    return;
  case NVME_ADMIN_SET_FEATURES:
    status = set_feature (e, sqe, &result);
    break;
  case NVME_ADMIN_CREATE_CQ:
    status = create_cq (e, sqe);
    break;
  case NVME_ADMIN_CREATE_SQ:
    status = create_sq (e, sqe);
    break;
  case NVME_ADMIN_ABORT:
    result = abort_command (e, sqe);
    break;
  case NVME_ADMIN_DOORBELL_BUFFERS:
    status = doorbell_buffers (e, sqe);
    break;
  default:
    status = NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
  }
  emulated_complete (e, 0, le16_get (sqe->cid), status, result);
}

/* ------------------------------------------------------------------ */
/* I/O commands */

static uint64_t
slba_of (const struct nvme_sqe *sqe)
{
  return le32_get (sqe->cdw10) | (uint64_t) le32_get (sqe->cdw11) << 32;
}

static uint16_t
execute_blocks (struct emulated *e, struct emulated_ns *ns,
                const struct nvme_sqe *sqe)
{
  const uint32_t cdw12 = le32_get (sqe->cdw12), size = e->o.lba_size;
  const uint64_t nlb = (cdw12 & 0xffff) + 1, count = nlb * size;
  const uint64_t slba = slba_of (sqe);
  uint8_t *data;

  e->counts.fua += (cdw12 & NVME_CDW12_FUA) != 0;
  if (!range_inside (slba, nlb, ns->size / size))
    return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
  data = ns->data + slba * size;
  if (sqe->opcode == NVME_CMD_WRITE_ZEROES) {
    e->counts.zeroes++;
    if (e->o.wzsl != 0 && count > UINT64_C (4096) << e->o.mpsmin << e->o.wzsl)
      emulated_error (e, "Write Zeroes beyond WZSL");
    if (cdw12 & NVME_CDW12_DEAC &&
        !(e->o.dlfeat & NVME_DLFEAT_WRITE_ZEROES_DEAC))
      emulated_error (e, "Write Zeroes with DEAC");
    memset (data, 0, count);
    return NVME_SC_SUCCESS;
  }
  e->counts.writes += sqe->opcode == NVME_CMD_WRITE;
  e->counts.largest = (uint32_t) max_u64 (e->counts.largest, count);
  if (e->o.mdts != 0 && count > UINT64_C (4096) << e->o.mpsmin << e->o.mdts) {
    emulated_error (e, "transfer beyond MDTS");
    return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
  }
  if (!e->o.null &&
      !emulated_move (e, sqe, data, count, sqe->opcode == NVME_CMD_READ))
    return NVME_SC_DATA_TRANSFER;
  return NVME_SC_SUCCESS;
}

static uint16_t
execute_dataset (struct emulated *e, struct emulated_ns *ns,
                 const struct nvme_sqe *sqe)
{
  const unsigned n = (le32_get (sqe->cdw10) & 0xff) + 1;
  struct nvme_range ranges[NVME_RANGES_MAX];
  uint64_t all = 0;

  if (!emulated_move (e, sqe, (uint8_t *) ranges, n * sizeof *ranges, false))
    return NVME_SC_DATA_TRANSFER;
  e->counts.deallocates++;
  e->counts.ranges += n;
  for (unsigned i = 0; i < n; i++) {
    const uint64_t nlb = le32_get (ranges[i].nlb);

    if (e->o.dmrsl != 0 && nlb > e->o.dmrsl)
      emulated_error (e, "a range beyond DMRSL");
    if (!range_inside (le64_get (ranges[i].slba), nlb,
                       ns->size / e->o.lba_size))
      return NVME_SC_LBA_RANGE | NVME_STATUS_DNR;
    all += nlb;
    memset (ns->data + le64_get (ranges[i].slba) * e->o.lba_size, 0,
            nlb * e->o.lba_size);
  }
  if ((e->o.dmsl != 0 && all > e->o.dmsl) || (e->o.dmrl != 0 && n > e->o.dmrl))
    emulated_error (e, "Dataset Management beyond DMSL or DMRL");
  return NVME_SC_SUCCESS;
}

static bool
is_of_reservations (uint8_t opcode)
{
  return opcode == NVME_CMD_RESERVATION_REGISTER ||
         opcode == NVME_CMD_RESERVATION_REPORT ||
         opcode == NVME_CMD_RESERVATION_ACQUIRE ||
         opcode == NVME_CMD_RESERVATION_RELEASE;
}

static void
execute_io (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  const uint32_t nsid = le32_get (sqe->nsid);
  uint16_t status = NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;

  if (nsid == 0 || nsid > e->o.nn)
    status = NVME_SC_INVALID_NAMESPACE | NVME_STATUS_DNR;
  else if (e->ns[nsid - 1].size == 0) /* inactive */
    status = NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
  else if (is_of_reservations (sqe->opcode))
    status = emulated_reservation (e, &e->ns[nsid - 1], sqe);
  else if (!emulated_allows (e, &e->ns[nsid - 1], sqe->opcode))
    status = NVME_SC_RESERVATION | NVME_STATUS_DNR;
  else if (sqe->opcode == NVME_CMD_READ || sqe->opcode == NVME_CMD_WRITE ||
           (sqe->opcode == NVME_CMD_WRITE_ZEROES && !e->o.no_write_zeroes))
    status = execute_blocks (e, &e->ns[nsid - 1], sqe);
  else if (sqe->opcode == NVME_CMD_DATASET && !e->o.no_dataset)
    status = execute_dataset (e, &e->ns[nsid - 1], sqe);
  else if (sqe->opcode == NVME_CMD_FLUSH) {
    e->counts.flushes++;
    if (!e->o.volatile_cache)
      emulated_error (e, "flush of what has no cache");
    status = NVME_SC_SUCCESS;
  }
  emulated_complete (e, qid, le16_get (sqe->cid), status, 0);
}

void
emulated_execute_late (struct emulated *e)
{
  for (unsigned i = 0; i < e->nlate; i++)
    emulated_execute (e, e->late[i].qid, &e->late[i].sqe);
  e->nlate = 0;
}

void
emulated_execute (struct emulated *e, unsigned qid, const struct nvme_sqe *sqe)
{
  if (qid == 0)
    execute_admin (e, sqe);
  else
    execute_io (e, qid, sqe);
}
