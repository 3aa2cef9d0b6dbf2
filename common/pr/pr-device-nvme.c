/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-device-nvme.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/nvme_ioctl.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "nvme/nvme-spec.h"
#include "pr/pr-device-nvme.h"

/* Milliseconds, as for SCSI disks. */
#define TIMEOUT 60000

bool
pr_device_nvme_init (struct pr_device_nvme *d, int fd)
{
  const int nsid = ioctl (fd, NVME_IOCTL_ID);

  *d = (struct pr_device_nvme){ fd, (uint32_t) nsid };
  return nsid > 0;
}

/* The code of the completion, or -1 with errno. */
static int
submit (const struct pr_device_nvme *d, unsigned long request,
        struct nvme_passthru_cmd *c, void *buf, size_t count)
{
  int r;

  c->addr = (uintptr_t) buf;
  c->data_len = (uint32_t) count;
  c->timeout_ms = TIMEOUT;
  r = ioctl (d->fd, request, c);
  return r > 0 ? r & (int) NVME_STATUS_CODE_MASK : r;
}

static int
send_command (void *opaque, uint8_t opcode, uint32_t cdw10, uint32_t cdw11,
              void *buf, size_t count, uint16_t *status)
{
  const struct pr_device_nvme *d = opaque;
  struct nvme_passthru_cmd c = {
    .opcode = opcode,
    .nsid = d->nsid,
    .cdw10 = cdw10,
    .cdw11 = cdw11,
  };
  const int r = submit (d, NVME_IOCTL_IO_CMD, &c, buf, count);

  *status = r > 0 ? (uint16_t) r : 0;
  return r < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ */

/* An admin command that only asks: 0, or -1 with errno after log_error. */
static int
ask (const struct pr_device_nvme *d, const struct pr_nvme_setup *setup,
     struct nvme_passthru_cmd c, void *buf, size_t count)
{
  const int r = submit (d, NVME_IOCTL_ADMIN_CMD, &c, buf, count);

  if (r == 0)
    return 0;
  if (r > 0) {
    log_error ("%s: NVMe admin command 0x%02x: status 0x%x", setup->name,
               c.opcode, (unsigned) r);
    errno = EOPNOTSUPP;
  }
  else
    log_error ("%s: NVMe admin command 0x%02x: %m", setup->name, c.opcode);
  return -1;
}

static int
ask_namespace (const struct pr_device_nvme *d, struct pr_nvme_setup *setup)
{
  CLEANUP_FREE struct nvme_identify_namespace *id = malloc (sizeof *id);
  const struct nvme_passthru_cmd c = {
    .opcode = NVME_ADMIN_IDENTIFY,
    .nsid = d->nsid,
    .cdw10 = NVME_CNS_NAMESPACE,
  };

  if (id == NULL || ask (d, setup, c, id, sizeof *id) == -1)
    return -1;
  setup->rescap = id->rescap;
  return 0;
}

static int
ask_controller (const struct pr_device_nvme *d, struct pr_nvme_setup *setup)
{
  CLEANUP_FREE struct nvme_identify_controller *id = malloc (sizeof *id);
  const struct nvme_passthru_cmd c = {
    .opcode = NVME_ADMIN_IDENTIFY,
    .cdw10 = NVME_CNS_CONTROLLER,
  };

  if (id == NULL || ask (d, setup, c, id, sizeof *id) == -1)
    return -1;
  if (!(le16_get (id->oncs) & NVME_ONCS_RESERVATIONS))
    setup->rescap = 0;
  setup->long_host_id = le32_get (id->ctratt) & NVME_CTRATT_HOST_ID_128;
  return 0;
}

/* What the kernel, for fabrics, or the administrator told the controller. */
static int
ask_host_id (const struct pr_device_nvme *d, struct pr_nvme_setup *setup)
{
  const bool whole = setup->long_host_id;
  const struct nvme_passthru_cmd c = {
    .opcode = NVME_ADMIN_GET_FEATURES,
    .cdw10 = NVME_FEATURE_HOST_ID,
    .cdw11 = whole ? NVME_HOST_ID_EXTENDED : 0,
  };

  return ask (d, setup, c, setup->host_id.b,
              whole ? sizeof setup->host_id.b : NVME_HOST_ID_SHORT);
}

struct pr_nvme *
pr_device_nvme_create (struct pr_device_nvme *d, const char *name)
{
  struct pr_nvme_setup setup = {
    .name = name,
    .command = send_command,
    .opaque = d,
  };

  if (ask_namespace (d, &setup) == -1 || ask_controller (d, &setup) == -1 ||
      (setup.rescap != 0 && ask_host_id (d, &setup) == -1))
    return NULL;
  return pr_nvme_create (&setup);
}
