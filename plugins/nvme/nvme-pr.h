/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Persistent reservations of the one namespace that the nvme plugin serves:
 * its parameters pr-socket= and host-id=, and the socket.
 *
 * Functions that return int return 0, or -1 after nbdkit_error.
 */

#ifndef DISKSTACK_NVME_PR_H
#define DISKSTACK_NVME_PR_H

#include <stdint.h>

#include "nvme/nvme.h"

/* The parameters' values. */
extern int nvme_pr_set_socket (const char *value);
extern int nvme_pr_set_host_id (const char *value);

/* When all parameters are known: NSID is the namespace, or 0.  Sets
 * O->host_id, if it was given or is needed.
 */
extern int nvme_pr_configure (uint32_t nsid, struct nvme_options *o);

/* Make the socket, if one is wanted, and answer there; N outlives that. */
extern int nvme_pr_start (struct nvme *n, uint32_t nsid,
                          const struct nvme_options *o);

/* Also if it was not started, or was stopped. */
extern void nvme_pr_stop (void);

extern void nvme_pr_unload (void);

#endif /* DISKSTACK_NVME_PR_H */
