/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reservations of the emulated controller.  See nvme-emulated.h.
 */

#include <config.h>

#include <string.h>

#include "base/cleanup.h"
#include "support/nvme-emulated-impl.h"

static bool
has_host_id (const struct emulated *e)
{
  static const uint8_t nil[sizeof e->host_id];

  return memcmp (e->host_id, nil, sizeof nil) != 0;
}

uint16_t
emulated_set_host_id (struct emulated *e, const struct nvme_sqe *sqe)
{
  const bool extended = le32_get (sqe->cdw11) & NVME_HOST_ID_EXTENDED;

  if (extended != !e->o.short_host_id) {
    emulated_error (e, "host identifier of the wrong length");
    return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
  }
  memset (e->host_id, 0, sizeof e->host_id);
  return emulated_move (e, sqe, e->host_id,
                        extended ? sizeof e->host_id : NVME_HOST_ID_SHORT,
                        false) ?
           NVME_SC_SUCCESS :
           NVME_SC_DATA_TRANSFER;
}

static uint16_t
report (struct emulated *e, const struct nvme_reservations *r,
        const struct nvme_sqe *sqe)
{
  const size_t count = ((size_t) le32_get (sqe->cdw10) + 1) * 4;
  const bool extended = le32_get (sqe->cdw11) & NVME_REPORT_EXTENDED;
  uint8_t buf[4 * NVME_DATA_SIZE];

  if (count > sizeof buf) {
    emulated_error (e, "report of %zu bytes", count);
    return NVME_SC_INVALID_FIELD | NVME_STATUS_DNR;
  }
  if (extended != !e->o.short_host_id)
    return NVME_SC_HOST_ID_FORMAT | NVME_STATUS_DNR;
  nvme_reservations_report (r, extended, buf, count);
  if (e->o.mutator != NULL)
    e->o.mutator->data (e->o.mutator->opaque, buf, count);
  return emulated_move (e, sqe, buf, count, true) ? NVME_SC_SUCCESS :
                                                    NVME_SC_DATA_TRANSFER;
}

uint16_t
emulated_reservation (struct emulated *e, struct emulated_ns *ns,
                      const struct nvme_sqe *sqe)
{
  struct nvme_reservation_keys keys = { 0 };
  const size_t count = sqe->opcode == NVME_CMD_RESERVATION_RELEASE ?
                         sizeof keys.current :
                         sizeof keys;

  if (!e->o.reservations)
    return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
  if (sqe->opcode == NVME_CMD_RESERVATION_REPORT)
    return report (e, &ns->reservations, sqe);
  if (!has_host_id (e))
    return NVME_SC_SEQUENCE | NVME_STATUS_DNR;
  if (!emulated_move (e, sqe, (uint8_t *) &keys, count, false))
    return NVME_SC_DATA_TRANSFER;
  return nvme_reservations_do (&ns->reservations, e->host_id, sqe->opcode,
                               le32_get (sqe->cdw10), &keys);
}

/* SCSI's table of what is a write holds here, too. */
bool
emulated_allows (const struct emulated *e, const struct emulated_ns *ns,
                 uint8_t opcode)
{
  return nvme_reservations_allow (&ns->reservations, e->host_id,
                                  opcode != NVME_CMD_READ);
}

uint16_t
nvme_emulated_reserve_as (struct nvme_hw *hw, uint32_t nsid,
                          const uint8_t id[16], uint8_t opcode, uint32_t cdw10,
                          uint64_t current, uint64_t other)
{
  struct emulated *e = to_emulated (hw);
  const struct nvme_reservation_keys keys = { le64_put (current),
                                              le64_put (other) };

  LOCK_SCOPE (&e->lock);
  return nvme_reservations_do (&e->ns[nsid - 1].reservations, id, opcode, cdw10,
                               &keys);
}
