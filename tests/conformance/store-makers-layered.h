/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What makers of read-only stores need to take part.
 */

#ifndef DISKSTACK_STORE_MAKERS_LAYERED_H
#define DISKSTACK_STORE_MAKERS_LAYERED_H

#include "conformance/store-suite.h"

/* BOTTOM, which is taken in any case, under a layer in memory that can be
 * written.
 */
extern struct store *make_layered_over (const struct store_spec *o,
                                        struct store *bottom);

#endif /* DISKSTACK_STORE_MAKERS_LAYERED_H */
