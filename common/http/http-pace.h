/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How long a line is, as answers tell: how long their first byte takes, and
 * how long each further one.  Pure.  The best of some dozens of answers
 * counts, as each may have waited for something else.
 */

#ifndef DISKSTACK_HTTP_PACE_H
#define DISKSTACK_HTTP_PACE_H

#include <stdint.h>

/* Bodies of less say nothing of how long bytes take. */
#define HTTP_PACE_BODY (32u * 1024)

/* A small part of the time of an answer: one of so many. */
#define HTTP_PACE_PART 32

/* Begins as zeroes. */
struct http_pace {
  struct http_pace_least {
    unsigned n;             /* in this window */
    uint32_t now, complete; /* the least of it; of the last one, 0: none */
  } first, byte;            /* microseconds; picoseconds */
};

/* An answer: its first byte came FIRST microseconds after it was asked for,
 * and its body, of COUNT bytes, took REST more.
 */
extern void http_pace_note (struct http_pace *p, uint64_t first, uint64_t count,
                            uint64_t rest);

/* So many bytes more than what is wanted may be asked for with it: they take
 * a small part of the time that the answer takes anyway.  All, if nothing is
 * known yet.
 */
extern uint64_t http_pace_worth (const struct http_pace *p);

#endif /* DISKSTACK_HTTP_PACE_H */
