/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The blockdevice plugin: a disk or partition of the host, which nobody
 * else writes to meanwhile, and whose size may change.  Here are its
 * parameters and what they open; the rest is in store-file, device-claim,
 * device-watch and glue-plugin.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "control/control-status.h"
#include "glue/glue-host-file.h"
#include "glue/glue-plugin.h"
#include "pr/pr-device.h"
#include "pr/pr-socket.h"
#include "store/device-claim.h"
#include "store/device-watch.h"
#include "store/store-file.h"

#include "device-report.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static struct store *open_store (const char *name, bool read_only);

static struct glue_host_file host = GLUE_HOST_FILE_INIT;
static struct glue_exports exports = GLUE_EXPORTS_INIT (open_store);
static struct host_file *device;
static int claim = -1; /* of the first client that may write, to the end */
static struct device_watch *watch;
static char *pr_path; /* pr-socket=, and what is there */
static struct pr_device *reservations;
static struct pr_socket *pr_socket;
static char *status_path; /* status=, and what is there */
static struct control_status *status;

/* ------------------------------------------------------------------ */
/* What is served */

static struct store *
open_store (const char *name, bool read_only)
{
  const struct store_file_options o =
    glue_host_file_options (&host, device, read_only);

  if (!o.read_only && claim == -1) {
    claim = device_claim (host_file_fd (device), host_file_path (device));
    if (claim == -1)
      return NULL;
  }
  return store_file_create (device, &o);
}

/* Something happened to some block device. */
static void
changed (void *opaque, bool removed)
{
  if (removed)
    log_error ("%s: is gone", host_file_path (device));
  else
    glue_plugin_refresh (&exports);
  device_report_look (device);
}

/* Others are refused before they are opened, which may have effects. */
static int
check_type (void)
{
  const char *path = host.path != NULL ? host.path : "fd";
  struct stat st;

  if ((host.path != NULL ? stat (host.path, &st) : fstat (host.fd, &st)) == -1)
    nbdkit_error ("%s: %m", path);
  else if (S_ISREG (st.st_mode))
    nbdkit_error ("%s: is a regular file: nbdkit-raw-plugin serves those",
                  path);
  else if (!S_ISBLK (st.st_mode))
    nbdkit_error ("%s: is not a block device", path);
  else
    return 0;
  return -1;
}

/* Whether clients will write is not known yet, so who uses the device is
 * only told.
 */
static void
tell_user (void)
{
  int fd;

  if (!host_file_is_writable (device))
    return;
  fd = device_claim (host_file_fd (device), host_file_path (device));
  cleanup_close (&fd);
}

/* Whoever gives commands there, it is the host that the disk hears. */
static int
open_reservations (void)
{
  reservations =
    pr_device_create (host_file_fd (device), host_file_path (device));
  if (reservations == NULL)
    return -1;
  pr_socket = pr_socket_bind (pr_path, "host", pr_device_target (reservations));
  return pr_socket != NULL ? 0 : -1;
}

/* Still in the user's directory, as the user and with the terminal. */
static int
blockdevice_get_ready (void)
{
  if (check_type () == -1)
    return -1;
  device = glue_host_file_open (&host);
  if (device == NULL)
    return -1;
  tell_user ();
  device_report_look (device);
  if (status_path != NULL &&
      (status = control_status_bind (status_path)) == NULL)
    return -1;
  if (pr_path != NULL && open_reservations () == -1)
    return -1;
  return glue_plugin_preopen (&exports, "");
}

static int
blockdevice_after_fork (void)
{
  struct stat st;

  if (fstat (host_file_fd (device), &st) == 0)
    watch = device_watch_start (st.st_rdev, changed, NULL);
  if (watch == NULL)
    nbdkit_debug ("no events of the kernel: %m; new clients see new sizes");
  if (control_status_start (status, device_report, device) == -1)
    return -1;
  return pr_socket != NULL ? pr_socket_start (pr_socket) : 0;
}

static void
blockdevice_cleanup (void)
{
  device_watch_stop (watch);
  watch = NULL;
  pr_socket_close (pr_socket);
  pr_socket = NULL;
  control_status_close (status);
  status = NULL;
}

static void
blockdevice_unload (void)
{
  glue_plugin_unload (&exports);
  blockdevice_cleanup ();
  pr_device_free (reservations);
  free (pr_path);
  free (status_path);
  host_file_unref (device);
  cleanup_close (&claim);
  glue_host_file_fini (&host);
}

/* ------------------------------------------------------------------ */
/* Configuration */

static void
blockdevice_load (void)
{
  host.options.cache = STORE_FILE_CACHE_DIRECT;
}

static int
set_path (const char *key, const char *value, char **path)
{
  if (*path != NULL) {
    nbdkit_error ("%s= may only be given once", key);
    return -1;
  }
  *path = nbdkit_absolute_path (value);
  return *path != NULL ? 0 : -1;
}

static int
blockdevice_config (const char *key, const char *value)
{
  int r;

  if (strcmp (key, "pr-socket") == 0)
    return set_path (key, value, &pr_path);
  if (strcmp (key, "status") == 0)
    return set_path (key, value, &status_path);
  r = glue_host_file_config (&host, key, value);
  if (r == 0)
    nbdkit_error ("unknown parameter '%s'", key);
  return r == 1 ? 0 : -1;
}

static int
blockdevice_config_complete (void)
{
  if ((host.path != NULL) == (host.fd != -1)) {
    nbdkit_error (host.path == NULL ? "give the device to serve, or fd=" :
                                      "only one of file= and fd= may be given");
    return -1;
  }
  return glue_host_file_config_complete (&host);
}

/* clang-format off */
#define blockdevice_config_help                                              \
  "[file=]<DEVICE>       The disk or partition to serve.\n"                  \
  "fd=<FD>               Serve the one that is open on this descriptor.\n"   \
  "pr-socket=<SOCKET>    For diskstack pr and QEMU: the disk's reservations.\n"\
  "status=<SOCKET>       Tell diskstack status what happens to the size.\n"\
  GLUE_HOST_FILE_HELP
/* clang-format on */

static void
blockdevice_dump_plugin (void)
{
  printf ("blockdevice_blkdiscard=yes\n");
  printf ("blockdevice_blkzeroout=yes\n");
  printf ("blockdevice_fua_dsync=yes\n");
  printf ("blockdevice_resize=yes\n");
}

/* ------------------------------------------------------------------ */

static void *
blockdevice_open (int readonly)
{
  void *handle = glue_plugin_open (&exports, "", readonly);

  if (handle != NULL)
    glue_plugin_refresh (&exports);
  return handle;
}

static struct nbdkit_plugin plugin = {
  .name = "blockdevice",
  .longname = "diskstack blockdevice plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve disks and partitions of the host.",
  .load = blockdevice_load,
  .unload = blockdevice_unload,
  .config = blockdevice_config,
  .config_complete = blockdevice_config_complete,
  .config_help = blockdevice_config_help,
  .magic_config_key = "file",
  .dump_plugin = blockdevice_dump_plugin,
  .get_ready = blockdevice_get_ready,
  .after_fork = blockdevice_after_fork,
  .cleanup = blockdevice_cleanup,
  .open = blockdevice_open,
  GLUE_PLUGIN_OPS,
};

NBDKIT_REGISTER_PLUGIN (plugin)
