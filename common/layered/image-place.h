/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A differencing VHD or VHDX as the file of a layer.  It lies over
 * whatever is below: the parent that it names is not looked for.  A file
 * that exists is opened and locked before the server listens; its name
 * may mean another file later.  One that does not is made for the first
 * disk that it is put over.
 *
 * A new one has no way to a parent in it; a VHD, which must, names
 * "disk-below".  The identity that it names is the id of the disk below,
 * and of a disk that has none a random one, so that it fits no parent by
 * chance.
 */

#ifndef DISKSTACK_IMAGE_PLACE_H
#define DISKSTACK_IMAGE_PLACE_H

#include <stdbool.h>

#include "image/image-chain.h"
#include "layer/layer.h"

struct image_place {
  char *path; /* absolute, owned */
  enum image_format_id format;
  /* From image_place_ready on, of a file that exists; or NULL and 0. */
  struct image_chain *early;
  uint64_t size; /* bytes */
  uint32_t sector_size;
};

struct image_place_options {
  bool read_only;
  bool force;           /* over any disk */
  uint64_t size;        /* of a new one, and likewise: bytes; 0: of what is
                         * below */
  uint32_t sector_size; /* 0: of what is below */
  uint64_t block_size;  /* 0: the default */
};

/* Open the file, or see that it can be made.  0, or -1 after log_error. */
extern int image_place_ready (struct image_place *p);

/* The layer over BELOW, made if there is no file and it is not to be
 * READ_ONLY.  NULL after log_error.
 */
extern struct layer *image_place_open (const struct image_place *p,
                                       const struct image_place_options *o,
                                       const struct layer_below *below);

/* The file of image_place_ready; NULL if there was none. */
extern struct host_file *image_place_file (const struct image_place *p);

/* Free what P owns. */
extern void image_place_fini (struct image_place *p);

#endif /* DISKSTACK_IMAGE_PLACE_H */
