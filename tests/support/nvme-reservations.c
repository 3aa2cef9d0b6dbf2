/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-reservations.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "support/nvme-reservations.h"

#define CONFLICT (NVME_SC_RESERVATION | NVME_STATUS_DNR)
#define INVALID (NVME_SC_INVALID_FIELD | NVME_STATUS_DNR)

static struct nvme_test_host *
find (struct nvme_reservations *r, const uint8_t id[16])
{
  for (unsigned i = 0; i < r->n; i++) {
    if (memcmp (r->host[i].id, id, sizeof r->host[i].id) == 0)
      return &r->host[i];
  }
  return NULL;
}

/* Write Exclusive and Exclusive Access - All Registrants. */
static bool
is_of_all (uint8_t type)
{
  return type == 5 || type == 6;
}

static void
release (struct nvme_reservations *r)
{
  r->type = 0;
  for (unsigned i = 0; i < r->n; i++)
    r->host[i].holder = false;
}

static void
hold (struct nvme_reservations *r, struct nvme_test_host *h, uint8_t type)
{
  r->type = type;
  for (unsigned i = 0; i < r->n; i++)
    r->host[i].holder = is_of_all (type) || &r->host[i] == h;
}

static void
unregister (struct nvme_reservations *r, struct nvme_test_host *h)
{
  const bool held = h->holder;

  *h = r->host[--r->n];
  memset (&r->host[r->n], 0, sizeof r->host[r->n]);
  if (held && (!is_of_all (r->type) || r->n == 0))
    release (r);
}

/* ------------------------------------------------------------------ */

static uint16_t
add (struct nvme_reservations *r, const uint8_t id[16], uint64_t key)
{
  struct nvme_test_host *h;

  if (key == 0 || r->n == NVME_TEST_HOSTS)
    return INVALID;
  h = &r->host[r->n++];
  memcpy (h->id, id, sizeof h->id);
  h->key = key;
  h->holder = is_of_all (r->type);
  return NVME_SC_SUCCESS;
}

static uint16_t
do_register (struct nvme_reservations *r, const uint8_t id[16], uint32_t cdw10,
             uint64_t current, uint64_t key)
{
  struct nvme_test_host *h = find (r, id);
  const bool ignore = cdw10 & NVME_RESERVATION_IGNORE_KEY;
  uint16_t status = NVME_SC_SUCCESS;

  switch (cdw10 & 7) {
  case NVME_REGISTER:
    if (h != NULL)
      return h->key == key ? NVME_SC_SUCCESS : CONFLICT;
    status = add (r, id, key);
    break;
  case NVME_UNREGISTER:
    if (h == NULL || (!ignore && h->key != current))
      return CONFLICT;
    unregister (r, h);
    break;
  case NVME_REPLACE:
    if (h == NULL || (!ignore && h->key != current))
      return CONFLICT;
    if (key == 0)
      return INVALID;
    h->key = key;
    break;
  default:
    return INVALID;
  }
  if (status != NVME_SC_SUCCESS)
    return status;
  if (cdw10 >> 30 >= 2)
    r->persist = cdw10 >> 30 == 3;
  r->generation++;
  return NVME_SC_SUCCESS;
}

/* Remove whoever has KEY but for the host ID; was there anybody? */
static bool
remove_key (struct nvme_reservations *r, const uint8_t id[16], uint64_t key)
{
  bool found = false;

  for (unsigned i = 0; i < r->n;) {
    struct nvme_test_host *h = &r->host[i];

    if (h->key != key && key != 0)
      i++;
    else if (memcmp (h->id, id, sizeof h->id) == 0) {
      found = true;
      i++;
    }
    else {
      found = true;
      unregister (r, h);
    }
  }
  return found;
}

static bool
holds (const struct nvme_reservations *r, uint64_t key)
{
  for (unsigned i = 0; i < r->n; i++) {
    if (r->host[i].holder && r->host[i].key == key)
      return true;
  }
  return false;
}

static uint16_t
preempt (struct nvme_reservations *r, const uint8_t id[16], uint8_t type,
         uint64_t key)
{
  const bool all = is_of_all (r->type);
  const bool takes = r->type != 0 && (all ? key == 0 : holds (r, key));

  if (key == 0 && !all)
    return INVALID;
  if (!remove_key (r, id, key))
    return CONFLICT;
  if (takes) {
    release (r);
    hold (r, find (r, id), type);
  }
  r->generation++;
  return NVME_SC_SUCCESS;
}

