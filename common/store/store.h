/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store: a flat, always fully present disk.  Everything that nbdkit
 * serves is one, and so is everything that a layer stack stands on.
 * This header is the contract; store.c checks it in the one place that
 * all calls pass; tests/conformance/store-suite.c runs it over every
 * implementation.
 *
 * Rules for all operations
 *
 * - Offsets and counts are bytes.  Any value is legal to pass: what is
 *   out of range is refused, never wrapped.
 * - They return 0, or -1 with *err set to a positive errno.  A failed
 *   write, zero or trim leaves each sector that it covers old or new.
 * - Any number of threads may be in any number of operations at once,
 *   except in store_close, which comes alone and last.  What two
 *   overlapping writes leave behind is unspecified within the overlap;
 *   nothing outside their ranges changes.
 * - An operation completes before it returns; what completed is seen by
 *   every later operation on the same store, in whatever thread.
 *
 * errno to expect: EINVAL (out of range read, trim, cache or extents;
 * not aligned), ENOSPC (out of range write or zero, or the medium is
 * full), EPERM (read-only), EIO (the medium failed), EOPNOTSUPP
 * (STORE_FAST_ZERO cannot be fast; resize not possible), ENOMEM,
 * ESHUTDOWN (the medium is gone).
 */

#ifndef DISKSTACK_STORE_H
#define DISKSTACK_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/extents.h"
#include "base/uuid.h"

struct store;

/* Flags of the data operations. */
enum {
  STORE_FUA = 1,       /* write, trim, zero: durable before it returns */
  STORE_MAY_TRIM = 2,  /* zero: may leave a hole */
  STORE_FAST_ZERO = 4, /* zero: EOPNOTSUPP unless faster than writing */
  STORE_REQ_ONE = 8,   /* extents: one is enough */
};

/* What a store is, fixed when it is constructed. */
struct store_info {
  /* Smallest unit that the disk promises to write without tearing;
   * a power of two >= 512.  A filter on top inherits it.
   */
  uint32_t sector_size;
  /* Unit that the medium likes best for small writes, >= sector_size. */
  uint32_t physical_sector_size;
  /* Offsets and counts must be multiples of this power of two; 1 if
   * anything goes.  store-align.h removes the restriction.  The end of
   * the disk counts as aligned.
   */
  uint32_t align;
  /* Preferred size of a large request; a power of two. */
  uint32_t preferred;

  bool read_only;  /* writes, zeroes and trims fail with EPERM */
  bool rotational; /* seeks cost */
  bool fua;        /* STORE_FUA is cheaper than a flush afterwards */
  bool trim;       /* trim does something */
  bool zero;       /* zero is done without sending zeroes */
  bool fast_zero;  /* zero without data is always quick */
  bool extents;    /* extents tells more than "all allocated" */
  bool cache;      /* cache does something */
  /* A flush covers what other stores opened on the same medium, in this
   * process, had completed.
   */
  bool shared_flush;

  bool has_id; /* the image carries an identity of its own */
  struct uuid id;
};

struct store_ops {
  const char *name; /* of the kind, for messages: "file", "vhd1" */

  /* Free the store and what it owns.  What was not flushed may or may
   * not be durable; close does not make it so.
   */
  void (*close) (struct store *s);

  /* All of the following are called by store.c only, with a range that
   * is inside the disk, aligned and not empty, and never the modifying
   * ones on a read-only store.  Flags are only those listed.  NULL
   * takes the default that is described with each.
   */

  /* Required. */
  int (*read) (struct store *s, void *buf, size_t count, uint64_t offset,
               int *err);

  /* STORE_FUA is passed only if info.fua; otherwise store.c flushes.
   * NULL only if read_only.
   */
  int (*write) (struct store *s, const void *buf, size_t count, uint64_t offset,
                unsigned flags, int *err);

  /* Vectored forms, COUNT being the sum of the vector; the elements may
   * be of any length, 0 included.  Default: one read or write for each
   * element, or one for all where elements meet inside a sector.
   */
  int (*readv) (struct store *s, const struct iovec *iov, int niov,
                size_t count, uint64_t offset, int *err);
  int (*writev) (struct store *s, const struct iovec *iov, int niov,
                 size_t count, uint64_t offset, unsigned flags, int *err);

  /* Make every write, zero and trim that completed before durable.
   * Default: nothing to do.
   */
  int (*flush) (struct store *s, int *err);

  /* The content of the range becomes unspecified, from now on stable.
   * STORE_FUA only if info.fua.  Default: nothing is done.
   */
  int (*trim) (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               int *err);

  /* The range reads as zeroes.  STORE_MAY_TRIM, STORE_FAST_ZERO, and
   * STORE_FUA if info.fua.  May fail with EOPNOTSUPP, having done
   * nothing, whatever the flags: then store.c writes zeroes unless
   * STORE_FAST_ZERO.  Default: EOPNOTSUPP.
   */
  int (*zero) (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
               int *err);

