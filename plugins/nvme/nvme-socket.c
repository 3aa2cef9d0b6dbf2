/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-socket.h.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"
#include "nvme-socket.h"
#include "nvme/nvme-report.h"

static struct control *control;

static int
report (void *controller, const char *arguments, struct buffer *out)
{
  if (arguments[0] != '\0') {
    buffer_puts (out, "status takes no arguments");
    return -1;
  }
  nvme_report (controller, out);
  return 0;
}

int
nvme_socket_bind (const char *path)
{
  if (path != NULL)
    control = control_bind (path);
  return path == NULL || control != NULL ? 0 : -1;
}

int
nvme_socket_start (struct nvme *controller)
{
  int err;

  if (control == NULL)
    return 0;
  if (control_add (control, "status", report, controller) == -1)
    err = errno;
  else if (control_start (control, &err) == 0)
    return 0;
  log_error ("%s: %s", control_path (control), strerror (err));
  return -1;
}

void
nvme_socket_close (void)
{
  control_close (control);
  control = NULL;
}
