/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Physical region pages (Base 4.1.1): how a command names its memory, in
 * two entries, the second of which may point to a list, whose last entry
 * points to the next page of the list if there is more.  Pure.
 */

#ifndef DISKSTACK_NVME_PRP_H
#define DISKSTACK_NVME_PRP_H

#include <stdint.h>

#include "nvme/nvme-spec.h"

/* How many pages of PAGE_SIZE bytes the list needs of a command whose data
 * is in NPAGES pages.
 */
extern unsigned nvme_prp_list_pages (unsigned npages, uint32_t page_size);

/* Where pages are: as the device, and as the CPU sees them. */
struct nvme_prp_pages {
  uint64_t (*iova) (const void *opaque, unsigned i);
  void *(*va) (const void *opaque, unsigned i);
  const void *opaque;
};

/* Have SQE name NPAGES pages of data, numbers 0 to NPAGES-1 of P, from
 * their beginning; the list goes to as many pages after them as
 * nvme_prp_list_pages says.
 */
extern void nvme_prp_build (struct nvme_sqe *sqe, unsigned npages,
                            uint32_t page_size, const struct nvme_prp_pages *p);

#endif /* DISKSTACK_NVME_PRP_H */
