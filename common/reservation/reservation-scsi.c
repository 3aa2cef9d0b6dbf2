/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See reservation-scsi.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "reservation/reservation-scsi.h"

/* ------------------------------------------------------------------ */
/* OUT */

/* SPC-4, table 179; REGISTER AND MOVE has another one (table 181). */
struct list_disk {
  be64 key;        /* 0x00 */
  be64 action_key; /* 0x08 */
  uint8_t obsolete[4];
  uint8_t flags; /* 0x14 */
  uint8_t reserved;
  uint8_t obsolete2[2];
};
#define LIST_SIZE 24
_Static_assert(sizeof (struct list_disk) == LIST_SIZE, "size of the list");

#define FLAG_APTPL 0x01
#define FLAG_SPEC_I_PT 0x08 /* ALL_TG_PT is 0x04: there is one port */

struct move_disk {
  be64 key;        /* 0x00 */
  be64 action_key; /* 0x08 */
  uint8_t reserved;
  uint8_t flags;     /* 0x11 */
  be16 port;         /* 0x12: the relative target port */
  be32 transport_id; /* 0x14: the length of what follows */
};
_Static_assert(sizeof (struct move_disk) == LIST_SIZE, "size of the list");

#define MOVE_UNREG 0x02

/* An iSCSI TransportID with a name alone (SPC-4, 7.6.4.6). */
struct transport_id_disk {
  uint8_t format_and_protocol;
  uint8_t reserved;
  be16 length; /* of the name, with zeroes behind it */
};
#define TRANSPORT_ID_HEAD 4
#define TRANSPORT_ID_ISCSI 0x05
#define NAME_FIELD_MIN 20
_Static_assert(sizeof (struct transport_id_disk) == TRANSPORT_ID_HEAD,
               "size of the head");

static bool
scope_matters (unsigned action)
{
  return action != RESERVATION_REGISTER &&
         action != RESERVATION_REGISTER_AND_IGNORE &&
         action != RESERVATION_REGISTER_AND_MOVE && action != RESERVATION_CLEAR;
}

/* The name in the SIZE bytes at P, all of which are the TransportID. */
static enum reservation_status
read_name (const uint8_t *p, size_t size, char to[RESERVATION_NAME_MAX + 1])
{
  struct transport_id_disk d;
  const char *name = (const char *) p + sizeof d;
  size_t length;

  if (size < sizeof d + NAME_FIELD_MIN)
    return RESERVATION_BAD_PARAMETER;
  memcpy (&d, p, sizeof d);
  size -= sizeof d;
  length = strnlen (name, size);
  if (d.format_and_protocol != TRANSPORT_ID_ISCSI ||
      be16_get (d.length) != size || length == 0 || length == size ||
      length > RESERVATION_NAME_MAX)
    return RESERVATION_BAD_PARAMETER;
  memcpy (to, name, length + 1);
  return RESERVATION_GOOD;
}

static enum reservation_status
read_move (const uint8_t *list, size_t size, struct reservation_command *c,
           char to[RESERVATION_NAME_MAX + 1])
{
  struct move_disk d;

  memcpy (&d, list, sizeof d);
  c->aptpl = d.flags & FLAG_APTPL;
  c->unregister = d.flags & MOVE_UNREG;
  if (be32_get (d.transport_id) != size - sizeof d)
    return RESERVATION_BAD_LENGTH;
  c->to = to;
  return read_name (list + sizeof d, size - sizeof d, to);
}

enum reservation_status
reservation_out_parse (const uint8_t cdb[RESERVATION_CDB_SIZE],
                       const uint8_t *list, size_t size,
                       struct reservation_command *c,
                       char to[RESERVATION_NAME_MAX + 1])
{
  struct reservation_cdb_disk d;
  struct list_disk l;
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
  c->aptpl = l.flags & FLAG_APTPL;
  return l.flags & FLAG_SPEC_I_PT ? RESERVATION_BAD_PARAMETER :
                                    RESERVATION_GOOD;
}

/* ------------------------------------------------------------------ */
/* IN */

enum { READ_KEYS, READ_RESERVATION, REPORT_CAPABILITIES, READ_FULL_STATUS };

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

/* Table 171: reservations can be kept through power loss (PTPL_C), and are
 * if PTPL_A is set; of the types (TMV) all six.
 */
static void
put_capabilities (struct data *d, const struct reservation *r)
{
  const uint8_t all[8] = {
    0, 8, 0x01, (uint8_t) (0x80 | r->aptpl), 0xea, 0x01
  };

  put (d, all, sizeof all);
}

/* Bytes of the field of a name: with a zero, a multiple of 4. */
static size_t
name_field (const char *name)
{
  return max_u64 (NAME_FIELD_MIN, ROUND_UP (strlen (name) + 1, 4));
}

static void
put_name (struct data *d, const char *name)
{
  static const char zeroes[NAME_FIELD_MIN];
  const size_t length = strlen (name), field = name_field (name);
  const struct transport_id_disk head = { .format_and_protocol =
                                            TRANSPORT_ID_ISCSI,
                                          .length =
                                            be16_put ((uint16_t) field) };

  put (d, &head, sizeof head);
  put (d, name, length);
  put (d, zeroes, field - length);
}

static void
put_registrant (struct data *d, const struct reservation *r, unsigned i)
{
  const bool holder = reservation_is_holder (r, i);
  const uint8_t flags[12] = { [4] = holder,
                              [5] = holder ? (uint8_t) r->type : 0,
                              [11] = 1 /* the one target port */ };

  put64 (d, r->registrant[i].key);
  put (d, flags, sizeof flags);
  put32 (d,
         (uint32_t) (TRANSPORT_ID_HEAD + name_field (r->registrant[i].name)));
  put_name (d, r->registrant[i].name);
}

static void
put_full_status (struct data *d, const struct reservation *r)
{
  size_t length = 0;

  for (unsigned i = 0; i < r->n; i++)
    length += 24 + TRANSPORT_ID_HEAD + name_field (r->registrant[i].name);
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
  case READ_KEYS:
    put_keys (&d, r);
    break;
  case READ_RESERVATION:
    put_reservation (&d, r);
    break;
  case REPORT_CAPABILITIES:
    put_capabilities (&d, r);
    break;
  case READ_FULL_STATUS:
    put_full_status (&d, r);
    break;
  default:
    return RESERVATION_BAD_CDB;
  }
  *n = min_u64 (d.n, d.size);
  return RESERVATION_GOOD;
}
