/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Integers as they lie on a disk or a wire.  Each type is an array of
 * bytes in a struct: alignment 1, no padding, and mixing it up with a
 * host integer does not compile.  Members of on-disk structures have
 * these types; values go through the accessors, once, at the border.
 */

#ifndef DISKSTACK_BYTES_H
#define DISKSTACK_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* clang-format off */
typedef struct { uint8_t b[2]; } le16;
typedef struct { uint8_t b[4]; } le32;
typedef struct { uint8_t b[8]; } le64;
typedef struct { uint8_t b[2]; } be16;
typedef struct { uint8_t b[4]; } be32;
typedef struct { uint8_t b[8]; } be64;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES_LE(bits, v) (v)
#define BYTES_BE(bits, v) __builtin_bswap##bits (v)
#else
#define BYTES_LE(bits, v) __builtin_bswap##bits (v)
#define BYTES_BE(bits, v) (v)
#endif

/* T_get (x): the host value of X.  T_put (v): V as it lies on disk. */
#define BYTES_DEFINE(type, bits, order)                 \
  static inline uint##bits##_t                          \
  type##_get (type x)                                   \
  {                                                     \
    uint##bits##_t v;                                   \
    memcpy (&v, x.b, sizeof v);                         \
    return order (bits, v);                             \
  }                                                     \
                                                        \
  static inline type                                    \
  type##_put (uint##bits##_t v)                         \
  {                                                     \
    type x;                                             \
    v = order (bits, v);                                \
    memcpy (x.b, &v, sizeof v);                         \
    return x;                                           \
  }                                                     \
                                                        \
  _Static_assert (sizeof (type) == (bits) / 8, #type);  \
  _Static_assert (_Alignof (type) == 1, #type)

BYTES_DEFINE (le16, 16, BYTES_LE);
BYTES_DEFINE (le32, 32, BYTES_LE);
BYTES_DEFINE (le64, 64, BYTES_LE);
BYTES_DEFINE (be16, 16, BYTES_BE);
BYTES_DEFINE (be32, 32, BYTES_BE);
BYTES_DEFINE (be64, 64, BYTES_BE);

/* clang-format on */

#undef BYTES_DEFINE
#undef BYTES_LE
#undef BYTES_BE

/* Are the COUNT bytes at P all zero? */
static inline bool
bytes_are_zero (const void *p, size_t count)
{
  const uint8_t *b = p;

  return count == 0 || (b[0] == 0 && memcmp (b, b + 1, count - 1) == 0);
}

#endif /* DISKSTACK_BYTES_H */
