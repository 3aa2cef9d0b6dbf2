/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From text to a store, through one table of prefixes:
 *
 *   PATH        a regular file or block device, by what it is
 *   raw:PATH    the same, said aloud
 *   vhd1:PATH   a VHD of any type, with its ancestors
 *   vhdx:PATH   a VHDX, with its ancestors
 *
 *   nbd://...   a disk that an NBD server exports, and
 *   nbd+unix:// one on this machine, in programs that add store-open-nbd.h
 *
 * PATH may also be a URL, http:// or https://, of what is then read-only,
 * without ancestors (open-url.h).
 *
 * A path that contains a colon before its first slash must be written
 * with a prefix or as ./PATH.
 */

#ifndef DISKSTACK_STORE_OPEN_H
#define DISKSTACK_STORE_OPEN_H

#include <stdbool.h>

#include "image/image-chain.h"
#include "store/host-file.h"
#include "store/store-file.h"

/* A kind of disk that is no file, which not all programs link. */
struct store_open_kind {
  const char *prefix; /* without the colon; NULL ends a list */
  /* What SPEC, prefix and all, names.  NULL after log_error with errno. */
  void *(*open) (const char *spec);
  bool (*is_writable) (const void *opened);
  /* A store over it, which OPENED may be left to.  NULL as above. */
  struct store *(*store) (void *opened, bool read_only);
  void (*unref) (void *opened);
};

struct store_open_options {
  bool read_only;
  bool no_lock;
  /* Where the parents of an image are, and its size_rule; the rest of it
   * is not looked at.  NULL: beside the image.
   */
  const struct image_chain_options *image;
  /* How files are used: the parents of an image have the same cache.  What
   * is not on this machine is asked as ever.  NULL: the defaults.
   */
  const struct store_file_options *file;
  const struct store_open_kind *more; /* a list; or NULL */
};

/* Open the store that SPEC names.  Returns NULL after log_error, with
 * errno set.
 */
extern struct store *store_open (const char *spec,
                                 const struct store_open_options *o);

/* A copy of SPEC that means the same whatever the current directory will
 * be.  NULL with errno set.
 */
extern char *store_open_absolute (const char *spec);

/* The same in two steps, for a server that opens files early and learns
 * later how they are to be used: the files that SPEC names, with those of
 * all ancestors, none of them locked; of images, all is checked.  What is
 * at a URL is looked at, and opened for each store anew.  NULL after
 * log_error with errno.
 */
struct store_source;

extern struct store_source *
store_source_open (const char *spec, const struct store_open_options *o);

/* The file that SPEC names; NULL if that is none. */
extern struct host_file *store_source_file (const struct store_source *s);

/* Could what S is be written? */
extern bool store_source_is_writable (const struct store_source *s);

/* Are the two of the same file, or else spelt the same? */
extern bool store_source_same (const struct store_source *a,
                               const struct store_source *b);

/* A store of SPEC's kind over S, which it may outlive.  Of O, read_only
 * and file are looked at, the latter with the cache that S was opened for.
 * NULL after log_error with errno.
 */
extern struct store *store_source_store (struct store_source *s,
                                         const struct store_open_options *o);

/* Leave S, which may be NULL, to the stores over it. */
extern void store_source_unref (struct store_source *s);

#endif /* DISKSTACK_STORE_OPEN_H */
