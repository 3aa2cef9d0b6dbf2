/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-image-url.h.  The client has a thread, which does not survive
 * nbdkit's fork: the image is looked at in .get_ready, so that what is
 * wrong with it is said in time, and opened for the first connection.
 */

#include <config.h>

#include <string.h>

#include "glue/glue-image-url.h"
#include "glue/glue-plugin.h"
#include "open/open-url.h"

int
glue_image_url_config (struct glue_image *g, const char *key, const char *value)
{
  if (strcmp (key, "file") != 0 || !open_is_url (value))
    return glue_http_config (&g->http, key, value, true);
  if (g->url != NULL || g->host.path != NULL) {
    nbdkit_error ("%s= can only be given once", key);
    return -1;
  }
  g->url = value;
  glue_http_init (&g->http);
  return 1;
}

int
glue_image_url_check (const struct glue_image *g)
{
  if (g->host.path == NULL && g->host.fd == -1 && g->given == 0)
    return 0;
  nbdkit_error ("what is at a URL is served as it is, and read-only: fd=, "
                "create=, parent=, size= and what belongs to them cannot be "
                "used with it");
  return -1;
}

struct store *
glue_image_url_store (const struct glue_image *g)
{
  return open_url_image (g->url, &g->http.o, g->format->id, g->size_rule);
}

int
glue_image_url_get_ready (struct glue_image *g)
{
  struct store *s = glue_image_url_store (g);

  store_close (s);
  return s != NULL ? 0 : -1;
}
