/* SPDX-License-Identifier: BSD-3-Clause
 *
 * cache=none: I/O through the page cache that leaves nothing in it.
 * What was read is dropped at once.  What was written can be dropped
 * only when it is on the medium, so writing it out is begun at once and
 * waited for some writes later: the ranges in between are in a window.
 */

#ifndef DISKSTACK_PAGE_EVICT_H
#define DISKSTACK_PAGE_EVICT_H

#include <pthread.h>
#include <stdint.h>

#define PAGE_EVICT_WINDOW 8

struct page_evict {
  int fd; /* not owned */
  uint64_t page_size;
  pthread_mutex_t lock;
  unsigned next; /* the oldest, which is replaced next */
  struct {
    uint64_t offset, count; /* bytes; count 0: empty */
  } window[PAGE_EVICT_WINDOW];
};

extern void page_evict_init (struct page_evict *e, int fd);

/* Drops what is left in the window, and fini. */
extern void page_evict_fini (struct page_evict *e);

/* The range was read, or is already on the medium: drop it. */
extern void page_evict_clean (struct page_evict *e, uint64_t count,
                              uint64_t offset);

/* The range was written.  Returns 0, or -1 with errno set if the kernel
 * could not write this or an older range to the medium.  It says so
 * only once, and it forgets the data.
 */
extern int page_evict_dirty (struct page_evict *e, uint64_t count,
                             uint64_t offset);

/* Drop, from the cache of the file FD, all units that touch the range and
 * are on the medium already.
 */
extern void page_evict_around (int fd, uint64_t count, uint64_t offset);

#endif /* DISKSTACK_PAGE_EVICT_H */
