/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking for the parent of an image on this host: which file that the
 * image speaks of may be opened, and opening it.
 *
 * What an image says is not trusted.  A file is opened only if its real
 * path, read from the descriptor itself when it is open already, is in a
 * folder that the user chose, or below: whatever links lead where, and
 * whatever is renamed meanwhile, what was checked is what is used.
 */

#ifndef DISKSTACK_IMAGE_FIND_H
#define DISKSTACK_IMAGE_FIND_H

#include "base/buffer.h"
#include "image/image.h"

/* Where parents may be. */
struct image_find {
  /* Real paths of the folder of the image, or NULL if it has none, and
   * of the others.
   */
  const char *folder;
  const char *const *search;
  unsigned nsearch;
  /* As image_chain_options has them; TO as real paths. */
  const char *const *map_from, *const *map_to;
  unsigned nmap;
};

/* The real path of FD; NULL with errno: ENOENT if it has none, or
 * another file has it by now.
 */
extern char *image_find_real_path (int fd);

/* The folder that a real path is in. */
extern char *image_find_folder (const char *path);

/* Open the first file that P names, for reading; *PATH is its real path,
 * to be freed.  -1 with errno = ENOENT if there is none, and TRIED says,
 * for people, what was looked at and what was wrong with it.
 */
extern int image_find_parent (const struct image_find *f,
                              const struct image_parent *p, char **path,
                              struct buffer *tried);

/* The same for a PATH of the user's own, wherever it is; a device, too.
 * -1 with errno.
 */
extern int image_find_open (const char *given, char **path);

#endif /* DISKSTACK_IMAGE_FIND_H */
