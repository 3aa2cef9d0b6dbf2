/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images as stores, for the suite: dynamic ones, and differencing ones
 * over a parent that is zero and ends early, or that is full of what
 * must never be seen.
 */

#include <config.h>

#include <errno.h>

#include "conformance/store-suite.h"
#include "image/store-image.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

/* What is different in the makers. */
struct variant {
  bool vhdx;
  uint64_t block_size;
  enum parent { NO_PARENT, SHORT_PARENT, FULL_PARENT } parent;
};

static struct store *
memory (uint64_t size, uint32_t sector_size)
{
  struct store_mem_options m = store_mem_defaults (size);

  m.info.sector_size = sector_size;
  return store_mem_create (&m);
}

static void __attribute__ ((noreturn)) give_up (void)
{
  log_memory_print ();
  abort ();
}

static void
format (struct store *file, const struct store_spec *o, const struct variant *v)
{
  const struct image_create_parent parent = { .link_id = { { 1, 2, 3 } },
                                              .relative = "parent" };
  const struct image_create_options c = {
    .name = "store-suite",
    .type = v->parent == NO_PARENT ? IMAGE_DYNAMIC : IMAGE_DIFFERENCING,
    .size = o->size,
    .block_size = v->block_size,
    .sector_size = v->vhdx ? o->sector_size : 0,
    .parent = v->parent == NO_PARENT ? NULL : &parent,
  };

  if ((v->vhdx ? image_vhdx_format (file, &c) : image_vhd1_format (file, &c)) ==
      -1)
    give_up ();
}

static struct image *
open_image (struct store *file, const struct variant *v, bool read_only)
{
  const struct image_open_options o = { .name = "store-suite",
                                        .read_only = read_only };

  return v->vhdx ? image_vhdx_open (file, &o) : image_vhd1_open (file, &o);
}

static struct store *
make_parent (const struct store_spec *o, const struct variant *v)
{
  struct store *p = NULL;
  uint8_t *buf;
  int err;

  if (v->parent == SHORT_PARENT)
    p = memory (ROUND_DOWN (o->size / 3, (uint64_t) o->sector_size),
                o->sector_size);
  if (v->parent == FULL_PARENT) {
    p = memory (o->size, o->sector_size);
    buf = malloc (o->size);
    memset (buf, 0xee, o->size);
    if (store_write (p, buf, o->size, 0, 0, &err) == -1)
      abort ();
    free (buf);
  }
  return p;
}

/* The disk must begin with zeroes. */
static void
hide_parent (struct store *file, const struct variant *v)
{
  struct store *way = store_fault_borrow (file);
  struct image *i = open_image (way, v, false);
  int err;

  if (i == NULL || image_zero (i, image_size (i), 0, 0, &err) == -1)
    give_up ();
  image_close (i);
}

/* For all that is opened over it. */
static void
make_medium (struct store_env *env, const struct store_spec *o,
             const struct variant *v)
{
  env->medium = memory (0, o->sector_size);
  format (env->medium, o, v);
  env->parent = make_parent (o, v);
  if (v->parent == FULL_PARENT)
    hide_parent (env->medium, v);
  log_memory_clear ();
}

static struct store *
make (struct store_env *env, const struct store_spec *o, struct variant v)
{
  const bool was = alloc_fault_suspend (true);
  struct store *s = NULL, *parent = NULL;
  struct image *i;

  if (env->medium == NULL)
    make_medium (env, o, &v);
  if (env->parent != NULL)
    parent = store_fault_borrow (env->parent);
  env->faulty = store_fault_borrow (env->medium);
  alloc_fault_suspend (was);
  i = open_image (env->faulty, &v, o->read_only);
  if (i != NULL)
    s = store_image_create (i, parent);
  if (s != NULL)
    return s;
  if (i != NULL)
    image_close (i);
  else
    store_close (env->faulty);
  env->faulty = NULL;
  store_close (parent);
  errno = ENOMEM;
  return NULL;
}

#define MAKER(name, ...)                                   \
  struct store *make_##name (struct store_env *env,        \
                             const struct store_spec *o)   \
  {                                                        \
    return make (env, o, (struct variant){ __VA_ARGS__ }); \
  }

MAKER (image_vhd1, .block_size = 16384)
MAKER (image_vhd1_4k, .block_size = 4096)
MAKER (image_vhd1_child, .block_size = 32768, .parent = SHORT_PARENT)
MAKER (image_vhd1_hides, .block_size = 8192, .parent = FULL_PARENT)
MAKER (image_vhdx, .vhdx = true, .block_size = 1 << 20)
MAKER (image_vhdx_child, .vhdx = true, .block_size = 1 << 20,
       .parent = SHORT_PARENT)
MAKER (image_vhdx_hides, .vhdx = true, .block_size = 2 << 20,
       .parent = FULL_PARENT)
