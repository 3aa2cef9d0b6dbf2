/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A store whose bytes are striped over other stores, as stripe-map.h lays
 * them out.  What a request has on several members is done on all of them
 * at the same time, in one vectored operation on each, and all are waited
 * for, whatever fails.  The error that is returned and logged is that of
 * the first member that failed, in the order of the members.
 */

#ifndef DISKSTACK_STORE_STRIPED_H
#define DISKSTACK_STORE_STRIPED_H

#include "base/uuid.h"
#include "store/store.h"

struct store_striped_member {
  struct store *store;
  const char *name; /* for messages; copied */
};

struct store_striped_options {
  struct store_striped_member *member; /* in the order of the stripes */
  unsigned count;
  uint64_t chunk;        /* bytes; a multiple of the sector size */
  uint64_t data_offset;  /* where the data begins in each member */
  uint64_t size;         /* of the disk, or 0 for as much as there is room;
                         * whole chunks on all members */
  bool allow_unequal;    /* members may differ in size: all are used as far
                         * as the smallest goes */
  const struct uuid *id; /* of the disk; or NULL */
};

/* Returns NULL after log_error, with errno EINVAL or ENOMEM.  On success
 * the members are the store's.  On failure they are still the caller's,
 * but some may have been put under a store-align, which then is what
 * member[].store is.
 *
 * The disk is read-only if a member is.  Its size is fixed: what members
 * have more from then on is not used, and what they have less is an error
 * where it is missed.
 */
extern struct store *
store_striped_create (const struct store_striped_options *o);

/* Would it be made, of members that have no fault?  *SIZE is that of the
 * disk then.  Returns 0, or -1 after log_error, with errno = EINVAL.
 */
extern int store_striped_check (const struct store_striped_options *o,
                                uint64_t *size);

#endif /* DISKSTACK_STORE_STRIPED_H */
