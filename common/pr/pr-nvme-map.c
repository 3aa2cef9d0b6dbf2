/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-nvme-map.h.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "pr/pr-nvme-map.h"

/* The types of NVMe (Base, figure 438), by their codes. */
static const enum reservation_type types[] = {
  RESERVATION_NONE,
  RESERVATION_WRITE_EXCLUSIVE,
  RESERVATION_EXCLUSIVE_ACCESS,
  RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
  RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY,
  RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS,
  RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
};

static uint8_t
type_code (enum reservation_type type)
{
  uint8_t code = 0;

  while (types[code] != type)
    code++;
  return code;
}

/* ------------------------------------------------------------------ */
/* Commands */

/* SCSI has two answers for what NVMe has one: a key of zero from a host that
 * is registered, and a key that is taken back from one that is not.
 */
bool
pr_nvme_needs_report (const struct reservation_command *c)
{
  return c->action == RESERVATION_REGISTER_AND_IGNORE ||
         (c->action == RESERVATION_REGISTER && c->key == 0);
}

/* Whether keys are kept through power loss is said with each key. */
static enum reservation_status
translate_register (const struct reservation_command *c, bool registered,
                    uint8_t rescap, struct pr_nvme_command *n)
{
  const bool ignore = c->action == RESERVATION_REGISTER_AND_IGNORE;
  const bool known = pr_nvme_needs_report (c) ? registered : true;

  if (c->aptpl && !(rescap & NVME_RESCAP_PERSIST))
    return RESERVATION_BAD_PARAMETER;
  if (!ignore && c->key == 0 && registered)
    return RESERVATION_CONFLICT;
  n->opcode = NVME_CMD_RESERVATION_REGISTER;
  if (c->action_key == 0) {
    if (!known)
      n->opcode = 0;
    n->cdw10 = NVME_UNREGISTER;
  }
  else {
    n->cdw10 = known ? NVME_REPLACE : NVME_REGISTER;
    if (rescap & NVME_RESCAP_PERSIST)
      n->cdw10 |= c->aptpl ? NVME_RESERVATION_KEPT : NVME_RESERVATION_NOT_KEPT;
  }
  if (ignore)
    n->cdw10 |= NVME_RESERVATION_IGNORE_KEY;
  return RESERVATION_GOOD;
}

static enum reservation_status
translate_acquire (const struct reservation_command *c, uint32_t action,
                   struct pr_nvme_command *n)
{
  n->opcode = NVME_CMD_RESERVATION_ACQUIRE;
  n->cdw10 = action | NVME_RESERVATION_TYPE (type_code (c->type));
  return RESERVATION_GOOD;
}

static enum reservation_status
translate_release (uint32_t cdw10, struct pr_nvme_command *n)
{
  n->opcode = NVME_CMD_RESERVATION_RELEASE;
  n->cdw10 = cdw10;
  n->size = sizeof n->keys.current;
  return RESERVATION_GOOD;
}

enum reservation_status
pr_nvme_translate (const struct reservation_command *c, bool registered,
                   uint8_t rescap, struct pr_nvme_command *n)
{
  *n = (struct pr_nvme_command){
    .keys = { le64_put (c->key), le64_put (c->action_key) },
    .size = sizeof n->keys,
  };
  switch (c->action) {
  case RESERVATION_REGISTER:
  case RESERVATION_REGISTER_AND_IGNORE:
    return translate_register (c, registered, rescap, n);
  case RESERVATION_RESERVE:
    n->keys.other = le64_put (0);
    return translate_acquire (c, NVME_ACQUIRE, n);
  case RESERVATION_PREEMPT:
    return translate_acquire (c, NVME_PREEMPT, n);
  case RESERVATION_PREEMPT_AND_ABORT:
    return translate_acquire (c, NVME_PREEMPT_AND_ABORT, n);
  case RESERVATION_RELEASE:
    return translate_release (
      NVME_RELEASE | NVME_RESERVATION_TYPE (type_code (c->type)), n);
  case RESERVATION_CLEAR:
    return translate_release (NVME_CLEAR, n);
  case RESERVATION_REGISTER_AND_MOVE: /* which NVMe does not have */
    break;
  }
  return RESERVATION_BAD_CDB;
}

enum reservation_status
pr_nvme_status (const struct reservation_command *c, uint16_t status)
{
  switch (status & NVME_STATUS_CODE_MASK) {
  case NVME_SC_SUCCESS:
    return RESERVATION_GOOD;
  case NVME_SC_RESERVATION:
    return RESERVATION_CONFLICT;
  case NVME_SC_INVALID_OPCODE:
    return RESERVATION_BAD_OPCODE;
  case NVME_SC_INVALID_FIELD:
    return c->action == RESERVATION_RELEASE ? RESERVATION_BAD_RELEASE :
                                              RESERVATION_BAD_PARAMETER;
  default:
    return RESERVATION_NOT_KEPT;
  }
}

