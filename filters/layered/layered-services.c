/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What goes along with the stacks of the layered filter: the socket that
 * tells of them, hydration, recording and prefetch.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"
#include "layered-config.h"
#include "layered/layered-hydrate.h"
#include "layered/layered-prefetch.h"
#include "layered/layered-record.h"
#include "layered/layered-status.h"

int
layered_services_ready (struct layered_config *c)
{
  if (c->status_path == NULL)
    return 0;
  c->control = control_bind (c->status_path);
  return c->control != NULL ? 0 : -1;
}

int
layered_services_after_fork (void *config)
{
  struct layered_config *c = config;
  int err;

  if (c->control == NULL)
    return 0;
  c->status = layered_status_start (c->control);
  if (c->status == NULL) {
    log_error ("%s: %m", c->status_path);
    return -1;
  }
  if (control_start (c->control, &err) == -1) {
    log_error ("%s: %s", c->status_path, strerror (err));
    return -1;
  }
  return 0;
}

void
layered_services_cleanup (void *config)
{
  struct layered_config *c = config;

  if (c->status != NULL)
    layered_status_stop (c->status);
  c->status = NULL;
  control_close (c->control);
  c->control = NULL;
}

/* Record and prefetch are for one disk, the first that is served. */
static int
start_traces (struct layered_config *c, struct layered *ld)
{
  int err;

  if (c->traced)
    return 0;
  c->traced = true;
  if (c->record_path != NULL &&
      layered_record_start (ld, c->record_path, &err) == -1)
    return -1;
  if (c->prefetch_path == NULL)
    return 0;
  if (ld->own_bottom == NULL) {
    log_error ("layered-prefetch= needs a plugin that takes requests in "
               "parallel, and a disk that is not chosen by an export name; "
               "going on without");
    return 0;
  }
  return layered_prefetch_start (ld, c->prefetch_path, &err);
}

/* That the cache stays incomplete is no reason not to serve. */
static void
start_hydration (const struct layered_config *c, struct layered *ld)
{
  int err;

  if (!c->hydrate || layered_hydrate_start (ld, c->hydrate_rate, &err) == 0)
    return;
  switch (err) {
  case EINVAL:
    log_error ("layered-hydrate= needs a plugin that takes requests in "
               "parallel, and a disk that is not chosen by an export name; "
               "going on without");
    break;
  case EOPNOTSUPP:
    log_error ("layered-hydrate= needs a layer that is a read-cache and can "
               "be written; going on without");
    break;
  case ENOSPC:
    log_error ("layered-hydrate= needs a read cache without max=, or with "
               "one as large as the disk; going on without");
    break;
  default:
    log_error ("layered-hydrate=: %s; going on without", strerror (err));
  }
}

int
layered_services_start (void *config, struct layered *ld,
                        const char *export_name)
{
  struct layered_config *c = config;

  if (start_traces (c, ld) == -1)
    return -1;
  start_hydration (c, ld);
  if (c->status != NULL &&
      layered_status_add (c->status, ld, export_name, NULL) == -1) {
    layered_services_stop (c, ld);
    log_error ("out of memory");
    return -1;
  }
  return 0;
}

void
layered_services_stop (void *config, struct layered *ld)
{
  struct layered_config *c = config;

  if (c->status != NULL)
    layered_status_remove (c->status, ld);
  layered_prefetch_stop (ld);
  layered_hydrate_stop (ld);
}
