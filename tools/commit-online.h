/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commit by a running server, instead of with the files it has.
 */

#ifndef DISKSTACK_COMMIT_ONLINE_H
#define DISKSTACK_COMMIT_ONLINE_H

#include <stdbool.h>

/* Is PATH a server's socket, and not a layer file? */
extern bool commit_is_online (const char *path);

/* Have the server at PATH commit the disk of EXPORT_NAME, or all its disks
 * if that is NULL.  Returns what to exit with.
 */
extern int commit_online (const char *path, const char *export_name,
                          bool quiet);

#endif /* DISKSTACK_COMMIT_ONLINE_H */
