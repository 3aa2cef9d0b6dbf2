/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See reservation-transport.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "reservation/reservation-transport.h"

#define NAME_FIELD_MIN 20

/* Bytes of the field of a name: with a zero, a multiple of 4. */
static size_t
name_field (const char *name)
{
  return max_u64 (NAME_FIELD_MIN, ROUND_UP (strlen (name) + 1, 4));
}

size_t
reservation_transport_size (const char *name)
{
  return sizeof (struct reservation_transport_disk) + name_field (name);
}

size_t
reservation_transport_serialise (const char *name,
                                 uint8_t buf[RESERVATION_TRANSPORT_MAX])
{
  const size_t length = strlen (name), field = name_field (name);
  const struct reservation_transport_disk d = {
    .format_and_protocol = RESERVATION_TRANSPORT_ISCSI,
    .length = be16_put ((uint16_t) field),
  };

  memcpy (buf, &d, sizeof d);
  memcpy (buf + sizeof d, name, length);
  memset (buf + sizeof d + length, 0, field - length);
  return sizeof d + field;
}

bool
reservation_transport_parse (const uint8_t *p, size_t size,
                             char name[RESERVATION_NAME_MAX + 1])
{
  struct reservation_transport_disk d;
  const char *field = (const char *) p + sizeof d;
  size_t length;

  if (size < sizeof d + NAME_FIELD_MIN)
    return false;
  memcpy (&d, p, sizeof d);
  size -= sizeof d;
  length = strnlen (field, size);
  if (d.format_and_protocol != RESERVATION_TRANSPORT_ISCSI ||
      be16_get (d.length) != size || length == size ||
      !reservation_name_valid (field))
    return false;
  memcpy (name, field, length + 1);
  return true;
}
