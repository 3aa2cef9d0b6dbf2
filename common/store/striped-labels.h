/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The labels at the start of the members of a striped disk
 * (docs/format-stripe-label.md): reading those of a set, and writing new
 * ones.  All functions return -1 after log_error, with errno, which is
 * EINVAL where the members are readable and not what they should be.
 */

#ifndef DISKSTACK_STRIPED_LABELS_H
#define DISKSTACK_STRIPED_LABELS_H

#include "store/store-striped.h"
#include "stripe/stripe-label.h"

/* Have the N members, 1 or more, no labels? */
extern int striped_labels_none (const struct store_striped_member *m,
                                unsigned n);

/* Are the N members, 1 or more, a whole set, in its order?  *L is the
 * label of the first then.
 */
extern int striped_labels_read (const struct store_striped_member *m,
                                unsigned n, struct stripe_label *l);

/* Write labels for a new set of which store_striped_create will make the
 * disk that O describes; its data_offset is STRIPE_LABEL_DATA_OFFSET, and
 * what is before is lost.  Unless OVERWRITE that must be zeroes on all
 * members.  Durable when it returns.  If it fails, some may be written.
 */
extern int striped_labels_write (const struct store_striped_options *o,
                                 bool overwrite);

#endif /* DISKSTACK_STRIPED_LABELS_H */
