/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store over a file on a server, for the suite: as it is where it is
 * to be read-only, else with a layer in memory that takes the writes.
 */

#include <config.h>

#include "blob/store-http.h"
#include "conformance/store-makers-layered.h"
#include "conformance/store-suite.h"
#include "support/alloc-fault.h"
#include "support/http-server.h"
#include "support/must.h"

/* A store in name only: the server, which is stopped when it is closed. */
struct server_store {
  struct store store;
  struct http_server *server;
  void *data;
};

static void
server_close (struct store *s)
{
  struct server_store *ss = container_of (s, struct server_store, store);

  http_server_stop (ss->server);
  free (ss->data);
  free (ss);
}

static const char *
serve_zeroes (struct store_env *env, uint64_t size)
{
  static const struct store_ops ops = { .name = "server",
                                        .close = server_close };
  static const struct store_info info = { .read_only = true };
  struct server_store *ss = must_calloc (1, sizeof *ss);

  ss->data = must_calloc (1, size);
  ss->server = http_server_start (ss->data, size);
  store_init (&ss->store, &ops, &info, size);
  env->parent = &ss->store;
  return http_server_url (ss->server);
}

/* Small, so that nothing stays for long. */
struct store *
make_http (struct store_env *env, const struct store_spec *o)
{
  const struct http_client_options co = http_client_defaults ();
  const struct store_http_options so = {
    .fetch = 512, .range = 4096, .cache_size = 32768, .readahead = 4096
  };
  const char *url = serve_zeroes (env, o->size);
  struct http_client *c = http_client_create (&co);
  struct store *s = NULL;

  if (c != NULL)
    s = store_http_create (c, url, &so);
  http_client_close (c);
  return s == NULL || o->read_only ? s : make_layered_over (o, s);
}
