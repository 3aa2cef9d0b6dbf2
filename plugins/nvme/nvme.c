/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The nvme plugin: the namespaces of an NVMe controller, which it drives
 * itself.  Here are its parameters and what they open; the rest is in
 * vfio, nvme, store-nvme and glue-plugin.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/control-status.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"
#include "nvme/nvme-report.h"
#include "nvme/store-nvme.h"
#include "vfio/vfio.h"

#include "nvme-pr.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define NSID_LIST 64 /* namespaces that are asked for at once */

/* Parameters.  Each may be given once. */
enum param {
  P_DEVICE,
  P_NSID,
  P_QUEUE_PAIRS,
  P_QUEUE_DEPTH,
  P_TIMEOUT,
  P_STATUS,
  P_PR_SOCKET,
  P_HOST_ID,
};

static const struct glue_word param_words[] = {
  { "device", P_DEVICE },
  { "nsid", P_NSID },
  { "queue-pairs", P_QUEUE_PAIRS },
  { "queue-depth", P_QUEUE_DEPTH },
  { "timeout", P_TIMEOUT },
  { "status", P_STATUS },
  { "pr-socket", P_PR_SOCKET },
  { "host-id", P_HOST_ID },
  { NULL, -1 },
};

static unsigned given; /* bits of enum param */
static struct pci_address address;
static uint32_t only; /* this namespace alone; 0: all */
static struct nvme_options options;
static char *status_path; /* status=, and what is there */
static struct control_status *status_socket;

static struct vfio_group *group; /* until the controller has it */
static struct nvme *controller;

/* ------------------------------------------------------------------ */
/* Namespaces */

/* The first one after AFTER; 0: none, or -1. */
static int64_t
next_namespace (uint32_t after)
{
  uint32_t nsid = 0;
  int err = 0, r;

  r = nvme_list (controller, after, &nsid, 1, &err);
  if (r == -1) {
    nbdkit_error ("namespaces cannot be listed: %s", strerror (err));
    return -1;
  }
  return r == 0 ? 0 : nsid;
}

/* Is it one that is served?  There is one way to write each number. */
static bool
parse_name (const char *name, uint32_t *nsid)
{
  char again[16];
  char end;

  if (sscanf (name, "%" SCNu32 "%c", nsid, &end) != 1 || *nsid == 0)
    return false;
  snprintf (again, sizeof again, "%" PRIu32, *nsid);
  return strcmp (name, again) == 0 && (only == 0 || only == *nsid);
}

static struct store *
open_store (const char *name, bool read_only)
{
  uint32_t nsid;
  int err;

  if (parse_name (name, &nsid))
    return store_nvme_open (controller, nsid, read_only, &err);
  if (name[0] == '\0')
    nbdkit_error ("the controller has no namespace");
  else if (only != 0)
    nbdkit_error ("export \"%s\": only namespace %" PRIu32 " is served", name,
                  only);
  else
    nbdkit_error ("export \"%s\": is not the number of a namespace", name);
  return NULL;
}

static struct glue_exports exports = GLUE_EXPORTS_INIT (open_store);

static int
nvme_list_exports (int readonly, int is_tls, struct nbdkit_exports *list)
{
  uint32_t nsid[NSID_LIST], after = only > 0 ? only - 1 : 0;
  char name[16];
  int err = 0, n;

  do {
    n = nvme_list (controller, after, nsid, only > 0 ? 1 : NSID_LIST, &err);
    if (n == -1) {
      nbdkit_error ("namespaces cannot be listed: %s", strerror (err));
      return -1;
    }
    for (int i = 0; i < n && (only == 0 || nsid[i] == only); i++) {
      snprintf (name, sizeof name, "%" PRIu32, nsid[i]);
      if (nbdkit_add_export (list, name, NULL) == -1)
        return -1;
      after = nsid[i];
    }
  } while (n == NSID_LIST);
  return 0;
}

/* So that a client that names no namespace and one that names this are
 * clients of the same export.
 */
static const char *
nvme_default_export (int readonly, int is_tls)
{
  const int64_t nsid = only != 0 ? only : next_namespace (0);

  if (nsid <= 0)
    return nsid == 0 ? "" : NULL;
  return nbdkit_printf_intern ("%" PRIu32, (uint32_t) nsid);
}

static void *
nvme_open_handle (int readonly)
{
  const char *name = nbdkit_export_name ();
  void *handle;

  if (name != NULL && name[0] == '\0')
    name = nvme_default_export (readonly, 0);
  if (name == NULL)
    return NULL;
  handle = glue_plugin_open (&exports, name, readonly);
  if (handle != NULL)
    glue_plugin_refresh (&exports);
  return handle;
}

/* ------------------------------------------------------------------ */
/* The controller */

/* Still as the user and with the terminal: what keeps us from having the
 * device is said, and nobody else gets it.
 */
static int
nvme_get_ready (void)
{
  int err;

  /* One that was detached may come back. */
  exports.close_idle = true;
  group = vfio_group_open ("", &address, &err);
  if (group == NULL)
    return -1;
  if (status_path != NULL)
    status_socket = control_status_bind (status_path);
  return status_path == NULL || status_socket != NULL ? 0 : -1;
}

