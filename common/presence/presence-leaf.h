/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whole leaves at once, with the best instructions that the processor
 * has.
 */

#ifndef DISKSTACK_PRESENCE_LEAF_H
#define DISKSTACK_PRESENCE_LEAF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Do all 16 words have this value, 0 or UINT64_MAX?  If so, all that was
 * written before their bits were set is seen.
 */
extern bool presence_leaf_is (const _Atomic uint64_t *words, uint64_t value);

/* How many of the 1024 bits are set. */
extern unsigned presence_leaf_count (const _Atomic uint64_t *words);

#endif /* DISKSTACK_PRESENCE_LEAF_H */
