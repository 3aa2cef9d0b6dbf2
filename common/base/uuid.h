/* SPDX-License-Identifier: BSD-3-Clause
 *
 * 16-byte identities.  A disk id is kept as the bytes lie in the image;
 * only its text form knows about byte order.
 */

#ifndef DISKSTACK_UUID_H
#define DISKSTACK_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_STRLEN 36 /* without the terminator */

struct uuid {
  uint8_t b[16];
};

/* "01234567-89ab-cdef-0123-456789abcdef" of the bytes in their order. */
extern void uuid_format (const struct uuid *u, char out[UUID_STRLEN + 1]);

/* The reverse; also takes 32 hexadecimal digits without dashes.  False
 * unless the whole of S is one UUID.
 */
extern bool uuid_parse (const char *s, struct uuid *u);

/* A random (version 4) UUID from the kernel.  Returns 0, or -1 with
 * errno set.
 */
extern int uuid_random (struct uuid *u);

extern bool uuid_is_nil (const struct uuid *u);
extern bool uuid_equal (const struct uuid *a, const struct uuid *b);

#endif /* DISKSTACK_UUID_H */
