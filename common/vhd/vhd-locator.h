/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a differencing VHD says where its parent is: parent locators, of
 * which the header has the places and the file the contents, and the
 * "parent name" in the header itself.
 *
 * Paths come out as UTF-8, otherwise as they were.  What is not
 * well-formed is refused: such a path is none.
 */

#ifndef DISKSTACK_VHD_LOCATOR_H
#define DISKSTACK_VHD_LOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhd/vhd-header.h"
#include "vhd/vhd-status.h"

/* Longer contents are not read. */
#define VHD_LOCATOR_MAX 65536

enum vhd_platform {
  VHD_PLATFORM_NONE,
  VHD_PLATFORM_W2RU, /* path relative to the child's folder, UTF-16LE */
  VHD_PLATFORM_WI2R, /* the same in an unknown 8-bit code */
  VHD_PLATFORM_W2KU, /* absolute path, UTF-16LE */
  VHD_PLATFORM_WI2K, /* the same in an unknown 8-bit code */
  VHD_PLATFORM_MACX, /* a file URL; Xen has relative ones, too */
  VHD_PLATFORM_MAC,  /* an alias of old Mac OS: not for us */
  VHD_PLATFORM_UNKNOWN,
};

extern enum vhd_platform vhd_locator_platform (const struct vhd_locator *l);

/* The four letters of PLATFORM, or "". */
extern const char *vhd_platform_code (enum vhd_platform platform);

/* The bytes of the file that belong to L, from its offset on: what it
 * uses and what it may grow into.  The specification can be read as
 * sectors, which some did; so a small number means sectors.
 */
extern uint64_t vhd_locator_space (const struct vhd_locator *l);

/* The path in the COUNT bytes at P, which are the content of a locator
 * of PLATFORM, in OUT of N bytes (> 0); "" if it has none.  A URL is
 * left as it is.
 */
extern enum vhd_status vhd_locator_decode (enum vhd_platform platform,
                                           const void *p, size_t count,
                                           char *out, size_t n);

/* The other way: PATH, UTF-8, as the content of a locator of PLATFORM
 * (W2RU, W2KU or MACX, for which it is a URL) in OUT of N bytes.
 */
extern enum vhd_status vhd_locator_encode (enum vhd_platform platform,
                                           const char *path, void *out,
                                           size_t n, size_t *count);

/* The parent name of H in OUT of N bytes. */
extern enum vhd_status vhd_parent_name_decode (const struct vhd_header *h,
                                               char *out, size_t n);

/* Set it to NAME, or to its last part if all of it does not fit. */
extern enum vhd_status vhd_parent_name_encode (struct vhd_header *h,
                                               const char *name);

/* The URL of PATH, which has slashes: "file:///x" if it is absolute, else
 * "file://./x" or "file://../x", as Xen's tools write it.
 */
extern enum vhd_status vhd_url_from_path (const char *path, char *out,
                                          size_t n);

#endif /* DISKSTACK_VHD_LOCATOR_H */
