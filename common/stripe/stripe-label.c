/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See stripe-label.h.
 */

#include <config.h>

#include <stdbool.h>
#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "stripe/stripe-label.h"
#include "stripe/stripe-map.h"

static uint32_t
checksum (const struct stripe_label_disk *d)
{
  struct stripe_label_disk copy = *d;

  copy.checksum = le32_put (0);
  return crc32c (0, &copy, sizeof copy);
}

static bool
is_possible (const struct stripe_label *l)
{
  uint64_t row;

  return !uuid_is_nil (&l->set) && l->count > 0 &&
         l->count <= STRIPE_MAX_MEMBERS && l->index < l->count &&
         l->stripe_size > 0 && IS_ALIGNED (l->stripe_size, 512) &&
         checked_mul (l->stripe_size, l->count, &row) && l->size > 0 &&
         l->size <= INT64_MAX && IS_ALIGNED (l->size, row) &&
         l->data_offset > 0 && l->data_offset <= INT64_MAX &&
         IS_ALIGNED (l->data_offset, STRIPE_LABEL_ALIGN);
}

enum stripe_status
stripe_label_parse (const void *p, struct stripe_label *l)
{
  struct stripe_label_disk d;

  memset (l, 0, sizeof *l);
  memcpy (&d, p, sizeof d);
  if (memcmp (d.magic, STRIPE_LABEL_MAGIC, sizeof d.magic) != 0)
    return STRIPE_NO_LABEL;
  if (le32_get (d.checksum) != checksum (&d))
    return STRIPE_BAD_CHECKSUM;
  if (le32_get (d.version) != STRIPE_LABEL_VERSION)
    return STRIPE_BAD_VERSION;
  memcpy (l->set.b, d.set, sizeof d.set);
  l->index = le32_get (d.index);
  l->count = le32_get (d.count);
  l->stripe_size = le64_get (d.stripe_size);
  l->size = le64_get (d.size);
  l->data_offset = le64_get (d.data_offset);
  if (is_possible (l))
    return STRIPE_OK;
  memset (l, 0, sizeof *l);
  return STRIPE_BAD_LABEL;
}

void
stripe_label_serialise (const struct stripe_label *l, void *p)
{
  struct stripe_label_disk d = {
    .version = le32_put (STRIPE_LABEL_VERSION),
    .index = le32_put (l->index),
    .count = le32_put (l->count),
    .stripe_size = le64_put (l->stripe_size),
    .size = le64_put (l->size),
    .data_offset = le64_put (l->data_offset),
  };

  memcpy (d.magic, STRIPE_LABEL_MAGIC, sizeof d.magic);
  memcpy (d.set, l->set.b, sizeof d.set);
  d.checksum = le32_put (checksum (&d));
  memcpy (p, &d, sizeof d);
}

enum stripe_status
stripe_label_check_size (const struct stripe_label *l, uint64_t member_size)
{
  return range_inside (l->data_offset, l->size / l->count, member_size) ?
           STRIPE_OK :
           STRIPE_LABEL_TOO_LONG;
}

static bool
same_layout (const struct stripe_label *a, const struct stripe_label *b)
{
  return a->count == b->count && a->stripe_size == b->stripe_size &&
         a->size == b->size && a->data_offset == b->data_offset;
}

enum stripe_status
stripe_label_check_set (const struct stripe_label *l, unsigned n,
                        unsigned *which)
{
  bool seen[STRIPE_MAX_MEMBERS] = { false };

  for (unsigned i = 0; i < n; i++) {
    *which = i;
    if (!uuid_equal (&l[i].set, &l[0].set))
      return STRIPE_OTHER_SET;
    if (!same_layout (&l[i], &l[0]))
      return STRIPE_OTHER_LAYOUT;
    if (seen[l[i].index])
      return STRIPE_DUPLICATE;
    seen[l[i].index] = true;
  }
  for (unsigned i = 0; i < l[0].count; i++) {
    *which = i;
    if (!seen[i])
      return STRIPE_MISSING;
  }
  for (unsigned i = 0; i < n; i++) {
    *which = i;
    if (l[i].index != i)
      return STRIPE_WRONG_ORDER;
  }
  return STRIPE_OK;
}
