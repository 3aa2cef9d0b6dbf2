/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See stripe-status.h.
 */

#include <config.h>

#include "stripe/stripe-status.h"

const char *
stripe_status_string (enum stripe_status status)
{
  static const char *const strings[] = {
    [STRIPE_OK] = "is fine",
    [STRIPE_NO_MEMBERS] = "has no members",
    [STRIPE_MANY_MEMBERS] = "has too many members",
    [STRIPE_BAD_CHUNK] = "has a stripe size that is not whole sectors",
    [STRIPE_TOO_SMALL] = "is smaller than one stripe",
    [STRIPE_TOO_LARGE] = "is too large",
    [STRIPE_NO_LABEL] = "has no stripe label",
    [STRIPE_BAD_CHECKSUM] = "has a stripe label with a wrong checksum",
    [STRIPE_BAD_VERSION] = "has a stripe label of an unknown version",
    [STRIPE_BAD_LABEL] = "has a stripe label with numbers that cannot be",
    [STRIPE_LABEL_TOO_LONG] = "is smaller than its stripe label requires",
    [STRIPE_OTHER_SET] = "belongs to another set",
    [STRIPE_OTHER_LAYOUT] = "has a stripe label that contradicts the others",
    [STRIPE_DUPLICATE] = "is in the list more than once",
    [STRIPE_MISSING] = "is missing",
    [STRIPE_WRONG_ORDER] = "is not in its place",
  };

  return strings[status];
}
