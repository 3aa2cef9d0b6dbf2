/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the bytes of a striped disk are: chunk I is chunk I / N of member
 * I mod N.  This is the layout of the kernel's dm-stripe, and of md's
 * RAID-0 if all members have the same size.
 *
 * What a range of the disk has on one member is one range of it, too, in
 * the same order; only in memory it is scattered.
 */

#ifndef DISKSTACK_STRIPE_MAP_H
#define DISKSTACK_STRIPE_MAP_H

#include <stdint.h>

#include "stripe/stripe-status.h"

#define STRIPE_MAX_MEMBERS 128

struct stripe_map {
  unsigned count; /* members, from 1 */
  uint64_t chunk; /* bytes, the stripe size */
  uint64_t rows;  /* chunks on each member, from 1 */
};

/* A map of COUNT members that have MEMBER_SIZE bytes for data each, or
 * more, of which only whole chunks are used.  SECTOR_SIZE is that of the
 * members.
 */
extern enum stripe_status stripe_map_init (struct stripe_map *m, unsigned count,
                                           uint64_t chunk, uint64_t member_size,
                                           uint32_t sector_size);

/* Bytes of the disk: a multiple of count * chunk, at most INT64_MAX. */
extern uint64_t stripe_map_size (const struct stripe_map *m);

/* Where the byte OFFSET of the disk is. */
struct stripe_place {
  unsigned member;
  uint64_t offset; /* in the member */
  uint64_t left;   /* from there to the end of the chunk, at least 1 */
};

extern struct stripe_place stripe_map_find (const struct stripe_map *m,
                                            uint64_t offset);

/* The reverse: the byte of the disk that is at OFFSET of MEMBER. */
extern uint64_t stripe_map_disk (const struct stripe_map *m, unsigned member,
                                 uint64_t offset);

/* Bytes of a member. */
struct stripe_range {
  uint64_t offset, count;
};

/* What MEMBER has of the COUNT bytes at OFFSET of the disk, which must be
 * inside it; count is 0 if that is nothing.
 */
extern struct stripe_range stripe_map_member (const struct stripe_map *m,
                                              unsigned member, uint64_t offset,
                                              uint64_t count);

/* A part of a request that is in one piece on a member and in memory. */
struct stripe_piece {
  uint64_t at;    /* bytes from the start of the request */
  uint64_t count; /* bytes, never 0 */
};

/* The next pieces, at most MAX, of what MEMBER has of a request for the
 * disk at OFFSET: R is what stripe_map_member said; what is returned is
 * taken off its start.  Returns how many there are, 0 at the end.
 */
extern unsigned stripe_map_pieces (const struct stripe_map *m, unsigned member,
                                   uint64_t offset, struct stripe_range *r,
                                   struct stripe_piece *v, unsigned max);

#endif /* DISKSTACK_STRIPE_MAP_H */