  /* Append what is in the range to OUT, from its start on; at least one
   * extent; short answers are fine.  Default: all allocated.
   */
  int (*extents) (struct store *s, uint64_t count, uint64_t offset,
                  unsigned flags, struct extent_list *out, int *err);

  /* The range will be read soon.  Default: nothing is done. */
  int (*cache) (struct store *s, uint64_t count, uint64_t offset, int *err);

  /* What is kept of the range in memory and is durable may be forgotten,
   * so that the next read comes from the medium.  Advice.  Default:
   * nothing is done.
   */
  void (*uncache) (struct store *s, uint64_t count, uint64_t offset);

  /* Make the disk SIZE bytes long; new bytes read as zeroes.  Alone or
   * beside operations within the smaller of the two sizes, rounded down
   * to info.align.  Default: EOPNOTSUPP.
   */
  int (*resize) (struct store *s, uint64_t size, int *err);

  /* The medium may have become larger or smaller by itself: its size now.
   * May run beside anything, and on a read-only store.  Default: it has
   * not.
   */
  int (*refresh) (struct store *s, uint64_t *size, int *err);
};

/* The head of every store; implementations put it first in theirs and
 * fill it with store_init.
 */
struct store {
  const struct store_ops *ops;
  struct store_info info;
  _Atomic uint64_t size_; /* use store_size */
  char *description;      /* owned; one line for people; or NULL */
};

/* For implementations: fill in the head.  INFO may leave sector_size,
 * physical_sector_size, align and preferred 0 to get 512, sector_size,
 * 1 and 4096.  SIZE is at most INT64_MAX.
 */
extern void store_init (struct store *s, const struct store_ops *ops,
                        const struct store_info *info, uint64_t size);

/* For implementations: replace the description (printf).  Returns 0, or
 * -1 with errno = ENOMEM.
 */
extern int store_describe (struct store *s, const char *fs, ...)
  __attribute__ ((format (printf, 2, 3)));

/* For implementations of readv and writev: may the elements be read or
 * written one by one, because they meet only where sectors meet, and the
 * units that S asks for?
 */
extern bool store_iov_is_divisible (const struct store *s,
                                    const struct iovec *iov, int niov,
                                    uint64_t offset);

/* If not: through one buffer, by read and write.  ENOMEM is possible. */
extern int store_readv_joined (struct store *s, const struct iovec *iov,
                               int niov, size_t count, uint64_t offset,
                               int *err);
extern int store_writev_joined (struct store *s, const struct iovec *iov,
                                int niov, size_t count, uint64_t offset,
                                unsigned flags, int *err);

/* Close S and free it; NULL is ignored. */
extern void store_close (struct store *s);

/* The size in bytes now. */
extern uint64_t store_size (const struct store *s);

/* Read COUNT bytes at OFFSET into BUF. */
extern int store_read (struct store *s, void *buf, size_t count,
                       uint64_t offset, int *err);

/* The same for any range inside the disk, whatever alignment S wants. */
extern int store_read_any (struct store *s, void *buf, size_t count,
                           uint64_t offset, int *err);

/* Write COUNT bytes at OFFSET.  FLAGS: STORE_FUA. */
extern int store_write (struct store *s, const void *buf, size_t count,
                        uint64_t offset, unsigned flags, int *err);

/* The same with scattered memory.  At most IOV_MAX elements. */
extern int store_readv (struct store *s, const struct iovec *iov, int niov,
                        uint64_t offset, int *err);
extern int store_writev (struct store *s, const struct iovec *iov, int niov,
                         uint64_t offset, unsigned flags, int *err);

/* Make everything that completed durable.  Succeeds on read-only. */
extern int store_flush (struct store *s, int *err);

/* FLAGS: STORE_FUA. */
extern int store_trim (struct store *s, uint64_t count, uint64_t offset,
                       unsigned flags, int *err);

/* FLAGS: STORE_FUA, STORE_MAY_TRIM, STORE_FAST_ZERO. */
extern int store_zero (struct store *s, uint64_t count, uint64_t offset,
                       unsigned flags, int *err);

/* Append the extents of [OFFSET, OFFSET+COUNT) to OUT, which must be at
 * OFFSET.  FLAGS: STORE_REQ_ONE.
 */
extern int store_extents (struct store *s, uint64_t count, uint64_t offset,
                          unsigned flags, struct extent_list *out, int *err);

extern int store_cache (struct store *s, uint64_t count, uint64_t offset,
                        int *err);

/* Advise to forget what is kept of the range in memory: for who wants to
 * read what the medium has.  After a flush.
 */
extern void store_uncache (struct store *s, uint64_t count, uint64_t offset);

extern int store_resize (struct store *s, uint64_t size, int *err);

/* Take over the size that the medium has now.  What is beyond it is out of
 * range from then on, for everybody.
 */
extern int store_refresh (struct store *s, int *err);

#endif /* DISKSTACK_STORE_H */
