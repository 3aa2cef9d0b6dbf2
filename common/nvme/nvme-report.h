/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What goes on in a controller, as JSON that diskstack(1) describes: what
 * `diskstack status' shows.
 */

#ifndef DISKSTACK_NVME_REPORT_H
#define DISKSTACK_NVME_REPORT_H

#include "base/buffer.h"
#include "nvme/nvme.h"

/* Append it to OUT: the controller, its warnings and counts, and of the
 * namespaces those that somebody has opened, each as the disk whose export
 * has its number as a name.  Asks the controller nothing, so that it comes to
 * an end whatever the controller does.
 */
extern void nvme_report (struct nvme *n, struct buffer *out);

#endif /* DISKSTACK_NVME_REPORT_H */
