/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kinds of files that `diskstack info' knows.
 */

#ifndef DISKSTACK_INFO_H
#define DISKSTACK_INFO_H

#include <stdbool.h>

#include "disk.h"
#include "report.h"
#include "store/host-file.h"

/* What a file is, so far as a look at it tells. */
struct info_kind {
  const char *name;
  /* Is F of this kind, be it damaged? */
  bool (*probe) (struct host_file *f);
  /* Say what it is.  What is wrong with it goes to log_error. */
  void (*report) (struct host_file *f, struct report *r);
};

extern const struct info_kind info_layer;
extern const struct info_kind info_vhd1;
extern const struct info_kind info_vhdx;

/* What dynamic and differencing VHDs and all VHDXs have: blocks, and a
 * parent.
 */
extern void info_report_image (struct host_file *f, enum disk_format format,
                               struct report *r);

#endif /* DISKSTACK_INFO_H */
