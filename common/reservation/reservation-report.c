/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See reservation-report.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "reservation/reservation-report.h"
#include "reservation/reservation-transport.h"

/* ------------------------------------------------------------------ */
/* What is sent */

void
reservation_in_serialise (enum reservation_in_action action,
                          uint16_t allocation,
                          uint8_t cdb[RESERVATION_CDB_SIZE])
{
  const be16 length = be16_put (allocation);

  memset (cdb, 0, RESERVATION_CDB_SIZE);
  cdb[0] = RESERVATION_IN_OPCODE;
  cdb[1] = (uint8_t) action;
  memcpy (cdb + 7, &length, sizeof length);
}

static size_t
serialise_list (const struct reservation_command *c, uint8_t *list)
{
  const struct reservation_list_disk d = {
    .key = be64_put (c->key),
    .action_key = be64_put (c->action_key),
    .flags = c->aptpl ? RESERVATION_LIST_APTPL : 0,
  };

  memcpy (list, &d, sizeof d);
  return sizeof d;
}

static size_t
serialise_move (const struct reservation_command *c, uint8_t *list)
{
  const size_t n = reservation_transport_serialise (
    c->to, list + sizeof (struct reservation_move_disk));
  const struct reservation_move_disk d = {
    .key = be64_put (c->key),
    .action_key = be64_put (c->action_key),
    .flags = (c->aptpl ? RESERVATION_LIST_APTPL : 0) |
             (c->unregister ? RESERVATION_MOVE_UNREG : 0),
    .port = be16_put (1),
    .transport_id = be32_put ((uint32_t) n),
  };

  memcpy (list, &d, sizeof d);
  return sizeof d + n;
}

size_t
reservation_out_serialise (const struct reservation_command *c,
                           uint8_t cdb[RESERVATION_CDB_SIZE],
                           uint8_t list[RESERVATION_LIST_MAX])
{
  const size_t n = c->action == RESERVATION_REGISTER_AND_MOVE ?
                     serialise_move (c, list) :
                     serialise_list (c, list);
  const struct reservation_cdb_disk d = {
    .opcode = RESERVATION_OUT_OPCODE,
    .action = (uint8_t) c->action,
    .scope_and_type = (uint8_t) c->type,
    .out_length = be32_put ((uint32_t) n),
  };

  memcpy (cdb, &d, sizeof d);
  return n;
}

/* ------------------------------------------------------------------ */
/* What is answered */

/* The next N bytes are taken into P. */
static enum reservation_report_result
take (struct reservation_report *r, void *p, size_t n)
{
  if (r->left == 0)
    return RESERVATION_REPORT_END;
  if (r->left < n)
    return RESERVATION_REPORT_BAD;
  memcpy (p, r->p, n);
  r->p += n;
  r->left -= n;
  return RESERVATION_REPORT_OK;
}

enum reservation_report_result
reservation_report_begin (struct reservation_report *r, const uint8_t *p,
                          size_t size)
{
  struct {
    be32 generation, length;
  } d;

  if (size < sizeof d)
    return RESERVATION_REPORT_BAD;
  memcpy (&d, p, sizeof d);
  *r = (struct reservation_report){ .generation = be32_get (d.generation),
                                    .p = p + sizeof d,
                                    .left = be32_get (d.length) };
  return r->left <= size - sizeof d ? RESERVATION_REPORT_OK :
                                      RESERVATION_REPORT_BAD;
}

enum reservation_report_result
reservation_report_key (struct reservation_report *r, uint64_t *key)
{
  be64 d = be64_put (0);
  const enum reservation_report_result result = take (r, &d, sizeof d);

  *key = be64_get (d);
  return result;
}

enum reservation_report_result
reservation_report_reservation (struct reservation_report *r, uint64_t *key,
                                enum reservation_type *type)
{
  struct {
    be64 key;
    uint8_t rest[8];
  } d;
  const enum reservation_report_result result = take (r, &d, sizeof d);

  if (result == RESERVATION_REPORT_OK) {
    *key = be64_get (d.key);
    *type = d.rest[5] & 0xf;
  }
  return result;
}

enum reservation_report_result
reservation_report_registrant (struct reservation_report *r,
                               struct reservation_report_registrant *g)
{
  struct reservation_full_disk d;
  const enum reservation_report_result result = take (r, &d, sizeof d);
  const size_t n = result == RESERVATION_REPORT_OK ? be32_get (d.length) : 0;

  if (result != RESERVATION_REPORT_OK)
    return result;
  if (n > r->left)
    return RESERVATION_REPORT_BAD;
  *g = (struct reservation_report_registrant){
    .key = be64_get (d.key),
    .all_ports = d.flags & RESERVATION_FULL_ALL_PORTS,
    .holder = d.flags & RESERVATION_FULL_HOLDER,
    .type = d.scope_and_type & 0xf,
    .port = be16_get (d.port),
  };
  reservation_transport_parse (r->p, n, g->name);
  r->p += n;
  r->left -= n;
  return RESERVATION_REPORT_OK;
}

enum reservation_report_result
reservation_report_capabilities (const uint8_t *p, size_t size,
                                 struct reservation_capabilities *c)
{
  static const struct {
    enum reservation_type type;
    uint16_t bit;
  } types[] = {
    { RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS, 0x8000 },
    { RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY, 0x4000 },
    { RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY, 0x2000 },
    { RESERVATION_EXCLUSIVE_ACCESS, 0x0800 },
    { RESERVATION_WRITE_EXCLUSIVE, 0x0200 },
    { RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS, 0x0001 },
  };

  if (size < 8 || (p[0] << 8 | p[1]) != 8)
    return RESERVATION_REPORT_BAD;
  *c = (struct reservation_capabilities){
    .replace_lost = p[2] & 0x80,
    .compatible = p[2] & 0x10,
    .specify_ports = p[2] & 0x08,
    .all_ports = p[2] & 0x04,
    .ptpl_capable = p[2] & 0x01,
    .has_types = p[3] & 0x80,
    .allow_commands = p[3] >> 4 & 7,
    .ptpl_active = p[3] & 0x01,
  };
  for (size_t i = 0; i < ARRAY_SIZE (types); i++)
    c->type[types[i].type] = (p[4] << 8 | p[5]) & types[i].bit;
  return RESERVATION_REPORT_OK;
}
