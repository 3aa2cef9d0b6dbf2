/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-pages.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "image/image-pages.h"

#define LEAF_PAGES (1u << PAGES_LEAF_SHIFT)

static struct pages_page *
new_page (const struct image_pages *ps, uint64_t number)
{
  struct pages_page *p = calloc (1, sizeof *p + ps->page_size);

  if (p != NULL)
    p->number = number;
  return p;
}

bool
pages_init (struct image_pages *ps, uint64_t npages, uint32_t page_size,
            pages_load load, void *opaque)
{
  *ps = (struct image_pages){
    .npages = npages,
    .page_size = page_size,
    .load = load,
    .opaque = opaque,
  };
  if (npages > SIZE_MAX / 2)
    return false;
  ps->leaf = calloc (DIV_ROUND_UP (npages, LEAF_PAGES) + 1, sizeof *ps->leaf);
  ps->zero = new_page (ps, UINT64_MAX);
  if (ps->leaf == NULL || ps->zero == NULL) {
    free (ps->leaf);
    free (ps->zero);
    *ps = (struct image_pages){ .npages = 0 };
    return false;
  }
  for (unsigned i = 0; i < PAGES_LOCKS; i++)
    pthread_mutex_init (&ps->lock[i], NULL);
  return true;
}

static void
free_leaf (const struct image_pages *ps, struct pages_leaf *leaf)
{
  if (leaf == NULL)
    return;
  for (unsigned k = 0; k < LEAF_PAGES; k++) {
    struct pages_page *p = atomic_load (&leaf->page[k]);

    if (p != ps->zero)
      free (p);
  }
  free (leaf);
}

void
pages_fini (struct image_pages *ps)
{
  if (ps->leaf == NULL)
    return;
  for (uint64_t i = 0; i < DIV_ROUND_UP (ps->npages, LEAF_PAGES); i++)
    free_leaf (ps, atomic_load (&ps->leaf[i]));
  free (ps->leaf);
  free (ps->zero);
  for (unsigned i = 0; i < PAGES_LOCKS; i++)
    pthread_mutex_destroy (&ps->lock[i]);
  *ps = (struct image_pages){ .npages = 0 };
}

static struct pages_leaf *
get_leaf (struct image_pages *ps, uint64_t i)
{
  struct pages_leaf *leaf = atomic_load (&ps->leaf[i]), *expected = NULL;

  if (leaf != NULL)
    return leaf;
  leaf = calloc (1, sizeof *leaf);
  if (leaf != NULL &&
      !atomic_compare_exchange_strong (&ps->leaf[i], &expected, leaf)) {
    free (leaf);
    leaf = expected;
  }
  return leaf;
}

/* What is to be in the array: from the file, or instead of the shared
 * page.  The page's lock is held.
 */
static struct pages_page *
make_page (struct image_pages *ps, uint64_t number, bool load, bool change,
           int *err)
{
  struct pages_page *p = new_page (ps, number);

  if (p == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  if (load && ps->load (ps->opaque, number, p->data, err) == -1) {
    free (p);
    return NULL;
  }
  if (!change && bytes_are_zero (p->data, ps->page_size)) {
    free (p);
    return ps->zero;
  }
  return p;
}

struct pages_page *
pages_get_slow (struct image_pages *ps, uint64_t number, bool change, int *err)
{
  struct pages_leaf *leaf = get_leaf (ps, number >> PAGES_LEAF_SHIFT);
  struct pages_page *p;

  if (leaf == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  LOCK_SCOPE (&ps->lock[number % PAGES_LOCKS]);
  p = pages_peek (ps, number);
  if (p != NULL && !(change && p == ps->zero))
    return p;
  p = make_page (ps, number, p == NULL, change, err);
  if (p != NULL)
    atomic_store_explicit (&leaf->page[number & (LEAF_PAGES - 1)], p,
                           memory_order_release);
  return p;
}

bool
pages_mark (struct image_pages *ps, struct pages_page *p)
{
  if (atomic_exchange (&p->dirty, true))
    return false;
  p->next_dirty = atomic_load (&ps->dirty);
  while (!atomic_compare_exchange_weak (&ps->dirty, &p->next_dirty, p))
    ;
  atomic_fetch_add (&ps->ndirty, 1);
  return true;
}

struct pages_page *
pages_take_dirty (struct image_pages *ps)
{
  struct pages_page *first = atomic_exchange (&ps->dirty, NULL);

  for (struct pages_page *p = first; p != NULL; p = p->next_dirty)
    atomic_store (&p->dirty, false);
  atomic_store (&ps->ndirty, 0);
  return first;
}
