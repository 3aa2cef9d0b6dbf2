/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parts of store-http.  Invariants:
 *
 * 1. A block that is in the table is the only one of its index.  It is
 *    there from the moment somebody wants it; it leaves when it is evicted,
 *    which only happens to one that is whole and has no users, when it could
 *    not be fetched, or when it was lent.
 * 2. The bytes [FROM, HAVE) of a block are the file's, and are never written
 *    again while somebody can see it.  Who has it in use may read them
 *    without the lock.  FROM only changes before its flight is sent.
 * 3. A block that is not whole, which is up to TO, belongs to exactly one
 *    flight, unless that has failed; then it is not in the table.
 *    What is wanted of a block comes first, so FROM need not be 0; but only
 *    in the first block of a flight.  Over a short line it may be all that
 *    comes, so TO need not be the block's end; but only in the last.  Who
 *    wants more, later, has it fetched anew, or reads past it while it is in
 *    use.
 * 4. The bytes of a block are in the slot's own memory, or, LENT, in the
 *    buffer of a reader, who then stays until nobody else has it in use and
 *    nothing more will come, and takes it out of the table.  If its flight
 *    goes on with other blocks, it is GONE until that ends.
 * 5. Who waits for a free slot has no block in use, so those who have some
 *    come to an end.
 */

#ifndef DISKSTACK_BLOB_IMPL_H
#define DISKSTACK_BLOB_IMPL_H

#include <pthread.h>
#include <sys/queue.h>

#include "blob/blob-map.h"
#include "blob/store-http.h"

#define BLOB_STREAMS 8
/* Less is never fetched. */
#define BLOB_PAGE 4096u
/* Blocks that one reader has in use at once. */
#define BLOB_PIECE_MAX 512

enum blob_state { BLOB_FREE, BLOB_COMING, BLOB_WHOLE, BLOB_FAILED, BLOB_GONE };

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
  struct blob_block *now; /* what comes is for this one; by who drives */
};

TAILQ_HEAD (blob_flights, blob_flight);

struct blob_block {
  enum blob_state state;
  uint64_t index;
  unsigned users;
  uint32_t from, have;        /* what is here */
  uint32_t to;                /* so far it is fetched */
  unsigned parts;             /* of it that were fetched, each instead of the
                               * one before; 0: all of it is */
  bool unread;                /* it was read ahead, and nobody came yet */
  uint32_t need;              /* those who wait wake when HAVE is that */
  int err;                    /* of one that failed; EAGAIN: read ahead */
  struct blob_flight *flight; /* of one that is coming */
  struct blob_block *next;    /* in that */
  struct blob_flight own;
  uint8_t *data;
  bool lent;           /* that is somebody's */
  pthread_cond_t more; /* bytes; of one that is lent, also: fewer users */
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
  bool fetch_less; /* over short lines */
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
  uint64_t under_way; /* bytes of those that are sent */
  uint64_t clock;
  struct blob_stream stream[BLOB_STREAMS];
  unsigned nsmall; /* times that less than a block was fetched */
};

/* blob-cache.c.  All with the lock. */
extern int blob_cache_init (struct blob_store *b, uint64_t size);
extern void blob_cache_fini (struct blob_store *b);
extern struct blob_block *blob_find (struct blob_store *b, uint64_t index);

/* A block for INDEX, which is not in the table, in use once; or NULL. */
extern struct blob_block *blob_get_slot (struct blob_store *b, uint64_t index);

/* One use less. */
extern void blob_put (struct blob_store *b, struct blob_block *k);

/* The bytes of K, which is all to come, are put at BUF. */
extern void blob_lend (struct blob_block *k, uint8_t *buf);

/* K, which was lent, and of which nothing more will come, is taken back; waits
 * until nobody else has it in use.
 */
extern void blob_take_back (struct blob_store *b, struct blob_block *k);

/* Its flight has ended. */
extern void blob_gone (struct blob_store *b, struct blob_block *k);

/* K, which is whole and in use by nobody, is forgotten. */
extern void blob_drop (struct blob_store *b, struct blob_block *k);

/* It could not be fetched. */
extern void blob_fail (struct blob_store *b, struct blob_block *k, int err);

/* Bytes of the block: less at the end of the file. */
extern uint32_t blob_block_size (const struct blob_store *b, uint64_t index);

/* blob-flight.c.  All with the lock. */

/* Blocks of a flight now. */
extern unsigned blob_most_blocks (const struct blob_store *b);

/* Fetch [FROM, TO) of the block INDEX, which is not in the table, or more,
 * together with what is next to it if that has not been sent, in flights of
 * at most MOST blocks.  The block is in use by the caller, or, AHEAD, by
 * nobody.  NULL: no slot is free.
 */
extern struct blob_block *blob_fetch (struct blob_store *b, uint64_t index,
                                      uint32_t from, uint32_t to, unsigned most,
                                      bool ahead);

/* Let K have [FROM, TO), too, if nothing was sent yet. */
extern bool blob_extend (struct blob_block *k, uint32_t from, uint32_t to);

/* Fetch ahead what is not in the table of [START, END), bytes, and not in a
 * hole.  Returns how far there was memory.
 */
extern uint64_t blob_fetch_ahead (struct blob_store *b, uint64_t start,
                                  uint64_t end, unsigned most);

/* Somebody waits for K now. */
extern void blob_hurry (struct blob_store *b, struct blob_block *k);

/* Send what may be sent.  DRIVES: who calls this goes on with
 * http_client_drive.
 */
extern void blob_send (struct blob_store *b, bool drives);

/* blob-read.c.  Without the lock: read where there is data.  0, or -1 with
 * *err.
 */
extern int blob_read (struct blob_store *b, void *buf, size_t count,
                      uint64_t offset, int *err);

/* blob-amount.c.  Pure: the units in which what is read here and there is
 * fetched, a power of two from BLOB_PAGE, or FETCH if that is less, to FETCH,
 * where WORTH bytes more cost little (http_object_worth).
 */
extern uint32_t blob_unit (uint64_t worth, uint32_t fetch);

/* Pure: how many bytes may be on their way at once.  More than fills the line
 * a few times would only push each other out of the processors' caches.
 */
extern uint64_t blob_under_way (uint64_t worth);

/* blob-readahead.c.  With the lock: COUNT bytes at OFFSET are being read; if
 * it is worth it, fetch AHEAD.
 */
extern void blob_readahead (struct blob_store *b, uint64_t offset,
                            uint64_t count, bool ahead);

#endif /* DISKSTACK_BLOB_IMPL_H */
