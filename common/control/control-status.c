/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See control-status.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/control-status.h"
#include "control/control.h"

struct control_status {
  struct control *control;
  void (*report) (void *opaque, struct buffer *out);
  void *opaque;
};

struct control_status *
control_status_bind (const char *path)
{
  struct control_status *s = calloc (1, sizeof *s);

  if (s == NULL) {
    log_error ("%s: %m", path);
    return NULL;
  }
  s->control = control_bind (path);
  if (s->control == NULL) {
    free (s);
    return NULL;
  }
  return s;
}

static int
answer (void *opaque, const char *arguments, struct buffer *out)
{
  struct control_status *s = opaque;

  if (arguments[0] != '\0') {
    buffer_puts (out, "status takes no arguments");
    return -1;
  }
  s->report (s->opaque, out);
  return 0;
}

int
control_status_start (struct control_status *s,
                      void (*report) (void *opaque, struct buffer *out),
                      void *opaque)
{
  int err;

  if (s == NULL)
    return 0;
  s->report = report;
  s->opaque = opaque;
  if (control_add (s->control, "status", answer, s) == -1)
    err = errno;
  else if (control_start (s->control, &err) == 0)
    return 0;
  log_error ("%s: %s", control_path (s->control), strerror (err));
  return -1;
}

void
control_status_close (struct control_status *s)
{
  if (s == NULL)
    return;
  control_close (s->control);
  free (s);
}
