/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-image-url.h.  The client has a thread, which does not survive
 * nbdkit's fork: the image is looked at in .get_ready, so that what is
 * wrong with it is said in time, and opened for the first connection.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "glue/glue-image-url.h"
#include "glue/glue-plugin.h"
#include "open/open-url.h"

/* Itself, or, "+FILE", in a file. */
static int
set_url (struct glue_image *g, const char *value)
{
  if (g->url != NULL || g->host.path != NULL) {
    nbdkit_error ("file= can only be given once");
    return -1;
  }
  if (nbdkit_read_password (value, &g->url) == -1)
    return -1;
  if (open_is_url (g->url))
    return 1;
  nbdkit_error ("file=%s: what is in that file is not a URL", value);
  return -1;
}

int
glue_image_url_config (struct glue_image *g, const char *key, const char *value)
{
  if (strcmp (key, "file") != 0)
    return glue_url_config (&g->access, key, value, false);
  return *value == '+' || open_is_url (value) ? set_url (g, value) : 0;
}

int
glue_image_url_check (struct glue_image *g)
{
  if (g->host.path == NULL && g->host.fd == -1 && g->given == 0)
    return glue_url_config_complete (&g->access);
  nbdkit_error ("what is at a URL is served as it is, and read-only: fd=, "
                "create=, parent=, size= and what belongs to them cannot be "
                "used with it");
  return -1;
}

struct store *
glue_image_url_store (struct glue_image *g)
{
  if (glue_url_ensure (&g->access) == -1)
    return NULL;
  return open_client_image (&g->access.client, g->url, g->format->id,
                            g->size_rule);
}

int
glue_image_url_get_ready (struct glue_image *g)
{
  struct store *s = glue_image_url_store (g);

  store_close (s);
  glue_url_before_fork (&g->access);
  return s != NULL ? 0 : -1;
}

void
glue_image_url_fini (struct glue_image *g)
{
  glue_url_fini (&g->access);
  if (g->url != NULL)
    explicit_bzero (g->url, strlen (g->url));
  free (g->url);
}
