/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kinds of disks nbd://... and nbd+unix://..., for the programs that
 * link libnbd.
 */

#ifndef DISKSTACK_STORE_OPEN_NBD_H
#define DISKSTACK_STORE_OPEN_NBD_H

#include "open/store-open.h"

/* For store_open_options.more.  Opening one connects to the server. */
extern const struct store_open_kind store_open_nbd[];

#endif /* DISKSTACK_STORE_OPEN_NBD_H */
