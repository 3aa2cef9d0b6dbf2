/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See layer-spec.h.  The text is taken apart at its commas, each part is
 * looked up in one table, and what the options mean together is checked
 * at the end.
 */

#include <config.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "layer/layer.h"
#include "layered/layer-spec.h"

/* What layer-sqlite and the formats of images allow; their headers are
 * other rooms' business.
 */
#define SQLITE_SECTOR_SIZE_MAX 4096u
#define VHD1_BLOCK_SIZE_MIN 4096u
#define VHDX_BLOCK_SIZE_MIN (1u << 20)
#define IMAGE_BLOCK_SIZE_MAX (256u << 20)

const char *
layer_kind_name (enum layer_kind kind)
{
  static const char *const names[] = {
    [LAYER_KIND_RAM] = "ram",   [LAYER_KIND_SQLITE] = "sqlite",
    [LAYER_KIND_VHD1] = "vhd1", [LAYER_KIND_VHDX] = "vhdx",
    [LAYER_KIND_DISK] = "disk",
  };

  return names[kind];
}

const char *
layer_spec_status_string (enum layer_spec_status status)
{
  static const char *const strings[] = {
    [LAYER_SPEC_OK] = "is fine",
    [LAYER_SPEC_NO_KIND] = "says nothing; begin with ram, sqlite, vhdx, "
                           "vhd1 or disk",
    [LAYER_SPEC_UNKNOWN_KIND] = "is no kind of layer; use ram, sqlite, "
                                "vhdx, vhd1 or disk",
    [LAYER_SPEC_EMPTY_OPTION] =
      "ends in a comma; remove it, or write it twice if it belongs to a name",
    [LAYER_SPEC_UNKNOWN] = "is not known; remove it, or write a comma twice "
                           "that belongs to a name",
    [LAYER_SPEC_OTHER_KIND] = "is nothing for this kind of layer; remove it",
    [LAYER_SPEC_TWICE] = "is given twice; remove one",
    [LAYER_SPEC_NEEDS_VALUE] = "needs a value; write it after \"=\"",
    [LAYER_SPEC_TAKES_NO_VALUE] = "takes no value; remove what follows it, or "
                                  "the whole option to turn it off",
    [LAYER_SPEC_SIZE] = "must be a size larger than 0, such as 512M or 10G",
    [LAYER_SPEC_SECTOR_SIZE] =
      "must be a power of two from 512 to 64K, or to 4096 for sqlite, and 512 "
      "or 4096 for vhdx",
    [LAYER_SPEC_BLOCK_SIZE] = "must be a power of two up to 256M, from 1M for "
                              "vhdx and from 4K for vhd1",
    [LAYER_SPEC_SIZE_MULTIPLE] =
      "is not a multiple of the sector size; change one of them",
    [LAYER_SPEC_NO_FILE] = "has no place to be kept; add file=PATH, or "
                           "cache-dir=DIR for a cache",
    [LAYER_SPEC_NO_IMAGE] = "has no image; add file=PATH",
    [LAYER_SPEC_NO_MARKS] = "cannot be had with an image, as it does not "
                            "remember what still has to go on; use sqlite",
    [LAYER_SPEC_NO_STORE] = "does not say which disk; write disk,PATH and, if "
                            "the file is called like an option, disk,./PATH",
    [LAYER_SPEC_FILE_AND_DIR] = "and file= exclude each other; remove one",
    [LAYER_SPEC_KEY] = "is the name of a cache; add cache-dir=DIR, or remove "
                       "it",
    [LAYER_SPEC_CACHE_WRITE_BACK] =
      "and write-back exclude each other, as the caches of a directory may "
      "be thrown away; use file=PATH",
    [LAYER_SPEC_CACHE_READ_ONLY] =
      "excludes a read cache, which is filled; remove one of them",
    [LAYER_SPEC_WRITE_TWICE] = "and write-through exclude each other: what is "
                               "written goes on later or at once; remove one",
    [LAYER_SPEC_READ_ONLY] = "and write-through or write-back exclude each "
                             "other; remove one",
    [LAYER_SPEC_NO_MEMORY] = "does not fit in memory",
  };

  return strings[status];
}

/* The table. */

enum {
  RAM = 1 << LAYER_KIND_RAM,
  SQLITE = 1 << LAYER_KIND_SQLITE,
  VHD1 = 1 << LAYER_KIND_VHD1,
  VHDX = 1 << LAYER_KIND_VHDX,
  DISK = 1 << LAYER_KIND_DISK,
  IMAGE = VHD1 | VHDX,
  ALL = RAM | SQLITE | IMAGE | DISK
};

enum value { FLAG, TEXT, SIZE, SECTOR_SIZE, BLOCK_SIZE };

enum option_number {
  BLOCK_BYTES,
  CACHE_DIR,
  FILE_NAME,
  FORCE,
  KEY,
  MAX,
  READ_CACHE,
  READ_ONLY,
  SECTORS,
  BYTES,
  WRITE_BACK,
  WRITE_THROUGH,
};

