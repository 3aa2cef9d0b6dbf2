/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the callbacks of plugins and filters have in common: answering
 * nbdkit's questions from a store.
 */

#ifndef DISKSTACK_GLUE_STORE_H
#define DISKSTACK_GLUE_STORE_H

#include <stdint.h>

#include "store/store.h"

struct nbdkit_extents;

/* nbdkit's flags of a data operation as store.h's. */
extern unsigned glue_store_flags (uint32_t flags);

/* Block size constraints.  ALIGN is what clients should keep to, though
 * they need not; it cannot be said of a disk that ends in less.
 */
extern void glue_store_block_size (const struct store *s, uint32_t align,
                                   uint32_t *minimum, uint32_t *preferred,
                                   uint32_t *maximum);

/* Put the extents of the range into EXTENTS, never beyond its end. */
extern int glue_store_extents (struct store *s, uint32_t count, uint64_t offset,
                               uint32_t flags, struct nbdkit_extents *extents,
                               int *err);

#endif /* DISKSTACK_GLUE_STORE_H */
