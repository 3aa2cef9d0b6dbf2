/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What can be wrong with a striped disk and its labels, as the functions
 * of this room say it.
 */

#ifndef DISKSTACK_STRIPE_STATUS_H
#define DISKSTACK_STRIPE_STATUS_H

enum stripe_status {
  STRIPE_OK,

  /* Of a disk. */
  STRIPE_NO_MEMBERS,   /* none at all */
  STRIPE_MANY_MEMBERS, /* more than STRIPE_MAX_MEMBERS */
  STRIPE_BAD_CHUNK,    /* 0, or not a multiple of the sector size */
  STRIPE_TOO_SMALL,    /* a member does not hold one chunk */
  STRIPE_TOO_LARGE,    /* more than INT64_MAX bytes */

  /* Of one label. */
  STRIPE_NO_LABEL,       /* none where one should be */
  STRIPE_BAD_CHECKSUM,   /* it changed since it was written */
  STRIPE_BAD_VERSION,    /* of another version of the format */
  STRIPE_BAD_LABEL,      /* its numbers cannot be */
  STRIPE_LABEL_TOO_LONG, /* the member is smaller than the label says */

  /* Of the labels of all members together. */
  STRIPE_OTHER_SET,    /* of another set than the first */
  STRIPE_OTHER_LAYOUT, /* of the same set, and yet it says otherwise */
  STRIPE_DUPLICATE,    /* a member that was there before */
  STRIPE_MISSING,      /* a member of the set is not there */
  STRIPE_WRONG_ORDER,  /* not where it belongs */
};

/* A phrase such as "has no stripe label". */
extern const char *stripe_status_string (enum stripe_status status);

#endif /* DISKSTACK_STRIPE_STATUS_H */
