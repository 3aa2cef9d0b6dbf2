/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-prp.h.
 */

#include <config.h>

#include "base/align.h"
#include "nvme/nvme-prp.h"

unsigned
nvme_prp_list_pages (unsigned npages, uint32_t page_size)
{
  const unsigned per_page = page_size / sizeof (le64);
  const unsigned entries = npages - 1;

  if (npages <= 2)
    return 0;
  /* Each page of the list but the last gives one entry away. */
  return entries <= per_page ? 1 : DIV_ROUND_UP (entries - 1, per_page - 1);
}

void
nvme_prp_build (struct nvme_sqe *sqe, unsigned npages, uint32_t page_size,
                const struct nvme_prp_pages *p)
{
  const unsigned per_page = page_size / sizeof (le64);
  unsigned list = npages, at = 0;
  le64 *entries;

  sqe->prp1 = le64_put (npages > 0 ? p->iova (p->opaque, 0) : 0);
  sqe->prp2 = le64_put (npages == 2 ? p->iova (p->opaque, 1) : 0);
  if (npages <= 2)
    return;
  sqe->prp2 = le64_put (p->iova (p->opaque, list));
  entries = p->va (p->opaque, list);
  for (unsigned i = 1; i < npages; i++) {
    if (at == per_page - 1 && i < npages - 1) {
      list++;
      entries[at] = le64_put (p->iova (p->opaque, list));
      entries = p->va (p->opaque, list);
      at = 0;
    }
    entries[at++] = le64_put (p->iova (p->opaque, i));
  }
}
