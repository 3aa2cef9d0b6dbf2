/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What becomes of a persistent reservation command: a SCSI status, and for
 * CHECK CONDITION the sense that goes with it (SPC-4, 4.5).
 */

#ifndef DISKSTACK_RESERVATION_STATUS_H
#define DISKSTACK_RESERVATION_STATUS_H

#include <stdint.h>

enum reservation_status {
  RESERVATION_GOOD,
  RESERVATION_CONFLICT,      /* RESERVATION CONFLICT, without sense */
  RESERVATION_BAD_OPCODE,    /* not PERSISTENT RESERVE IN or OUT */
  RESERVATION_BAD_CDB,       /* service action, scope, type, length */
  RESERVATION_BAD_LENGTH,    /* of the parameter list */
  RESERVATION_BAD_PARAMETER, /* a field of the parameter list */
  RESERVATION_BAD_RELEASE,   /* of another type than there is */
  RESERVATION_FULL,          /* no room for another registrant */
  RESERVATION_NOT_KEPT,      /* what has to be kept cannot be */
};

/* The status byte, the sense key, and the additional sense code in the
 * upper byte of ASC with its qualifier in the lower.
 */
struct reservation_sense {
  uint8_t status, key;
  uint16_t asc;
};

extern struct reservation_sense
reservation_status_sense (enum reservation_status status);

/* What the standard calls a status byte with this sense, if it is one that
 * reservations have; else NULL.
 */
extern const char *reservation_sense_string (struct reservation_sense sense);

/* As the standard calls it. */
extern const char *reservation_status_string (enum reservation_status status);

#endif /* DISKSTACK_RESERVATION_STATUS_H */
