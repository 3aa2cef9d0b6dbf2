/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of sector numbers, as a sparse bitmap: a 64 TiB disk of which
 * little is present costs little, and one that is present throughout
 * costs nothing either.  All functions may be called from any number of
 * threads at once (except create and free): readers take no lock and
 * never wait.  A bit that no concurrent call changes is always read
 * right; an operation that spans many bits is not atomic as a whole.
 * Setting a bit releases and reading it acquires, so what a thread wrote
 * before it set a bit is seen by a thread that finds the bit set.
 */

#ifndef DISKSTACK_PRESENCE_H
#define DISKSTACK_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct presence;

/* The empty set over [0, NBITS).  NULL with errno = ENOMEM. */
extern struct presence *presence_create (uint64_t nbits);
extern void presence_free (struct presence *p);
extern uint64_t presence_nbits (const struct presence *p);

/* Add or remove [START, START+N), inside [0, nbits).  Return 0, or -1
 * with errno = ENOMEM: then some of the bits are changed.
 */
extern int presence_set (struct presence *p, uint64_t start, uint64_t n);
extern int presence_clear (struct presence *p, uint64_t start, uint64_t n);

/* Add [START, START+N) and say how many of them were not in the set, by
 * this call alone: of threads that add the same bit one is told.  -1
 * with errno = ENOMEM.
 */
extern int64_t presence_test_and_set (struct presence *p, uint64_t start,
                                      uint64_t n);

extern bool presence_test (const struct presence *p, uint64_t bit);

/* Is every, or any, bit of [START, START+N) set? */
extern bool presence_all (const struct presence *p, uint64_t start, uint64_t n);
extern bool presence_any (const struct presence *p, uint64_t start, uint64_t n);

/* The first bit at or after POS that has VALUE, at most LIMIT. */
extern uint64_t presence_find (const struct presence *p, uint64_t pos,
                               uint64_t limit, bool value);

/* The value of bit POS, and in *END the end of the run of that value
 * that POS is in, at most LIMIT.  POS < LIMIT <= nbits.
 */
extern bool presence_run (const struct presence *p, uint64_t pos,
                          uint64_t limit, uint64_t *end);

/* How many bits of [START, START+N) are set. */
extern uint64_t presence_count (const struct presence *p, uint64_t start,
                                uint64_t n);

/* Copy the NWORDS * 64 bits from START, a multiple of 64, into OUT, least
 * significant bit first.  Bits at or beyond nbits read as 0.
 */
extern void presence_get_words (const struct presence *p, uint64_t start,
                                uint64_t *out, size_t nwords);

/* Bytes of memory in use. */
extern size_t presence_memory (const struct presence *p);

#endif /* DISKSTACK_PRESENCE_H */
