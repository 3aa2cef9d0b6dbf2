/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See host-device.h.
 */

#include <config.h>

#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/align.h"
#include "store/host-device.h"

/* Bytes that are discarded or zeroed at once. */
#define MAX_STEP (UINT64_C (1) << 30)

/* The number in the sysfs file NAME of the device DEV, or DFLT. */
static uint64_t
read_number (dev_t dev, const char *name, uint64_t dflt)
{
  char path[128];
  uint64_t n;
  FILE *fp;

  snprintf (path, sizeof path, "/sys/dev/block/%u:%u/%s", major (dev),
            minor (dev), name);
  fp = fopen (path, "re");
  if (fp == NULL)
    return dflt;
  if (fscanf (fp, "%" SCNu64, &n) != 1)
    n = dflt;
  fclose (fp);
  return n;
}

/* The same of its queue; a partition has that of its disk. */
static uint64_t
read_queue (dev_t dev, const char *name, uint64_t dflt)
{
  char path[64];

  snprintf (path, sizeof path, "../queue/%s", name);
  dflt = read_number (dev, path, dflt);
  return read_number (dev, path + strlen ("../"), dflt);
}

static void
probe_sizes (int fd, struct host_device *d)
{
  unsigned physical, optimal;
  int logical;

  d->logical_size = 512;
  if (ioctl (fd, BLKSSZGET, &logical) == 0 && logical > 512 &&
      is_power_of_2 (logical))
    d->logical_size = logical;

  d->physical_size = d->logical_size;
  if (ioctl (fd, BLKPBSZGET, &physical) == 0 && is_power_of_2 (physical) &&
      physical > d->physical_size)
    d->physical_size = physical;

  d->optimal_size = 0;
  if (ioctl (fd, BLKIOOPT, &optimal) == 0 && is_power_of_2 (optimal) &&
      optimal >= d->physical_size)
    d->optimal_size = optimal;
}

/* LIMIT, which is 0 if there is none, in whole units, and no more than a
 * device does in little time.
 */
static uint64_t
make_step (uint64_t limit, uint64_t unit)
{
  const uint64_t step = limit == 0 || limit > MAX_STEP ? MAX_STEP : limit;

  return max_u64 (ROUND_DOWN (step, unit), unit);
}

static void
probe_zero (dev_t dev, struct host_device *d)
{
  const uint64_t limit = read_queue (dev, "write_zeroes_max_bytes", 0);

  d->write_zeroes = limit > 0;
  d->zero_step = make_step (limit, d->logical_size);
}

static void
probe_discard (dev_t dev, struct host_device *d)
{
  const uint64_t limit = read_queue (dev, "discard_max_bytes", 0);

  d->discard_step = make_step (limit, d->logical_size);
  d->discard_unit = read_queue (dev, "discard_granularity", 0);
  if (limit == 0)
    d->discard_unit = 0;
  if (d->discard_unit == 0)
    return;
  if (!IS_ALIGNED (d->discard_unit, d->logical_size))
    d->discard_unit = d->logical_size;
  d->discard_step = make_step (limit, d->discard_unit);
  d->discard_skew = read_number (dev, "discard_alignment", 0) % d->discard_unit;
}

void
host_device_probe (int fd, struct host_device *d)
{
  unsigned short rotational = 0;
  int misaligned = 0;
  struct stat st;

  *d = (struct host_device){ 0 };
  probe_sizes (fd, d);
  if (ioctl (fd, BLKROTATIONAL, &rotational) == 0)
    d->rotational = rotational != 0;
  if (ioctl (fd, BLKALIGNOFF, &misaligned) == 0 && misaligned > 0)
    d->misaligned = misaligned;
  if (fstat (fd, &st) == 0) {
    probe_discard (st.st_rdev, d);
    probe_zero (st.st_rdev, d);
    d->fua = host_device_has_fua (st.st_rdev);
  }
}

bool
host_device_has_fua (dev_t dev)
{
  return read_queue (dev, "fua", 0) != 0;
}

bool
host_device_is_rotational (dev_t dev)
{
  return read_queue (dev, "rotational", 0) != 0;
}
