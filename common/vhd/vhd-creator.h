/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The programs that make VHDs, by the four letters that each leaves in
 * the footer.
 */

#ifndef DISKSTACK_VHD_CREATOR_H
#define DISKSTACK_VHD_CREATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "vhd/vhd-footer.h"

struct vhd_creator {
  char code[4];     /* not terminated */
  const char *name; /* for people */
  /* The disk ends where its geometry does, because it did so for those
   * who used it, although the current size may be a little more.
   */
  bool size_is_geometry;
};

/* The program that made F, or NULL if it is not a known one. */
extern const struct vhd_creator *vhd_creator_find (const struct vhd_footer *f);

/* The program and its version, for people: "Windows 10.0", "Xen 1.3",
 * "unknown creator \"abcd\" 1.0".  Characters that do not print are
 * shown as dots.
 */
extern void vhd_creator_format (const struct vhd_footer *f, char *out,
                                size_t n);

/* F is to be of a disk of SIZE bytes: both of its sizes say so; and if its
 * creator is one whose disks end where their geometry does, it is no more,
 * but that of new footers.
 */
extern void vhd_creator_resize (struct vhd_footer *f, uint64_t size);

#endif /* DISKSTACK_VHD_CREATOR_H */
