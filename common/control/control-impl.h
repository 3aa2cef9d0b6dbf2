/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this room share among themselves.
 */

#ifndef DISKSTACK_CONTROL_IMPL_H
#define DISKSTACK_CONTROL_IMPL_H

#include <sys/un.h>

/* What answers with a reason begin with. */
#define CONTROL_ERROR "error: "

/* 0, or -1 after log_error, with errno. */
extern int control_address (const char *path, struct sockaddr_un *a);

#endif /* DISKSTACK_CONTROL_IMPL_H */
