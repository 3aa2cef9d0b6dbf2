/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Encrypted disks over memory, for the suite.
 */

#include <config.h>

#include "conformance/store-suite.h"
#include "store/store-crypt.h"
#include "support/must.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

/* What a disk of zeroes looks like below. */
static void
fill (struct mem_image *image, const struct crypt_volume_options *o,
      uint64_t size)
{
  const bool was = alloc_fault_suspend (true);
  uint8_t *zeroes = must_calloc (1, size);
  enum xts_status status;
  struct xts *x = xts_create (&o->xts, &status);

  quick_assert (xts_encrypt (x, zeroes, zeroes, size, 0) == XTS_OK);
  mem_image_write (image, zeroes, size, o->data_offset);
  xts_free (x);
  free (zeroes);
  alloc_fault_suspend (was);
}

static struct store *
make (struct store_env *env, const struct store_spec *so, uint32_t unit,
      uint64_t data_offset)
{
  static const uint8_t key[XTS_KEY_SIZE_256] = { 1, 2, 3 };
  const struct crypt_volume_options o = {
    .xts = { .key = key, .key_size = sizeof key, .unit = unit },
    .data_offset = data_offset,
    .discard = true,
  };
  struct store_mem_options m = store_mem_defaults (data_offset + so->size);
  struct crypt_volume *v;
  enum xts_status status;
  struct store *s = NULL;
  char why[160];

  m.info.sector_size = so->sector_size;
  m.info.read_only = so->read_only;
  env->faulty = store_mem_create (&m);
  fill (store_mem_image (env->faulty), &o, so->size);
  env->faulty = store_fault_create (env->faulty);
  v = crypt_volume_create (&o, &status);
  if (v != NULL) {
    quick_assert (crypt_volume_fits (v, env->faulty, why, sizeof why));
    s = store_crypt_create (v, env->faulty);
  }
  crypt_volume_unref (v);
  if (s == NULL) {
    store_close (env->faulty);
    env->faulty = NULL;
    errno = ENOMEM;
  }
  return s;
}

struct store *
make_crypt (struct store_env *env, const struct store_spec *o)
{
  return make (env, o, 512, 0);
}

struct store *
make_crypt_4096 (struct store_env *env, const struct store_spec *o)
{
  return make (env, o, 4096, 65536);
}
