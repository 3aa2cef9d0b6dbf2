/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A picture of what a layer has: the disk cut into equal parts, and how
 * much of each is present and dirty.
 */

#ifndef DISKSTACK_LAYERED_MAP_H
#define DISKSTACK_LAYERED_MAP_H

#include "layered/layered.h"

#define LAYERED_MAP_PARTS 256

/* Percent of a part.  0 and 100 are exact; DATA and ZERO together are 100
 * at most, and the rest is absent.
 */
struct layered_map_part {
  uint8_t data, zero; /* of its sectors */
  uint8_t dirty;      /* of its clusters */
};

/* Parts are whole clusters; a small disk has fewer. */
extern unsigned layered_map_parts (const struct layered *ld);

/* Look at member LEVEL while it is in use, and fill layered_map_parts of
 * OUT.  Where it is scattered, the shares are estimates from samples, so
 * that the largest disk is done in some milliseconds.  Any thread.
 */
extern void layered_map_read (struct layered *ld, unsigned level,
                              struct layered_map_part out[LAYERED_MAP_PARTS]);

#endif /* DISKSTACK_LAYERED_MAP_H */
