/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is UTF-8 and what is not (RFC 3629 section 4).
 */

#ifndef DISKSTACK_UTF8_H
#define DISKSTACK_UTF8_H

#include <stddef.h>

/* Shown where there is a byte that belongs to no character: U+FFFD. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* The bytes of the character that P, which ends with a zero byte, starts
 * with: 1 to 4, or 0 if there is none.
 */
extern size_t utf8_length (const char *p);

#endif /* DISKSTACK_UTF8_H */
