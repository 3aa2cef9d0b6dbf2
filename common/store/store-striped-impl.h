/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the striped store share: the store, and jobs, which
 * are requests cut into one part for each member that they touch.
 */

#ifndef DISKSTACK_STORE_STRIPED_IMPL_H
#define DISKSTACK_STORE_STRIPED_IMPL_H

#include <stdatomic.h>

#include "base/align.h"
#include "store/store-striped.h"
#include "store/task-pool.h"
#include "stripe/stripe-map.h"

struct striped_member {
  struct store *store;
  char *name;
};

struct striped {
  struct store store;
  struct stripe_map map;
  uint64_t data_offset;
  struct task_pool *pool;
  /* How many of the last parts made their thread sleep, of
   * STRIPED_SLEEPY_ALL; see striped-job.c.
   */
  _Atomic unsigned sleepy;
  struct striped_member member[];
};

#define STRIPED_SLEEPY_ALL 4096u

static inline struct striped *
to_striped (struct store *s)
{
  return container_of (s, struct striped, store);
}

struct striped_part {
  unsigned member;
  struct stripe_range range; /* of the member, without data_offset */
  int err;                   /* how it failed; or 0 */
};

struct striped_job {
  struct striped *s;
  const char *what; /* for messages: "read" */
  /* Do it on P->member.  Returns 0, or -1 with *err. */
  int (*fn) (struct striped_job *j, const struct striped_part *p, int *err);
  uint64_t offset, count; /* on the disk */
  unsigned flags;
  char *buf;                /* of reads and writes */
  struct extent_list *list; /* of extents: one for each part */
  unsigned n;
  struct striped_part part[STRIPE_MAX_MEMBERS];
};

/* The store of the member that P is about. */
extern struct store *striped_part_store (const struct striped_job *j,
                                         const struct striped_part *p);

/* Where P begins there. */
extern uint64_t striped_part_offset (const struct striped_job *j,
                                     const struct striped_part *p);

/* Fill in the parts of J: of its range, or one of nothing for each member. */
extern void striped_job_cut (struct striped_job *j);
extern void striped_job_all (struct striped_job *j);

/* Do all parts, and wait for all.  What failed is in their err. */
extern void striped_job_do (struct striped_job *j);

/* The same, and return 0, or -1 with *err after log_error. */
extern int striped_job_run (struct striped_job *j, int *err);

/* Tell of the first part that failed.  Returns 0 if there is none. */
extern int striped_job_result (struct striped_job *j, int *err);

/* The data operations (store-striped-io.c, store-striped-extents.c). */
extern int striped_read (struct store *s, void *buf, size_t count,
                         uint64_t offset, int *err);
extern int striped_write (struct store *s, const void *buf, size_t count,
                          uint64_t offset, unsigned flags, int *err);
extern int striped_flush (struct store *s, int *err);
extern int striped_trim (struct store *s, uint64_t count, uint64_t offset,
                         unsigned flags, int *err);
extern int striped_zero (struct store *s, uint64_t count, uint64_t offset,
                         unsigned flags, int *err);
extern int striped_cache (struct store *s, uint64_t count, uint64_t offset,
                          int *err);
extern void striped_uncache (struct store *s, uint64_t count, uint64_t offset);
extern int striped_extents (struct store *s, uint64_t count, uint64_t offset,
                            unsigned flags, struct extent_list *out, int *err);

#endif /* DISKSTACK_STORE_STRIPED_IMPL_H */
