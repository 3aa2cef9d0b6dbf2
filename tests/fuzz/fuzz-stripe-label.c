/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the labels of a set: what is accepted keeps its promises
 * and comes back the same from serialising.  Each label is tried as it is
 * and with the checksum that belongs to it.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/crc32c.h"
#include "fuzz/fuzz.h"
#include "stripe/stripe-label.h"
#include "stripe/stripe-map.h"

const char fuzz_name[] = "stripe-label";

#define MOST 8

static void
repair (struct stripe_label_disk *d)
{
  d->checksum = le32_put (0);
  d->checksum = le32_put (crc32c (0, d, sizeof *d));
}

static void
check_round_trip (const struct stripe_label *l)
{
  struct stripe_label_disk d;
  struct stripe_label again;

  stripe_label_serialise (l, &d);
  fuzz_assert (stripe_label_parse (&d, &again) == STRIPE_OK);
  fuzz_assert (memcmp (l, &again, sizeof again) == 0);
}

/* The disk that it speaks of can be. */
static void
check_map (const struct stripe_label *l)
{
  const uint64_t data = l->size / l->count;
  struct stripe_map m;

  fuzz_assert (stripe_map_init (&m, l->count, l->stripe_size, data, 512) ==
               STRIPE_OK);
  fuzz_assert (stripe_map_size (&m) == l->size);
  fuzz_assert (stripe_label_check_size (l, l->data_offset + data) == STRIPE_OK);
  fuzz_assert (stripe_label_check_size (l, l->data_offset + data - 1) ==
               STRIPE_LABEL_TOO_LONG);
}

static bool
check_label (const struct stripe_label_disk *d, struct stripe_label *l)
{
  static const struct stripe_label nothing;
  const enum stripe_status status = stripe_label_parse (d, l);

  fuzz_assert (stripe_status_string (status) != NULL);
  if (status != STRIPE_OK) {
    fuzz_assert (memcmp (l, &nothing, sizeof *l) == 0);
    return false;
  }
  check_round_trip (l);
  check_map (l);
  return true;
}

static void
check_set (const struct stripe_label *l, unsigned n)
{
  unsigned which;
  const enum stripe_status status = stripe_label_check_set (l, n, &which);

  fuzz_assert (which < (status == STRIPE_MISSING ? l[0].count : n));
  if (status != STRIPE_OK)
    return;
  fuzz_assert (l[0].count == n);
  for (unsigned i = 0; i < n; i++)
    fuzz_assert (l[i].index == i && uuid_equal (&l[i].set, &l[0].set));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct stripe_label l[MOST];
  unsigned n = 0;

  for (size_t at = 0; n < MOST && size - at >= STRIPE_LABEL_SIZE;
       at += STRIPE_LABEL_SIZE) {
    struct stripe_label_disk d;

    memcpy (&d, data + at, sizeof d);
    check_label (&d, &l[n]);
    repair (&d);
    n += check_label (&d, &l[n]);
  }
  if (n > 0)
    check_set (l, n);
  return 0;
}
