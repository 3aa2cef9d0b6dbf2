/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What opening and making a LUKS header have in common; the files that
 * include this are the only ones with libcryptsetup's header.
 */

#ifndef DISKSTACK_LUKS_IMPL_H
#define DISKSTACK_LUKS_IMPL_H

#include <libcryptsetup.h>

#include "luks/luks-copy.h"
#include "luks/luks-header.h"
#include "luks/luks.h"

/* libcryptsetup over a copy of a header. */
struct luks_work {
  struct luks_copy copy;
  struct crypt_device *cd;
};

/* A copy of zeroes, SIZE bytes long.  0, or -1 after log_error. */
extern int luks_work_init (struct luks_work *w, const char *name,
                           uint64_t size);
extern void luks_work_fini (struct luks_work *w);

/* Fill all of V but the key from what libcryptsetup has loaded or made.
 * Is it something that can be served?  0, or -1 after log_error.
 */
extern int luks_work_describe (const struct luks_work *w, const char *name,
                               struct luks_volume *v);

#endif /* DISKSTACK_LUKS_IMPL_H */
