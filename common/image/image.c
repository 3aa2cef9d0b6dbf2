/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image comes and goes; what it says of itself; its file for formats.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/log.h"
#include "image/image-core.h"

/* ------------------------------------------------------------------ */
/* Creation */

static int
grow (void *opaque, uint64_t end, uint64_t *reserved, int *err)
{
  struct image *i = opaque;

  *reserved = 0;
  if (i->format->grow != NULL)
    return i->format->grow (i, end, reserved, err);
  return store_resize (i->inner, end, err);
}

bool
image_init_pages (struct image *i)
{
  struct image_core *c = i->core;
  const uint64_t bat =
    DIV_ROUND_UP (i->bat_nentries * i->format->entry_size, IMAGE_PAGE);
  uint64_t bits = 0;

  if (i->has_bits)
    bits = DIV_ROUND_UP (i->nblocks * block_sectors (i), i->bits_page_sectors);
  return pages_init (&c->bat, bat, IMAGE_PAGE, image_bat_load, i) &&
         (bits == 0 ||
          pages_init (&c->bits, bits, i->bits_page_size, image_bits_load, i));
}

static void
init_locks (struct image_core *c)
{
  pthread_rwlockattr_t attr;

  pthread_rwlockattr_init (&attr);
#ifdef __GLIBC__
  /* Or a commit might never get its turn. */
  pthread_rwlockattr_setkind_np (&attr,
                                 PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
  pthread_rwlock_init (&c->publish, &attr);
  pthread_rwlockattr_destroy (&attr);
  for (unsigned k = 0; k < IMAGE_BLOCK_LOCKS; k++)
    pthread_mutex_init (&c->block_lock[k], NULL);
  pthread_mutex_init (&c->pending_lock, NULL);
  pthread_mutex_init (&c->commit_lock, NULL);
  pthread_mutex_init (&c->change_lock, NULL);
  pthread_cond_init (&c->round_finished, NULL);
}

static void
free_core (struct image_core *c)
{
  pages_fini (&c->bat);
  pages_fini (&c->bits);
  pthread_rwlock_destroy (&c->publish);
  for (unsigned k = 0; k < IMAGE_BLOCK_LOCKS; k++)
    pthread_mutex_destroy (&c->block_lock[k]);
  pthread_mutex_destroy (&c->pending_lock);
  pthread_mutex_destroy (&c->commit_lock);
  pthread_mutex_destroy (&c->change_lock);
  pthread_cond_destroy (&c->round_finished);
  free (c);
}

static struct image_core *
new_core (struct image *i)
{
  struct image_core *c =
    aligned_alloc (64, ROUND_UP (sizeof (struct image_core), 64));

  if (c == NULL)
    return NULL;
  memset (c, 0, sizeof *c);
  init_locks (c);
  presence_writers_init (&c->visitors);
  c->block_size = UINT64_C (1) << i->block_shift;
  c->footprint = i->format->block_footprint (i, &c->data_at);
  c->data_align =
    i->data_align != 0 ? i->data_align : min_u64 (IMAGE_PAGE, c->block_size);
  c->claimed = i->format->claim == NULL;
  c->zero_is_absent = i->format->get_entry (i, 0, 0).state == BLOCK_ABSENT;
  return c;
}

/* Free I but not what is in it. */
static void
free_shell (struct image *i)
{
  image_space_free (i->space);
  if (i->core != NULL)
    free_core (i->core);
  free (i);
}

struct image *
image_create (const struct image *tmpl, const struct image_space_options *space)
{
  struct image *i = malloc (sizeof *i);

  if (i == NULL)
    goto no_memory;
  memcpy (i, tmpl, sizeof *i);
  i->space = NULL;
  i->core = new_core (i);
  if (i->core == NULL || !image_init_pages (i))
    goto no_memory;
  if (space != NULL) {
    struct image_space_options o = *space;

    o.grow = grow;
    o.opaque = i;
    i->space = image_space_create (&o);
    if (i->space == NULL)
      goto no_memory;
  }
  return i;

no_memory:
  if (i != NULL)
    free_shell (i);
  errno = ENOMEM;
  return NULL;
}

/* ------------------------------------------------------------------ */
/* Closing */

static void
leave_clean (struct image *i)
{
  int err = EIO;

  /* What was not claimed was not changed, nor is known where it ends. */
  if (i->space == NULL || atomic_load (&i->core->failed) || !i->core->claimed)
    return;
  /* The second makes free what was given up; nobody is inside. */
  if (image_flush (i, &err) == -1 ||
      (atomic_load (&i->core->nfrees) > 0 && image_flush (i, &err) == -1) ||
      (i->format->close_clean != NULL &&
       i->format->close_clean (i, image_space_used_end (i->space), &err) ==
         -1)) {
    errno = err;
    log_error ("%s: closing: %m; the file is as after a crash", i->name);
  }
}

static void
free_list (struct image_pending *p)
{
  while (p != NULL) {
    struct image_pending *next = p->next;

    free (p);
    p = next;
  }
}

void
image_abandon (struct image *i)
{
  if (i->format->free_own != NULL)
    i->format->free_own (i);
  for (unsigned k = 0; k < i->info.parent.npaths; k++)
    free (i->info.parent.path[k].path);
  free (i->info.parent.path);
  free (i->name);
  free_list (i->core->pending);
  free_list (i->core->committed);
  free_list (i->core->draining);
  free_shell (i);
}

void
image_close (struct image *i)
{
  struct store *inner;

  if (i == NULL)
    return;
  leave_clean (i);
  inner = i->inner;
  image_abandon (i);
  store_close (inner);
}

/* ------------------------------------------------------------------ */
/* What it is */

const struct image_info *
image_info (const struct image *i)
{
  return &i->info;
}

uint64_t
image_size (const struct image *i)
{
  return atomic_load_explicit (&i->size, memory_order_acquire);
}

const char *
image_name (const struct image *i)
{
  return i->name;
}

struct store *
image_inner (struct image *i)
{
  return i->inner;
}

/* ------------------------------------------------------------------ */
/* The file */

int
image_no_memory (const struct image *i, int *err)
{
  log_error ("%s: out of memory", i->name);
  *err = ENOMEM;
  return -1;
}

static int
inner_failed (const struct image *i, const char *how, const char *what,
              uint64_t count, uint64_t offset, int e, int *err)
{
  errno = e;
  log_error ("%s: %s %s: %" PRIu64 " bytes at %" PRIu64 ": %m", i->name, how,
             what, count, offset);
  *err = e;
  return -1;
}

int
image_inner_read (struct image *i, void *buf, uint64_t count, uint64_t offset,
                  const char *what, int *err)
{
  int e = EIO;

  if (store_read (i->inner, buf, count, offset, &e) == 0)
    return 0;
  /* Beyond the end, as the file is broken. */
  return inner_failed (i, "reading", what, count, offset, e == EINVAL ? EIO : e,
                       err);
}

int
image_inner_write (struct image *i, const void *buf, uint64_t count,
                   uint64_t offset, const char *what, int *err)
{
  int e = EIO;

  if (store_write (i->inner, buf, count, offset, 0, &e) == 0)
    return 0;
  return inner_failed (i, "writing", what, count, offset, e, err);
}
