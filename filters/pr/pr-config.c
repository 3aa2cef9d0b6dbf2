/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-config.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "glue/glue-filter.h"
#include "pr-config.h"
#include "pr-identity.h"
#include "reservation/reservation.h"

static int
set_identity (struct pr_config *c, const char *key, const char *value)
{
  static const char *const names[] = {
    [PR_IDENTITY_EXPORT] = "export",
    [PR_IDENTITY_TLS] = "tls",
    [PR_IDENTITY_PEER] = "peer",
  };

  if (c->has_identity)
    return 0;
  for (unsigned i = 0; i < ARRAY_SIZE (names); i++) {
    if (strcmp (value, names[i]) != 0)
      continue;
    c->has_identity = true;
    c->identity = i;
    return pr_identity_check (i) == 0 ? 1 : -1;
  }
  log_error ("%s=%s: must be export, tls or peer", key, value);
  return -1;
}

static struct pr_config_socket *
add_socket (struct pr_config *c, const char *key, const char *value)
{
  if (c->nsockets < PR_SOCKETS_MAX)
    return &c->socket[c->nsockets++];
  log_error ("%s=%s: there are %u sockets already", key, value, c->nsockets);
  return NULL;
}

static int
set_socket (struct pr_config *c, const char *key, const char *value)
{
  struct pr_config_socket *s;

  for (unsigned i = 0; i < c->nsockets; i++) {
    if (c->socket[i].initiator == NULL)
      return 0;
  }
  s = add_socket (c, key, value);
  if (s == NULL)
    return -1;
  s->path = value;
  return 1;
}

/* INITIATOR:PATH; there may be colons in names, as in those of iSCSI. */
static int
set_socket_for (struct pr_config *c, const char *key, const char *value)
{
  const char *colon = strrchr (value, ':');
  struct pr_config_socket *s = add_socket (c, key, value);

  if (s == NULL)
    return -1;
  if (colon != NULL) {
    s->path = colon + 1;
    s->initiator = strndup (value, (size_t) (colon - value));
    if (s->initiator == NULL) {
      log_error ("%s: %m", key);
      return -1;
    }
  }
  if (colon != NULL && reservation_name_valid (s->initiator))
    return 1;
  log_error ("%s=%s: must be INITIATOR:PATH, the initiator being 1 to %d bytes "
             "of UTF-8",
             key, value, RESERVATION_NAME_MAX);
  return -1;
}

int
pr_config_set (void *config, const char *key, const char *value)
{
  struct pr_config *c = config;

  if (strcmp (key, "pr-identity") == 0)
    return set_identity (c, key, value);
  if (strcmp (key, "pr-file") == 0)
    return glue_filter_string (value, &c->file);
  if (strcmp (key, "pr-socket") == 0)
    return set_socket (c, key, value);
  if (strcmp (key, "pr-socket-for") == 0)
    return set_socket_for (c, key, value);
  return 0;
}
