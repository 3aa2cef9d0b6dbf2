/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking a VHD of any type, and mending what can be without guessing.
 */

#ifndef DISKSTACK_VHD1_CHECK_H
#define DISKSTACK_VHD1_CHECK_H

#include "image/image-check.h"
#include "image/image.h"
#include "store/store.h"
#include "vhd/vhd-size.h"

/* Check the file in INNER, which stays the caller's and is only read.
 * RULE: which size is the disk's.  Returns 0 whatever was found, or -1
 * with *err (logged) if it could not be done to the end: reading failed,
 * or memory.  NAME is for that message.
 */
extern int vhd1_check (struct store *inner, const char *name,
                       enum vhd_size_rule rule, const struct image_check *c,
                       struct image_check_result *result, int *err);

/* Mend what vhd1_check calls repairable: write a bad copy of the footer
 * again, cut off what nothing names at the end, clear a batmap that is
 * wrong.  INNER is writable and owned, also if it fails.  Returns 0, or
 * -1 with errno after log_error; then the file is as good as it was.
 */
extern int vhd1_repair (struct store *inner, const char *name,
                        enum vhd_size_rule rule);

#endif /* DISKSTACK_VHD1_CHECK_H */
