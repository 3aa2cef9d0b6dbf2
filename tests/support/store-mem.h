/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store over memory: the simplest thing that keeps the contract, of
 * any size up to INT64_MAX, with every property of store_info to choose.
 */

#ifndef DISKSTACK_TEST_STORE_MEM_H
#define DISKSTACK_TEST_STORE_MEM_H

#include "store/store.h"
#include "support/mem-image.h"

struct store_mem_options {
  uint64_t size;
  /* As store_init takes it.  The capabilities decide which operations
   * there are: trim, zero, extents, cache and (resize, below).  With
   * fua, a write with STORE_FUA is accepted; it means nothing here.
   */
  struct store_info info;
  bool resize;
  /* zero fails with EOPNOTSUPP every time, although it is there. */
  bool zero_unsupported;
  /* What trimmed bytes become.  Not zero by default, so that nobody
   * comes to rely on zeroes: see STORE_MEM_TRIMMED.
   */
  uint8_t trim_fill;
};

#define STORE_MEM_TRIMMED 0xdb

/* Everything on: sector size 512, align 1, all capabilities, resize. */
extern struct store_mem_options store_mem_defaults (uint64_t size);

/* Never NULL. */
extern struct store *store_mem_create (const struct store_mem_options *o);

/* The content, beside the store: no range lock, no counting, no fault.
 * Not while operations are running.
 */
extern struct mem_image *store_mem_image (struct store *s);

#endif /* DISKSTACK_TEST_STORE_MEM_H */
