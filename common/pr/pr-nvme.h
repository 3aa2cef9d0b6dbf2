/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reservations of an NVMe namespace, as a target: SCSI's commands are
 * translated (pr-nvme-map.h).  All who give them are one initiator, which is
 * the host.  A command changes what the namespace has at most once, also
 * when it fails.
 */

#ifndef DISKSTACK_PR_NVME_H
#define DISKSTACK_PR_NVME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "pr/pr-target.h"

struct pr_nvme;

struct pr_nvme_setup {
  const char *name; /* for messages; copied */
  uint8_t rescap;   /* of Identify Namespace */

  /* Who the host is, and whether all 128 bits matter, or the first 64.  Nil:
   * nobody; then there are only reports.
   */
  struct uuid host_id;
  bool long_host_id;

  /* Give the namespace a command, with COUNT bytes of BUF, to or from it as
   * OPCODE says.  0 with the code of its completion in *STATUS, or -1 with
   * errno if it is not known what became of it.  Called one at a time.
   */
  int (*command) (void *opaque, uint8_t opcode, uint32_t cdw10, uint32_t cdw11,
                  void *buf, size_t count, uint16_t *status);
  void *opaque;
};

/* NULL with errno after log_error: EOPNOTSUPP if the namespace has no
 * reservations; ENOMEM.
 */
extern struct pr_nvme *pr_nvme_create (const struct pr_nvme_setup *setup);

/* No commands are running.  P may be NULL. */
extern void pr_nvme_free (struct pr_nvme *p);

/* For commands.  Valid as long as P. */
extern struct pr_target *pr_nvme_target (struct pr_nvme *p);

#endif /* DISKSTACK_PR_NVME_H */
