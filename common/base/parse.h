/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers that people write, and numbers written for people.
 */

#ifndef DISKSTACK_PARSE_H
#define DISKSTACK_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A size in bytes: decimal digits and one optional suffix as nbdkit
 * has them: b (bytes), s (sectors of 512), k K m M g G t T p P e E
 * (powers of 1024).  False if S is empty, has anything else in it, or
 * is larger than INT64_MAX.
 */
extern bool parse_size (const char *s, uint64_t *r);

/* A time in seconds, as milliseconds: decimal digits, perhaps with a
 * point and up to three more digits.  False if S is anything else, or
 * more than UINT32_MAX milliseconds.
 */
extern bool parse_milliseconds (const char *s, uint32_t *r);

/* "1.5 GiB", "512 bytes", "1000 KiB": for people, rounded to three
 * digits or to the unit.
 */
extern void format_size (uint64_t bytes, char *out, size_t n);

#endif /* DISKSTACK_PARSE_H */
