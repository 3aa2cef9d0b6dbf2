/* SPDX-License-Identifier: BSD-3-Clause
 *
 * UTF-16 as it lies in a file, from and to UTF-8 in memory.  What is not
 * well-formed is refused, never repaired: these are names of files, and
 * two that differ must not become one.
 */

#ifndef DISKSTACK_UTF16_H
#define DISKSTACK_UTF16_H

#include <stddef.h>

enum utf16_order { UTF16_LE, UTF16_BE };

enum utf16_status {
  UTF16_OK,
  UTF16_ODD,      /* an odd number of bytes */
  UTF16_UNPAIRED, /* half of a surrogate pair */
  UTF16_ZERO,     /* a zero character inside */
  UTF16_TOO_LONG, /* for the buffer */
  UTF16_BAD_UTF8, /* encoding: what was given is no UTF-8 */
};

/* The COUNT bytes at P as UTF-8, with a zero byte at the end, in OUT of N
 * bytes (> 0).  A byte-order mark of ORDER at the start and zero
 * characters at the end are left out.  OUT is "" unless UTF16_OK.
 */
extern enum utf16_status utf16_decode (const void *p, size_t count,
                                       enum utf16_order order, char *out,
                                       size_t n);

/* TEXT, UTF-8, as UTF-16 without a terminator in OUT of N bytes, *COUNT
 * in the end; *COUNT is 0 unless UTF16_OK.  If TEXT begins with a byte-order
 * mark, one more is put in front, so that decoding keeps it.
 */
extern enum utf16_status utf16_encode (const char *text, enum utf16_order order,
                                       void *out, size_t n, size_t *count);

#endif /* DISKSTACK_UTF16_H */
