/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parts of store-http.  Invariants:
 *
 * 1. A block that is in the table is the only one of its index.  It is
 *    there from the moment somebody wants it; it leaves when it is evicted,
 *    which only happens to one that is whole and has no users, or when it
 *    could not be fetched.
 * 2. The bytes [FROM, HAVE) of a block are the file's, and are never written
 *    again while somebody can see it.  Who has it in use may read them
 *    without the lock.  FROM only changes before its flight is sent.
 * 3. A block that is not whole belongs to exactly one flight, unless that
 *    has failed; then it is not in the table.
 *    What is wanted of a block comes first, so FROM need not be 0; but only
 *    in the first block of a flight.  Who wants what is before it, later,
 *    has all of it fetched anew, or reads past it while it is in use.
 * 4. Who waits for a free slot has no block in use, so those who have some
 *    come to an end.
 */

#ifndef DISKSTACK_BLOB_IMPL_H
#define DISKSTACK_BLOB_IMPL_H

#include <pthread.h>
#include <sys/queue.h>

#include "blob/blob-map.h"
#include "blob/store-http.h"

#define BLOB_STREAMS 8
/* Blocks that one reader has in use at once. */
#define BLOB_PIECE_MAX 512

enum blob_state { BLOB_FREE, BLOB_COMING, BLOB_WHOLE, BLOB_FAILED };

struct blob_block;

/* Consecutive blocks on their way in one request.  It is kept in one of
 * them.
 */
struct blob_flight {
  struct blob_store *blob;
  struct http_range range;
  bool sent;
  TAILQ_ENTRY (blob_flight) link; /* of those that are not */
  unsigned nblocks;
  struct blob_block *first, *last;
  struct blob_block *now; /* what comes is for this one; client's thread */
};

TAILQ_HEAD (blob_flights, blob_flight);

struct blob_block {
  enum blob_state state;
  uint64_t index;
  unsigned users;
  uint32_t from, have;        /* what is here */
  uint32_t need;              /* those who wait wake when HAVE is that */
  int err;                    /* of one that failed; EAGAIN: read ahead */
  struct blob_flight *flight; /* of one that is coming */
  struct blob_block *next;    /* in that */
  struct blob_flight own;
  uint8_t *data;
  pthread_cond_t more;
  LIST_ENTRY (blob_block) chain;
  TAILQ_ENTRY (blob_block) place; /* in free, or in used by age */
};

TAILQ_HEAD (blob_blocks, blob_block);
LIST_HEAD (blob_chain, blob_block);

/* Somebody who reads on and on. */
struct blob_stream {
  uint64_t used;           /* by the clock; 0: never */
  uint64_t next, frontier; /* bytes: where it is, what was asked for */
  uint64_t window;         /* how far ahead; 0: not yet */
};

struct blob_store {
  struct store store;
  struct http_client *client;
  struct http_object *object;
  struct blob_map *map; /* of the holes; NULL: nothing is known of any */
  uint64_t size;
  uint32_t fetch;
  unsigned connections;
  unsigned max_blocks; /* of a flight */
  unsigned max_piece;
  uint64_t max_window;

  unsigned nslots, nchains;
  uint8_t *memory;
  struct blob_block *slot;
  struct blob_chain *chain;

  pthread_mutex_t lock; /* of everything below, and of the blocks */
  pthread_cond_t freed; /* a slot can be had */
  unsigned want_slots;  /* threads that wait for one */
  struct blob_blocks free, used;
  struct blob_flights wanted, ahead; /* not sent yet */
  unsigned nsent, nsent_ahead;
  uint64_t clock;
  struct blob_stream stream[BLOB_STREAMS];
};

/* blob-cache.c.  All with the lock. */
extern int blob_cache_init (struct blob_store *b, uint64_t size);
extern void blob_cache_fini (struct blob_store *b);
extern struct blob_block *blob_find (struct blob_store *b, uint64_t index);

/* A block for INDEX, which is not in the table, in use once; or NULL. */
extern struct blob_block *blob_get_slot (struct blob_store *b, uint64_t index);

/* One use less. */
extern void blob_put (struct blob_store *b, struct blob_block *k);

/* K, which is whole and in use by nobody, is forgotten. */
extern void blob_drop (struct blob_store *b, struct blob_block *k);

/* It could not be fetched. */
extern void blob_fail (struct blob_store *b, struct blob_block *k, int err);

/* Bytes of the block: less at the end of the file. */
extern uint32_t blob_block_size (const struct blob_store *b, uint64_t index);

/* blob-flight.c.  All with the lock. */

/* Fetch INDEX, which is not in the table, from its byte FROM on, or more,
 * together with what is next to it if that has not been sent, in flights of
 * at most MOST blocks.  The block is in use by the caller, or, AHEAD, by
 * nobody.  NULL: no slot is free.
 */
extern struct blob_block *blob_fetch (struct blob_store *b, uint64_t index,
                                      uint32_t from, unsigned most, bool ahead);

/* Let K have its byte FROM, too, if nothing was sent yet. */
extern bool blob_extend (struct blob_block *k, uint32_t from);

/* Fetch ahead what is not in the table of [START, END), bytes, and not in a
 * hole.  Returns how far there was memory.
 */
extern uint64_t blob_fetch_ahead (struct blob_store *b, uint64_t start,
                                  uint64_t end, unsigned most);

/* Somebody waits for K now. */
extern void blob_hurry (struct blob_store *b, struct blob_block *k);

/* Send what may be sent. */
extern void blob_send (struct blob_store *b);

/* blob-readahead.c.  With the lock: COUNT bytes at OFFSET are being read. */
extern void blob_readahead (struct blob_store *b, uint64_t offset,
                            uint64_t count);

#endif /* DISKSTACK_BLOB_IMPL_H */
