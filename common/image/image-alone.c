/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-alone.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "image/image-alone.h"
#include "image/image-link.h"
#include "image/store-image.h"

/* The store of LINK, which is owned. */
static struct store *
store_of (struct image_link *link)
{
  struct store *s = link->fixed;

  if (s != NULL)
    return s;
  if (image_info (link->image)->parent.exists) {
    log_error ("%s: is a differencing image, and its parent is not looked for "
               "on a server: get both, and serve the copies",
               link->name);
    errno = EINVAL;
  }
  else {
    s = store_image_create (link->image, NULL);
    if (s == NULL)
      log_error ("%s: %m", link->name);
  }
  if (s == NULL)
    image_link_close (link);
  return s;
}

struct store *
image_alone_store (struct store *inner, enum image_format_id format,
                   enum vhd_size_rule size_rule)
{
  CLEANUP_FREE char *name = strdup (inner->description);
  struct image_link link;

  if (name == NULL) {
    store_close (inner);
    errno = ENOMEM;
    log_error ("%m");
    return NULL;
  }
  if (image_link_open_store (inner, name, format, size_rule, &link) == -1)
    return NULL;
  return store_of (&link);
}
