/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack pr: persistent reservations through the socket of a server.
 */

#include <config.h>

#include "base/log.h"
#include "command.h"
#include "options.h"
#include "pr-options.h"
#include "pr-show.h"
#include "pr/pr-client.h"

#define TIMEOUT 60000 /* milliseconds, as SCSI commands have */

/* What sg_persist exits with, too. */
enum { EXIT_ILLEGAL_REQUEST = 5, EXIT_CONFLICT = 24 };

#define GOOD 0x00
#define CONFLICT 0x18
#define ILLEGAL_REQUEST 0x05

/* What a command that did not end well comes to. */
static int
report_status (const char *path, const struct pr_answer *a)
{
  const struct reservation_sense sense = {
    .status = a->status,
    .key = a->sense[2] & 0xf,
    .asc = (uint16_t) (a->sense[12] << 8 | a->sense[13]),
  };
  const char *text = reservation_sense_string (sense);

  if (text != NULL)
    log_error ("%s: %s", path, text);
  else
    log_error ("%s: SCSI status 0x%02x, sense key 0x%x, additional sense "
               "0x%04x",
               path, sense.status, sense.key, sense.asc);
  if (a->status == CONFLICT)
    return EXIT_CONFLICT;
  return sense.key == ILLEGAL_REQUEST ? EXIT_ILLEGAL_REQUEST : COMMAND_FAILED;
}

static int
ask (struct pr_client *c, const struct pr_options *o)
{
  static uint8_t data[UINT16_MAX];
  uint8_t cdb[PR_CDB_SIZE] = { 0 };
  struct pr_answer a;

  reservation_in_serialise (o->in_action, UINT16_MAX, cdb);
  if (pr_client_ask (c, cdb, NULL, 0, data, sizeof data, &a) == -1)
    return COMMAND_FAILED;
  if (a.status != GOOD)
    return report_status (o->path, &a);
  if (pr_show (o->in_action, data, a.count) == 0)
    return COMMAND_OK;
  log_error ("%s: the answer is not what was asked for", o->path);
  return COMMAND_FAILED;
}

static int
tell (struct pr_client *c, const struct pr_options *o)
{
  uint8_t cdb[PR_CDB_SIZE] = { 0 }, list[RESERVATION_LIST_MAX];
  const size_t n = reservation_out_serialise (&o->command, cdb, list);
  struct pr_answer a;

  if (pr_client_ask (c, cdb, list, n, NULL, 0, &a) == -1)
    return COMMAND_FAILED;
  return a.status == GOOD ? COMMAND_OK : report_status (o->path, &a);
}

int
command_pr (int argc, char *argv[])
{
  struct pr_options o;
  struct pr_client *c;
  int r = pr_options_parse (&o, argc, argv);

  if (r != -1)
    return r;
  c = pr_client_connect (o.path, o.initiator, TIMEOUT);
  if (c == NULL)
    return COMMAND_FAILED;
  r = o.out ? tell (c, &o) : ask (c, &o);
  pr_client_close (c);
  return options_finish (r);
}
