/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack info of what has blocks: what is in them, and the files that
 * the rest comes from.  Read-only: a log that is to be applied is, in
 * memory.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "image/image-link.h"
#include "info.h"
#include "vhd/vhd-footer.h"
#include "vhdx/vhdx-guid.h"

/* The form that the tools of the format have. */
static void
report_id (struct report *r, const char *name, enum disk_format format,
           const struct uuid *id)
{
  char text[VHDX_GUID_STRLEN + 1];

  if (format == DISK_VHD1) {
    report_uuid (r, name, id);
    return;
  }
  vhdx_guid_format (id, text);
  report_text (r, name, text);
}

/* ------------------------------------------------------------------ */
/* Blocks */

enum block_class {
  CLASS_FULL,
  CLASS_PARTIAL,
  CLASS_ZERO,
  CLASS_UNALLOCATED,
  CLASS_COUNT
};

struct tally {
  uint64_t size, block_size, at; /* bytes */
  uint64_t here[3];              /* of the block that AT is in, by state */
  uint64_t all[3];
  uint64_t blocks[CLASS_COUNT];
};

static void
end_block (struct tally *t, uint64_t count)
{
  const uint64_t data = t->here[IMAGE_DATA], zero = t->here[IMAGE_ZERO];

  if (data == 0 && zero == 0)
    t->blocks[CLASS_UNALLOCATED] += count;
  else if (data == 0)
    t->blocks[CLASS_ZERO] += count;
  else if (t->here[IMAGE_ABSENT] == 0)
    t->blocks[CLASS_FULL] += count;
  else
    t->blocks[CLASS_PARTIAL] += count;
  memset (t->here, 0, sizeof t->here);
}

static void
add_run (struct tally *t, enum image_state state, uint64_t count)
{
  t->all[state] += count;
  while (count > 0) {
    const uint64_t end =
      min_u64 (ROUND_DOWN (t->at, t->block_size) + t->block_size, t->size);
    uint64_t n = min_u64 (count, end - t->at), blocks = 1;

    if (IS_ALIGNED (t->at, t->block_size) && count >= t->block_size) {
      blocks = count / t->block_size;
      n = blocks * t->block_size;
    }
    t->here[state] += n;
    t->at += n;
    count -= n;
    if (IS_ALIGNED (t->at, t->block_size) || t->at == t->size)
      end_block (t, blocks);
  }
}

static int
count_blocks (struct image *i, struct tally *t)
{
  enum image_state state;
  uint64_t n, place;
  int err;

  *t = (struct tally){ .size = image_size (i),
                       .block_size = image_info (i)->block_size };
  while (t->at < t->size) {
    struct image_visit v;
    int r;

    n = t->size - t->at;
    image_enter (i, &v);
    r = image_map (i, t->at, &n, &state, &place, &err);
    image_leave (i, &v);
    if (r == -1) {
      errno = err;
      log_error ("%s: what is in block %" PRIu64 ": %m", image_name (i),
                 t->at / t->block_size);
      return -1;
    }
    add_run (t, state, n);
  }
  return 0;
}

static void
report_blocks (struct report *r, struct image *i)
{
  struct tally t;

  if (count_blocks (i, &t) == -1)
    return;
  report_group (r, "blocks");
  report_number (r, "full", t.blocks[CLASS_FULL]);
  report_number (r, "partial", t.blocks[CLASS_PARTIAL]);
  report_number (r, "zero", t.blocks[CLASS_ZERO]);
  report_number (r, "unallocated", t.blocks[CLASS_UNALLOCATED]);
  report_bytes (r, "data", t.all[IMAGE_DATA]);
  report_bytes (r, "zeroes", t.all[IMAGE_ZERO]);
  report_bytes (r, "used", image_used (i));
  report_end_group (r);
}

/* ------------------------------------------------------------------ */
/* The parent */

