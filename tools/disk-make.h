/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Making new disks.
 */

#ifndef DISKSTACK_DISK_MAKE_H
#define DISKSTACK_DISK_MAKE_H

#include "disk.h"
#include "image/image-options.h"

/* What is asked for.  0 and NULL: nothing, so the default. */
struct disk_make {
  enum disk_format format;
  bool has_type;
  enum image_type type;
  bool has_size; /* not: that of the parent */
  uint64_t size; /* bytes */
  uint64_t block_size;
  uint32_t sector_size, physical_sector_size;
  const char *parent; /* a path */
};

/* "dynamic" and so on; false if NAME is another word. */
extern bool disk_type_parse (const char *name, enum image_type *type);

/* A size of sectors: "512" or "4096". */
extern bool disk_sector_size_parse (const char *text, uint32_t *size);

/* Do the wishes fit together?  Fills in the type, if it was not said.  0,
 * or -1 after log_error that begins with COMMAND.
 */
extern int disk_make_check (struct disk_make *m, const char *command);

/* Make the empty F such a disk, durable.  0, or -1 after log_error. */
extern int disk_make (const struct disk_make *m, struct host_file *f);

#endif /* DISKSTACK_DISK_MAKE_H */
