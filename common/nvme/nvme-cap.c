/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-cap.h.
 */

#include <config.h>

#include "nvme/nvme-cap.h"
#include "nvme/nvme-spec.h"

/* 2^(12 + MPSMIN) bytes: 64K is the largest that any machine has. */
#define MPSMIN_MAX 4

enum nvme_cap_status
nvme_cap_parse (uint64_t reg, struct nvme_cap *c)
{
  const unsigned css = reg >> 37 & 0xff, mpsmin = reg >> 48 & 0xf;
  const unsigned to = reg >> 24 & 0xff;

  if (reg == NVME_GONE_64)
    return NVME_CAP_GONE;
  if ((reg & 0xffff) == 0)
    return NVME_CAP_QUEUES;
  if (mpsmin > MPSMIN_MAX || (reg >> 52 & 0xf) < mpsmin)
    return NVME_CAP_PAGES;
  if ((css & 0x41) == 0)
    return NVME_CAP_COMMANDS;
  c->max_entries = (reg & 0xffff) + 1;
  c->doorbell_stride = UINT32_C (4) << (reg >> 32 & 0xf);
  c->page_size = c->smallest_page = UINT32_C (4096) << mpsmin;
  c->cc = NVME_CC_MPS (mpsmin) | (css & 1 ? 0 : NVME_CC_CSS_ALL);
  /* Units of 500 ms; some say 0. */
  c->ready_ms = (to > 0 ? to : 1) * 500;
  return NVME_CAP_OK;
}

const char *
nvme_cap_status_string (enum nvme_cap_status status)
{
  switch (status) {
  case NVME_CAP_OK:
    return "no error";
  case NVME_CAP_GONE:
    return "the device is gone";
  case NVME_CAP_QUEUES:
    return "its queues have no entries (CAP.MQES is 0)";
  case NVME_CAP_PAGES:
    return "its smallest page is too large (CAP.MPSMIN)";
  case NVME_CAP_COMMANDS:
    return "it does not have the NVM command set (CAP.CSS)";
  }
  return "unknown";
}
