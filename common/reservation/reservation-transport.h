/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names of initiators as SCSI sends them: iSCSI TransportIDs with a name
 * alone (SPC-4, 7.6.4.6).
 */

#ifndef DISKSTACK_RESERVATION_TRANSPORT_H
#define DISKSTACK_RESERVATION_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "reservation/reservation.h"

struct reservation_transport_disk {
  uint8_t format_and_protocol;
  uint8_t reserved;
  be16 length; /* of the name, with zeroes behind it */
};
#define RESERVATION_TRANSPORT_ISCSI 0x05

_Static_assert(sizeof (struct reservation_transport_disk) == 4,
               "size of the head");

#define RESERVATION_TRANSPORT_MAX (4 + RESERVATION_NAME_MAX + 1)
_Static_assert((RESERVATION_NAME_MAX + 1) % 4 == 0, "room for the zeroes");

/* Bytes that the TransportID of NAME has. */
extern size_t reservation_transport_size (const char *name);

/* That, in BUF; how many bytes. */
extern size_t
reservation_transport_serialise (const char *name,
                                 uint8_t buf[RESERVATION_TRANSPORT_MAX]);

/* The name in the SIZE bytes at P, all of which are the TransportID; false
 * if that is of another kind, or no name of an initiator.
 */
extern bool reservation_transport_parse (const uint8_t *p, size_t size,
                                         char name[RESERVATION_NAME_MAX + 1]);

#endif /* DISKSTACK_RESERVATION_TRANSPORT_H */
