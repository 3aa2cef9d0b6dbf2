/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-status.h.
 */

#include <config.h>

#include <errno.h>
#include <stddef.h>

#include "base/align.h"
#include "nvme/nvme-status.h"

static const struct known {
  uint16_t code;
  bool retry;
  int err;
  const char *text;
} table[] = {
  { NVME_SC_SUCCESS, false, 0, "success" },
  { NVME_SC_INVALID_OPCODE, false, EOPNOTSUPP, "invalid opcode" },
  { NVME_SC_INVALID_FIELD, false, EINVAL, "invalid field in command" },
  { NVME_SC_DATA_TRANSFER, true, EIO, "data transfer error" },
  { NVME_SC_POWER_LOSS, true, EIO, "power loss" },
  { NVME_SC_INTERNAL, true, EIO, "internal error" },
  { NVME_SC_ABORT_REQUESTED, true, ETIMEDOUT, "command aborted" },
  { NVME_SC_SQ_DELETED, true, EIO, "submission queue deleted" },
  { NVME_SC_INVALID_NAMESPACE, false, ESHUTDOWN, "invalid namespace" },
  { NVME_SC_SEQUENCE, false, EINVAL, "command sequence error" },
  { NVME_SC_HOST_ID_FORMAT, false, EINVAL,
    "host identifier of an inconsistent format" },
  { NVME_SC_WRITE_PROTECTED, false, EPERM, "namespace is write protected" },
  { NVME_SC_INTERRUPTED, true, EIO, "command interrupted" },
  { NVME_SC_TRANSIENT, true, EIO, "transient transport error" },
  { NVME_SC_LBA_RANGE, false, EINVAL, "LBA out of range" },
  { NVME_SC_CAPACITY, false, ENOSPC, "capacity exceeded" },
  { NVME_SC_NOT_READY, true, EIO, "namespace not ready" },
  { NVME_SC_RESERVATION, false, EPERM, "reservation conflict" },
  { NVME_SC_WRITE_FAULT, false, EIO, "write fault" },
  { NVME_SC_READ_ERROR, false, EIO, "unrecovered read error" },
  { NVME_SC_ACCESS_DENIED, false, EPERM, "access denied" },
  { NVME_SC_TIMED_OUT, false, ETIMEDOUT, "timed out" },
  { NVME_SC_DEVICE_GONE, false, ESHUTDOWN, "the controller is gone" },
  { NVME_SC_RESET, true, EIO, "the controller was reset" },
};

static const struct known *
find (uint16_t status)
{
  static const struct known other = { 0, false, EIO, "error" };

  for (size_t i = 0; i < ARRAY_SIZE (table); i++) {
    if (table[i].code == (status & NVME_STATUS_CODE_MASK))
      return &table[i];
  }
  return &other;
}

int
nvme_status_errno (uint16_t status)
{
  return find (status)->err;
}

bool
nvme_status_is_retryable (uint16_t status)
{
  return find (status)->retry && !(status & NVME_STATUS_DNR);
}

const char *
nvme_status_string (uint16_t status)
{
  return find (status)->text;
}

const char *
nvme_critical_warning_string (unsigned bit)
{
  static const char *const warnings[] = {
    "the spare blocks are fewer than the threshold",
    "the temperature is beyond a threshold",
    "it is not reliable any more, because of errors of the medium or its own",
    "the medium is read-only",
    "the backup of its volatile memory has failed",
    "the persistent memory is unreliable or read-only",
  };

  return bit < ARRAY_SIZE (warnings) ? warnings[bit] : "an unknown warning";
}
