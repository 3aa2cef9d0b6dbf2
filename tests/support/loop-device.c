/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See loop-device.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/loop-device.h"

/* How often somebody else may be faster. */
#define MAX_TRIES 100

/* A device that nobody uses, open. */
static int
open_free (char path[LOOP_DEVICE_PATH])
{
  CLEANUP_CLOSE int control = open ("/dev/loop-control", O_RDWR | O_CLOEXEC);
  const int n = control == -1 ? -1 : ioctl (control, LOOP_CTL_GET_FREE);

  if (n == -1)
    return -1;
  snprintf (path, LOOP_DEVICE_PATH, "/dev/loop%d", n);
  return open (path, O_RDWR | O_CLOEXEC);
}

int
loop_device_create (const char *dir, uint64_t size, uint32_t sector_size,
                    char path[LOOP_DEVICE_PATH])
{
  CLEANUP_CLOSE int file = open (dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  const struct loop_config config = {
    .fd = (unsigned) file,
    .block_size = sector_size,
    .info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
  };

  if (file == -1 || ftruncate (file, (off_t) size) == -1)
    return -1;
  for (int i = 0; i < MAX_TRIES; i++) {
    int fd = open_free (path);

    if (fd == -1 || ioctl (fd, LOOP_CONFIGURE, &config) == 0)
      return fd;
    cleanup_close (&fd);
    if (errno != EBUSY)
      return -1;
  }
  return -1;
}
