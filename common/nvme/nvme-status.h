/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the status of a completion means to who waits for it, and what a
 * controller warns of.  Pure.
 */

#ifndef DISKSTACK_NVME_STATUS_H
#define DISKSTACK_NVME_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "nvme/nvme-spec.h"

/* Not from a device: ways of ours in which a command ends, in a code type
 * that the specification does not have.
 */
enum {
  NVME_SC_TIMED_OUT = 0x600,
  NVME_SC_DEVICE_GONE = 0x601,
  NVME_SC_RESET = 0x602,
};

/* The errno, 0 for success; STATUS without the phase. */
extern int nvme_status_errno (uint16_t status);

/* May the same command succeed if it is given again? */
extern bool nvme_status_is_retryable (uint16_t status);

/* A few words. */
extern const char *nvme_status_string (uint16_t status);

/* What BIT, 0 to 7, of the critical warning in the SMART log says. */
extern const char *nvme_critical_warning_string (unsigned bit);

#endif /* DISKSTACK_NVME_STATUS_H */
