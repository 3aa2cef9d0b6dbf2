/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-device.h.  SG_IO is what the kernel's sd driver has, and
 * device-mapper passes on to a single disk below.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <scsi/sg.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/log.h"
#include "pr/pr-device-nvme.h"
#include "pr/pr-device.h"
#include "reservation/reservation-scsi.h"

/* Milliseconds; a disk that aborts what others have in flight takes its
 * time.
 */
#define TIMEOUT 60000

/* A unit attention tells what others did to this path, instead of doing the
 * command; there may be some of them, one after the other.
 */
#define ATTENTION_TRIES 5
#define UNIT_ATTENTION 0x06
#define CHECK_CONDITION 0x02

struct pr_device {
  struct pr_target target;
  int fd;
  char *name;

  struct pr_device_nvme nvme;
  struct pr_nvme *nvme_target; /* NULL: it is a SCSI disk */
};

/* ------------------------------------------------------------------ */

/* DIRECTION: of sg.h.  0, or -1 with errno. */
static int
submit (const struct pr_device *d, const uint8_t *cdb, int direction, void *buf,
        size_t size, struct pr_answer *a)
{
  uint8_t command[RESERVATION_CDB_SIZE];
  struct sg_io_hdr h = {
    .interface_id = 'S',
    .dxfer_direction = size > 0 ? direction : SG_DXFER_NONE,
    .cmd_len = sizeof command,
    .mx_sb_len = sizeof a->sense,
    .dxfer_len = (unsigned) size,
    .dxferp = buf,
    .cmdp = command,
    .sbp = a->sense,
    .timeout = TIMEOUT,
  };

  memcpy (command, cdb, sizeof command);
  memset (a, 0, sizeof *a);
  if (ioctl (d->fd, SG_IO, &h) == -1)
    return -1;
  if (h.status == 0 && h.host_status != 0) {
    log_debug ("%s: SG_IO: host status 0x%02x", d->name, h.host_status);
    errno = EIO;
    return -1;
  }
  a->status = h.status;
  if (h.status == 0 && h.resid >= 0 && (size_t) h.resid <= size)
    a->count = size - (size_t) h.resid;
  return 0;
}

/* Sense of either format (SPC-4, 4.5.2 and 4.5.3). */
static bool
is_unit_attention (const struct pr_answer *a)
{
  const bool descriptors = (a->sense[0] & 0x7f) >= 0x72;

  return a->status == CHECK_CONDITION &&
         (a->sense[descriptors ? 1 : 2] & 0x0f) == UNIT_ATTENTION;
}

/* As submit; past unit attentions. */
static int
ask (const struct pr_device *d, const uint8_t *cdb, int direction, void *buf,
     size_t size, struct pr_answer *a)
{
  unsigned tries = 0;
  int r;

  do
    r = submit (d, cdb, direction, buf, size, a);
  while (r == 0 && is_unit_attention (a) && ++tries < ATTENTION_TRIES);
  return r;
}

static void
pass_on (const struct pr_device *d, const uint8_t *cdb, int direction,
         void *buf, size_t size, struct pr_answer *a)
{
  if (ask (d, cdb, direction, buf, size, a) == 0)
    return;
  log_error ("%s: SG_IO: persistent reservations: %m", d->name);
  pr_answer_set (a, RESERVATION_NOT_KEPT);
}

static struct pr_device *
to_device (struct pr_target *t)
{
  return container_of (t, struct pr_device, target);
}

static void
device_in (struct pr_target *t, const char *initiator,
           const uint8_t cdb[PR_CDB_SIZE], uint8_t *data, size_t size,
           struct pr_answer *a)
{
  const size_t allowed = (size_t) cdb[7] << 8 | cdb[8];

  pass_on (to_device (t), cdb, SG_DXFER_FROM_DEV, data, min_u64 (allowed, size),
           a);
}

static void
device_out (struct pr_target *t, const char *initiator,
            const uint8_t cdb[PR_CDB_SIZE], const uint8_t *list, size_t size,
            struct pr_answer *a)
{
  pass_on (to_device (t), cdb, SG_DXFER_TO_DEV, (void *) list, size, a);
  a->count = 0;
}

static const struct pr_target_ops device_ops = {
  .name = "device",
  .pr_in = device_in,
  .pr_out = device_out,
};

/* ------------------------------------------------------------------ */

/* Does it answer?  0, or -1 with errno after log_error. */
static int
probe (struct pr_device *d)
{
  uint8_t cdb[PR_CDB_SIZE] = { RESERVATION_IN_OPCODE,
                               RESERVATION_REPORT_CAPABILITIES };
  uint8_t data[8];
  struct pr_answer a;

  cdb[8] = sizeof data;
  if (ask (d, cdb, SG_DXFER_FROM_DEV, data, sizeof data, &a) == -1) {
    log_error ("%s: SG_IO: %m; persistent reservations need a disk that is "
               "SCSI or NVMe",
               d->name);
    errno = EOPNOTSUPP;
    return -1;
  }
  if (a.status == 0)
    return 0;
  log_error ("%s: the disk has no persistent reservations: PERSISTENT RESERVE "
             "IN fails with status 0x%02x",
             d->name, a.status);
  errno = EOPNOTSUPP;
  return -1;
}

static int
open_it (struct pr_device *d)
{
  if (!pr_device_nvme_init (&d->nvme, d->fd))
    return probe (d);
  d->nvme_target = pr_device_nvme_create (&d->nvme, d->name);
  return d->nvme_target != NULL ? 0 : -1;
}

struct pr_device *
pr_device_create (int fd, const char *name)
{
  struct pr_device *d = calloc (1, sizeof *d);

  if (d == NULL || (d->name = strdup (name)) == NULL) {
    free (d);
    errno = ENOMEM;
    log_error ("%s: %m", name);
    return NULL;
  }
  d->target.ops = &device_ops;
  d->fd = fd;
  if (open_it (d) == -1) {
    const int saved = errno;

    pr_device_free (d);
    errno = saved;
    return NULL;
  }
  return d;
}

void
pr_device_free (struct pr_device *d)
{
  if (d == NULL)
    return;
  pr_nvme_free (d->nvme_target);
  free (d->name);
  free (d);
}

struct pr_target *
pr_device_target (struct pr_device *d)
{
  return d->nvme_target != NULL ? pr_nvme_target (d->nvme_target) : &d->target;
}
