/* SPDX-License-Identifier: BSD-3-Clause
 *
 * PERSISTENT RESERVE IN and OUT as they come from SCSI initiators: command
 * blocks, parameter lists, parameter data (SPC-4, 6.15 and 6.16).
 */

#ifndef DISKSTACK_RESERVATION_SCSI_H
#define DISKSTACK_RESERVATION_SCSI_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "reservation/reservation.h"

#define RESERVATION_CDB_SIZE 10
#define RESERVATION_IN_OPCODE 0x5e
#define RESERVATION_OUT_OPCODE 0x5f

/* The command block of either. */
struct reservation_cdb_disk {
  uint8_t opcode;
  uint8_t action;         /* 0x01: the lower 5 bits */
  uint8_t scope_and_type; /* 0x02: of OUT, 4 bits each */
  uint8_t reserved[2];
  be32 out_length; /* 0x05: of OUT; IN has 16 bits at 0x07 */
  uint8_t control;
} __attribute__ ((packed));

_Static_assert(sizeof (struct reservation_cdb_disk) == RESERVATION_CDB_SIZE,
               "size of the command block");

/* The parameter list of OUT (SPC-4, table 179). */
struct reservation_list_disk {
  be64 key;        /* 0x00 */
  be64 action_key; /* 0x08 */
  uint8_t obsolete[4];
  uint8_t flags; /* 0x14 */
  uint8_t reserved;
  uint8_t obsolete2[2];
};
#define RESERVATION_LIST_APTPL 0x01
#define RESERVATION_LIST_SPEC_I_PT 0x08 /* ALL_TG_PT, 0x04: there is one port */

/* That of REGISTER AND MOVE (table 181); a TransportID follows. */
struct reservation_move_disk {
  be64 key;        /* 0x00 */
  be64 action_key; /* 0x08 */
  uint8_t reserved;
  uint8_t flags;     /* 0x11 */
  be16 port;         /* 0x12: the relative target port */
  be32 transport_id; /* 0x14: the length of what follows */
};
#define RESERVATION_MOVE_UNREG 0x02

_Static_assert(sizeof (struct reservation_list_disk) == 24, "size of the list");
_Static_assert(sizeof (struct reservation_move_disk) == 24, "size of the list");

/* The service actions of IN: the codes on the wire. */
enum reservation_in_action {
  RESERVATION_READ_KEYS,
  RESERVATION_READ_RESERVATION,
  RESERVATION_REPORT_CAPABILITIES,
  RESERVATION_READ_FULL_STATUS,
};

/* Of each registrant in READ FULL STATUS (table 175); a TransportID
 * follows.
 */
struct reservation_full_disk {
  be64 key; /* 0x00 */
  uint8_t reserved[4];
  uint8_t flags;          /* 0x0c */
  uint8_t scope_and_type; /* 0x0d: of a holder */
  uint8_t reserved2[4];
  be16 port;   /* 0x12 */
  be32 length; /* 0x14: of the TransportID */
};
#define RESERVATION_FULL_HOLDER 0x01
#define RESERVATION_FULL_ALL_PORTS 0x02

_Static_assert(sizeof (struct reservation_full_disk) == 24,
               "size of a registrant");

/* The longest parameter list that there is: REGISTER AND MOVE to an iSCSI
 * name of full length.
 */
#define RESERVATION_LIST_MAX (24 + 4 + RESERVATION_NAME_MAX + 1)

/* Read a PERSISTENT RESERVE OUT with the SIZE bytes of its parameter LIST,
 * which are fewer than the command block says if the initiator sent too
 * little.  TO has room for the name that C->to may be.
 */
extern enum reservation_status reservation_out_parse (
  const uint8_t cdb[RESERVATION_CDB_SIZE], const uint8_t *list, size_t size,
  struct reservation_command *c, char to[RESERVATION_NAME_MAX + 1]);

/* The parameter data that answers a PERSISTENT RESERVE IN, cut off at the
 * length that the command allows and at SIZE, in BUF; *N bytes.  All that
 * there may be has less than RESERVATION_DATA_MAX bytes.
 */
#define RESERVATION_DATA_MAX (RESERVATION_REGISTRANTS_MAX * 256 + 8)
extern enum reservation_status
reservation_in (const struct reservation *r,
                const uint8_t cdb[RESERVATION_CDB_SIZE], uint8_t *buf,
                size_t size, size_t *n);

#endif /* DISKSTACK_RESERVATION_SCSI_H */
