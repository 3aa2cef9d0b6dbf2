/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Base64 (RFC 4648, section 4), strictly: with padding, and nothing in
 * it but its own characters.
 */

#ifndef DISKSTACK_BASE64_H
#define DISKSTACK_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Characters that N bytes become, and a zero byte. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* The N bytes at BYTES as a string of BASE64_SIZE (N) at OUT. */
extern void base64_encode (const void *bytes, size_t n, char *out);

/* The N characters at TEXT as *LEN bytes at OUT, where there is room for
 * MAX.  False if they are not base64, or do not fit; OUT may then hold a
 * part of them.
 */
extern bool base64_decode (const char *text, size_t n, void *out, size_t max,
                           size_t *len);

#endif /* DISKSTACK_BASE64_H */