static void
report (void *opaque, struct buffer *out)
{
  nvme_report (opaque, out);
}

/* What there is beside clients. */
static int
start (void)
{
  char name[16];

  if (control_status_start (status_socket, report, controller) == -1)
    return -1;
  snprintf (name, sizeof name, "%" PRIu32, only);
  if (only != 0 && glue_plugin_preopen (&exports, name) == -1)
    return -1;
  return nvme_pr_start (controller, only, &options);
}

/* While the controller answers who waits there. */
static void
nvme_cleanup (void)
{
  nvme_pr_stop ();
}

static void
close_controller (void)
{
  glue_plugin_unload (&exports);
  control_status_close (status_socket);
  status_socket = NULL;
  nvme_close (controller);
  controller = NULL;
}

/* Memory that the device uses belongs to one process, and threads too. */
static int
nvme_after_fork (void)
{
  struct nvme_hw *hw;
  int err;

  hw = vfio_device_open (group, &err);
  if (hw == NULL)
    return -1;
  group = NULL;
  controller = nvme_open (hw, &options, &err);
  if (controller == NULL) {
    hw->ops->close (hw);
    return -1;
  }
  if (start () == 0)
    return 0;
  /* Nobody else does it then. */
  nvme_cleanup ();
  close_controller ();
  return -1;
}

static void
nvme_unload (void)
{
  close_controller ();
  nvme_pr_unload ();
  free (status_path);
  vfio_group_close (group);
}

/* ------------------------------------------------------------------ */
/* Configuration */

static int
set_device (const char *value)
{
  const enum pci_address_status status = pci_address_parse (value, &address);

  if (status == PCI_ADDRESS_OK)
    return 0;
  nbdkit_error ("device=%s: %s", value, pci_address_status_string (status));
  return -1;
}

static int
set_number (const char *key, const char *value, unsigned min, unsigned max,
            unsigned *r)
{
  if (nbdkit_parse_unsigned (key, value, r) == -1)
    return -1;
  if (*r >= min && *r <= max)
    return 0;
  nbdkit_error ("%s=%s: must be between %u and %u", key, value, min, max);
  return -1;
}

static int
set (enum param param, const char *key, const char *value)
{
  switch (param) {
  case P_DEVICE:
    return set_device (value);
  case P_NSID:
    return set_number (key, value, 1, UINT32_MAX - 1, &only);
  case P_QUEUE_PAIRS:
    return set_number (key, value, 1, 4096, &options.queue_pairs);
  case P_QUEUE_DEPTH:
    return set_number (key, value, 2, 4096, &options.queue_depth);
  case P_TIMEOUT:
    return set_number (key, value, 1, 3600, &options.command_seconds);
  case P_STATUS:
    status_path = nbdkit_absolute_path (value);
    return status_path != NULL ? 0 : -1;
  case P_PR_SOCKET:
    return nvme_pr_set_socket (value);
  case P_HOST_ID:
    return nvme_pr_set_host_id (value);
  }
  return -1;
}

static int
nvme_config (const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);

  if (param == -1) {
    nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  if (glue_param_once (key, param, &given) == -1)
    return -1;
  return set (param, key, value);
}

static int
nvme_config_complete (void)
{
  if (given & (1u << P_DEVICE))
    return nvme_pr_configure (only, &options);
  nbdkit_error ("give the PCI address of the controller to serve, such as "
                "0000:00:04.0");
  return -1;
}

/* clang-format off */
#define nvme_config_help                                                     \
  "[device=]<ADDRESS>    The PCI address of the controller to serve.\n"      \
  "nsid=<N>              Serve only this namespace.\n"                       \
  "queue-pairs=<N>       Use so many queues at most.\n"                      \
  "queue-depth=<N>       Commands in a queue.\n"                             \
  "timeout=<SECONDS>     Abort commands that take longer.\n"                  \
  "status=<SOCKET>       Tell diskstack status what goes on.\n"               \
  "pr-socket=<SOCKET>    For diskstack pr and QEMU: reservations.\n"          \
  "host-id=<UUID>        Who reserves; else what is in /etc/nvme/hostid."
/* clang-format on */

/* ------------------------------------------------------------------ */

static struct nbdkit_plugin plugin = {
  .name = "nvme",
  .longname = "diskstack nvme plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve the namespaces of an NVMe controller, without the "
                 "kernel's driver.",
  .unload = nvme_unload,
  .config = nvme_config,
  .config_complete = nvme_config_complete,
  .config_help = nvme_config_help,
  .magic_config_key = "device",
  .get_ready = nvme_get_ready,
  .after_fork = nvme_after_fork,
  .cleanup = nvme_cleanup,
  .list_exports = nvme_list_exports,
  .default_export = nvme_default_export,
  .open = nvme_open_handle,
  GLUE_PLUGIN_OPS,
};

NBDKIT_REGISTER_PLUGIN (plugin)
