/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See device-claim.h.
 */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "device/mountinfo.h"
#include "store/device-claim.h"

#define SYSFS_MAX 320

/* The folder of the device in sysfs, or something in there. */
static void
sysfs_path (char *out, dev_t dev, const char *name)
{
  snprintf (out, SYSFS_MAX, "/sys/dev/block/%u:%u/%s", major (dev), minor (dev),
            name);
}

/* Call FN with each line of the file at PATH until it returns true. */
static bool
find_line (const char *path, bool (*fn) (const char *line, void *opaque),
           void *opaque)
{
  FILE *fp = fopen (path, "re");
  char *line = NULL;
  size_t size = 0;
  bool found = false;

  if (fp == NULL)
    return false;
  while (!found && getline (&line, &size, fp) != -1)
    found = fn (line, opaque);
  free (line);
  fclose (fp);
  return found;
}

struct question {
  dev_t dev;
  struct mountinfo m; /* a mount of it */
};

static bool
is_mount (const char *line, void *opaque)
{
  struct question *q = opaque;

  return mountinfo_parse (line, &q->m) == MOUNTINFO_OK &&
         makedev (q->m.major, q->m.minor) == q->dev;
}

static bool
is_swap (const char *line, void *opaque)
{
  const struct question *q = opaque;
  char path[MOUNTINFO_PATH_MAX];
  struct stat st;

  return mountinfo_field (line, path, sizeof path) < sizeof path &&
         stat (path, &st) == 0 && S_ISBLK (st.st_mode) && st.st_rdev == q->dev;
}

/* The name of a device, such as one of dm or md, that is made of it. */
static bool
find_holder (dev_t dev, char *name, size_t size)
{
  char path[SYSFS_MAX];
  struct dirent *d = NULL;
  DIR *dir;

  sysfs_path (path, dev, "holders");
  dir = opendir (path);
  if (dir == NULL)
    return false;
  do
    d = readdir (dir);
  while (d != NULL && d->d_name[0] == '.');
  if (d != NULL)
    snprintf (name, size, "%s", d->d_name);
  closedir (dir);
  return d != NULL;
}

/* Does somebody use exactly this device? */
static bool
find_user (dev_t dev, char *out, size_t size)
{
  struct question q = { .dev = dev };
  char holder[SYSFS_MAX];

  if (find_line ("/proc/self/mountinfo", is_mount, &q))
    snprintf (out, size, "is mounted on %s", q.m.place);
  else if (find_line ("/proc/swaps", is_swap, &q))
    snprintf (out, size, "is used for swapping");
  else if (find_holder (dev, holder, sizeof holder))
    snprintf (out, size, "is held by the device %s", holder);
  else
    return false;
  return true;
}

/* Is NAME, in the folder of the device DEV, a partition of it? */
static bool
is_partition (dev_t dev, const char *name, dev_t *partition)
{
  char file[SYSFS_MAX / 2], path[SYSFS_MAX];
  unsigned maj, min;
  FILE *fp;
  int n;

  if (name[0] == '.' || strlen (name) > SYSFS_MAX / 4)
    return false;
  snprintf (file, sizeof file, "%s/partition", name);
  sysfs_path (path, dev, file);
  if (access (path, F_OK) == -1)
    return false;
  snprintf (file, sizeof file, "%s/dev", name);
  sysfs_path (path, dev, file);
  fp = fopen (path, "re");
  if (fp == NULL)
    return false;
  n = fscanf (fp, "%u:%u", &maj, &min);
  fclose (fp);
  *partition = makedev (maj, min);
  return n == 2;
}

static bool
find_user_of_part (dev_t dev, char *out, size_t size)
{
  char path[SYSFS_MAX], user[MOUNTINFO_PATH_MAX + 64];
  bool found = false;
  struct dirent *d;
  DIR *dir;

  sysfs_path (path, dev, "");
  dir = opendir (path);
  if (dir == NULL)
    return false;
  while (!found && (d = readdir (dir)) != NULL) {
    dev_t partition;

    found = is_partition (dev, d->d_name, &partition) &&
            find_user (partition, user, sizeof user);
    if (found)
      snprintf (out, size, "its partition %s %s", d->d_name, user);
  }
  closedir (dir);
  return found;
}

void
device_user (dev_t dev, char *out, size_t size)
{
  char user[MOUNTINFO_PATH_MAX + 64];

  if (find_user (dev, user, sizeof user))
    snprintf (out, size, "it %s", user);
  else if (!find_user_of_part (dev, out, size))
    snprintf (out, size, "a program has it open for itself");
}

/* By the descriptor, so that it is the same device whatever its name has
 * come to mean.
 */
int
device_claim (int fd, const char *path)
{
  char self[64], user[2 * MOUNTINFO_PATH_MAX];
  struct stat st;
  int claim, saved;

  snprintf (self, sizeof self, "/proc/self/fd/%d", fd);
  claim = open (self, O_RDWR | O_EXCL | O_CLOEXEC);
  if (claim >= 0)
    return claim;
  saved = errno;
  if (saved == EBUSY && fstat (fd, &st) == 0) {
    device_user (st.st_rdev, user, sizeof user);
    log_error ("%s: is in use and cannot be written to: %s", path, user);
  }
  else
    log_error ("%s: cannot be claimed: %m", path);
  errno = saved;
  return -1;
}
