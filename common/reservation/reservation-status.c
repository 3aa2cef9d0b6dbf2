/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See reservation-status.h.
 */

#include <config.h>

#include "base/align.h"
#include "reservation/reservation-status.h"

#define CHECK_CONDITION 0x02
#define CONFLICT 0x18
#define HARDWARE_ERROR 0x04
#define ILLEGAL_REQUEST 0x05

static const struct {
  const char *text;
  struct reservation_sense sense;
} statuses[] = {
  [RESERVATION_GOOD] = { "GOOD", { 0, 0, 0 } },
  [RESERVATION_CONFLICT] = { "RESERVATION CONFLICT", { CONFLICT, 0, 0 } },
  [RESERVATION_BAD_OPCODE] = { "INVALID COMMAND OPERATION CODE",
                               { CHECK_CONDITION, ILLEGAL_REQUEST, 0x2000 } },
  [RESERVATION_BAD_CDB] = { "INVALID FIELD IN CDB",
                            { CHECK_CONDITION, ILLEGAL_REQUEST, 0x2400 } },
  [RESERVATION_BAD_LENGTH] = { "PARAMETER LIST LENGTH ERROR",
                               { CHECK_CONDITION, ILLEGAL_REQUEST, 0x1a00 } },
  [RESERVATION_BAD_PARAMETER] = { "INVALID FIELD IN PARAMETER LIST",
                                  { CHECK_CONDITION, ILLEGAL_REQUEST,
                                    0x2600 } },
  [RESERVATION_BAD_RELEASE] = { "INVALID RELEASE OF PERSISTENT RESERVATION",
                                { CHECK_CONDITION, ILLEGAL_REQUEST, 0x2604 } },
  [RESERVATION_FULL] = { "INSUFFICIENT REGISTRATION RESOURCES",
                         { CHECK_CONDITION, ILLEGAL_REQUEST, 0x5504 } },
  [RESERVATION_NOT_KEPT] = { "INTERNAL TARGET FAILURE",
                             { CHECK_CONDITION, HARDWARE_ERROR, 0x4400 } },
};

struct reservation_sense
reservation_status_sense (enum reservation_status status)
{
  return statuses[status].sense;
}

const char *
reservation_sense_string (struct reservation_sense sense)
{
  for (size_t i = 0; i < ARRAY_SIZE (statuses); i++) {
    const struct reservation_sense *s = &statuses[i].sense;

    if (s->status == sense.status && s->key == sense.key && s->asc == sense.asc)
      return statuses[i].text;
  }
  return NULL;
}

const char *
reservation_status_string (enum reservation_status status)
{
  return statuses[status].text;
}
