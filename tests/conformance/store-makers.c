/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The stores that the suite is run over: a function that makes one, and
 * a line in the table.
 */

#include <config.h>

#include "conformance/store-suite.h"
#include "store/store-align.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-sim.h"

static struct store *
mem (const struct store_spec *o, uint32_t align)
{
  struct store_mem_options m = store_mem_defaults (o->size);

  m.info.sector_size = o->sector_size;
  m.info.align = align;
  m.info.read_only = o->read_only;
  return store_mem_create (&m);
}

static struct store *
make_mem (struct store_env *env, const struct store_spec *o)
{
  return mem (o, 1);
}

static struct store *
make_mem_512 (struct store_env *env, const struct store_spec *o)
{
  return mem (o, 512);
}

static struct store *
make_mem_4096 (struct store_env *env, const struct store_spec *o)
{
  return mem (o, 4096);
}

/* Nothing but read and write. */
static struct store *
make_bare (struct store_env *env, const struct store_spec *o)
{
  const struct store_mem_options m = {
    .size = o->size,
    .info = { .sector_size = o->sector_size, .read_only = o->read_only },
  };

  return store_mem_create (&m);
}

/* Zeroing is there, but never works. */
static struct store *
make_cannot_zero (struct store_env *env, const struct store_spec *o)
{
  struct store_mem_options m = store_mem_defaults (o->size);

  m.info.sector_size = o->sector_size;
  m.info.read_only = o->read_only;
  m.info.fua = m.info.fast_zero = false;
  m.zero_unsupported = true;
  return store_mem_create (&m);
}

static struct store *
make_sim (struct store_env *env, const struct store_spec *o)
{
  const struct store_sim_options m = {
    .size = o->size,
    .info = { .sector_size = o->sector_size,
              .read_only = o->read_only,
              .fua = true,
              .trim = true,
              .zero = true,
              .extents = true },
  };

  return store_sim_create_with (&m);
}

static struct store *
make_fault (struct store_env *env, const struct store_spec *o)
{
  return env->faulty = store_fault_create (mem (o, 1));
}

static struct store *
align (struct store_env *env, const struct store_spec *o, uint32_t unit)
{
  struct store *s;

  env->faulty = store_fault_create (mem (o, unit));
  s = store_align_create (env->faulty, NULL);
  if (s == NULL) {
    store_close (env->faulty);
    env->faulty = NULL;
  }
  return s;
}

static struct store *
make_align_512 (struct store_env *env, const struct store_spec *o)
{
  return align (env, o, 512);
}

static struct store *
make_align_4096 (struct store_env *env, const struct store_spec *o)
{
  return align (env, o, 4096);
}

static struct store *
make_align_64k (struct store_env *env, const struct store_spec *o)
{
  return align (env, o, 65536);
}

const struct store_maker store_makers[] = {
  { "mem", make_mem, .unit = 1 },
  { "mem, align 512", make_mem_512, .unit = 512 },
  { "mem, align 4096 and an odd end", make_mem_4096, .unit = 1 },
  { "bare", make_bare, .unit = 1 },
  { "cannot zero", make_cannot_zero, .unit = 1 },
  { "sim", make_sim, .unit = 1 },
  { "fault", make_fault, .unit = 1 },
  { "align 512", make_align_512, .unit = 512 },
  { "align 512 and an odd end", make_align_512, .unit = 1 },
  { "align 4096", make_align_4096, .unit = 1 },
  { "align 65536", make_align_64k, .unit = 1 },
};

const unsigned nstore_makers = ARRAY_SIZE (store_makers);
