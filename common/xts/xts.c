/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See xts.h: what is checked, and who does the work.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "xts/xts-impl.h"

const struct xts_way *const xts_ways[] = {
#ifdef XTS_X86
  &xts_vaes,
  &xts_aesni,
#endif
  &xts_evp,
};

const unsigned xts_nways = ARRAY_SIZE (xts_ways);

const char *
xts_status_string (enum xts_status status)
{
  switch (status) {
  case XTS_OK:
    return "is right";
  case XTS_BAD_KEY_SIZE:
    return "must be a key of 32 or 64 bytes";
  case XTS_EQUAL_HALVES:
    return "must be a key whose halves differ";
  case XTS_BAD_UNIT:
    return "must have data units of 512, 1024, 2048 or 4096 bytes";
  case XTS_CRYPTO:
    return "cannot be used: there is no memory, or libcrypto has no AES";
  }
  return "is in an unknown state";
}

enum xts_status
xts_check (const struct xts_options *o)
{
  const size_t half = o->key_size / 2;

  if (o->key_size != XTS_KEY_SIZE_128 && o->key_size != XTS_KEY_SIZE_256)
    return XTS_BAD_KEY_SIZE;
  if (memcmp (o->key, o->key + half, half) == 0)
    return XTS_EQUAL_HALVES;
  if (!is_power_of_2 (o->unit) || o->unit < XTS_UNIT_MIN ||
      o->unit > XTS_UNIT_MAX)
    return XTS_BAD_UNIT;
  return XTS_OK;
}

struct xts *
xts_create_by (const struct xts_way *way, const struct xts_options *o,
               enum xts_status *status)
{
  struct xts *x;

  *status = xts_check (o);
  if (*status != XTS_OK)
    return NULL;
  *status = XTS_CRYPTO;
  x = calloc (1, sizeof *x);
  if (x == NULL)
    return NULL;
  x->way = way;
  x->unit = o->unit;
  x->number_shift = o->large_sectors ? log2_of (o->unit) : 9;
  x->number_step = (uint64_t) o->unit >> x->number_shift;
  x->iv_offset = o->iv_offset;
  if (secret_init (&x->key, o->key_size)) {
    memcpy (x->key.bytes, o->key, o->key_size);
    x->key.size = o->key_size;
    *status = way->start (x);
  }
  if (*status != XTS_OK) {
    xts_free (x);
    return NULL;
  }
  return x;
}

struct xts *
xts_create (const struct xts_options *o, enum xts_status *status)
{
  unsigned i = 0;

  while (!xts_ways[i]->usable ())
    i++;
  return xts_create_by (xts_ways[i], o, status);
}

void
xts_free (struct xts *x)
{
  if (x == NULL)
    return;
  x->way->stop (x);
  secret_fini (&x->key);
  free (x);
}

static uint64_t
number_of (const struct xts *x, uint64_t offset)
{
  return (offset >> x->number_shift) + x->iv_offset;
}

enum xts_status
xts_encrypt (struct xts *x, void *out, const void *in, size_t count,
             uint64_t offset)
{
  return x->way->crypt (x, true, out, in, count, number_of (x, offset));
}

enum xts_status
xts_decrypt (struct xts *x, void *out, const void *in, size_t count,
             uint64_t offset)
{
  return x->way->crypt (x, false, out, in, count, number_of (x, offset));
}
