/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the plugins for images of a format have in common: their
 * parameters (those of glue-host-file.h, and create=, subformat=,
 * block-size=, parent=, parent-search=, parent-map= and size=), and how
 * the file that they name is made, opened and grown.  It may also be at a
 * URL (glue-image-url.h).  The file and all
 * its parents are opened in .get_ready, as nbdkit may change its
 * directory and its user afterwards.
 */

#ifndef DISKSTACK_GLUE_IMAGE_H
#define DISKSTACK_GLUE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "glue/glue-host-file.h"
#include "glue/glue-url.h"
#include "image/image-chain.h"
#include "image/image-options.h"

struct glue_exports;

/* What a format allows; constant. */
struct glue_image_format {
  enum image_format_id id;
  const char *noun; /* "VHD" */
  uint64_t max_size;
  const char *max_size_words; /* "2040 GiB" */
  uint64_t min_block, max_block;
  enum image_type default_type; /* of a new one without parent= */
};

/* Lists of strings that grow. */
struct glue_strings {
  char **list;
  unsigned n;
};

struct glue_image {
  const struct glue_image_format *format;
  struct glue_host_file host;
  unsigned given; /* which parameters */
  uint64_t size;  /* of size=, or 0 */
  char *parent;   /* of parent=, absolute; or NULL */
  struct glue_strings search, map_from, map_to;
  /* Of a new image.  The plugin sets what is its format's own; the type
   * is known after config_complete.
   */
  struct image_create_options create;
  enum vhd_size_rule size_rule; /* for the plugin to set */

  struct host_file *file;
  struct image_chain *chain;

  char *url; /* of file= instead; secret */
  struct glue_url access;
};

#define GLUE_IMAGE_INIT(f)                     \
  {                                            \
    .format = (f), .host = GLUE_HOST_FILE_INIT \
  }

/* clang-format off */
#define GLUE_IMAGE_HELP                                                        \
  "fd=<FD>               Serve what is open on this file descriptor.\n"        \
  "create=<SIZE>         Create the file, which must not exist.\n"             \
  "subformat=<TYPE>      Of a new one: fixed, dynamic or differencing.\n"      \
  "block-size=<SIZE>     Of a new one: what is allocated at once.\n"           \
  "parent=<FILENAME>     The parent, of a new one or instead of searching.\n"  \
  "parent-search=<DIR>   A folder that parents may be in; repeatable.\n"       \
  "parent-map=<A>=<B>    Parents in A, as they say, are in B; repeatable.\n"   \
  "size=<SIZE>           Make the disk larger if it is smaller.\n"             \
  GLUE_URL_HELP "\n"                                                           \
  GLUE_HOST_FILE_HELP
/* clang-format on */

/* For .config.  Returns 1 if the key is one of these, 0 if not, -1 after
 * nbdkit_error.
 */
extern int glue_image_config (struct glue_image *g, const char *key,
                              const char *value);

/* For .config_complete.  0 or -1 after nbdkit_error. */
extern int glue_image_config_complete (struct glue_image *g);

/* Is the file to be made?  Good after config_complete. */
extern bool glue_image_is_new (const struct glue_image *g);

/* For .config_complete: an error if KEY, which is only for new images, was
 * GIVEN and the file is to be there already.
 */
extern int glue_image_only_new (const struct glue_image *g, const char *key,
                                bool was_given);

/* For .get_ready: make the file or open it, with all parents, grow it,
 * and open the export "" of E read-only.
 */
extern int glue_image_get_ready (struct glue_image *g, struct glue_exports *e);

/* For open_store of E. */
extern struct store *glue_image_store (struct glue_image *g, bool read_only);

/* For .unload, after glue_plugin_unload. */
extern void glue_image_fini (struct glue_image *g);

#endif /* DISKSTACK_GLUE_IMAGE_H */
