/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How images are opened and made, for both formats.
 */

#ifndef DISKSTACK_IMAGE_OPTIONS_H
#define DISKSTACK_IMAGE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "vhd/vhd-size.h"

struct image_open_options {
  const char *name; /* of the file, for messages and the description */
  bool read_only;
  enum vhd_size_rule size_rule; /* VHD only */
};

enum image_type { IMAGE_FIXED, IMAGE_DYNAMIC, IMAGE_DIFFERENCING };

/* The parent of a new differencing image, as the child is to name it.
 * All is copied.
 */
struct image_create_parent {
  struct uuid link_id;  /* its info.own_link_id */
  uint32_t timestamp;   /* VHD: modification time, seconds since 2000 */
  const char *relative; /* path from the folder of the child, with
                          * slashes, UTF-8; NULL if there is none */
  const char *absolute; /* of this host, with slashes */
  bool has_id;
  struct uuid id; /* the disk's: a VHDX child keeps it */
  /* VHDX, only for image_set_parent: another link_id that the parent may
   * have, for while it changes.
   */
  bool has_other_id;
  struct uuid other_id;
};

struct image_create_options {
  const char *name;
  enum image_type type;
  uint64_t size;                 /* bytes of the disk */
  uint64_t block_size;           /* 0: the default of the format and the type */
  uint32_t sector_size;          /* VHDX: 512 or 4096; 0 is 512 */
  uint32_t physical_sector_size; /* VHDX: 0 is 4096 */
  const struct image_create_parent *parent; /* IMAGE_DIFFERENCING */
};

#endif /* DISKSTACK_IMAGE_OPTIONS_H */
