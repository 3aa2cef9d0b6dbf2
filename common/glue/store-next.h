/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The nbdkit filter or plugin below, as a store.
 */

#ifndef DISKSTACK_STORE_NEXT_H
#define DISKSTACK_STORE_NEXT_H

#include <stdbool.h>

#include <nbdkit-filter.h>

#include "store/store.h"

/* A store over NEXT, which has been prepared and must stay open longer.
 * Asks it for its size and abilities, as nbdkit demands before any
 * request.  Its disk id is what its export description says
 * ("disk-id=UUID", as our own plugins write it).  NULL after log_error.
 */
extern struct store *store_next_create (nbdkit_next *next);

/* A way down that belongs to no connection, for any thread until it is
 * closed: the export "" of BACKEND, which is what is below a filter.
 *
 * Only with a server whose thread model is parallel, as nobody takes
 * turns with the requests of clients here.  Plugins that choose a disk by
 * the export's name, which has no meaning without a connection, cannot be
 * opened this way, and some crash (nbdkit before 1.44).  NULL after
 * log_error.
 */
extern struct store *store_next_open (nbdkit_backend *backend, bool read_only);

#endif /* DISKSTACK_STORE_NEXT_H */
