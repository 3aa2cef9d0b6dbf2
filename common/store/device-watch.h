/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Word from the kernel that something happened to a block device.
 */

#ifndef DISKSTACK_DEVICE_WATCH_H
#define DISKSTACK_DEVICE_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

struct device_watch;

/* Start a thread that calls CHANGED after each event of a block device, not
 * necessarily of DEV: the size of a partition changes with an event of its
 * disk, or with none.  REMOVED says that DEV itself has gone.  Events that
 * were lost are made good by a call.  Returns NULL with errno set where
 * there is no netlink, for example for want of a network name space that
 * gets events.
 */
extern struct device_watch *
device_watch_start (dev_t dev, void (*changed) (void *opaque, bool removed),
                    void *opaque);

/* End the thread; CHANGED is not called any more.  NULL is ignored. */
extern void device_watch_stop (struct device_watch *w);

#endif /* DISKSTACK_DEVICE_WATCH_H */
