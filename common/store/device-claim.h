/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who uses a block device: mounts, swap, other devices and programs claim
 * it for themselves (O_EXCL), and so do we to write to it.
 */

#ifndef DISKSTACK_DEVICE_CLAIM_H
#define DISKSTACK_DEVICE_CLAIM_H

#include <stddef.h>
#include <sys/types.h>

/* Claim the device that FD is open on; it is PATH in messages.  Returns a
 * descriptor, with which the claim ends, or -1 after log_error, with errno
 * set: EBUSY if somebody else has it, whom the message names.
 */
extern int device_claim (int fd, const char *path);

/* Write to OUT who uses the device, or a part of it: "it is mounted on
 * /mnt".  If nobody is found, it is a program, which the kernel does not
 * name.
 */
extern void device_user (dev_t dev, char *out, size_t size);

#endif /* DISKSTACK_DEVICE_CLAIM_H */
