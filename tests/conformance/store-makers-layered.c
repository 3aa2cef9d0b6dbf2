/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Stacks of layers as stores, for the suite.
 */

#include <config.h>

#include <errno.h>

#include "conformance/store-makers-layered.h"
#include "layer/layer-ram.h"
#include "layered/store-layered.h"
#include "support/alloc-fault.h"
#include "support/store-mem.h"

#ifdef HAVE_SQLITE
#include "layer/sqlite/sqlite-impl.h"
#endif

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

static uint64_t
whole_sectors (const struct store_spec *o)
{
  return ROUND_UP (o->size, (uint64_t) o->sector_size);
}

static struct layer *
ram (const struct store_spec *o)
{
  const struct layer_ram_options options = { .size = whole_sectors (o),
                                             .sector_size = o->sector_size };

  return layer_ram_create (&options, &nothing);
}

/* The instruments' own memory is never refused. */
static struct store *
memory (uint64_t size)
{
  const bool was = alloc_fault_suspend (true);
  const struct store_mem_options o = store_mem_defaults (size);
  struct store *s = store_mem_create (&o);

  alloc_fault_suspend (was);
  return s;
}

/* Takes the layers and the bottom, which may be NULL, in any case. */
static struct store *
stack (const struct store_spec *o, const struct layered_member *m, unsigned n,
       struct store *bottom)
{
  const struct layered_bottom lb = {
    .exists = bottom != NULL,
    .size = bottom ? store_size (bottom) : 0,
    .info = bottom ? bottom->info : (struct store_info){ 0 },
  };
  enum layered_status status = LAYERED_NO_MEMORY;
  struct layered *ld = NULL;
  struct store *s = NULL;
  bool all = true;
  unsigned which;

  for (unsigned i = 0; i < n; i++)
    all = all && m[i].layer != NULL;
  if (all)
    ld = layered_create (m, n, &lb, o->size, o->read_only, &status, &which);
  if (status != LAYERED_OK && status != LAYERED_NO_MEMORY)
    abort ();
  if (ld != NULL)
    s = store_layered_create_owning (ld, bottom);
  if (s != NULL)
    return s;
  for (unsigned i = 0; i < n && ld == NULL; i++)
    layer_close (m[i].layer);
  layered_close (ld);
  store_close (bottom);
  errno = ENOMEM;
  return NULL;
}

struct store *
make_layered_ram (struct store_env *env, const struct store_spec *o)
{
  const struct layered_member m = { .layer = ram (o) };

  return stack (o, &m, 1, NULL);
}

struct store *
make_layered_over (const struct store_spec *o, struct store *bottom)
{
  const struct layered_member m = { .layer = ram (o) };

  return stack (o, &m, 1, bottom);
}

/* A cache and changes over a disk. */
struct store *
make_layered_cache (struct store_env *env, const struct store_spec *o)
{
  const struct layered_member m[] = {
    { .layer = ram (o) }, { .layer = ram (o), .read_cache = true }
  };

  return stack (o, m, ARRAY_SIZE (m), memory (o->size));
}

/* All of it written to a disk that ends before. */
struct store *
make_layered_through (struct store_env *env, const struct store_spec *o)
{
  const struct layered_member m[] = {
    { .layer = ram (o), .write_through = true, .read_cache = true },
    { .layer = ram (o), .write_through = true },
  };

  return stack (o, m, ARRAY_SIZE (m), memory (o->size / 3));
}

#ifdef HAVE_SQLITE
struct store *
make_layered_sqlite (struct store_env *env, const struct store_spec *o)
{
  const struct layer_sqlite_options options = { .name = "store-suite.dbhd",
                                                .size = whole_sectors (o),
                                                .sector_size = o->sector_size,
                                                .log_length = LOG_LENGTH_MIN };
  struct store *file = memory (0);
  const bool was = alloc_fault_suspend (true);
  struct layered_member m = { .layer = NULL };

  if (layer_sqlite_format (file, &options, &nothing) == -1)
    abort ();
  alloc_fault_suspend (was);
  m.layer = layer_sqlite_open (file, &options, &nothing);
  if (m.layer == NULL)
    store_close (file);
  return stack (o, &m, 1, NULL);
}
#endif
