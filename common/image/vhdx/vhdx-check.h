/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking a VHDX, and mending what can be without guessing.
 */

#ifndef DISKSTACK_VHDX_CHECK_H
#define DISKSTACK_VHDX_CHECK_H

#include "image/image-check.h"
#include "image/image.h"
#include "store/store.h"

/* Check the file in INNER, which stays the caller's and is only read.  A
 * log that was not applied is, in memory.  Returns 0 whatever was found,
 * or -1 with *err (logged) if it could not be done to the end: reading
 * failed, or memory.  NAME is for that message.
 */
extern int vhdx_check (struct store *inner, const char *name,
                       const struct image_check *c,
                       struct image_check_result *result, int *err);

/* Mend what vhdx_check calls repairable: apply the log, write bad copies
 * of the header and the region table again, cut off what nothing names at
 * the end.  INNER is writable and owned, also if it fails.  Returns 0, or
 * -1 with errno after log_error; then the file is as good as it was.
 */
extern int vhdx_repair (struct store *inner, const char *name);

#endif /* DISKSTACK_VHDX_CHECK_H */
