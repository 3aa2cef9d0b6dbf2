/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of sector numbers, as a sparse bitmap: a 64 TiB disk of which
 * little is present costs little, and one that is present throughout
 * costs nothing either.  In figures: what is set or cleared in large
 * pieces costs nothing but its ends, each at most 512 bytes, as does a
 * sector in the middle of nowhere; a region that is filled bit by bit
 * costs one bit for each sector and about a fifth more at most; and each
 * 2 GiB of the disk cost 8 bytes from the start, and each set 5 KiB.
 *
 * Memory of regions of 512 KiB and larger ones that are all present or
 * all absent is used again for others of the set, so one whose contents
 * wander over the disk does not grow: about three times as much as it
 * needs at any one time is allocated, and 128 KiB.  That goes by itself,
 * a bit at a time, in calls that have just taken memory, some tens of
 * microseconds in one of 32 of those; presence_reclaim does it at once.
 * To the system all is given back by presence_free.
 *
 * All functions may be called from any number of threads at once (except
 * create and free): readers take no lock and never wait, nor do writers,
 * nor does reclaiming: what others are in the way of is left for later.
 * (A reader looks again at a region of up to 8 MiB when memory was given
 * back meanwhile.)
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

/* While a thread has a hold, memory that the set needs to change what it
 * reserved, or to change back what it changed, is not given back.  A hold costs others nothing, but reclaims
 * are put off, so it should not last for ever.  It is released by the
 * thread that took it, which may take more within, of this set or
 * others, and releases them in the opposite order.
 */
struct presence_hold {
  struct presence_writer *writer;
};

extern void presence_hold (struct presence *p, struct presence_hold *h);
extern void presence_release (struct presence *p, struct presence_hold *h);

/* See to it that adding or removing [START, START+N), the whole of it,
 * needs no memory any more and so cannot fail, whatever becomes of other
 * bits meanwhile.  That holds, for all threads, until the hold ends that
 * this thread has; without one nothing is promised.  Changes no bit.
 * Returns 0, or -1 with errno = ENOMEM.
 */
extern int presence_reserve (struct presence *p, uint64_t start, uint64_t n);

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

/* Find all memory that is not needed any more, for use by other regions
 * of the set.  Returns how many bytes came back, at most all; 0 or less
 * than all if other threads, or a hold, are in the way: another call will
 * get further.  There is no need to call it, but where it is better to
 * spend the time now than later.  It takes about 100 ns for each 512 KiB
 * region that is partly present.
 */
extern size_t presence_reclaim (struct presence *p);

/* Bytes of memory allocated; and how many of them are not in use. */
extern size_t presence_memory (const struct presence *p);
extern size_t presence_memory_spare (const struct presence *p);

#endif /* DISKSTACK_PRESENCE_H */
