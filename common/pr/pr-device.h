/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reservations that a disk of the host has itself, as a target: commands
 * are passed to a SCSI disk as they are, and to an NVMe namespace in its
 * words.  All who give them are one initiator, which is the host (to a SCSI
 * disk: on this path).
 */

#ifndef DISKSTACK_PR_DEVICE_H
#define DISKSTACK_PR_DEVICE_H

#include "pr/pr-target.h"

struct pr_device;

/* For the disk that is open on FD, which is borrowed; NAME is for messages,
 * and copied.  NULL with errno after log_error: EOPNOTSUPP if it is neither a
 * SCSI disk nor an NVMe namespace, or has no reservations; ENOMEM.
 */
extern struct pr_device *pr_device_create (int fd, const char *name);

/* No commands are running.  D may be NULL. */
extern void pr_device_free (struct pr_device *d);

/* For commands.  Valid as long as D. */
extern struct pr_target *pr_device_target (struct pr_device *d);

#endif /* DISKSTACK_PR_DEVICE_H */
