/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An NVMe namespace that the kernel drives, for pr-nvme.h: commands go
 * through its ioctls, which need CAP_SYS_ADMIN.
 */

#ifndef DISKSTACK_PR_DEVICE_NVME_H
#define DISKSTACK_PR_DEVICE_NVME_H

#include <stdbool.h>
#include <stdint.h>

#include "pr/pr-nvme.h"

struct pr_device_nvme {
  int fd; /* borrowed */
  uint32_t nsid;
};

/* Is it a namespace that is open on FD?  Then *D is set. */
extern bool pr_device_nvme_init (struct pr_device_nvme *d, int fd);

/* Ask the device what it can do and who the host is, and make a target of
 * it, which uses D.  NULL with errno after log_error: EOPNOTSUPP, ENOMEM or
 * what an ioctl failed with.
 */
extern struct pr_nvme *pr_device_nvme_create (struct pr_device_nvme *d,
                                              const char *name);

#endif /* DISKSTACK_PR_DEVICE_NVME_H */
