/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What happened to the size of the device, for `diskstack status'.
 */

#ifndef DISKSTACK_DEVICE_REPORT_H
#define DISKSTACK_DEVICE_REPORT_H

#include "base/buffer.h"
#include "store/host-file.h"

/* Look at the size of the device, and remember if it is another one. */
extern void device_report_look (struct host_file *device);

/* Put into OUT what there is to say.  DEVICE: a struct host_file. */
extern void device_report (void *device, struct buffer *out);

#endif /* DISKSTACK_DEVICE_REPORT_H */
