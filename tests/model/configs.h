/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The disks that the model test serves.
 */

#ifndef DISKSTACK_MODEL_CONFIGS_H
#define DISKSTACK_MODEL_CONFIGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_config {
  const char *name;
  /* Of nbdkit, separated by blanks.  @B is the image at the bottom, @1
   * and @2 are files of layers; fd=9 is the image open read-only.
   */
  const char *args;
  /* With these a layer is made first that is opened read-only later, or
   * NULL.
   */
  const char *prepare;
  /* With these nbdkit makes the image, which begins with the disk unless
   * it is OPAQUE; or NULL for an image that is nothing but the disk.
   */
  const char *create;
  bool opaque;
  uint64_t size;   /* of the disk */
  uint64_t bottom; /* of the image; 0: the same */
  uint32_t sector; /* its sector size; 0: 512 */
  bool no_image;   /* there is nothing below */
  bool direct;     /* needs a file system with O_DIRECT */
  bool forgets;    /* changes are gone when the server ends */
  bool loses;      /* what was not flushed may be gone when it is killed */
  bool writes;     /* changes go to the image */
  bool later;      /* and are there when the server has ended well */
};

extern const struct model_config model_configs[];
extern const size_t model_nconfigs;

#endif /* DISKSTACK_MODEL_CONFIGS_H */
