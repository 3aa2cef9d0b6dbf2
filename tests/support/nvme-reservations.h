/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reservations of a namespace as its controller keeps them (NVM Express
 * Base Specification 2.0, 8.19), written from that and not from what the
 * driver or SCSI makes of it.
 */

#ifndef DISKSTACK_TEST_NVME_RESERVATIONS_H
#define DISKSTACK_TEST_NVME_RESERVATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nvme/nvme-spec.h"

#define NVME_TEST_HOSTS 100

struct nvme_test_host {
  uint8_t id[16];
  uint64_t key;
  bool holder;
};

/* All zeroes is a namespace without registrants. */
struct nvme_reservations {
  uint32_t generation;
  uint8_t type; /* the code; 0: none */
  bool persist;
  unsigned n;
  struct nvme_test_host host[NVME_TEST_HOSTS];
};

/* Register, Acquire or Release by the host ID; the status. */
extern uint16_t nvme_reservations_do (struct nvme_reservations *r,
                                      const uint8_t id[16], uint8_t opcode,
                                      uint32_t cdw10,
                                      const struct nvme_reservation_keys *keys);

/* The report, in SIZE bytes of BUF, all of which are set. */
extern void nvme_reservations_report (const struct nvme_reservations *r,
                                      bool extended, uint8_t *buf, size_t size);

/* May the host ID, registered or not, read, or WRITE? */
extern bool nvme_reservations_allow (const struct nvme_reservations *r,
                                     const uint8_t id[16], bool write);

#endif /* DISKSTACK_TEST_NVME_RESERVATIONS_H */
