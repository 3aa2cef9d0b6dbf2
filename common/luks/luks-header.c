/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See luks-header.h.
 */

#include <config.h>

#include <stddef.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "luks/luks-header.h"

#define LUKS_MAGIC "LUKS\xba\xbe"
#define LUKS1_SLOTS 8
#define LUKS1_SECTOR 512

struct luks1_slot_disk {
  be32 active;     /* 0x00 */
  be32 iterations; /* 0x04 */
  uint8_t salt[32];
  be32 material_sector; /* 0x28 */
  be32 stripes;         /* 0x2c */
};

_Static_assert(sizeof (struct luks1_slot_disk) == 48, "LUKS1, figure 4");

struct luks1_header_disk {
  uint8_t magic[6];                         /* 0x000 */
  be16 version;                             /* 0x006 */
  char cipher[32];                          /* 0x008 */
  char mode[32];                            /* 0x028 */
  char hash[32];                            /* 0x048 */
  be32 payload_sector;                      /* 0x068 */
  be32 key_bytes;                           /* 0x06c */
  uint8_t digest[20];                       /* 0x070 */
  uint8_t salt[32];                         /* 0x084 */
  be32 iterations;                          /* 0x0a4 */
  char uuid[40];                            /* 0x0a8 */
  struct luks1_slot_disk slot[LUKS1_SLOTS]; /* 0x0d0 */
};

_Static_assert(sizeof (struct luks1_header_disk) == LUKS_HEADER_START,
               "LUKS1, figure 3");

/* The start of the first header. */
struct luks2_header_disk {
  uint8_t magic[6]; /* 0x00 */
  be16 version;     /* 0x06 */
  be64 size;        /* 0x08, of this header with its JSON area */
};

const char *
luks_status_string (enum luks_status status)
{
  switch (status) {
  case LUKS_OK:
    return "has a LUKS header";
  case LUKS_NONE:
    return "has no LUKS header";
  case LUKS_BAD_VERSION:
    return "has a LUKS header of an unknown version";
  case LUKS_BAD_SIZE:
    return "has a LUKS header of an impossible size";
  }
  return "is in an unknown state";
}

/* Behind the key material of the last slot. */
static enum luks_status
parse_1 (const struct luks1_header_disk *d, struct luks_header *h)
{
  uint64_t area = LUKS_HEADER_START;

  for (unsigned i = 0; i < LUKS1_SLOTS; i++) {
    const struct luks1_slot_disk *s = &d->slot[i];
    const uint64_t start =
      (uint64_t) be32_get (s->material_sector) * LUKS1_SECTOR;
    const uint64_t count =
      (uint64_t) be32_get (d->key_bytes) * be32_get (s->stripes);

    if (start > LUKS1_AREA_MAX || count > LUKS1_AREA_MAX - start)
      return LUKS_BAD_SIZE;
    area = max_u64 (area, ROUND_UP (start + count, LUKS1_SECTOR));
  }
  *h = (struct luks_header){ .version = 1, .area = (uint32_t) area };
  return LUKS_OK;
}

static enum luks_status
parse_2 (const struct luks2_header_disk *d, struct luks_header *h)
{
  const uint64_t size = be64_get (d->size);

  if (!is_power_of_2 (size) || size < LUKS2_HEADER_MIN ||
      size > LUKS2_HEADER_MAX)
    return LUKS_BAD_SIZE;
  *h = (struct luks_header){ .version = 2, .area = (uint32_t) (2 * size) };
  return LUKS_OK;
}

enum luks_status
luks_header_parse (const uint8_t *start, struct luks_header *h)
{
  struct luks1_header_disk d1;
  struct luks2_header_disk d2;

  memcpy (&d1, start, sizeof d1);
  memcpy (&d2, start, sizeof d2);
  if (memcmp (d1.magic, LUKS_MAGIC, sizeof d1.magic) != 0)
    return LUKS_NONE;
  switch (be16_get (d1.version)) {
  case 1:
    return parse_1 (&d1, h);
  case 2:
    return parse_2 (&d2, h);
  default:
    return LUKS_BAD_VERSION;
  }
}