static const struct option {
  const char *name;
  unsigned kinds;
  enum value value;
  size_t where; /* in struct layer_spec */
} options[] = {
#define AT(member) offsetof (struct layer_spec, member)
  [BLOCK_BYTES] = { "block-size", IMAGE, BLOCK_SIZE, AT (block_size) },
  [CACHE_DIR] = { "cache-dir", SQLITE, TEXT, AT (cache_dir) },
  [FILE_NAME] = { "file", SQLITE | IMAGE, TEXT, AT (file) },
  [FORCE] = { "force", SQLITE | IMAGE, FLAG, AT (force) },
  [KEY] = { "key", SQLITE, TEXT, AT (key) },
  [MAX] = { "max", RAM | SQLITE | DISK, SIZE, AT (max) },
  [READ_CACHE] = { "read-cache", ALL, FLAG, AT (read_cache) },
  [READ_ONLY] = { "read-only", ALL, FLAG, AT (read_only) },
  [SECTORS] = { "sector-size", RAM | SQLITE | VHDX, SECTOR_SIZE,
                AT (sector_size) },
  [BYTES] = { "size", RAM | SQLITE | IMAGE, SIZE, AT (size) },
  [WRITE_BACK] = { "write-back", ALL, FLAG, AT (write_back) },
  [WRITE_THROUGH] = { "write-through", ALL, FLAG, AT (write_through) },
#undef AT
};

/* The number of the option that TEXT, up to any "=", names, or -1. */
static int
find_option (const char *text)
{
  const size_t n = strcspn (text, "=");

  for (size_t i = 0; i < ARRAY_SIZE (options); i++) {
    if (strlen (options[i].name) == n &&
        strncmp (options[i].name, text, n) == 0)
      return (int) i;
  }
  return -1;
}

/* Parts. */

/* Take the part before the next comma from *TEXT, which is NULL after
 * the last: into BUF, which has room for all of it, with double commas
 * made single.
 */
static void
take_part (const char **text, char *buf)
{
  const char *p = *text;

  for (; *p != '\0'; p++) {
    if (*p == ',' && p[1] != ',')
      break;
    p += *p == ',';
    *buf++ = *p;
  }
  *buf = '\0';
  *text = *p == ',' ? p + 1 : NULL;
}

/* For messages. */
static void
note (char *word, const char *text)
{
  size_t i;

  for (i = 0; i < LAYER_SPEC_WORD - 1 && text[i] != '\0'; i++)
    word[i] = isprint ((unsigned char) text[i]) ? text[i] : '?';
  word[i] = '\0';
}

static void
note_name (struct layer_spec_place *place, enum option_number o)
{
  note (place->option, options[o].name);
}

static bool
is_sector_size (enum layer_kind kind, uint64_t size)
{
  if (kind == LAYER_KIND_VHDX)
    return size == 512 || size == 4096;
  return is_power_of_2 (size) && size >= 512 &&
         size <= (kind == LAYER_KIND_SQLITE ? SQLITE_SECTOR_SIZE_MAX :
                                              LAYER_SECTOR_SIZE_MAX);
}

static enum layer_spec_status
set_value (struct layer_spec *spec, const struct option *o, const char *value)
{
  void *const at = (char *) spec + o->where;
  uint64_t size;

  switch (o->value) {
  case FLAG:
    *(bool *) at = true;
    return LAYER_SPEC_OK;
  case TEXT:
    *(char **) at = strdup (value);
    return *(char **) at != NULL ? LAYER_SPEC_OK : LAYER_SPEC_NO_MEMORY;
  case SIZE:
    if (!parse_size (value, &size) || size == 0)
      return LAYER_SPEC_SIZE;
    *(uint64_t *) at = size;
    return LAYER_SPEC_OK;
  case SECTOR_SIZE:
    if (!parse_size (value, &size) || !is_sector_size (spec->kind, size))
      return LAYER_SPEC_SECTOR_SIZE;
    *(uint32_t *) at = (uint32_t) size;
    return LAYER_SPEC_OK;
  case BLOCK_SIZE:
    break;
  }
  if (!parse_size (value, &size) || !is_power_of_2 (size) ||
      size > IMAGE_BLOCK_SIZE_MAX ||
      size < (spec->kind == LAYER_KIND_VHDX ? VHDX_BLOCK_SIZE_MIN :
                                              VHD1_BLOCK_SIZE_MIN))
    return LAYER_SPEC_BLOCK_SIZE;
  *(uint64_t *) at = size;
  return LAYER_SPEC_OK;
}

