/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking a VHD: what a differencing one says of its parent.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhd1/vhd1-check-impl.h"
#include "vhd/vhd-locator.h"

#define PATH_MAX_BYTES (2 * VHD_LOCATOR_MAX)

/* *USABLE: there is a path in it. */
static int
check_locator (struct vhd1_checking *v, const struct vhd_locator *l, char *path,
               uint8_t *content, bool *usable, int *err)
{
  const enum vhd_platform platform = vhd_locator_platform (l);
  enum vhd_status status;

  if (platform == VHD_PLATFORM_NONE || l->length == 0)
    return 0;
  if (platform == VHD_PLATFORM_UNKNOWN || platform == VHD_PLATFORM_MAC) {
    image_check_found (&v->k, IMAGE_NOTE, "locator-unknown", l->offset, false,
                       "a parent locator of another system is not looked at "
                       "and kept as it is");
    return 0;
  }
  if (l->length > VHD_LOCATOR_MAX)
    status = VHD_PATH_TOO_LONG;
  else {
    if (image_check_read (&v->k, v->inner, content, l->length, l->offset,
                          "a parent locator", err) == -1)
      return -1;
    status =
      vhd_locator_decode (platform, content, l->length, path, PATH_MAX_BYTES);
  }
  if (status == VHD_OK) {
    *usable = *usable || *path != '\0';
    return 0;
  }
  image_check_found (&v->k, IMAGE_WARNING, "locator", l->offset, false,
                     "the parent locator %s %s", vhd_platform_code (platform),
                     vhd_status_string (status));
  return 0;
}

int
vhd1_check_parent (struct vhd1_checking *v, int *err)
{
  CLEANUP_FREE uint8_t *content = NULL;
  CLEANUP_FREE char *path = NULL;
  bool usable = false;

  if (v->footer.type != VHD_TYPE_DIFFERENCING)
    return 0;
  content = malloc (VHD_LOCATOR_MAX);
  path = malloc (PATH_MAX_BYTES);
  if (content == NULL || path == NULL) {
    log_error ("%s: out of memory", v->k.name);
    *err = ENOMEM;
    return -1;
  }
  for (unsigned i = 0; i < VHD_LOCATORS; i++)
    if (check_locator (v, &v->header.locator[i], path, content, &usable, err) ==
        -1)
      return -1;
  if (!usable &&
      (vhd_parent_name_decode (&v->header, path, PATH_MAX_BYTES) != VHD_OK ||
       *path == '\0'))
    image_check_found (&v->k, IMAGE_WARNING, "locator-none",
                       v->footer.data_offset, false,
                       "nothing says where the parent is");
  if (uuid_is_nil (&v->header.parent_id))
    image_check_found (&v->k, IMAGE_WARNING, "parent-id", v->footer.data_offset,
                       false, "nothing says which id the parent has");
  return 0;
}
