/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image file of the host with all its ancestors.  The files are found
 * and opened once, early, while the current directory and the user are
 * still the user's; stores are made over them later, as with
 * host-file.h, which is what the files are.
 *
 * The parent of an image is looked for where the image says, relative to
 * the folder of the image, in this order: relative paths, absolute ones
 * (only by MAP), URLs, then each one's last part in the image's folder
 * and in the folders of SEARCH; in the exact case, then in any.  The file
 * must be a regular one and, links followed, lie in the folder of the
 * image that names it or below, or in a folder of SEARCH or below: the
 * image is somebody else's data and must not choose any file of the
 * host.  The first that exists must have the right identity, or the
 * chain is refused.
 */

#ifndef DISKSTACK_IMAGE_CHAIN_H
#define DISKSTACK_IMAGE_CHAIN_H

#include <stdbool.h>

#include "image/image.h"
#include "store/host-file.h"
#include "store/store-file.h"
#include "vhd/vhd-size.h"

/* More ancestors than this are refused. */
#define IMAGE_CHAIN_MAX 256

enum image_format_id { IMAGE_FORMAT_VHD1, IMAGE_FORMAT_VHDX };

struct image_chain_options {
  enum image_format_id format;
  bool no_lock;
  bool direct; /* open O_DIRECT twins of the parents too */
  enum vhd_size_rule size_rule;
  /* The parent of the first image, instead of searching; its identity is
   * checked all the same.  "" or NULL: search.
   */
  const char *parent;
  /* Do not look for parents at all, as for a layer. */
  bool alone;
  /* Folders that parents may be in, beside the child's. */
  const char *const *search;
  unsigned nsearch;
  /* "C:\vm" -> "/srv/vm", pairs of how paths begin.  The folder that one
   * leads to is one that parents may be in, as if it were in SEARCH.
   */
  const char *const *map_from, *const *map_to;
  unsigned nmap;
};

struct image_chain;

/* The chain that begins with the file FILE, which it references.  All
 * is read and checked, with no lock held afterwards.  NULL after
 * log_error with errno.
 */
extern struct image_chain *
image_chain_open (struct host_file *file, const struct image_chain_options *o);
extern struct image_chain *image_chain_ref (struct image_chain *c);
extern void image_chain_unref (struct image_chain *c);

/* How many files, and the file at DEPTH, 0 the first. */
extern unsigned image_chain_length (const struct image_chain *c);
extern struct host_file *image_chain_file (const struct image_chain *c,
                                           unsigned depth);

/* A store over the chain; O says how the first file is used (the parents
 * are always read-only, with a reader's lock, and have O's cache).  Again
 * all is read and checked.  A fixed VHD gives store-vhd1.  NULL after
 * log_error with errno.
 */
extern struct store *image_chain_store (struct image_chain *c,
                                        const struct store_file_options *o);

/* Only the first image, without its parents; not for a fixed VHD (EINVAL). */
extern struct image *image_chain_image (struct image_chain *c,
                                        const struct store_file_options *o);

#endif /* DISKSTACK_IMAGE_CHAIN_H */
