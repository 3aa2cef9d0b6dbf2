/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A disk that an NBD server exports, with the connections to it.  It is
 * connected once, early, while the current directory and the user are
 * still the user's; stores are made over it later and share it by
 * reference.  It has no threads, so a process may fork with it; only one
 * of the two may go on to use it.
 *
 * A connection that is lost is not made again: a server that went away
 * may have lost writes that it had completed, and a flush of another
 * one could not tell.  All that is asked from then on fails at once, with
 * ESHUTDOWN, and so does what was being waited for.
 */

#ifndef DISKSTACK_REMOTE_H
#define DISKSTACK_REMOTE_H

#include <stdbool.h>

struct remote;

/* Connect to the export that URI, nbd: or nbd+unix:, names.  Returns NULL
 * after log_error, with errno.
 */
extern struct remote *remote_open (const char *uri);

extern struct remote *remote_ref (struct remote *r);

/* The last one closes the connections.  NULL is ignored. */
extern void remote_unref (struct remote *r);

extern bool remote_is_writable (const struct remote *r);
extern const char *remote_uri (const struct remote *r);

#endif /* DISKSTACK_REMOTE_H */
