/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random work loads over images on a simulated medium, remembered so
 * that it can be said for each moment what each sector may hold if the
 * power failed then.
 *
 * A load may have several threads.  Each has sectors of its own, in
 * stripes, so that what is in a sector has one history; blocks, pages of
 * metadata and commits are shared.  Positions are steps of the medium:
 * an operation may have done something from the position before it on,
 * and had returned at the position after it.  Tickets order operations
 * of different threads: a flush promises what had returned before it
 * began.  In such loads some reads of the medium take long, so that what
 * is read is given up and used again meanwhile, if that is possible.
 */

#ifndef DISKSTACK_TEST_IMAGE_LOAD_H
#define DISKSTACK_TEST_IMAGE_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "sector-values.h"
#include "store/store.h"
#include "support/rng.h"

/* What kind of image, and what is done to it. */
struct image_kind {
  bool vhdx, child;
  uint32_t sector_size;
  uint64_t block_size;
  uint64_t size; /* that it may grow to */
  uint64_t first_size;
  struct store_info medium;
};

enum { LOAD_THREADS_MAX = 4 };

enum load_op_kind {
  LOAD_WRITE,
  LOAD_WRITE_FUA,
  LOAD_POPULATE, /* IMAGE_NO_OVERWRITE */
  LOAD_ZERO,
  LOAD_ZERO_FUA,
  LOAD_TRIM,
  LOAD_TRIM_FUA,
  LOAD_DISCARD,
  LOAD_READ,
  LOAD_LOOK, /* read others' sectors, which change meanwhile */
  LOAD_FLUSH,
  LOAD_COMPACT, /* this and the next in single-threaded loads */
  LOAD_GROW,    /* the range is what is new */
  LOAD_NKINDS
};

extern const char *const load_op_names[LOAD_NKINDS];

/* Of a sector that an operation left as it was. */
#define SECTOR_VALUE_SAME UINT32_MAX

/* Of a sector that the medium was told to trim. */
#define SECTOR_VALUE_TRIMMED (UINT32_MAX - 1)

struct load_op {
  enum load_op_kind kind;
  uint32_t value;
  uint64_t sector, nsectors;
  /* What it left in each sector, where it is not VALUE; or NULL. */
  uint32_t *after;
  uint64_t begun, ended; /* positions */
  uint64_t first, last;  /* tickets */
};

struct load;

struct load_thread {
  struct load *load;
  struct rng rng;
  char *buf;
  struct load_op *op;
  unsigned nops, max;
};

struct load {
  struct image_kind kind;
  uint64_t nsectors; /* that it may grow to */
  uint64_t begin_nsectors, now_nsectors;
  struct rng rng;
  bool small; /* short operations and many flushes */
  unsigned nthreads;
  uint64_t stripe; /* sectors */
  struct load_thread thread[LOAD_THREADS_MAX];
  _Atomic uint64_t tickets;
  _Atomic uint32_t values;

  struct store *medium; /* store-sim; not owned */
  struct image *image;
  uint32_t *initial; /* values of the sectors when it began, durable */
  uint32_t *now;     /* and when nothing is in flight */
};

/* The image of KIND, empty, in a medium that is settled. */
extern struct store *image_kind_create (const struct image_kind *k);

/* Open what is in MEDIUM, which stays the caller's.  NULL: it does not
 * open, and that was logged.
 */
extern struct image *image_kind_open (const struct image_kind *k,
                                      struct store *medium, bool read_only);

/* The value of the sectors that were never written: in an image with no
 * parent absent is zero.
 */
extern uint32_t image_kind_nothing (const struct image_kind *k);

/* The values of all sectors, in V, with nothing beyond the end of the
 * disk; false after a complaint about one that has none.
 */
extern bool image_kind_values (const struct image_kind *k, struct image *i,
                               uint32_t *v);

/* A load over MEDIUM, in which is INITIAL (NULL: nothing), NSECTORS long.
 * VALUE: of the first operation.
 */
extern void load_init (struct load *w, const struct image_kind *k,
                       struct store *medium, const uint32_t *initial,
                       uint64_t nsectors, uint32_t value, uint64_t seed);
/* Open the image, which the caller closes; false if that fails. */
extern bool load_open (struct load *w);
/* Do N operations in all. */
extern void load_run (struct load *w, unsigned n);
/* The image is closed by then. */
extern void load_fini (struct load *w);

/* What may be in the sectors after a power cut at POSITION. */
struct legal {
  const struct load *w;
  uint64_t position;
  uint64_t least, most; /* sectors of the disk */
  uint32_t *base;       /* the last that was promised */
  unsigned *from;       /* of the thread's operations, those from there .. */
  unsigned to[LOAD_THREADS_MAX]; /* .. to there may have been done */
};

extern void legal_init (struct legal *g, const struct load *w);
extern void legal_fini (struct legal *g);

/* IN_FLIGHT: the last step had not returned. */
extern void legal_find (struct legal *g, uint64_t position, bool in_flight);

/* Are V legal, and NSECTORS, the size of the disk?  If not, WHAT and all
 * that has to do with the sector are printed.
 */
extern bool legal_check (const struct legal *g, const uint32_t *v,
                         uint64_t nsectors, const char *what);

#endif /* DISKSTACK_TEST_IMAGE_LOAD_H */
