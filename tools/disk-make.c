/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See disk-make.h.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "disk-make.h"
#include "image/image-new.h"
#include "store/store-file.h"

bool
disk_type_parse (const char *name, enum image_type *type)
{
  static const char *const names[] = {
    [IMAGE_FIXED] = "fixed",
    [IMAGE_DYNAMIC] = "dynamic",
    [IMAGE_DIFFERENCING] = "differencing",
  };

  for (size_t i = 0; i < ARRAY_SIZE (names); i++) {
    if (strcmp (name, names[i]) == 0) {
      *type = (enum image_type) i;
      return true;
    }
  }
  return false;
}

bool
disk_sector_size_parse (const char *text, uint32_t *size)
{
  if (strcmp (text, "512") == 0)
    *size = 512;
  else if (strcmp (text, "4096") == 0)
    *size = 4096;
  else
    return false;
  return true;
}

/* ------------------------------------------------------------------ */
/* What fits together */

static int
refuse (const char *command, const char *why)
{
  log_error ("%s: %s", command, why);
  errno = EINVAL;
  return -1;
}

static int
check_raw (const struct disk_make *m, const char *command)
{
  if (m->has_type)
    return refuse (command, "a raw disk has no --subformat");
  if (m->parent != NULL)
    return refuse (command, "a raw disk has no parent; give --format, or a "
                            "file whose name ends in .vhd or .vhdx");
  if (m->block_size != 0)
    return refuse (command, "a raw disk has no --block-size");
  return 0;
}

static int
check_words (struct disk_make *m, const char *command)
{
  if (m->format != DISK_VHDX &&
      (m->sector_size != 0 || m->physical_sector_size != 0))
    return refuse (command, "only a VHDX says which size its sectors have");
  if (m->format == DISK_RAW)
    return check_raw (m, command);
  if (!m->has_type)
    m->type = m->parent != NULL ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC;
  if (m->parent != NULL && m->type != IMAGE_DIFFERENCING)
    return refuse (command, "only a differencing image has a parent");
  if (m->parent == NULL && m->type == IMAGE_DIFFERENCING)
    return refuse (command, "a differencing image needs --parent");
  if (m->format == DISK_VHD1 && m->type == IMAGE_FIXED && m->block_size != 0)
    return refuse (command, "a fixed VHD has no --block-size");
  return 0;
}

static int
check_size (const struct disk_make *m, const char *command)
{
  const uint32_t sector = m->format == DISK_RAW ? 1 :
                          m->sector_size != 0   ? m->sector_size :
                                                  512;

  if (!m->has_size)
    return m->parent != NULL ? 0 : refuse (command, "the size is missing");
  if (m->size == 0 && m->format != DISK_RAW)
    return refuse (command, "the size must not be 0");
  if (IS_ALIGNED (m->size, sector))
    return 0;
  log_error ("%s: %" PRIu64 " bytes are not whole sectors of %" PRIu32, command,
             m->size, sector);
  errno = EINVAL;
  return -1;
}

int
disk_make_check (struct disk_make *m, const char *command)
{
  return check_words (m, command) == -1 ? -1 : check_size (m, command);
}

/* ------------------------------------------------------------------ */
/* Making it */

static int
make_raw (struct host_file *f, uint64_t size)
{
  const struct store_file_options o = { .read_only = false };
  struct store *s = store_file_create (f, &o);
  int r = -1, err;

  if (s == NULL)
    return -1;
  if (store_resize (s, size, &err) == 0 && store_flush (s, &err) == 0)
    r = 0;
  store_close (s);
  if (r == 0)
    return 0;
  errno = err;
  log_error ("create: %s: %" PRIu64 " bytes: %m", host_file_path (f), size);
  return -1;
}

int
disk_make (const struct disk_make *m, struct host_file *f)
{
  const struct image_new_options o = {
    .format = disk_image_format (m->format),
    .file = { .path = host_file_path (f) },
    .parent = m->parent,
    .create = {
      .type = m->type,
      .size = m->size,
      .block_size = m->block_size,
      .sector_size = m->sector_size,
      .physical_sector_size = m->physical_sector_size,
    },
  };

  return m->format == DISK_RAW ? make_raw (f, m->size) : image_new_over (f, &o);
}
