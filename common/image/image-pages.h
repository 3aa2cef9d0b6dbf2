/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pages of metadata as they lie in the file, in a sparse array of two
 * levels.  A page is loaded when somebody needs it and stays.  Pages of
 * zeroes that nobody has changed are one shared page, so that a large
 * table costs what is in it.  Who changes a page asks for it to change,
 * before he publishes, and asks again for each look at it.
 *
 * Pages are read and changed by atomic accesses: of words of the entry's
 * size, or of 8 bytes for bitmaps.  Changing them, and dirty marks, need
 * the publish lock (image-core.h), shared; to collect the dirty ones it is
 * held exclusively.
 */

#ifndef DISKSTACK_IMAGE_PAGES_H
#define DISKSTACK_IMAGE_PAGES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGES_LEAF_SHIFT 9
#define PAGES_LOCKS 16

struct pages_page {
  struct pages_page *next_dirty;
  uint64_t number;
  _Atomic bool dirty;
  _Alignas(16) uint8_t data[];
};

struct pages_leaf {
  struct pages_page *_Atomic page[1 << PAGES_LEAF_SHIFT];
};

/* Fill DATA with what page NUMBER has in the file. */
typedef int (*pages_load) (void *opaque, uint64_t number, uint8_t *data,
                           int *err);

struct image_pages {
  uint64_t npages;
  uint32_t page_size; /* a multiple of 8 */
  pages_load load;
  void *opaque;
  struct pages_leaf *_Atomic *leaf;
  struct pages_page *zero; /* the shared one */
  pthread_mutex_t lock[PAGES_LOCKS];
  struct pages_page *_Atomic dirty;
  _Atomic uint64_t ndirty;
};

/* False if there is no memory.  All zero may be given to fini. */
extern bool pages_init (struct image_pages *ps, uint64_t npages,
                        uint32_t page_size, pages_load load, void *opaque);
extern void pages_fini (struct image_pages *ps);

/* Page NUMBER, loaded, not shared if it is for CHANGE.  NULL with *err. */
extern struct pages_page *
pages_get_slow (struct image_pages *ps, uint64_t number, bool change, int *err);

/* NULL if it was never needed. */
static inline struct pages_page *
pages_peek (const struct image_pages *ps, uint64_t number)
{
  struct pages_leaf *leaf = atomic_load_explicit (
    &ps->leaf[number >> PAGES_LEAF_SHIFT], memory_order_acquire);

  if (leaf == NULL)
    return NULL;
  return atomic_load_explicit (
    &leaf->page[number & ((1 << PAGES_LEAF_SHIFT) - 1)], memory_order_acquire);
}

/* To read. */
static inline struct pages_page *
pages_get (struct image_pages *ps, uint64_t number, int *err)
{
  struct pages_page *p = pages_peek (ps, number);

  return __builtin_expect (p != NULL, 1) ?
           p :
           pages_get_slow (ps, number, false, err);
}

/* To change. */
static inline struct pages_page *
pages_get_own (struct image_pages *ps, uint64_t number, int *err)
{
  struct pages_page *p = pages_peek (ps, number);

  return p != NULL && p != ps->zero ? p :
                                      pages_get_slow (ps, number, true, err);
}

/* P is going to be changed: true if it was not dirty before. */
extern bool pages_mark (struct image_pages *ps, struct pages_page *p);

/* All dirty pages, which are not any more, linked by next_dirty. */
extern struct pages_page *pages_take_dirty (struct image_pages *ps);

#endif /* DISKSTACK_IMAGE_PAGES_H */
