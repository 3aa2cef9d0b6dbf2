/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A part of another store as a store: several disks on one medium, which
 * fails as a whole.
 */

#ifndef DISKSTACK_TEST_STORE_PART_H
#define DISKSTACK_TEST_STORE_PART_H

#include "store/store.h"

/* The SIZE bytes at OFFSET of INNER, which is not closed with it.  Never
 * NULL.
 */
extern struct store *store_part_create (struct store *inner, uint64_t offset,
                                        uint64_t size);

#endif /* DISKSTACK_TEST_STORE_PART_H */
