/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Persistent reservations of SCSI as those of NVMe namespaces (NVM Express
 * Base Specification 2.0, 7.2 to 7.6 and 8.19): commands, what becomes of
 * them, and the report.  Pure.
 *
 * An NVMe host is told apart by its host identifier, not by the controller
 * that it uses, so it is one registrant however many it has.
 */

#ifndef DISKSTACK_PR_NVME_MAP_H
#define DISKSTACK_PR_NVME_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "nvme/nvme-spec.h"
#include "reservation/reservation.h"

/* A command with its data, of which SIZE bytes are sent. */
struct pr_nvme_command {
  uint8_t opcode; /* 0: there is nothing to be done */
  uint32_t cdw10;
  struct nvme_reservation_keys keys;
  size_t size;
};

/* Does what C means depend on whether this host is registered? */
extern bool pr_nvme_needs_report (const struct reservation_command *c);

/* How C is said, by a host that is REGISTERED or not (of no meaning unless
 * pr_nvme_needs_report), to a namespace with the capabilities RESCAP.  What
 * is not RESERVATION_GOOD is the answer already.
 */
extern enum reservation_status
pr_nvme_translate (const struct reservation_command *c, bool registered,
                   uint8_t rescap, struct pr_nvme_command *n);

/* What to answer when the command that C is ended with STATUS. */
extern enum reservation_status
pr_nvme_status (const struct reservation_command *c, uint16_t status);

/* The longest report that is asked for, in bytes: of all who can be
 * registered, with some controllers each.
 */
#define PR_NVME_REPORT_MAX UINT32_C (65536)

/* Bytes that the report has whose head is at P, with host identifiers of
 * 128 bits if it is EXTENDED; at least the head, and at most 4 MiB.
 */
extern uint32_t pr_nvme_report_size (const struct nvme_reservation_report *p,
                                     bool extended);

enum pr_nvme_report_status {
  PR_NVME_REPORT_OK,
  PR_NVME_REPORT_SHORT, /* it says that there is more */
  PR_NVME_REPORT_TYPE,  /* a type that there is not */
  PR_NVME_REPORT_FULL,  /* more than RESERVATION_REGISTRANTS_MAX hosts */
  PR_NVME_REPORT_KEY,   /* a registrant without a key */
  PR_NVME_REPORT_STATE, /* a reservation that nobody holds */
};

/* A sentence without its subject, which is the report. */
extern const char *
pr_nvme_report_status_string (enum pr_nvme_report_status status);

/* The report in the SIZE bytes at P as *R, which is a valid state only on
 * PR_NVME_REPORT_OK.  Registrants have the names of pr_nvme_host_name.
 */
extern enum pr_nvme_report_status
pr_nvme_report_parse (const uint8_t *p, size_t size, bool extended,
                      uint8_t rescap, struct reservation *r);

/* The name of a host in a report: "nvme-host:" and its identifier, the 16
 * bytes of ID as a UUID, or without EXTENDED the first 8 as a number.
 */
extern void pr_nvme_host_name (const struct uuid *id, bool extended,
                               char name[RESERVATION_NAME_MAX + 1]);

#endif /* DISKSTACK_PR_NVME_MAP_H */
