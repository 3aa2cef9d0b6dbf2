/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the file store share: store-file.c makes it,
 * store-file-io.c moves data, store-file-direct.c does so without the
 * page cache, store-file-batch.c in several pieces at once, and
 * store-file-space.c allocates and frees.
 */

#ifndef DISKSTACK_STORE_FILE_IMPL_H
#define DISKSTACK_STORE_FILE_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/align.h"
#include "store/aligned-pool.h"
#include "store/host-device.h"
#include "store/page-evict.h"
#include "store/store-file.h"

/* What turned out not to work on this file.  Each is tried until then:
 * there is no way to ask.
 */
enum {
  MISSING_DSYNC = 1,      /* RWF_DSYNC */
  MISSING_PUNCH_HOLE = 2, /* FALLOC_FL_PUNCH_HOLE */
  MISSING_ZERO_RANGE = 4, /* FALLOC_FL_ZERO_RANGE */
  MISSING_ALLOCATE = 8,   /* fallocate without a flag */
  MISSING_ZEROOUT = 16,   /* BLKZEROOUT */
  MISSING_DISCARD = 32,   /* BLKDISCARD */
  MISSING_ENGINE = 64,    /* channels of the engine */
};

/* A channel of the engine.  It belongs to whoever has the buffer of the
 * pool with the same number.
 */
struct file_channel {
  void *channel; /* or NULL */
  pid_t pid;     /* who opened it */
};

struct store_file {
  struct store store;
  struct host_file *file; /* a reference */
  int fd;                 /* the buffered descriptor, of file */
  enum store_file_cache cache;
  bool is_device;
  bool whole; /* the store is all of the file */
  struct host_device device;
  atomic_uint missing;
  _Atomic uint64_t told_size; /* of a device, as it was logged last */

  struct page_evict evict; /* if cache is NONE */

  /* If cache is DIRECT: */
  int direct_fd;         /* of file */
  uint32_t direct_align; /* offsets and counts must be multiples of this */
  uint32_t memory_align; /* and addresses of this */
  struct aligned_pool *pool;
  const struct file_engine *engine; /* or NULL */
  size_t engine_min;                /* bytes of a request that is for it */
  struct file_channel channels[ALIGNED_POOL_BUFFERS];
};

static inline struct store_file *
to_file (struct store *s)
{
  return container_of (s, struct store_file, store);
}

static inline bool
is_missing (const struct store_file *f, unsigned what)
{
  return atomic_load_explicit (&f->missing, memory_order_relaxed) & what;
}

static inline void
set_missing (struct store_file *f, unsigned what)
{
  atomic_fetch_or_explicit (&f->missing, what, memory_order_relaxed);
}

/* Log that the system call WHAT failed on the range with the errno E,
 * and set *err to what the client is told.  E = 0 means that the file
 * was found to be shorter than it was.  Returns -1.
 */
extern int file_failed (struct store_file *f, const char *what, uint64_t count,
                        uint64_t offset, int e, int *err);

enum file_direction {
  FILE_READ,
  FILE_WRITE,
  FILE_WRITE_DSYNC, /* durable when it returns */
};

/* Move COUNT bytes, the sum of IOV, between IOV and OFFSET on the
 * descriptor FD of F.  IOV is used up.  Returns 0, or -1 with errno as
 * file_failed takes it.
 */
extern int file_transfer (int fd, enum file_direction d, struct iovec *iov,
                          int niov, size_t count, uint64_t offset);

/* As far as a single system call goes. */
extern ssize_t file_transfer_once (int fd, enum file_direction d,
                                   const struct iovec *iov, int niov,
                                   uint64_t offset);

/* Take N bytes off the front of the vector. */
extern void file_iov_advance (struct iovec **iov, int *niov, size_t n);

/* file_transfer for cache=direct, which chooses the descriptor. */
extern int file_transfer_direct (struct store_file *f, enum file_direction d,
                                 struct iovec *iov, int niov, size_t count,
                                 uint64_t offset);

/* The same if everything is aligned and there is no last piece. */
extern int file_transfer_aligned (struct store_file *f, enum file_direction d,
                                  void *buf, size_t count, uint64_t offset);

/* Copy N bytes, which begin AT bytes into the vector, to BUF or from it. */
extern void file_gather (char *buf, const struct iovec *iov, size_t at,
                         size_t n);
extern void file_scatter (const struct iovec *iov, const char *buf, size_t at,
                          size_t n);

/* Is the request, of which COUNT bytes have to be copied, for the engine?
 * If so, file_transfer_batch moves them, leaving the vector as it is.
 */
extern bool file_wants_batch (const struct store_file *f, enum file_direction d,
                              size_t count);
extern int file_transfer_batch (struct store_file *f, enum file_direction d,
                                const struct iovec *iov, size_t count,
                                uint64_t offset);

/* Before the pool goes. */
extern void file_close_channels (struct store_file *f);

/* Is a write of this range one single request to the kernel? */
extern bool file_direct_is_single (const struct store_file *f, size_t count,
                                   uint64_t offset);

/* The operations of the store. */
extern int file_read (struct store *s, void *buf, size_t count, uint64_t offset,
                      int *err);
extern int file_write (struct store *s, const void *buf, size_t count,
                       uint64_t offset, unsigned flags, int *err);
extern int file_readv (struct store *s, const struct iovec *iov, int niov,
                       size_t count, uint64_t offset, int *err);
extern int file_writev (struct store *s, const struct iovec *iov, int niov,
                        size_t count, uint64_t offset, unsigned flags,
                        int *err);
extern int file_flush (struct store *s, int *err);
extern int file_cache (struct store *s, uint64_t count, uint64_t offset,
                       int *err);
extern void file_uncache (struct store *s, uint64_t count, uint64_t offset);
extern int file_trim (struct store *s, uint64_t count, uint64_t offset,
                      unsigned flags, int *err);
extern int file_zero (struct store *s, uint64_t count, uint64_t offset,
                      unsigned flags, int *err);
extern int file_extents (struct store *s, uint64_t count, uint64_t offset,
                         unsigned flags, struct extent_list *out, int *err);
extern int file_resize (struct store *s, uint64_t size, int *err);
extern int file_refresh (struct store *s, uint64_t *size, int *err);

#endif /* DISKSTACK_STORE_FILE_IMPL_H */
