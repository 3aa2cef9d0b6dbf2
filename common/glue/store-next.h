/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The nbdkit filter or plugin below, as a store.
 */

#ifndef DISKSTACK_STORE_NEXT_H
#define DISKSTACK_STORE_NEXT_H

#include <nbdkit-filter.h>

#include "store/store.h"

/* A store over NEXT, which has been prepared and must stay open longer.
 * Asks it for its size and abilities, as nbdkit demands before any
 * request.  Its disk id is what its export description says
 * ("disk-id=UUID", as our own plugins write it).  NULL after log_error.
 */
extern struct store *store_next_create (nbdkit_next *next);

#endif /* DISKSTACK_STORE_NEXT_H */
