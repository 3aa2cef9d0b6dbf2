/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-url.h.
 */

#include <config.h>

#include "base/cleanup.h"
#include "glue/glue-plugin.h"
#include "glue/glue-url.h"

int
glue_url_config (struct glue_url *g, const char *key, const char *value,
                 bool places)
{
  int r = glue_http_config (&g->http, key, value);

  if (r == 0)
    r = glue_cloud_config (&g->cloud, key, value, places);
  g->given |= r == 1;
  return r;
}

int
glue_url_config_complete (struct glue_url *g)
{
  const struct http_client_options *o = &g->http.o;

  glue_http_init (&g->http);
  if (g->cloud.given == 0 || (o->user == NULL && o->password == NULL))
    return 0;
  nbdkit_error ("user= and password= cannot be used with Azure and S3");
  return -1;
}

int
glue_url_ensure (struct glue_url *g)
{
  LOCK_SCOPE (&g->lock);
  if (g->client.client != NULL)
    return 0;
  if (open_client_ensure (&g->client, &g->http.o, &g->cloud.o) == 0 &&
      (!g->forked || glue_watch_start (&g->watch, g->client.client) == 0))
    return 0;
  glue_url_close (g);
  return -1;
}

void
glue_url_close (struct glue_url *g)
{
  glue_watch_stop (&g->watch);
  open_client_close (&g->client);
}

void
glue_url_before_fork (struct glue_url *g)
{
  glue_url_close (g);
  g->forked = true;
}

void
glue_url_fini (struct glue_url *g)
{
  glue_url_close (g);
  glue_http_fini (&g->http);
  glue_cloud_fini (&g->cloud);
}
