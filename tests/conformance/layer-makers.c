/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The layers that the suite is run over: a function that makes one, and
 * a line in the table.
 */

#include <config.h>

#include "conformance/layer-suite.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "layer/layer-image.h"
#include "layer/layer-ram.h"
#include "support/alloc-fault.h"
#include "support/layer-mem.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-sim.h"

#ifdef HAVE_SQLITE
#include "layer/sqlite/sqlite-impl.h"
#endif

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

static struct layer *
make_mem (struct layer_env *env, const struct layer_spec *o)
{
  const struct layer_info info = {
    .nsectors = o->nsectors,
    .sector_size = o->sector_size,
    .physical_sector_size = o->sector_size,
    .no_overwrite = true,
    .keeps_dirty = true,
  };

  return layer_mem_create (&info);
}

static struct layer *
make_ram (struct layer_env *env, const struct layer_spec *o)
{
  const struct layer_ram_options ram = {
    .size = o->nsectors * o->sector_size,
    .sector_size = o->sector_size,
  };

  return layer_ram_create (&ram, &nothing);
}

static struct store *
make_medium (const struct layer_spec *o)
{
  const struct store_sim_options sim = {
    .piece_size = o->sector_size,
    .info = { .fua = true, .trim = true, .zero = true },
    .trim_fill = STORE_MEM_TRIMMED
  };
  const struct store_mem_options mem = store_mem_defaults (0);

  return o->power_cuts ? store_sim_create_with (&sim) : store_mem_create (&mem);
}

/* Differencing images. */
static struct layer *
make_image (struct layer_env *env, const struct layer_spec *o, bool vhdx)
{
  const struct image_create_parent parent = { .link_id = { { 1, 2, 3 } },
                                              .relative = "parent" };
  const struct image_create_options c = {
    .name = "suite",
    .type = IMAGE_DIFFERENCING,
    .size = o->nsectors * o->sector_size,
    .block_size = vhdx ? 1 << 20 : 32768,
    .sector_size = vhdx ? o->sector_size : 0,
    .parent = &parent,
  };
  const struct image_open_options open = { .name = "suite" };
  struct store *file;
  struct image *i;
  struct layer *l;

  if (env->medium == NULL) {
    const bool was = alloc_fault_suspend (true);

    env->medium = make_medium (o);
    if ((vhdx ? image_vhdx_format (env->medium, &c) :
                image_vhd1_format (env->medium, &c)) == -1)
      abort ();
    alloc_fault_suspend (was);
  }
  if (env->faulty == NULL)
    env->faulty = store_fault_borrow (env->medium);
  file = store_fault_borrow (env->faulty);
  i = vhdx ? image_vhdx_open (file, &open) : image_vhd1_open (file, &open);
  if (i == NULL) {
    store_close (file);
    return NULL;
  }
  l = layer_image_create (i);
  if (l == NULL)
    image_close (i);
  return l;
}

static struct layer *
make_vhd1 (struct layer_env *env, const struct layer_spec *o)
{
  return make_image (env, o, false);
}

static struct layer *
make_vhdx (struct layer_env *env, const struct layer_spec *o)
{
  return make_image (env, o, true);
}

#ifdef HAVE_SQLITE

static struct layer *
make_sqlite (struct layer_env *env, const struct layer_spec *o)
{
  const struct layer_sqlite_options options = {
    .name = "suite.dbhd",
    .size = o->nsectors * o->sector_size,
    .sector_size = o->sector_size,
    .log_length = LOG_LENGTH_MIN,
  };
  struct store *file;
  struct layer *l;
  bool was;

  if (env->medium == NULL) {
    /* The faults are for opening. */
    was = alloc_fault_suspend (true);
    env->medium = make_medium (o);
    if (layer_sqlite_format (env->medium, &options, &nothing) == -1)
      abort ();
    alloc_fault_suspend (was);
  }
  if (env->faulty == NULL)
    env->faulty = store_fault_borrow (env->medium);
  /* One that the layer may close. */
  file = store_fault_borrow (env->faulty);
  l = layer_sqlite_open (file, &options, &nothing);
  if (l == NULL)
    store_close (file);
  else if (o->quiet)
    sqlite_ckpt_stop (to_sqlite (l));
  return l;
}

#endif /* HAVE_SQLITE */

const struct layer_maker layer_makers[] = {
  { "mem", make_mem },
  { "ram", make_ram },
#ifdef HAVE_SQLITE
  { "sqlite", make_sqlite, .persistent = true },
#endif
  { "vhd1", make_vhd1, .persistent = true, .only_512 = true,
    .stores_zeroes = true },
  { "vhdx", make_vhdx, .persistent = true, .stores_zeroes = true,
    .block_size = 1 << 20 },
};

const unsigned nlayer_makers = ARRAY_SIZE (layer_makers);
