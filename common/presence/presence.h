/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of sector numbers, as a sparse bitmap: a 64 TiB disk of which
 * little is present costs little, and one that is present throughout
 * costs nothing either.  In figures: what is set or cleared in large
 * pieces costs nothing but its ends, each at most 512 bytes, as does a
 * sector in the middle of nowhere; a region that is filled bit by bit
 * costs one bit for each sector and about a fifth more at most; and each
 * 2 GiB of the disk cost 8 bytes from the start.  Memory is given back by
 * presence_free alone: what a region has cost once it keeps, for when it
 * is filled again.
 *
 * All functions may be called from any number of threads at once (except
 * create and free): readers take no lock and never wait, nor do writers.
 * A bit that no concurrent call changes is always read right; an
 * operation that spans many bits is not atomic as a whole.  Setting a bit
 * releases and reading it acquires, so what a thread wrote before it set
 * a bit is seen by a thread that finds the bit set.  (Adding a bit that
 * is in the set already is no setting and releases nothing.)
 */

#ifndef DISKSTACK_PRESENCE_H
#define DISKSTACK_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct presence;

/* The empty set over [0, NBITS).  NULL with errno = ENOMEM.  Freeing NULL
 * does nothing.
 */
extern struct presence *presence_create (uint64_t nbits);
extern void presence_free (struct presence *p);
extern uint64_t presence_nbits (const struct presence *p);

/* Add or remove [START, START+N), inside [0, nbits).  Return 0, or -1
 * with errno = ENOMEM: then some of the bits are changed, and others of
 * the range are not.  Removing can fail too, where a region was present
 * throughout and needs a bitmap from now on.
 */
extern int presence_set (struct presence *p, uint64_t start, uint64_t n);
extern int presence_clear (struct presence *p, uint64_t start, uint64_t n);

/* Add the bits that are set in the NWORDS words at WORDS, the first bit
 * of which is START, a multiple of 64; least significant bit first, as
 * presence_get_words gives them.  None may be at or beyond nbits.
 * Returns as presence_set.
 */
extern int presence_set_words (struct presence *p, uint64_t start,
                               const uint64_t *words, size_t nwords);

/* Add [START, START+N) and say how many of them were not in the set, by
 * this call alone: of threads that add the same bit one is told.  -1
 * with errno = ENOMEM: then some may be added and nobody is told.
 */
extern int64_t presence_test_and_set (struct presence *p, uint64_t start,
                                      uint64_t n);

extern bool presence_test (const struct presence *p, uint64_t bit);

/* Is every, or any, bit of [START, START+N) set?  Of an empty range all
 * are and none is.
 */
extern bool presence_all (const struct presence *p, uint64_t start, uint64_t n);
extern bool presence_any (const struct presence *p, uint64_t start, uint64_t n);

/* The first bit at or after POS that has VALUE, at most LIMIT.  POS <=
 * LIMIT <= nbits.
 */
extern uint64_t presence_find (const struct presence *p, uint64_t pos,
                               uint64_t limit, bool value);

/* The value of bit POS, and in *END the end of the run of that value
 * that POS is in, at most LIMIT.  POS < LIMIT <= nbits.  *END is always
 * greater than POS, whatever other threads do.
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

/* Bytes of memory allocated. */
extern size_t presence_memory (const struct presence *p);

#endif /* DISKSTACK_PRESENCE_H */
