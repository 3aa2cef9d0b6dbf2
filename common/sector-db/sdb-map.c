/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sdb-map.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "sector-db/sdb-map.h"

size_t
sdb_put_number (uint8_t *out, uint64_t v)
{
  size_t n = 0;

  while (v >= 0x80) {
    out[n++] = (uint8_t) (v | 0x80);
    v >>= 7;
  }
  out[n++] = (uint8_t) v;
  return n;
}

enum sdb_status
sdb_get_number (const uint8_t **p, const uint8_t *end, uint64_t *v)
{
  uint64_t r = 0;

  for (unsigned shift = 0;; shift += 7) {
    uint64_t bits;

    if (*p >= end)
      return SDB_TRUNCATED;
    bits = **p & 0x7f;
    if (shift > 63 || (shift == 63 && bits > 1))
      return SDB_BAD_NUMBER;
    r |= bits << shift;
    if ((*(*p)++ & 0x80) == 0)
      break;
  }
  *v = r;
  return SDB_OK;
}

/* Bytes of one bitmap: a bit for each sector, whole bytes. */
static size_t
bitmap_bytes (unsigned nsectors)
{
  return DIV_ROUND_UP (nsectors, 8);
}

static void
put_bits (uint8_t *out, const uint64_t *bits, size_t n)
{
  le64 words[SDB_BIT_WORDS];

  for (unsigned i = 0; i < SDB_BIT_WORDS; i++)
    words[i] = le64_put (bits[i]);
  memcpy (out, words, n);
}

static void
get_bits (const uint8_t *p, uint64_t *bits, size_t n)
{
  le64 words[SDB_BIT_WORDS] = { 0 };

  memcpy (words, p, n);
  for (unsigned i = 0; i < SDB_BIT_WORDS; i++)
    bits[i] = le64_get (words[i]);
}

size_t
sdb_run_put (uint8_t *out, const struct sdb_run *r, unsigned nsectors)
{
  const size_t nbytes = bitmap_bytes (nsectors);
  size_t n = 0;

  out[n++] = (uint8_t) (r->kind | (r->dirty ? SDB_KIND_DIRTY : 0));
  n += sdb_put_number (out + n, r->nclusters);
  if (r->kind == SDB_DATA || r->kind == SDB_MIXED)
    n += sdb_put_number (out + n, r->place);
  if (r->kind == SDB_MIXED) {
    put_bits (out + n, r->present, nbytes);
    put_bits (out + n + nbytes, r->zero, nbytes);
    n += 2 * nbytes;
  }
  return n;
}

/* Bits at or beyond the last sector must be clear, zero within present,
 * and data needs a place.
 */
static enum sdb_status
check_mixed (const struct sdb_run *r, unsigned nsectors)
{
  bool data = false;

  for (unsigned i = 0; i < SDB_BIT_WORDS; i++) {
    const unsigned here = nsectors <= 64 * i ? 0 : nsectors - 64 * i;
    const uint64_t legal =
      here >= 64 ? ~UINT64_C (0) : (UINT64_C (1) << here) - 1;

    if ((r->present[i] & ~legal) != 0 || (r->zero[i] & ~r->present[i]) != 0)
      return SDB_BAD_BITS;
    data = data || (r->present[i] & ~r->zero[i]) != 0;
  }
  if (data && r->place == 0)
    return SDB_BAD_BITS;
  if (r->place != 0 && !sdb_places_valid (r->place, 1))
    return SDB_BAD_PLACE;
  return SDB_OK;
}

static enum sdb_status
get_mixed (const uint8_t **p, const uint8_t *end, unsigned nsectors,
           struct sdb_run *r)
{
  const size_t nbytes = bitmap_bytes (nsectors);

  if (r->nclusters != 1)
    return SDB_BAD_COUNT;
  if ((size_t) (end - *p) < 2 * nbytes)
    return SDB_TRUNCATED;
  get_bits (*p, r->present, nbytes);
  get_bits (*p + nbytes, r->zero, nbytes);
  *p += 2 * nbytes;
  return check_mixed (r, nsectors);
}

enum sdb_status
sdb_run_get (const uint8_t **p, const uint8_t *end, unsigned nsectors,
             struct sdb_run *r)
{
  enum sdb_status status;

  memset (r, 0, sizeof *r);
  if (*p >= end)
    return SDB_TRUNCATED;
  if (**p > (SDB_MIXED | SDB_KIND_DIRTY))
    return SDB_BAD_KIND;
  r->kind = (enum sdb_kind) (**p & ~SDB_KIND_DIRTY);
  r->dirty = (*(*p)++ & SDB_KIND_DIRTY) != 0;
  status = sdb_get_number (p, end, &r->nclusters);
  if (status != SDB_OK)
    return status;
  if (r->nclusters == 0)
    return SDB_BAD_COUNT;
  if (r->kind == SDB_ABSENT || r->kind == SDB_ZERO)
    return SDB_OK;
  status = sdb_get_number (p, end, &r->place);
  if (status != SDB_OK)
    return status;
  if (r->kind == SDB_MIXED)
    return get_mixed (p, end, nsectors, r);
  return sdb_places_valid (r->place, r->nclusters) ? SDB_OK : SDB_BAD_PLACE;
}

bool
sdb_run_join (struct sdb_run *a, const struct sdb_run *b)
{
  if (a->kind != b->kind || a->dirty != b->dirty || a->kind == SDB_MIXED)
    return false;
  if (a->kind == SDB_DATA &&
      (b->place != a->place + a->nclusters ||
       !sdb_places_valid (a->place, a->nclusters + b->nclusters)))
    return false;
  a->nclusters += b->nclusters;
  return true;
}
