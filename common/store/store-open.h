/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From text to a store, through one table of prefixes:
 *
 *   PATH        a regular file or block device, by what it is
 *   raw:PATH    the same, said aloud
 *   vhd1:PATH   a VHD
 *
 * A path that contains a colon before its first slash must be written
 * with a prefix or as ./PATH.
 */

#ifndef DISKSTACK_STORE_OPEN_H
#define DISKSTACK_STORE_OPEN_H

#include <stdbool.h>

#include "store/store.h"

struct store_open_options {
  bool read_only;
  bool no_lock;
};

/* Open the store that SPEC names.  Returns NULL after log_error, with
 * errno set.
 */
extern struct store *store_open (const char *spec,
                                 const struct store_open_options *o);

#endif /* DISKSTACK_STORE_OPEN_H */
