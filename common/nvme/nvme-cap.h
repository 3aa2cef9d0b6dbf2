/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The register CAP (Base 3.1.3.1), and what follows from it for a host
 * whose pages are of 4096 bytes.  Pure.
 */

#ifndef DISKSTACK_NVME_CAP_H
#define DISKSTACK_NVME_CAP_H

#include <stdint.h>

struct nvme_cap {
  uint32_t max_entries;     /* of a queue: MQES, not less one any more */
  uint32_t doorbell_stride; /* bytes */
  uint32_t page_size;       /* to use: bytes, 4096 or the smallest above */
  uint32_t smallest_page;   /* MPSMIN in bytes: the unit of MDTS */
  uint32_t cc;              /* MPS and CSS for CC */
  uint32_t ready_ms;        /* limit for CSTS.RDY to change: TO */
};

enum nvme_cap_status {
  NVME_CAP_OK,
  NVME_CAP_GONE,     /* all bits are set */
  NVME_CAP_QUEUES,   /* MQES is 0, which is not allowed */
  NVME_CAP_PAGES,    /* no page size that we have */
  NVME_CAP_COMMANDS, /* not the NVM command set */
};

extern enum nvme_cap_status nvme_cap_parse (uint64_t reg, struct nvme_cap *c);
extern const char *nvme_cap_status_string (enum nvme_cap_status status);

/* Where the doorbell of a queue is in BAR 0: of its submission queue, or
 * of its completion queue.
 */
static inline uint32_t
nvme_doorbell (const struct nvme_cap *c, unsigned qid, unsigned is_cq)
{
  return 0x1000 + (2 * qid + is_cq) * c->doorbell_stride;
}

#endif /* DISKSTACK_NVME_CAP_H */
