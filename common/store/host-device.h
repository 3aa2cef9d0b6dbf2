/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the kernel says about a block device, or about the device that a
 * file lies on.  Asking changes nothing; what is not known has a default
 * that is safe.
 */

#ifndef DISKSTACK_HOST_DEVICE_H
#define DISKSTACK_HOST_DEVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct host_device {
  uint32_t logical_size;  /* smallest request, a power of two >= 512 */
  uint32_t physical_size; /* >= logical_size, a power of two */
  uint32_t optimal_size;  /* of a large request; 0: not told */
  bool rotational;
  bool write_zeroes;     /* zeroes without sending any to the device */
  uint64_t discard_unit; /* bytes; 0: cannot discard */
  uint64_t discard_skew; /* where the first unit begins, < discard_unit */
  uint64_t discard_step; /* at most so much at once; a multiple of the unit */
  uint64_t zero_step;    /* the same for zeroes, of logical_size */
  bool fua;              /* of the device, or the kernel flushes instead */
  uint32_t misaligned;   /* bytes from a physical sector to where it begins */
};

/* The device that FD is open on. */
extern void host_device_probe (int fd, struct host_device *d);

/* Is the device with the number DEV, of which a file system may be the
 * owner, rotational?  False if there is no such device.
 */
extern bool host_device_is_rotational (dev_t dev);

/* And does it have FUA?  False also if that is not known. */
extern bool host_device_has_fua (dev_t dev);

#endif /* DISKSTACK_HOST_DEVICE_H */
