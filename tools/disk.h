/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Disks that commands are told of: files and block devices, by what is
 * said of them, and how they are opened.
 *
 * What a file is, is said by a prefix ("raw:", "vhd1:", "vhdx:"), or else
 * by its suffix.  Its content does not decide: that of a raw disk is what
 * a guest wrote.
 */

#ifndef DISKSTACK_DISK_H
#define DISKSTACK_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "image/image-chain.h"
#include "image/image.h"
#include "store/host-file.h"
#include "store/store.h"

enum disk_format { DISK_RAW, DISK_VHD1, DISK_VHDX };

/* "raw", "vhd1", "vhdx"; the reverse is false if NAME is another word. */
extern const char *disk_format_name (enum disk_format format);
extern bool disk_format_parse (const char *name, enum disk_format *format);

/* Not of raw. */
static inline enum image_format_id
disk_image_format (enum disk_format format)
{
  return format == DISK_VHD1 ? IMAGE_FORMAT_VHD1 : IMAGE_FORMAT_VHDX;
}

/* What PATH is by its suffix; one with no known suffix is raw. */
extern enum disk_format disk_format_of_path (const char *path);

/* What SPEC says by its prefix or its suffix; with another prefix it is
 * raw.
 */
extern enum disk_format disk_format_of_spec (const char *spec);

/* How parents are found (--parent-search=, --parent-map=), beside what
 * images say.  All zeroes is nothing.
 */
struct disk_search {
  const char **dir;
  unsigned ndirs;
  char **map_from;
  const char **map_to;
  unsigned nmap;
};

/* DIR is kept.  0, or -1 after log_error. */
extern int disk_search_add_dir (struct disk_search *s, const char *dir);
/* FROM=TO */
extern int disk_search_add_map (struct disk_search *s, const char *text);
extern void disk_search_fini (struct disk_search *s);

struct disk {
  enum disk_format format;
  struct host_file *file;
  struct image_chain *chain; /* unless raw */
  const char *url;           /* instead of both; not copied */
};

struct disk_options {
  const struct disk_search *search; /* or NULL */
  bool alone; /* the parents are not looked for, and not used */
  bool url;   /* the disk may be at a URL: only for disk_store, to read */
};

/* The disk that SPEC names, not locked.  0, or -1 after log_error. */
extern int disk_open (struct disk *d, const char *spec,
                      const struct disk_options *o);

/* The same over a file that is open, of which a reference is taken. */
extern int disk_open_file (struct disk *d, struct host_file *f,
                           enum disk_format format,
                           const struct disk_options *o);
extern void disk_close (struct disk *d);

/* Only the file, not locked, and what it is: by SPEC, or if that says raw
 * without a prefix, by the look of it.  For who changes nothing by
 * mistake.  NULL after log_error.
 */
extern struct host_file *disk_open_any (const char *spec,
                                        enum disk_format *format);

static inline const char *
disk_path (const struct disk *d)
{
  return host_file_path (d->file);
}

/* The disk with its parents as a store that takes any offset and count;
 * the file is locked.  NULL after log_error with errno.
 */
extern struct store *disk_store (const struct disk *d, bool read_only);

/* The image alone; the file is locked.  NULL after log_error with errno.
 * Not for what disk_is_flat.
 */
extern struct image *disk_image (const struct disk *d, bool read_only);

/* Is it stored as it is: a raw disk or a fixed VHD?  1 or 0, or -1 after
 * log_error.
 */
extern int disk_is_flat (const struct disk *d);

#endif /* DISKSTACK_DISK_H */
