/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A layer in memory, gone when it is closed.
 */

#ifndef DISKSTACK_LAYER_RAM_H
#define DISKSTACK_LAYER_RAM_H

#include <stdint.h>

#include "layer/layer.h"

struct layer_ram_options {
  uint64_t size;        /* bytes; 0 is the size of what is below */
  uint32_t sector_size; /* 0 is that of what is below, or 512 */
  uint64_t max;         /* bytes of memory, bookkeeping included; 0: any */
};

/* A RAM layer, all absent.  Writes that would need more than max bytes
 * fail with ENOSPC.  Returns NULL after log_error: the sector size is
 * not a power of two >= 512, the size is 0, not a multiple of the sector
 * size, or not given with nothing below to take it from.
 */
extern struct layer *layer_ram_create (const struct layer_ram_options *o,
                                       const struct layer_below *below);

/* Bytes of memory that it uses now. */
extern uint64_t layer_ram_memory (struct layer *l);

#endif /* DISKSTACK_LAYER_RAM_H */
