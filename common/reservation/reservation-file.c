/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See reservation-file.h.
 */

#include <config.h>

#include <string.h>

#include "base/crc32c.h"
#include "reservation/reservation-file.h"

const char *
reservation_file_status_string (enum reservation_file_status status)
{
  static const char *const strings[] = {
    [RESERVATION_FILE_OK] = "is fine",
    [RESERVATION_FILE_BAD_MAGIC] = "is no file of reservations",
    [RESERVATION_FILE_BAD_SIZE] = "has not the size that it says",
    [RESERVATION_FILE_BAD_CHECKSUM] = "is damaged: the checksum is wrong",
    [RESERVATION_FILE_BAD_VERSION] = "is of an unknown version",
    [RESERVATION_FILE_BAD_ENTRY] = "has a registrant that cannot be",
    [RESERVATION_FILE_BAD_STATE] = "has a reservation that cannot be",
  };

  return strings[status];
}

/* Of the file of SIZE bytes at P, which begins with a head. */
static uint32_t
checksum (const uint8_t *p, size_t size)
{
  struct reservation_file_disk d;

  memcpy (&d, p, sizeof d);
  d.checksum = le32_put (0);
  return crc32c (crc32c (0, &d, sizeof d), p + sizeof d, size - sizeof d);
}

size_t
reservation_file_serialise (const struct reservation *r,
                            uint8_t buf[RESERVATION_FILE_MAX])
{
  const unsigned count = r->aptpl ? r->n : 0;
  const bool of_all = reservation_is_of_all (r->type);
  struct reservation_file_disk d = {
    .version = le32_put (RESERVATION_FILE_VERSION),
    .count = le32_put (count),
    .holder = le32_put (count > 0 && !of_all ? r->holder : 0),
    .type = count > 0 ? (uint8_t) r->type : 0,
    .aptpl = r->aptpl,
  };
  size_t n = sizeof d;

  for (unsigned i = 0; i < count; i++) {
    const struct reservation_registrant *g = &r->registrant[i];
    const size_t length = strlen (g->name);
    const struct reservation_entry_disk e = {
      .key = le64_put (g->key),
      .length = le16_put ((uint16_t) length),
    };

    memcpy (buf + n, &e, sizeof e);
    memcpy (buf + n + sizeof e, g->name, length);
    n += sizeof e + length;
  }
  memcpy (d.magic, RESERVATION_FILE_MAGIC, sizeof d.magic);
  d.size = le32_put ((uint32_t) n);
  memcpy (buf, &d, sizeof d);
  d.checksum = le32_put (checksum (buf, n));
  memcpy (buf, &d, sizeof d);
  return n;
}

/* The next registrant, from the SIZE bytes at P; how many of them it took,
 * or 0 if it cannot be.
 */
static size_t
read_entry (const uint8_t *p, size_t size, struct reservation *r)
{
  struct reservation_registrant *g = &r->registrant[r->n];
  struct reservation_entry_disk e;
  size_t length;

  if (size < sizeof e)
    return 0;
  memcpy (&e, p, sizeof e);
  length = le16_get (e.length);
  if (length > RESERVATION_NAME_MAX || length > size - sizeof e)
    return 0;
  memcpy (g->name, p + sizeof e, length);
  g->name[length] = '\0';
  g->key = le64_get (e.key);
  if (g->key == 0 || strlen (g->name) != length ||
      !reservation_name_valid (g->name) || reservation_find (r, g->name) >= 0)
    return 0;
  r->n++;
  return sizeof e + length;
}

static enum reservation_file_status
read_entries (const uint8_t *p, size_t size, unsigned count,
              struct reservation *r)
{
  if (count > RESERVATION_REGISTRANTS_MAX)
    return RESERVATION_FILE_BAD_ENTRY;
  while (r->n < count) {
    const size_t n = read_entry (p, size, r);

    if (n == 0)
      return RESERVATION_FILE_BAD_ENTRY;
    p += n;
    size -= n;
  }
  return size == 0 ? RESERVATION_FILE_OK : RESERVATION_FILE_BAD_ENTRY;
}

/* Has it what it would have been written with? */
static bool
is_possible (const struct reservation_file_disk *d, const struct reservation *r)
{
  const bool has_one = d->type != RESERVATION_NONE;
  const uint32_t holder = le32_get (d->holder);

  if (d->aptpl > 1 || !bytes_are_zero (d->reserved, sizeof d->reserved) ||
      (r->n > 0 && !d->aptpl))
    return false;
  if (!has_one)
    return holder == 0;
  if (!reservation_type_valid (d->type) || holder >= r->n)
    return false;
  return !reservation_is_of_all (d->type) || holder == 0;
}

static enum reservation_file_status
parse (const uint8_t *p, size_t size, struct reservation *r)
{
  struct reservation_file_disk d;
  enum reservation_file_status status;

  if (size < sizeof d || size > RESERVATION_FILE_MAX)
    return RESERVATION_FILE_BAD_SIZE;
  memcpy (&d, p, sizeof d);
  if (memcmp (d.magic, RESERVATION_FILE_MAGIC, sizeof d.magic) != 0)
    return RESERVATION_FILE_BAD_MAGIC;
  if (le32_get (d.version) != RESERVATION_FILE_VERSION)
    return RESERVATION_FILE_BAD_VERSION;
  if (le32_get (d.size) != size)
    return RESERVATION_FILE_BAD_SIZE;
  if (le32_get (d.checksum) != checksum (p, size))
    return RESERVATION_FILE_BAD_CHECKSUM;
  status = read_entries (p + sizeof d, size - sizeof d, le32_get (d.count), r);
  if (status == RESERVATION_FILE_OK && !is_possible (&d, r))
    status = RESERVATION_FILE_BAD_STATE;
  r->type = d.type;
  r->holder = le32_get (d.holder);
  r->aptpl = d.aptpl;
  return status;
}

enum reservation_file_status
reservation_file_parse (const uint8_t *p, size_t size, struct reservation *r)
{
  enum reservation_file_status status;

  memset (r, 0, sizeof *r);
  status = parse (p, size, r);
  if (status != RESERVATION_FILE_OK)
    memset (r, 0, sizeof *r);
  return status;
}
