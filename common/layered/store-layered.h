/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A stack of layers and one way to its bottom, as a store.
 */

#ifndef DISKSTACK_STORE_LAYERED_H
#define DISKSTACK_STORE_LAYERED_H

#include "layered/layered.h"
#include "store/store.h"

/* A store over LD, which must live longer, and BOTTOM (NULL if the stack
 * has none), which it owns on success.  Any number of these may share
 * one stack.  The store takes any offset and count.  NULL with errno =
 * ENOMEM.
 */
extern struct store *store_layered_create (struct layered *ld,
                                           struct store *bottom);

/* The same, and the stack is closed with the store. */
extern struct store *store_layered_create_owning (struct layered *ld,
                                                  struct store *bottom);

#endif /* DISKSTACK_STORE_LAYERED_H */
