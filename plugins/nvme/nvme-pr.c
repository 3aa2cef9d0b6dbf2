/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-pr.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "pr/pr-nvme.h"
#include "pr/pr-socket.h"

#include "nvme-pr.h"

/* Where nvme-cli and the kernel's fabrics have the host's identifier. */
#define HOST_ID_FILE "/etc/nvme/hostid"

static char *path; /* pr-socket= */
static struct uuid host_id;

static struct nvme *controller;
static struct nvme_ns *ns;
static struct pr_nvme *reservations;
static struct pr_socket *pr_socket;

int
nvme_pr_set_socket (const char *value)
{
  path = nbdkit_absolute_path (value);
  return path != NULL ? 0 : -1;
}

static int
set_host_id (const char *source, const char *value)
{
  if (uuid_parse (value, &host_id) && !uuid_is_nil (&host_id))
    return 0;
  nbdkit_error ("%s: \"%s\" is not a UUID", source, value);
  return -1;
}

int
nvme_pr_set_host_id (const char *value)
{
  return set_host_id ("host-id", value);
}

static int
read_host_id (void)
{
  char line[64] = "";
  FILE *f = fopen (HOST_ID_FILE, "re");

  if (f == NULL && errno == ENOENT) {
    nbdkit_error ("pr-socket= needs host-id=, as there is no " HOST_ID_FILE);
    return -1;
  }
  if (f == NULL || (fgets (line, sizeof line, f) == NULL && ferror (f))) {
    nbdkit_error (HOST_ID_FILE ": %m");
    if (f != NULL)
      fclose (f);
    return -1;
  }
  fclose (f);
  line[strcspn (line, " \t\n")] = '\0';
  return set_host_id (HOST_ID_FILE, line);
}

int
nvme_pr_configure (uint32_t nsid, struct nvme_options *o)
{
  if (path != NULL && nsid == 0) {
    nbdkit_error ("pr-socket= needs nsid=, the namespace whose reservations "
                  "are wanted");
    return -1;
  }
  if (path != NULL && uuid_is_nil (&host_id) && read_host_id () == -1)
    return -1;
  o->host_id = host_id;
  return 0;
}

/* ------------------------------------------------------------------ */

/* A namespace that was detached may be there again.  OPAQUE: its number. */
static bool
is_back (const uint32_t *nsid)
{
  struct nvme_ns_info info;
  struct nvme_ns *again;
  int err;

  nvme_ns_get_info (ns, &info);
  if (!info.gone)
    return false;
  again = nvme_ns_open (controller, *nsid, &err);
  if (again != NULL)
    ns = again;
  return again != NULL;
}

static int
give (void *opaque, uint8_t opcode, uint32_t cdw10, uint32_t cdw11, void *buf,
      size_t count, uint16_t *status)
{
  int err, r;

  do
    r = nvme_reservation (ns, opcode, cdw10, cdw11, buf, count, status, &err);
  while (r == -1 && err == ESHUTDOWN && is_back (opaque));
  if (r == 0)
    return 0;
  errno = err;
  return -1;
}

static int
open_reservations (struct nvme *n, uint32_t nsid, const struct nvme_options *o)
{
  static uint32_t served;
  struct nvme_info info;
  struct nvme_ns_info ns_info;
  char name[32];
  struct pr_nvme_setup setup = {
    .name = name,
    .host_id = o->host_id,
    .command = give,
  };
  int err;

  controller = n;
  served = nsid;
  ns = nvme_ns_open (n, nsid, &err);
  if (ns == NULL)
    return -1;
  nvme_get_info (n, &info);
  nvme_ns_get_info (ns, &ns_info);
  snprintf (name, sizeof name, "namespace %u", (unsigned) nsid);
  setup.rescap = info.reservations ? ns_info.rescap : 0;
  setup.long_host_id = info.long_host_id;
  setup.opaque = &served;
  reservations = pr_nvme_create (&setup);
  return reservations != NULL ? 0 : -1;
}

int
nvme_pr_start (struct nvme *n, uint32_t nsid, const struct nvme_options *o)
{
  if (path == NULL)
    return 0;
  if (open_reservations (n, nsid, o) == -1)
    return -1;
  pr_socket = pr_socket_bind (path, "host", pr_nvme_target (reservations));
  return pr_socket != NULL ? pr_socket_start (pr_socket) : -1;
}

void
nvme_pr_stop (void)
{
  pr_socket_close (pr_socket);
  pr_socket = NULL;
  pr_nvme_free (reservations);
  reservations = NULL;
}

void
nvme_pr_unload (void)
{
  free (path);
}
