/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-locator.h.
 *
 * Strings that share bytes of the item would make the text longer than
 * the item; as nobody writes that, all of them together must not be
 * longer.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/utf16.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-locator.h"

#define PAIRS_MAX 256u

/* Parsing: what is used of the memory behind the pairs. */
struct text {
  char *p;
  size_t room;
};

static struct vhdx_locator_entry_disk
get_entry (const void *p, unsigned index)
{
  struct vhdx_locator_entry_disk d;

  memcpy (&d,
          (const uint8_t *) p + sizeof (struct vhdx_locator_head_disk) +
            index * sizeof d,
          sizeof d);
  return d;
}

/* *BYTES: of all keys and values together. */
static enum vhdx_status
check_places (const void *p, size_t length, unsigned count, size_t *bytes)
{
  *bytes = 0;
  for (unsigned i = 0; i < count; i++) {
    const struct vhdx_locator_entry_disk d = get_entry (p, i);
    const uint32_t key = le16_get (d.key_length);
    const uint32_t value = le16_get (d.value_length);

    if (key == 0 || !range_inside (le32_get (d.key_offset), key, length) ||
        !range_inside (le32_get (d.value_offset), value, length))
      return VHDX_LOCATOR_PLACE;
    *bytes += key + value;
  }
  return *bytes <= length ? VHDX_OK : VHDX_LOCATOR_PLACE;
}

/* The COUNT bytes at P as a string, which is in T. */
static const char *
decode (struct text *t, const uint8_t *p, size_t count)
{
  char *s = t->p;
  size_t used;

  if (utf16_decode (p, count, UTF16_LE, s, t->room) != UTF16_OK)
    return NULL;
  used = strlen (s) + 1;
  t->p += used;
  t->room -= used;
  return s;
}

static enum vhdx_status
decode_pairs (const void *p, struct vhdx_locator *l, struct text *t)
{
  for (unsigned i = 0; i < l->count; i++) {
    const struct vhdx_locator_entry_disk d = get_entry (p, i);
    const uint8_t *bytes = p;
    struct vhdx_locator_pair *pair = &l->pair[i];

    pair->key =
      decode (t, bytes + le32_get (d.key_offset), le16_get (d.key_length));
    pair->value =
      decode (t, bytes + le32_get (d.value_offset), le16_get (d.value_length));
    if (pair->key == NULL || pair->value == NULL)
      return VHDX_LOCATOR_TEXT;
  }
  return VHDX_OK;
}

static const char *
find (const struct vhdx_locator *l, const char *key)
{
  for (unsigned i = 0; i < l->count; i++)
    if (strcmp (l->pair[i].key, key) == 0)
      return l->pair[i].value;
  return NULL;
}

/* An empty path leads nowhere. */
static const char *
find_path (const struct vhdx_locator *l, const char *key)
{
  const char *value = find (l, key);

  return value != NULL && *value != '\0' ? value : NULL;
}

static enum vhdx_status
understand (struct vhdx_locator *l)
{
  const char *linkage, *linkage2;

  for (unsigned i = 1; i < l->count; i++)
    for (unsigned k = 0; k < i; k++)
      if (strcmp (l->pair[i].key, l->pair[k].key) == 0)
        return VHDX_LOCATOR_TWICE;
  linkage = find (l, VHDX_KEY_LINKAGE);
  linkage2 = find (l, VHDX_KEY_LINKAGE2);
  if (linkage == NULL || !vhdx_guid_parse (linkage, &l->linkage) ||
      uuid_is_nil (&l->linkage))
    return VHDX_LOCATOR_LINKAGE;
  if (linkage2 != NULL) {
    if (!vhdx_guid_parse (linkage2, &l->linkage2))
      return VHDX_LOCATOR_LINKAGE;
    l->has_linkage2 = !uuid_is_nil (&l->linkage2);
  }
  l->relative = find_path (l, VHDX_KEY_RELATIVE);
  l->volume = find_path (l, VHDX_KEY_VOLUME);
  l->absolute = find_path (l, VHDX_KEY_ABSOLUTE);
  return VHDX_OK;
}

