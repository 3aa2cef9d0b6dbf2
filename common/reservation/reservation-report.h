/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The initiator's side: command blocks and parameter lists to send, and
 * the parameter data of PERSISTENT RESERVE IN, from whatever target, to be
 * read piece by piece (SPC-4, 6.15).
 */

#ifndef DISKSTACK_RESERVATION_REPORT_H
#define DISKSTACK_RESERVATION_REPORT_H

#include "reservation/reservation-scsi.h"

/* The command block that asks for ACTION, with room for ALLOCATION bytes. */
extern void reservation_in_serialise (enum reservation_in_action action,
                                      uint16_t allocation,
                                      uint8_t cdb[RESERVATION_CDB_SIZE]);

/* The command block and the parameter list that say C; how many bytes are
 * in LIST.  C->to, of REGISTER AND MOVE, has at most RESERVATION_NAME_MAX
 * bytes.
 */
extern size_t reservation_out_serialise (const struct reservation_command *c,
                                         uint8_t cdb[RESERVATION_CDB_SIZE],
                                         uint8_t list[RESERVATION_LIST_MAX]);

/* Where reading is. */
struct reservation_report {
  uint32_t generation;
  const uint8_t *p; /* what has not been read, of LEFT bytes */
  size_t left;
};

enum reservation_report_result {
  RESERVATION_REPORT_OK,
  RESERVATION_REPORT_END, /* there is no more */
  RESERVATION_REPORT_BAD, /* too short, or not what was asked for */
};

/* Begin with the SIZE bytes at P, which must stay, of READ KEYS, READ
 * RESERVATION or READ FULL STATUS.  OK or BAD.
 */
extern enum reservation_report_result
reservation_report_begin (struct reservation_report *r, const uint8_t *p,
                          size_t size);

/* The next key of READ KEYS. */
extern enum reservation_report_result
reservation_report_key (struct reservation_report *r, uint64_t *key);

/* The reservation of READ RESERVATION; END if there is none. */
extern enum reservation_report_result
reservation_report_reservation (struct reservation_report *r, uint64_t *key,
                                enum reservation_type *type);

struct reservation_report_registrant {
  uint64_t key;
  bool all_ports, holder;
  enum reservation_type type; /* if it is a holder */
  uint16_t port;
  char name[RESERVATION_NAME_MAX + 1]; /* "" if it is not of iSCSI's kind */
};

/* The next registrant of READ FULL STATUS. */
extern enum reservation_report_result
reservation_report_registrant (struct reservation_report *r,
                               struct reservation_report_registrant *g);

struct reservation_capabilities {
  bool replace_lost, compatible, specify_ports, all_ports; /* RLR_C, CRH... */
  bool ptpl_capable, ptpl_active, has_types;
  uint8_t allow_commands;
  bool type[16]; /* by enum reservation_type */
};

/* The SIZE bytes at P of REPORT CAPABILITIES.  OK or BAD. */
extern enum reservation_report_result
reservation_report_capabilities (const uint8_t *p, size_t size,
                                 struct reservation_capabilities *c);

#endif /* DISKSTACK_RESERVATION_REPORT_H */
