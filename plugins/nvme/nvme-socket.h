/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The socket through which `diskstack status' sees the controller.
 */

#ifndef DISKSTACK_NVME_SOCKET_H
#define DISKSTACK_NVME_SOCKET_H

#include "nvme/nvme.h"

/* Of nothing, if there is no PATH to it: 0, or -1 after log_error. */
extern int nvme_socket_bind (const char *path);
extern int nvme_socket_start (struct nvme *controller);

/* Nobody asks any more; before the controller is closed. */
extern void nvme_socket_close (void);

#endif /* DISKSTACK_NVME_SOCKET_H */