enum vhdx_status
vhdx_locator_parse (const void *p, size_t length, struct vhdx_locator **out)
{
  struct vhdx_locator_head_disk head;
  struct vhdx_locator *l;
  enum vhdx_status status;
  struct text text;
  unsigned count;
  size_t bytes;

  *out = NULL;
  if (length < sizeof head)
    return VHDX_LOCATOR_SHORT;
  memcpy (&head, p, sizeof head);
  if (memcmp (head.type, vhdx_guid_locator_vhdx.b, sizeof head.type) != 0)
    return VHDX_LOCATOR_TYPE;
  count = le16_get (head.count);
  if (count > PAIRS_MAX)
    return VHDX_LOCATOR_COUNT;
  if (count > (length - sizeof head) / sizeof (struct vhdx_locator_entry_disk))
    return VHDX_LOCATOR_SHORT;
  status = check_places (p, length, count, &bytes);
  if (status != VHDX_OK)
    return status;

  /* Two bytes become three at most, and each string has an end. */
  text.room = bytes + bytes / 2 + 2 * count + 1;
  l = calloc (1, sizeof *l + count * sizeof l->pair[0] + text.room);
  if (l == NULL)
    return VHDX_NO_MEMORY;
  l->count = count;
  l->pair = (struct vhdx_locator_pair *) (l + 1);
  text.p = (char *) (l->pair + count);
  status = decode_pairs (p, l, &text);
  if (status == VHDX_OK)
    status = understand (l);
  if (status != VHDX_OK) {
    free (l);
    return status;
  }
  *out = l;
  return VHDX_OK;
}

void
vhdx_locator_free (struct vhdx_locator *l)
{
  free (l);
}

/* S behind the USED bytes at P; its place and length. */
static enum vhdx_status
encode (const char *s, uint8_t *p, size_t size, size_t *used, le32 *offset,
        le16 *length)
{
  size_t count;

  switch (utf16_encode (s, UTF16_LE, p + *used, size - *used, &count)) {
  case UTF16_OK:
    break;
  case UTF16_TOO_LONG:
    return VHDX_LOCATOR_TOO_LONG;
  default:
    return VHDX_LOCATOR_TEXT;
  }
  if (count > UINT16_MAX)
    return VHDX_LOCATOR_TOO_LONG;
  *offset = le32_put ((uint32_t) *used);
  *length = le16_put ((uint16_t) count);
  *used += count;
  return VHDX_OK;
}

enum vhdx_status
vhdx_locator_serialise (const struct vhdx_locator_pair *pairs, unsigned count,
                        void *p, size_t size, size_t *length)
{
  struct vhdx_locator_head_disk head = { .count = le16_put ((uint16_t) count) };
  size_t used = sizeof head + count * sizeof (struct vhdx_locator_entry_disk);
  uint8_t *entry = (uint8_t *) p + sizeof head;

  *length = 0;
  if (count > PAIRS_MAX || used > size || size > UINT32_MAX)
    return VHDX_LOCATOR_TOO_LONG;
  memcpy (head.type, vhdx_guid_locator_vhdx.b, sizeof head.type);
  memcpy (p, &head, sizeof head);
  for (unsigned i = 0; i < count; i++) {
    struct vhdx_locator_entry_disk d;
    enum vhdx_status status =
      encode (pairs[i].key, p, size, &used, &d.key_offset, &d.key_length);

    if (status == VHDX_OK)
      status = encode (pairs[i].value, p, size, &used, &d.value_offset,
                       &d.value_length);
    if (status != VHDX_OK)
      return status;
    memcpy (entry + i * sizeof d, &d, sizeof d);
  }
  *length = used;
  return VHDX_OK;
}
