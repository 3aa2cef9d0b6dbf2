/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a layer gets its size and sector size: as asked for, or from what
 * is below it.  One set of rules and messages for all kinds.
 */

#ifndef DISKSTACK_LAYER_GEOMETRY_H
#define DISKSTACK_LAYER_GEOMETRY_H

#include <stdint.h>

#include "layer/layer.h"

/* Fill nsectors, sector_size and physical_sector_size of *INFO from SIZE
 * (bytes) and SECTOR_SIZE, either of which is inherited when 0.  A size
 * that is inherited is rounded up to whole sectors; one that is given
 * must be a multiple.  NAME is the layer's, for messages.  Returns 0, or
 * -1 after log_error.
 */
extern int layer_geometry (const char *name, uint64_t size,
                           uint32_t sector_size,
                           const struct layer_below *below,
                           struct layer_info *info);

#endif /* DISKSTACK_LAYER_GEOMETRY_H */
