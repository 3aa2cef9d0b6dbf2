/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A namespace of an NVMe controller (nvme/nvme.h) as a store.  Several
 * stores may be of one controller and of one namespace.
 */

#ifndef DISKSTACK_STORE_NVME_H
#define DISKSTACK_STORE_NVME_H

#include "nvme/nvme.h"
#include "store/store.h"

/* Namespace NSID of N, which is borrowed and outlives the store.  Its
 * resizes are seen by store_refresh.  NULL with *err after log_error.
 */
extern struct store *store_nvme_open (struct nvme *n, uint32_t nsid,
                                      bool read_only, int *err);

#endif /* DISKSTACK_STORE_NVME_H */
