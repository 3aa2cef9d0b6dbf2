/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See reservation-scsi.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "reservation/reservation-scsi.h"
#include "reservation/reservation-transport.h"

/* ------------------------------------------------------------------ */
/* OUT */

static bool
scope_matters (unsigned action)
{
  return action != RESERVATION_REGISTER &&
         action != RESERVATION_REGISTER_AND_IGNORE &&
         action != RESERVATION_REGISTER_AND_MOVE && action != RESERVATION_CLEAR;
}

static enum reservation_status
read_move (const uint8_t *list, size_t size, struct reservation_command *c,
           char to[RESERVATION_NAME_MAX + 1])
{
  struct reservation_move_disk d;

  memcpy (&d, list, sizeof d);
  c->aptpl = d.flags & RESERVATION_LIST_APTPL;
  c->unregister = d.flags & RESERVATION_MOVE_UNREG;
  if (be32_get (d.transport_id) != size - sizeof d)
    return RESERVATION_BAD_LENGTH;
  c->to = to;
  return reservation_transport_parse (list + sizeof d, size - sizeof d, to) ?
           RESERVATION_GOOD :
           RESERVATION_BAD_PARAMETER;
}

enum reservation_status
reservation_out_parse (const uint8_t cdb[RESERVATION_CDB_SIZE],
                       const uint8_t *list, size_t size,
                       struct reservation_command *c,
                       char to[RESERVATION_NAME_MAX + 1])
{
  struct reservation_cdb_disk d;
  struct reservation_list_disk l;
  unsigned action;

  memcpy (&d, cdb, sizeof d);
  action = d.action & 0x1f;
  *c = (struct reservation_command){ .action = action,
                                     .type = d.scope_and_type & 0xf };
  if (d.opcode != RESERVATION_OUT_OPCODE)
    return RESERVATION_BAD_OPCODE;
  if (action > RESERVATION_REGISTER_AND_MOVE ||
      (scope_matters (action) &&
       (d.scope_and_type >> 4 != 0 || !reservation_type_valid (c->type))))
    return RESERVATION_BAD_CDB;
  if (be32_get (d.out_length) != size || size < sizeof l ||
      (action != RESERVATION_REGISTER_AND_MOVE && size != sizeof l))
    return RESERVATION_BAD_LENGTH;
  memcpy (&l, list, sizeof l);
  c->key = be64_get (l.key);
  c->action_key = be64_get (l.action_key);
  if (action == RESERVATION_REGISTER_AND_MOVE)
    return read_move (list, size, c, to);
  c->aptpl = l.flags & RESERVATION_LIST_APTPL;
  return l.flags & RESERVATION_LIST_SPEC_I_PT ? RESERVATION_BAD_PARAMETER :
                                                RESERVATION_GOOD;
}

/* ------------------------------------------------------------------ */
/* IN */

/* What is written, of which no more than SIZE is kept. */
struct data {
  uint8_t *buf;
  size_t size, n;
};

static void
put (struct data *d, const void *p, size_t count)
{
  if (d->n < d->size)
    memcpy (d->buf + d->n, p, min_u64 (count, d->size - d->n));
  d->n += count;
}

static void
put32 (struct data *d, uint32_t x)
{
  const be32 be = be32_put (x);

  put (d, &be, sizeof be);
}

static void
put64 (struct data *d, uint64_t x)
{
  const be64 be = be64_put (x);

  put (d, &be, sizeof be);
}

static void
put_header (struct data *d, const struct reservation *r, size_t length)
{
  put32 (d, r->generation);
  put32 (d, (uint32_t) length);
}

static void
put_keys (struct data *d, const struct reservation *r)
{
  put_header (d, r, r->n * sizeof (be64));
  for (unsigned i = 0; i < r->n; i++)
    put64 (d, r->registrant[i].key);
}

/* The key is 0 where all registrants are holders. */
static void
put_reservation (struct data *d, const struct reservation *r)
{
  const uint8_t rest[8] = { [5] = (uint8_t) r->type };

  if (r->type == RESERVATION_NONE) {
    put_header (d, r, 0);
    return;
  }
  put_header (d, r, 16);
  put64 (d, reservation_is_of_all (r->type) ? 0 : r->registrant[r->holder].key);
  put (d, rest, sizeof rest);
}

/* Table 171: can reservations be kept through power loss (PTPL_C), and are
 * they (PTPL_A)?  Of the types (TMV) there are all six.
 */
static void
put_capabilities (struct data *d, const struct reservation *r)
{
  const uint8_t all[8] = {
    0, 8, r->no_ptpl ? 0 : 0x01, (uint8_t) (0x80 | r->aptpl), 0xea, 0x01
  };

  put (d, all, sizeof all);
}

static void
put_registrant (struct data *d, const struct reservation *r, unsigned i)
{
  const bool holder = reservation_is_holder (r, i);
  uint8_t id[RESERVATION_TRANSPORT_MAX];
  const size_t n = reservation_transport_serialise (r->registrant[i].name, id);
  const struct reservation_full_disk head = {
    .key = be64_put (r->registrant[i].key),
    .flags = holder ? RESERVATION_FULL_HOLDER : 0,
    .scope_and_type = holder ? (uint8_t) r->type : 0,
    .port = be16_put (1), /* the one target port */
    .length = be32_put ((uint32_t) n),
  };

  put (d, &head, sizeof head);
  put (d, id, n);
}

static void
put_full_status (struct data *d, const struct reservation *r)
{
  size_t length = 0;

  for (unsigned i = 0; i < r->n; i++)
    length += sizeof (struct reservation_full_disk) +
              reservation_transport_size (r->registrant[i].name);
  put_header (d, r, length);
  for (unsigned i = 0; i < r->n; i++)
    put_registrant (d, r, i);
}

enum reservation_status
reservation_in (const struct reservation *r,
                const uint8_t cdb[RESERVATION_CDB_SIZE], uint8_t *buf,
                size_t size, size_t *n)
{
  struct data d = { .buf = buf,
                    .size = min_u64 (size, (size_t) cdb[7] << 8 | cdb[8]) };

  *n = 0;
  if (cdb[0] != RESERVATION_IN_OPCODE)
    return RESERVATION_BAD_OPCODE;
  switch (cdb[1] & 0x1f) {
  case RESERVATION_READ_KEYS:
    put_keys (&d, r);
    break;
  case RESERVATION_READ_RESERVATION:
    put_reservation (&d, r);
    break;
  case RESERVATION_REPORT_CAPABILITIES:
    put_capabilities (&d, r);
    break;
  case RESERVATION_READ_FULL_STATUS:
    put_full_status (&d, r);
    break;
  default:
    return RESERVATION_BAD_CDB;
  }
  *n = min_u64 (d.n, d.size);
  return RESERVATION_GOOD;
}
