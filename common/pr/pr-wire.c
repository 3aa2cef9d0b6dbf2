/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-wire.h.
 */

#include <config.h>

#include <string.h>

#include "pr/pr-wire.h"
#include "reservation/reservation-scsi.h"

const char *
pr_wire_status_string (enum pr_wire_status status)
{
  static const char *const strings[] = {
    [PR_WIRE_OK] = "did everything right",
    [PR_WIRE_INCOMPLETE] = "sent half of something",
    [PR_WIRE_BAD_FEATURE] = "wants a feature that there is not",
    [PR_WIRE_BAD_NAME] = "has a name that is none of an initiator",
    [PR_WIRE_NOT_RESERVE] = "sent another command than PERSISTENT RESERVE",
    [PR_WIRE_LIST_TOO_LONG] = "sent a parameter list of more than 8192 bytes",
  };

  return strings[status];
}

enum pr_wire_status
pr_greeting_parse (const uint8_t *p, size_t n, uint32_t features,
                   struct pr_greeting *g)
{
  struct pr_greeting r = { .size = sizeof (be32) };
  be32 wanted;
  be16 length;
  size_t len;

  if (n < r.size)
    return PR_WIRE_INCOMPLETE;
  memcpy (&wanted, p, sizeof wanted);
  r.features = be32_get (wanted);
  if (r.features & ~features)
    return PR_WIRE_BAD_FEATURE;
  if (r.features & PR_FEATURE_INITIATOR) {
    if (n - r.size < sizeof length)
      return PR_WIRE_INCOMPLETE;
    memcpy (&length, p + r.size, sizeof length);
    len = be16_get (length);
    r.size += sizeof length;
    if (len > RESERVATION_NAME_MAX)
      return PR_WIRE_BAD_NAME;
    if (n - r.size < len)
      return PR_WIRE_INCOMPLETE;
    memcpy (r.initiator, p + r.size, len);
    r.size += len;
    if (strlen (r.initiator) != len || !reservation_name_valid (r.initiator))
      return PR_WIRE_BAD_NAME;
  }
  *g = r;
  return PR_WIRE_OK;
}

size_t
pr_greeting_serialise (const char *name, uint8_t buf[PR_GREETING_MAX])
{
  const be32 wanted = be32_put (name != NULL ? PR_FEATURE_INITIATOR : 0);
  const size_t len = name != NULL ? strlen (name) : 0;
  const be16 length = be16_put ((uint16_t) len);

  memcpy (buf, &wanted, sizeof wanted);
  if (name == NULL)
    return sizeof wanted;
  memcpy (buf + sizeof wanted, &length, sizeof length);
  memcpy (buf + sizeof wanted + sizeof length, name, len);
  return sizeof wanted + sizeof length + len;
}

enum pr_wire_status
pr_wire_request_parse (const uint8_t *p, size_t n, struct pr_wire_request *r)
{
  struct reservation_cdb_disk cdb;
  size_t list = 0;

  if (n < PR_CDB_SIZE)
    return PR_WIRE_INCOMPLETE;
  memcpy (&cdb, p, sizeof cdb);
  if (cdb.opcode == RESERVATION_OUT_OPCODE)
    list = be32_get (cdb.out_length);
  else if (cdb.opcode != RESERVATION_IN_OPCODE)
    return PR_WIRE_NOT_RESERVE;
  if (list > PR_LIST_MAX)
    return PR_WIRE_LIST_TOO_LONG;
  if (n - PR_CDB_SIZE < list)
    return PR_WIRE_INCOMPLETE;
  *r = (struct pr_wire_request){ .cdb = p,
                                 .list = p + PR_CDB_SIZE,
                                 .list_size = list,
                                 .size = PR_CDB_SIZE + list };
  return PR_WIRE_OK;
}