static void
report_paths (struct report *r, const struct image_parent *p)
{
  static const char *const kinds[] = {
    [IMAGE_PATH_RELATIVE] = "relative", [IMAGE_PATH_ABSOLUTE] = "absolute",
    [IMAGE_PATH_VOLUME] = "volume",     [IMAGE_PATH_URL] = "URL",
    [IMAGE_PATH_NAME] = "name",
  };
  char text[4096];

  report_list (r, "paths");
  for (unsigned k = 0; k < p->npaths; k++) {
    snprintf (text, sizeof text, "%s: %s", kinds[p->path[k].kind],
              p->path[k].path);
    report_item (r, text);
  }
  report_end_list (r);
}

static void
report_parent (struct report *r, enum disk_format format,
               const struct image_parent *p)
{
  if (!p->exists)
    return;
  report_group (r, "parent");
  report_id (r, "identity", format, &p->id);
  if (p->has_other_id)
    report_id (r, "other-identity", format, &p->other_id);
  if (p->timestamp != 0)
    report_time (r, "changed", (int64_t) p->timestamp + VHD_EPOCH);
  report_paths (r, p);
  report_end_group (r);
}

static void
report_member (struct report *r, enum disk_format format, struct host_file *f)
{
  const struct disk_options o = { .alone = true };
  struct image *i = NULL;
  struct store *s = NULL;
  struct disk d;

  report_begin_object (r);
  report_text (r, "file", host_file_path (f));
  if (disk_open_file (&d, f, format, &o) == 0) {
    if (disk_is_flat (&d) == 1)
      s = disk_store (&d, true);
    else
      i = disk_image (&d, true);
    if (i != NULL) {
      report_id (r, "identity", format, &image_info (i)->own_link_id);
      report_bytes (r, "size", image_size (i));
      image_close (i);
    }
    else if (s != NULL) {
      report_id (r, "identity", format, &s->info.id);
      report_bytes (r, "size", store_size (s));
      store_close (s);
    }
    disk_close (&d);
  }
  report_end_object (r);
}

/* All ancestors, the parent first. */
static void
report_chain (struct report *r, enum disk_format format, struct host_file *f)
{
  const struct disk_options o = { .alone = false };
  struct disk d;

  if (disk_open_file (&d, f, format, &o) == -1)
    return; /* it said why */
  report_list (r, "ancestors");
  for (unsigned k = 1; k < image_chain_length (d.chain); k++)
    report_member (r, format, image_chain_file (d.chain, k));
  report_end_list (r);
  disk_close (&d);
}

/* ------------------------------------------------------------------ */

static void
report_image (struct report *r, enum disk_format format, struct image *i)
{
  const struct image_info *info = image_info (i);

  if (format == DISK_VHDX) {
    report_text (r, "subformat",
                 info->parent.exists ? "differencing" :
                 info->keeps_blocks  ? "fixed" :
                                       "dynamic");
    report_bytes (r, "size", image_size (i));
    report_id (r, "disk-id", format, &info->id);
    report_id (r, "identity", format, &info->own_link_id);
    report_number (r, "sector-size", info->sector_size);
    report_number (r, "physical-sector-size", info->physical_sector_size);
  }
  report_bytes (r, "block-size", info->block_size);
  report_blocks (r, i);
  report_parent (r, format, &info->parent);
}

static struct image *
open_image (struct info_source *s, enum disk_format format)
{
  const struct disk_options o = { .alone = true };
  struct store *inner = s->store;
  struct image_link link;
  struct image *i = NULL;
  struct disk d;

  if (s->file != NULL) {
    if (disk_open_file (&d, s->file, format, &o) == 0) {
      i = disk_image (&d, true);
      disk_close (&d);
    }
    return i;
  }
  s->store = NULL; /* it is the image's now */
  if (image_link_open_store (inner, s->name, disk_image_format (format),
                             VHD_SIZE_AUTO, &link) == -1)
    return NULL;
  return link.image;
}

void
info_report_image (struct info_source *s, enum disk_format format,
                   struct report *r)
{
  struct image *i = open_image (s, format);
  bool has_parent = false;

  if (i != NULL) {
    has_parent = image_info (i)->parent.exists;
    report_image (r, format, i);
    image_close (i);
  }
  /* On a server no parent is looked for. */
  if (has_parent && s->file != NULL)
    report_chain (r, format, s->file);
}
