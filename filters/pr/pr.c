/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pr filter: persistent reservations for the clients of a disk.
 *
 * There is one set of reservations for each time that the filter is used,
 * whatever exports clients ask for.  So nobody gets around a reservation by
 * another name of the same disk; a plugin with several disks wants a server
 * for each.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "glue/glue-filter.h"
#include "pr-config.h"
#include "pr-identity.h"
#include "pr/pr-store.h"

static int
reserve_get_ready (void *config)
{
  struct pr_config *c = config;

  c->disk = pr_disk_create (c->file);
  if (c->disk == NULL)
    return -1;
  for (unsigned i = 0; i < c->nsockets; i++) {
    struct pr_config_socket *s = &c->socket[i];

    s->socket =
      pr_socket_bind (s->path, s->initiator, pr_disk_target (c->disk));
    if (s->socket == NULL)
      return -1;
  }
  return 0;
}

static int
reserve_after_fork (void *config)
{
  const struct pr_config *c = config;

  for (unsigned i = 0; i < c->nsockets; i++) {
    if (pr_socket_start (c->socket[i].socket) == -1)
      return -1;
  }
  return 0;
}

static void
reserve_cleanup (void *config)
{
  struct pr_config *c = config;

  for (unsigned i = 0; i < c->nsockets; i++) {
    pr_socket_close (c->socket[i].socket);
    c->socket[i].socket = NULL;
  }
}

static void
reserve_free_config (void *config)
{
  struct pr_config *c = config;

  reserve_cleanup (c);
  for (unsigned i = 0; i < c->nsockets; i++)
    free (c->socket[i].initiator);
  pr_disk_free (c->disk);
}

static bool
reserve_below_read_only (const void *config, bool read_only)
{
  return read_only;
}

static char *
reserve_meet_client (void *config, const char *export_name, char **client)
{
  const struct pr_config *c = config;

  return pr_identity_find (c->identity, export_name, client);
}

/* All disks have the same reservations. */
static void *
reserve_open_disk (void *config, struct store *bottom, bool read_only)
{
  const struct pr_config *c = config;

  return c->disk;
}

static void
reserve_close_disk (void *disk)
{
}

static struct store *
reserve_open_for_client (void *config, void *disk, const char *client,
                         struct store *bottom)
{
  struct store *s = pr_store_create (disk, client, bottom);

  if (s == NULL)
    log_error ("pr: %m");
  else
    log_debug ("pr: the client is initiator \"%s\"", client);
  return s;
}

static const struct glue_over over = {
  .open_disk = reserve_open_disk,
  .close_disk = reserve_close_disk,
  .open_for_client = reserve_open_for_client,
};

static struct glue_filter filter = {
  .config_size = sizeof (struct pr_config),
  .config = pr_config_set,
  .get_ready = reserve_get_ready,
  .after_fork = reserve_after_fork,
  .cleanup = reserve_cleanup,
  .below_read_only = reserve_below_read_only,
  .meet_client = reserve_meet_client,
  .over = &over,
  .free_config = reserve_free_config,
  GLUE_FILTER_STATE_INIT,
};

#define HELP                                                              \
  "pr-file=<FILENAME>       Keep reservations through power loss here.\n" \
  "pr-identity=<KIND>       What tells initiators apart: export (the\n"   \
  "                         default, DISK@INITIATOR), tls or peer.\n"     \
  "pr-socket=<SOCKET>       For diskstack pr and QEMU.\n"                 \
  "pr-socket-for=<INITIATOR>:<SOCKET>\n"                                  \
  "                         The same, of one initiator; repeatable.\n"

GLUE_FILTER (filter, "pr", "diskstack persistent reservations",
             "Persistent reservations for the clients of a disk.", HELP)
