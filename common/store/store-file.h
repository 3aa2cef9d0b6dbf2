/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store over a regular file or block device of the host.
 */

#ifndef DISKSTACK_STORE_FILE_H
#define DISKSTACK_STORE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/aligned-pool.h"
#include "store/file-engine.h"
#include "store/host-file.h"
#include "store/store.h"

enum store_file_cache {
  STORE_FILE_CACHE_DEFAULT, /* the kernel's page cache */
  STORE_FILE_CACHE_NONE,    /* the same, but leave nothing behind in it */
  STORE_FILE_CACHE_DIRECT,  /* O_DIRECT; needs host_file_options.direct */
};

struct store_file_options {
  bool read_only;
  enum store_file_cache cache;
  int fadvise;          /* POSIX_FADV_*, 0 is normal */
  uint32_t sector_size; /* 0 is what the medium says, or 512 */
  uint64_t size;        /* serve this many bytes from the start; 0: all */
  /* For requests of at least so many bytes, if cache is DIRECT and their
   * memory is not aligned; or NULL.
   */
  const struct file_engine *engine;
  size_t engine_min;
};

/* The engine_min that makes the best of an engine: what would be several
 * requests, one after the other.
 */
#define STORE_FILE_ENGINE_MIN (ALIGNED_POOL_SIZE + 1)

/* A store over F, which it references.  Takes the lock of a reader or a
 * writer on F.  Returns NULL after log_error.
 */
extern struct store *store_file_create (struct host_file *f,
                                        const struct store_file_options *o);

#endif /* DISKSTACK_STORE_FILE_H */