static enum layer_spec_status
set_option (struct layer_spec *spec, const char *text, unsigned *seen)
{
  const char *equals = strchr (text, '=');
  const int i = find_option (text);

  if (*text == '\0')
    return LAYER_SPEC_EMPTY_OPTION;
  if (i == -1)
    return LAYER_SPEC_UNKNOWN;
  if (!(options[i].kinds & 1u << spec->kind))
    return LAYER_SPEC_OTHER_KIND;
  if (*seen & 1u << i)
    return LAYER_SPEC_TWICE;
  *seen |= 1u << i;
  if (options[i].value == FLAG && equals != NULL)
    return LAYER_SPEC_TAKES_NO_VALUE;
  if (options[i].value != FLAG && (equals == NULL || equals[1] == '\0'))
    return LAYER_SPEC_NEEDS_VALUE;
  return set_value (spec, &options[i], equals ? equals + 1 : NULL);
}

static enum layer_spec_status
set_kind (struct layer_spec *spec, const char *word)
{
  for (int k = LAYER_KIND_RAM; k <= LAYER_KIND_DISK; k++) {
    if (strcmp (word, layer_kind_name (k)) == 0) {
      spec->kind = k;
      return LAYER_SPEC_OK;
    }
  }
  return *word == '\0' ? LAYER_SPEC_NO_KIND : LAYER_SPEC_UNKNOWN_KIND;
}

static bool
is_image (const struct layer_spec *spec)
{
  return spec->kind == LAYER_KIND_VHD1 || spec->kind == LAYER_KIND_VHDX;
}

/* What the options mean together.  PLACE is that of the whole layer. */
static enum layer_spec_status
check (struct layer_spec *spec, struct layer_spec_place *place)
{
  if (spec->key != NULL && spec->cache_dir == NULL)
    return note_name (place, KEY), LAYER_SPEC_KEY;
  if (spec->cache_dir != NULL && spec->file != NULL)
    return note_name (place, CACHE_DIR), LAYER_SPEC_FILE_AND_DIR;
  if (spec->kind == LAYER_KIND_SQLITE && spec->cache_dir == NULL &&
      spec->file == NULL)
    return LAYER_SPEC_NO_FILE;
  if (is_image (spec) && spec->file == NULL)
    return LAYER_SPEC_NO_IMAGE;
  if (is_image (spec) && (spec->write_back || spec->write_through))
    return note_name (place, spec->write_back ? WRITE_BACK : WRITE_THROUGH),
           LAYER_SPEC_NO_MARKS;
  if (spec->cache_dir != NULL && spec->write_back)
    return note_name (place, CACHE_DIR), LAYER_SPEC_CACHE_WRITE_BACK;
  if (spec->cache_dir != NULL)
    spec->read_cache = true;
  if (spec->write_back && spec->write_through)
    return note_name (place, WRITE_BACK), LAYER_SPEC_WRITE_TWICE;
  if (spec->read_only && (spec->write_back || spec->write_through))
    return note_name (place, READ_ONLY), LAYER_SPEC_READ_ONLY;
  if (spec->read_only && spec->read_cache)
    return note_name (place, READ_ONLY), LAYER_SPEC_CACHE_READ_ONLY;
  if (spec->sector_size != 0 && !IS_ALIGNED (spec->size, spec->sector_size))
    return note_name (place, BYTES), LAYER_SPEC_SIZE_MULTIPLE;
  return LAYER_SPEC_OK;
}

static enum layer_spec_status
parse (const char *text, char *buf, struct layer_spec *spec,
       struct layer_spec_place *place)
{
  enum layer_spec_status status;
  unsigned seen = 0;

  take_part (&text, buf);
  note (place->kind, buf);
  status = set_kind (spec, buf);
  if (status == LAYER_SPEC_OK && spec->kind == LAYER_KIND_DISK) {
    if (text != NULL)
      take_part (&text, buf);
    else
      *buf = '\0';
    if (*buf == '\0' || find_option (buf) != -1)
      return LAYER_SPEC_NO_STORE;
    spec->store = strdup (buf);
    if (spec->store == NULL)
      return LAYER_SPEC_NO_MEMORY;
  }
  while (status == LAYER_SPEC_OK && text != NULL) {
    take_part (&text, buf);
    status = set_option (spec, buf, &seen);
    note (place->option, status == LAYER_SPEC_OK ? "" : buf);
  }
  return status == LAYER_SPEC_OK ? check (spec, place) : status;
}

enum layer_spec_status
layer_spec_parse (const char *text, struct layer_spec *spec,
                  struct layer_spec_place *place)
{
  CLEANUP_FREE char *buf = malloc (strlen (text) + 1);
  enum layer_spec_status status = LAYER_SPEC_NO_MEMORY;

  memset (spec, 0, sizeof *spec);
  memset (place, 0, sizeof *place);
  if (buf != NULL)
    status = parse (text, buf, spec, place);
  if (status != LAYER_SPEC_OK)
    layer_spec_fini (spec);
  return status;
}

void
layer_spec_fini (struct layer_spec *spec)
{
  free (spec->file);
  free (spec->cache_dir);
  free (spec->key);
  free (spec->store);
  memset (spec, 0, sizeof *spec);
}
