/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The file that keeps reservations through power loss
 * (docs/format-reservations.md says how it is replaced).
 */

#ifndef DISKSTACK_PR_FILE_H
#define DISKSTACK_PR_FILE_H

#include "reservation/reservation.h"

struct pr_file;

/* Open the file at PATH, which is made if it is not there, and lock it
 * against other servers: before the server changes its directory.  *R is
 * what it holds.  NULL after log_error, with errno: EBUSY if somebody has
 * it, EINVAL if it is damaged.
 */
extern struct pr_file *pr_file_open (const char *path, struct reservation *r);

/* Keep what is to be kept of R.  When it returns 0 that is durable; nothing
 * is written if it is what was kept before.  -1 after log_error, with errno:
 * then a server that starts finds what was kept before or R, and the next
 * call writes, whatever R is.  One thread at a time.
 */
extern int pr_file_save (struct pr_file *f, const struct reservation *r);

/* F may be NULL. */
extern void pr_file_close (struct pr_file *f);

#endif /* DISKSTACK_PR_FILE_H */