/* ------------------------------------------------------------------ */
/* The report */

static unsigned
count_of (const struct nvme_reservation_report *p)
{
  return p->regctl[0] | (unsigned) p->regctl[1] << 8;
}

uint32_t
pr_nvme_report_size (const struct nvme_reservation_report *p, bool extended)
{
  const uint32_t n = count_of (p);

  return extended ? NVME_REPORT_EXTENDED_HEAD +
                      n * (uint32_t) sizeof (struct nvme_registered_extended) :
                    (uint32_t) sizeof *p +
                      n * (uint32_t) sizeof (struct nvme_registered);
}

void
pr_nvme_host_name (const struct uuid *id, bool extended,
                   char name[RESERVATION_NAME_MAX + 1])
{
  char text[UUID_STRLEN + 1];
  le64 number;

  memcpy (&number, id->b, sizeof number);
  if (extended)
    uuid_format (id, text);
  else
    snprintf (text, sizeof text, "%016" PRIx64, le64_get (number));
  snprintf (name, RESERVATION_NAME_MAX + 1, "nvme-host:%s", text);
}

/* A registered controller, whichever way it is told. */
struct entry {
  struct uuid host;
  uint64_t key;
  bool holder;
};

static struct entry
read_entry (const uint8_t *p, unsigned i, bool extended)
{
  struct nvme_registered s;
  struct nvme_registered_extended x;
  struct entry e = { 0 };

  if (extended) {
    memcpy (&x, p + NVME_REPORT_EXTENDED_HEAD + i * sizeof x, sizeof x);
    e.key = le64_get (x.rkey);
    e.holder = x.rcsts & NVME_RCSTS_HOLDER;
    memcpy (e.host.b, x.hostid, sizeof x.hostid);
    return e;
  }
  memcpy (&s, p + sizeof (struct nvme_reservation_report) + i * sizeof s,
          sizeof s);
  e.key = le64_get (s.rkey);
  e.holder = s.rcsts & NVME_RCSTS_HOLDER;
  memcpy (e.host.b, s.hostid, sizeof s.hostid);
  return e;
}

/* The host of the entry, which is new unless another of its controllers
 * came before.
 */
static enum pr_nvme_report_status
note_entry (struct reservation *r, const struct entry *e, bool extended,
            bool *held)
{
  char name[RESERVATION_NAME_MAX + 1];
  int i;

  pr_nvme_host_name (&e->host, extended, name);
  i = reservation_find (r, name);
  if (e->key == 0)
    return PR_NVME_REPORT_KEY;
  if (i == -1) {
    if (r->n == RESERVATION_REGISTRANTS_MAX)
      return PR_NVME_REPORT_FULL;
    i = (int) r->n++;
    memcpy (r->registrant[i].name, name, sizeof name);
    r->registrant[i].key = e->key;
  }
  if (e->holder && !*held) {
    r->holder = (unsigned) i;
    *held = true;
  }
  return PR_NVME_REPORT_OK;
}

enum pr_nvme_report_status
pr_nvme_report_parse (const uint8_t *p, size_t size, bool extended,
                      uint8_t rescap, struct reservation *r)
{
  struct nvme_reservation_report head;
  bool held = false;

  memset (r, 0, sizeof *r);
  if (size < sizeof head)
    return PR_NVME_REPORT_SHORT;
  memcpy (&head, p, sizeof head);
  if (size < pr_nvme_report_size (&head, extended))
    return PR_NVME_REPORT_SHORT;
  if (head.rtype >= ARRAY_SIZE (types))
    return PR_NVME_REPORT_TYPE;
  r->generation = le32_get (head.gen);
  r->type = types[head.rtype];
  r->no_ptpl = !(rescap & NVME_RESCAP_PERSIST);
  r->aptpl = head.ptpls != 0 && !r->no_ptpl;
  for (unsigned i = 0; i < count_of (&head); i++) {
    const struct entry e = read_entry (p, i, extended);
    const enum pr_nvme_report_status status =
      note_entry (r, &e, extended, &held);

    if (status != PR_NVME_REPORT_OK)
      return status;
  }
  if (r->type != RESERVATION_NONE && !held &&
      (r->n == 0 || !reservation_is_of_all (r->type)))
    return PR_NVME_REPORT_STATE;
  return PR_NVME_REPORT_OK;
}

const char *
pr_nvme_report_status_string (enum pr_nvme_report_status status)
{
  switch (status) {
  case PR_NVME_REPORT_OK:
    return "is good";
  case PR_NVME_REPORT_SHORT:
    return "is shorter than it says";
  case PR_NVME_REPORT_TYPE:
    return "has an unknown type of reservation";
  case PR_NVME_REPORT_FULL:
    return "has more hosts than can be shown";
  case PR_NVME_REPORT_KEY:
    return "has a registrant without a key";
  case PR_NVME_REPORT_STATE:
    return "has a reservation that nobody holds";
  }
  return "is not known";
}
