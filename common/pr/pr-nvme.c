/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-nvme.h.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "pr/pr-nvme-map.h"
#include "pr/pr-nvme.h"
#include "reservation/reservation-scsi.h"

/* The report of most namespaces is in one command of this many bytes. */
#define REPORT_LEAST UINT32_C (4096)

struct pr_nvme {
  struct pr_target target;
  struct pr_nvme_setup setup;
  char *name;

  pthread_mutex_t lock; /* one command at a time, and what follows */
  struct reservation r; /* as last reported */
  uint8_t report[PR_NVME_REPORT_MAX];
};

/* ------------------------------------------------------------------ */

/* What the command C, NULL for a report, is answered with. */
static enum reservation_status
give (struct pr_nvme *p, const struct reservation_command *c, uint8_t opcode,
      uint32_t cdw10, uint32_t cdw11, void *buf, size_t count)
{
  static const struct reservation_command none = { 0 };
  enum reservation_status status;
  uint16_t code = 0;

  if (p->setup.command (p->setup.opaque, opcode, cdw10, cdw11, buf, count,
                        &code) == -1) {
    log_error ("%s: reservation command 0x%02x: %m", p->name, opcode);
    return RESERVATION_NOT_KEPT;
  }
  status = pr_nvme_status (c != NULL ? c : &none, code);
  if (status == RESERVATION_NOT_KEPT)
    log_error ("%s: reservation command 0x%02x: status 0x%x", p->name, opcode,
               code);
  return status;
}

/* COUNT bytes of the report. */
static enum reservation_status
ask (struct pr_nvme *p, uint32_t count)
{
  return give (p, NULL, NVME_CMD_RESERVATION_REPORT, count / 4 - 1,
               p->setup.long_host_id ? NVME_REPORT_EXTENDED : 0, p->report,
               count);
}

/* All of the report, which may become longer between commands. */
static enum reservation_status
read_report (struct pr_nvme *p)
{
  uint32_t want = REPORT_LEAST, count;
  enum reservation_status status;
  enum pr_nvme_report_status parsed;

  do {
    struct nvme_reservation_report head;

    count = want;
    memset (p->report, 0, count);
    status = ask (p, count);
    if (status != RESERVATION_GOOD)
      return status;
    memcpy (&head, p->report, sizeof head);
    want = ROUND_UP (pr_nvme_report_size (&head, p->setup.long_host_id),
                     REPORT_LEAST);
  } while (want > count && want <= PR_NVME_REPORT_MAX);
  parsed = pr_nvme_report_parse (p->report, count, p->setup.long_host_id,
                                 p->setup.rescap, &p->r);
  if (parsed == PR_NVME_REPORT_OK)
    return RESERVATION_GOOD;
  log_error ("%s: the report of reservations %s", p->name,
             pr_nvme_report_status_string (parsed));
  return RESERVATION_NOT_KEPT;
}

static bool
is_registered (const struct pr_nvme *p)
{
  char name[RESERVATION_NAME_MAX + 1];

  pr_nvme_host_name (&p->setup.host_id, p->setup.long_host_id, name);
  return reservation_find (&p->r, name) != -1;
}

static struct pr_nvme *
to_nvme (struct pr_target *t)
{
  return container_of (t, struct pr_nvme, target);
}

/* ------------------------------------------------------------------ */

/* Of the types (SPC-4, table 172) those that RESCAP has. */
static void
mask_types (uint8_t *data, size_t count, uint8_t rescap)
{
  static const uint8_t bits[][2] = { { 4, 0x02 }, { 4, 0x08 }, { 4, 0x20 },
                                     { 4, 0x40 }, { 4, 0x80 }, { 5, 0x01 } };

  for (unsigned i = 0; i < ARRAY_SIZE (bits); i++) {
    if (bits[i][0] < count && !(rescap & (2u << i)))
      data[bits[i][0]] &= (uint8_t) ~bits[i][1];
  }
}

static void
nvme_in (struct pr_target *t, const char *initiator,
         const uint8_t cdb[PR_CDB_SIZE], uint8_t *data, size_t size,
         struct pr_answer *a)
{
  struct pr_nvme *p = to_nvme (t);
  enum reservation_status status;
  size_t n = 0;

  LOCK_SCOPE (&p->lock);
  status = read_report (p);
  if (status == RESERVATION_GOOD)
    status = reservation_in (&p->r, cdb, data, size, &n);
  if ((cdb[1] & 0x1f) == RESERVATION_REPORT_CAPABILITIES)
    mask_types (data, n, p->setup.rescap);
  pr_answer_set (a, status);
  a->count = n;
}

/* ------------------------------------------------------------------ */

static enum reservation_status
do_command (struct pr_nvme *p, const struct reservation_command *c)
{
  enum reservation_status status = RESERVATION_GOOD;
  struct pr_nvme_command n;

  if (uuid_is_nil (&p->setup.host_id)) {
    log_error ("%s: reservations cannot be changed by a host without an "
               "identifier (NVMe feature 0x81)",
               p->name);
    return RESERVATION_NOT_KEPT;
  }
  if (pr_nvme_needs_report (c))
    status = read_report (p);
  if (status == RESERVATION_GOOD)
    status = pr_nvme_translate (c, is_registered (p), p->setup.rescap, &n);
  if (status != RESERVATION_GOOD || n.opcode == 0)
    return status;
  return give (p, c, n.opcode, n.cdw10, 0, &n.keys, n.size);
}

static void
nvme_out (struct pr_target *t, const char *initiator,
          const uint8_t cdb[PR_CDB_SIZE], const uint8_t *list, size_t size,
          struct pr_answer *a)
{
  struct pr_nvme *p = to_nvme (t);
  char to[RESERVATION_NAME_MAX + 1];
  struct reservation_command c;
  enum reservation_status status =
    reservation_out_parse (cdb, list, size, &c, to);

  LOCK_SCOPE (&p->lock);
  if (status == RESERVATION_GOOD)
    status = do_command (p, &c);
  pr_answer_set (a, status);
}

static const struct pr_target_ops nvme_ops = {
  .name = "nvme",
  .pr_in = nvme_in,
  .pr_out = nvme_out,
};

/* ------------------------------------------------------------------ */

struct pr_nvme *
pr_nvme_create (const struct pr_nvme_setup *setup)
{
  struct pr_nvme *p;

  if (!(setup->rescap & NVME_RESCAP_TYPES)) {
    log_error ("%s: the namespace has no persistent reservations", setup->name);
    errno = EOPNOTSUPP;
    return NULL;
  }
  p = calloc (1, sizeof *p);
  if (p == NULL || (p->name = strdup (setup->name)) == NULL) {
    free (p);
    errno = ENOMEM;
    log_error ("%s: %m", setup->name);
    return NULL;
  }
  p->target.ops = &nvme_ops;
  p->setup = *setup;
  p->setup.name = p->name;
  pthread_mutex_init (&p->lock, NULL);
  return p;
}

void
pr_nvme_free (struct pr_nvme *p)
{
  if (p == NULL)
    return;
  pthread_mutex_destroy (&p->lock);
  free (p->name);
  free (p);
}

struct pr_target *
pr_nvme_target (struct pr_nvme *p)
{
  return &p->target;
}
