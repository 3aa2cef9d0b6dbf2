/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory for keys and passphrases: pages of its own that are not swapped
 * out, not dumped, and wiped before they are given back.
 */

#ifndef DISKSTACK_SECRET_H
#define DISKSTACK_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret {
  uint8_t *bytes;  /* NULL if there are none */
  size_t size;     /* of what is in use, at most CAPACITY */
  size_t capacity; /* a number of pages */
};

/* Room for at least N > 0 bytes, zeroed; S is empty or uninitialised.
 * False with errno = ENOMEM.  Where the system does not allow so much
 * memory to be locked, it is not.
 */
extern bool secret_init (struct secret *s, size_t n);

/* Wipe and free.  A secret of zeroes, or one freed already, is ignored. */
extern void secret_fini (struct secret *s);

/* Lock the pages again: a child does not inherit that. */
extern void secret_lock (const struct secret *s);

#endif /* DISKSTACK_SECRET_H */