static uint16_t
do_acquire (struct nvme_reservations *r, const uint8_t id[16], uint32_t cdw10,
            uint64_t current, uint64_t key)
{
  struct nvme_test_host *h = find (r, id);
  const uint8_t type = (uint8_t) (cdw10 >> 8);

  if (h == NULL || h->key != current)
    return CONFLICT;
  if (type < 1 || type > 6)
    return INVALID;
  switch (cdw10 & 7) {
  case NVME_ACQUIRE:
    if (r->type != 0)
      return h->holder && r->type == type ? NVME_SC_SUCCESS : CONFLICT;
    hold (r, h, type);
    return NVME_SC_SUCCESS;
  case NVME_PREEMPT:
  case NVME_PREEMPT_AND_ABORT:
    return preempt (r, id, type, key);
  default:
    return INVALID;
  }
}

static uint16_t
do_release (struct nvme_reservations *r, const uint8_t id[16], uint32_t cdw10,
            uint64_t current)
{
  const struct nvme_test_host *h = find (r, id);

  if (h == NULL || h->key != current)
    return CONFLICT;
  switch (cdw10 & 7) {
  case NVME_RELEASE:
    if (!h->holder)
      return NVME_SC_SUCCESS;
    if (r->type != (uint8_t) (cdw10 >> 8))
      return INVALID;
    release (r);
    return NVME_SC_SUCCESS;
  case NVME_CLEAR:
    r->n = 0;
    memset (r->host, 0, sizeof r->host);
    r->type = 0;
    r->generation++;
    return NVME_SC_SUCCESS;
  default:
    return INVALID;
  }
}

uint16_t
nvme_reservations_do (struct nvme_reservations *r, const uint8_t id[16],
                      uint8_t opcode, uint32_t cdw10,
                      const struct nvme_reservation_keys *keys)
{
  const uint64_t current = le64_get (keys->current);

  switch (opcode) {
  case NVME_CMD_RESERVATION_REGISTER:
    return do_register (r, id, cdw10, current, le64_get (keys->other));
  case NVME_CMD_RESERVATION_ACQUIRE:
    return do_acquire (r, id, cdw10, current, le64_get (keys->other));
  case NVME_CMD_RESERVATION_RELEASE:
    return do_release (r, id, cdw10, current);
  default:
    return NVME_SC_INVALID_OPCODE | NVME_STATUS_DNR;
  }
}

/* ------------------------------------------------------------------ */

static size_t
put_host (const struct nvme_test_host *h, bool extended, uint8_t *p)
{
  struct nvme_registered s = {
    .cntlid = le16_put (1),
    .rcsts = h->holder ? NVME_RCSTS_HOLDER : 0,
    .rkey = le64_put (h->key),
  };
  struct nvme_registered_extended x = {
    .cntlid = s.cntlid,
    .rcsts = s.rcsts,
    .rkey = s.rkey,
  };

  memcpy (s.hostid, h->id, sizeof s.hostid);
  memcpy (x.hostid, h->id, sizeof x.hostid);
  memcpy (p, extended ? (void *) &x : (void *) &s,
          extended ? sizeof x : sizeof s);
  return extended ? sizeof x : sizeof s;
}

void
nvme_reservations_report (const struct nvme_reservations *r, bool extended,
                          uint8_t *buf, size_t size)
{
  uint8_t all[NVME_REPORT_EXTENDED_HEAD +
              NVME_TEST_HOSTS * sizeof (struct nvme_registered_extended)] = {
    0
  };
  const struct nvme_reservation_report head = {
    .gen = le32_put (r->generation),
    .rtype = r->type,
    .regctl = { (uint8_t) r->n },
    .ptpls = r->persist,
  };
  size_t at = extended ? NVME_REPORT_EXTENDED_HEAD : sizeof head;

  memcpy (all, &head, sizeof head);
  for (unsigned i = 0; i < r->n; i++)
    at += put_host (&r->host[i], extended, all + at);
  memset (buf, 0, size);
  memcpy (buf, all, min_u64 (size, at));
}

bool
nvme_reservations_allow (const struct nvme_reservations *r,
                         const uint8_t id[16], bool write)
{
  bool registered = false, holder = false;

  for (unsigned i = 0; i < r->n; i++) {
    if (memcmp (r->host[i].id, id, sizeof r->host[i].id) == 0) {
      registered = true;
      holder = r->host[i].holder;
    }
  }
  switch (r->type) {
  case 1:
    return !write || holder;
  case 2:
    return holder;
  case 3:
  case 5:
    return !write || registered;
  case 4:
  case 6:
    return registered;
  default:
    return true;
  }
}
