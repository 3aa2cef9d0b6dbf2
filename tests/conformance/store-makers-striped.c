/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Striped disks over memory, for the suite.
 */

#include <config.h>

#include <errno.h>

#include "conformance/store-suite.h"
#include "store/store-striped.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-part.h"

#define MOST 5

struct variant {
  unsigned count;
  uint64_t chunk, data_offset;
  uint32_t align;  /* of the members */
  uint64_t longer; /* each member than the one before */
};

/* For all members, one behind the other. */
static struct store *
make_medium (const struct store_spec *o, const struct variant *v, uint64_t size)
{
  struct store_mem_options m = store_mem_defaults (size);

  m.info.sector_size = o->sector_size;
  m.info.align = v->align;
  m.info.read_only = o->read_only;
  return store_fault_create (store_mem_create (&m));
}

static struct store *
make (struct store_env *env, const struct store_spec *so, struct variant v)
{
  struct store_striped_member member[MOST] = { { NULL } };
  const struct store_striped_options o = {
    .member = member,
    .count = v.count,
    .chunk = v.chunk,
    .data_offset = v.data_offset,
    .size = so->size,
    .allow_unequal = v.longer != 0,
  };
  const uint64_t size =
    ROUND_UP (v.data_offset + so->size / v.count, max_u64 (v.align, 1));
  uint64_t at = 0;
  struct store *s;

  if (env->medium == NULL)
    env->medium = make_medium (so, &v, v.count * (size + v.count * v.longer));
  env->faulty = env->medium;
  for (unsigned i = 0; i < v.count; i++) {
    const uint64_t n = size + i * v.longer;

    member[i].store = store_part_create (env->medium, at, n);
    member[i].name = "member";
    at += n;
  }
  s = store_striped_create (&o);
  if (s != NULL)
    return s;
  for (unsigned i = 0; i < v.count; i++)
    store_close (member[i].store);
  errno = ENOMEM;
  return NULL;
}

#define MAKER(name, ...)                                   \
  struct store *make_##name (struct store_env *env,        \
                             const struct store_spec *o)   \
  {                                                        \
    return make (env, o, (struct variant){ __VA_ARGS__ }); \
  }

MAKER (striped_1, .count = 1, .chunk = 4096)
MAKER (striped_2, .count = 2, .chunk = 4096, .align = 512)
MAKER (striped_5, .count = 5, .chunk = 12288, .data_offset = 4096)
MAKER (striped_align, .count = 2, .chunk = 4096, .data_offset = 12288,
       .align = 16384, .longer = 16384)
