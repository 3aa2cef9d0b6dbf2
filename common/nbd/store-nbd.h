/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store over a disk that an NBD server exports.
 */

#ifndef DISKSTACK_STORE_NBD_H
#define DISKSTACK_STORE_NBD_H

#include "nbd/remote.h"
#include "store/store.h"

/* The disk of R, which it refers to; read-only if R is, too.  Returns
 * NULL after log_error, with errno.
 */
extern struct store *store_nbd_create (struct remote *r, bool read_only);

#endif /* DISKSTACK_STORE_NBD_H */
