/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-cloud.h.
 */

#include <config.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "glue/glue-cloud.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"

enum form { FORM_TEXT, FORM_PASSWORD, FORM_PATH, FORM_BOOL };

#define ACCESS(name, member, form)                             \
  {                                                            \
    name, offsetof (struct cloud_options, member), form, false \
  }
#define PLACE(name, member, form)                             \
  {                                                           \
    name, offsetof (struct cloud_options, member), form, true \
  }

static const struct {
  const char *name;
  size_t member; /* of struct cloud_options */
  enum form form;
  bool place;
} params[GLUE_CLOUD_KEYS] = {
  ACCESS ("account", account, FORM_TEXT),
  ACCESS ("account-key", account_key, FORM_PASSWORD),
  ACCESS ("sas", sas, FORM_PASSWORD),
  ACCESS ("connection-string", connection_string, FORM_PASSWORD),
  ACCESS ("token-file", token_file, FORM_PATH),
  ACCESS ("identity", identity, FORM_TEXT),
  ACCESS ("identity-endpoint", identity_endpoint, FORM_TEXT),
  PLACE ("container", container, FORM_TEXT),
  PLACE ("blob", blob, FORM_TEXT),
  ACCESS ("access-key", access_key, FORM_TEXT),
  ACCESS ("secret-key", secret_key, FORM_PASSWORD),
  ACCESS ("session-token", session_token, FORM_PASSWORD),
  ACCESS ("region", region, FORM_TEXT),
  PLACE ("endpoint-url", endpoint_url, FORM_TEXT),
  PLACE ("bucket", bucket, FORM_TEXT),
  PLACE ("key", key, FORM_TEXT),
  PLACE ("path-style", path_style, FORM_BOOL),
};

static int
set_bool (const char *key, const char *value, bool *r)
{
  const int b = nbdkit_parse_bool (value);

  if (b == -1)
    nbdkit_error ("%s=%s: must be true or false", key, value);
  *r = b == 1;
  return b == -1 ? -1 : 1;
}

/* Values live as long as the server; what is made of them is kept. */
static int
set (struct glue_cloud *g, unsigned i, const char *key, const char *value)
{
  const char **r = (const char **) ((char *) &g->o + params[i].member);
  char *copy = NULL;

  switch (params[i].form) {
  case FORM_BOOL:
    return set_bool (key, value, (bool *) r);
  case FORM_PASSWORD:
    if (nbdkit_read_password (value, &copy) == -1)
      return -1;
    break;
  case FORM_PATH:
    copy = nbdkit_absolute_path (value);
    if (copy == NULL)
      return -1;
    break;
  case FORM_TEXT:
    break;
  }
  if (copy != NULL)
    g->copy[g->ncopies++] = copy;
  *r = copy != NULL ? copy : value;
  if (**r != '\0')
    return 1;
  nbdkit_error ("%s= is empty", key);
  return -1;
}

int
glue_cloud_config (struct glue_cloud *g, const char *key, const char *value,
                   bool places)
{
  for (unsigned i = 0; i < ARRAY_SIZE (params); i++) {
    if (strcmp (params[i].name, key) != 0 || (params[i].place && !places))
      continue;
    if (glue_param_once (key, i, &g->given) == -1)
      return -1;
    return set (g, i, key, value);
  }
  return 0;
}

void
glue_cloud_fini (struct glue_cloud *g)
{
  while (g->ncopies > 0) {
    char *s = g->copy[--g->ncopies];

    explicit_bzero (s, strlen (s));
    free (s);
  }
}
