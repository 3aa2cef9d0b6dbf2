/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One disk with persistent reservations of our own: initiators, their
 * requests, and commands (as a target) which decide what requests may do.
 *
 * A request is between pr_disk_begin, which says whether it may, and
 * pr_disk_end.  A command that takes something away waits for the requests
 * which have begun and would not be allowed any more; requests that it
 * decides about wait for it meanwhile, and all others go on.  PREEMPT AND
 * ABORT also waits for every request of those it is about that has begun.
 * So, when such a command is answered, or another one sees what it did, no
 * request that it forbids can reach the disk any more.
 *
 * Reservations that are to be kept are durable before a command is answered.
 */

#ifndef DISKSTACK_PR_DISK_H
#define DISKSTACK_PR_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "pr/pr-file.h"
#include "pr/pr-target.h"

struct pr_disk;
struct pr_initiator;

/* With what is kept in the file at PATH (pr-file.h), or without
 * persistence if that is NULL.  NULL after log_error, with errno.
 */
extern struct pr_disk *pr_disk_create (const char *path);

/* No initiators are left.  D may be NULL. */
extern void pr_disk_free (struct pr_disk *d);

/* For commands.  Valid as long as D. */
extern struct pr_target *pr_disk_target (struct pr_disk *d);

/* The initiator NAME, for requests: the same one for all who have it.  The
 * name "" is of one that can never be registered.  NULL with errno.
 */
extern struct pr_initiator *pr_disk_join (struct pr_disk *d, const char *name);

/* The reverse; it has no requests. */
extern void pr_disk_leave (struct pr_disk *d, struct pr_initiator *i);

/* A request that has begun: in the caller's memory until it ends. */
struct pr_request {
  struct pr_request *next, **link;
  const struct pr_initiator *initiator;
  bool write;
  bool awaited; /* a command waits for it */
};

/* Begin a request of I's that reads (or asks for extents), or that WRITEs,
 * zeroes, trims or flushes.  0, or -1 with *err = EPERM: it must not be
 * made.  May wait for a command.
 */
extern int pr_disk_begin (struct pr_disk *d, struct pr_initiator *i, bool write,
                          struct pr_request *r, int *err);
extern void pr_disk_end (struct pr_disk *d, struct pr_request *r);

#endif /* DISKSTACK_PR_DISK_H */
