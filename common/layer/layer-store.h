/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store as a layer, which has every sector.
 *
 * It differs from other layers in what follows from that: nothing is
 * ever absent, discard fails with EOPNOTSUPP (who would discard zeroes
 * instead), and there is no write that does not overwrite, so it can be
 * no read cache.  A sector that the store says is a hole has the state
 * zero.
 *
 * What is durable after flush is what the store promises.
 */

#ifndef DISKSTACK_LAYER_STORE_H
#define DISKSTACK_LAYER_STORE_H

#include <stdbool.h>

#include "layer/layer.h"
#include "store/store.h"

/* A layer over S, which it owns on success.  Its sectors are the store's,
 * or as long as S wants requests aligned; where the store ends inside one
 * the rest of it reads as zeroes, and what is written there is lost.  The
 * layer is read-only if READ_ONLY or the store is.  NULL with errno:
 * ENOMEM, or EINVAL for a store that is empty or has sectors of more than
 * LAYER_SECTOR_SIZE_MAX.
 */
extern struct layer *layer_store_create (struct store *s, bool read_only);

/* Bytes of the store: the layer may have some more. */
extern uint64_t layer_store_size (struct layer *l);

#endif /* DISKSTACK_LAYER_STORE_H */
