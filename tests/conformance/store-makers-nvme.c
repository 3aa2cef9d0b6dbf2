/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Namespaces of emulated NVMe controllers, for the suite.
 */

#include <config.h>

#include <stdlib.h>

#include "conformance/store-suite.h"
#include "nvme/nvme-spec.h"
#include "nvme/store-nvme.h"
#include "support/nvme-emulated.h"

/* The store with its controller, which goes with it. */
struct whole {
  struct store_ops ops;
  void (*close) (struct store *s);
  struct nvme *n;
};

static void
close_whole (struct store *s)
{
  struct whole *w = container_of (s->ops, struct whole, ops);

  w->close (s);
  nvme_close (w->n);
}

static struct store *
make (struct store_env *env, const struct store_spec *so,
      struct nvme_emulated_options e)
{
  const struct nvme_options o = { .queue_pairs = 2 };
  struct whole *w = calloc (1, sizeof *w);
  struct nvme_hw *hw;
  struct store *s;
  int err;

  if (w == NULL)
    return NULL;
  e.lba_size = so->sector_size;
  e.size = so->size;
  hw = nvme_emulated_create (&e);
  w->n = nvme_open (hw, &o, &err);
  if (w->n == NULL) {
    hw->ops->close (hw);
    goto fail;
  }
  s = store_nvme_open (w->n, 1, so->read_only, &err);
  if (s == NULL) {
    nvme_close (w->n);
    goto fail;
  }
  w->ops = *s->ops;
  w->close = s->ops->close;
  w->ops.close = close_whole;
  s->ops = &w->ops;
  env->opaque = w;
  return s;

fail:
  free (w);
  errno = err;
  return NULL;
}

struct store *
make_nvme (struct store_env *env, const struct store_spec *o)
{
  return make (env, o,
               (struct nvme_emulated_options){ .volatile_cache = true,
                                               .dlfeat = 1,
                                               .doorbell_buffers = true });
}

/* Data in SGLs, and durable as it comes. */
struct store *
make_nvme_sgl (struct store_env *env, const struct store_spec *o)
{
  return make (
    env, o,
    (struct nvme_emulated_options){ .sgls = NVME_SGLS_DWORDS, .dlfeat = 9 });
}

/* Small queues and transfers, no interrupts, and nothing but read and
 * write.
 */
struct store *
make_nvme_bare (struct store_env *env, const struct store_spec *o)
{
  return make (env, o,
               (struct nvme_emulated_options){ .mdts = 1,
                                               .entries = 4,
                                               .queues = 1,
                                               .no_vectors = true,
                                               .no_write_zeroes = true,
                                               .no_dataset = true,
                                               .no_limits = true });
}
