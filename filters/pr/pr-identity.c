/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-identity.h.  A name that comes from a certificate or from the
 * network must not be one of another kind by chance: those of peers begin
 * with "uid:", "ip:" or "vsock:".
 */

#include <config.h>

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include <nbdkit-filter.h>

#include "base/log.h"
#include "pr-identity.h"
#include "reservation/reservation.h"

#define HAVE_TLS_DN (NBDKIT_VERSION_MAJOR > 1 || NBDKIT_VERSION_MINOR >= 42)

int
pr_identity_check (enum pr_identity identity)
{
  if (identity != PR_IDENTITY_TLS || HAVE_TLS_DN)
    return 0;
  log_error ("pr-identity=tls: nbdkit %s does not tell the names in "
             "certificates, as 1.42 does",
             NBDKIT_VERSION_STRING);
  return -1;
}

/* It is not printed: there may be anything in it. */
static int
check_name (const char *where, const char *name)
{
  if (reservation_name_valid (name))
    return 0;
  log_error ("%s is no name of an initiator, which is 1 to %d bytes of UTF-8 "
             "without control characters",
             where, RESERVATION_NAME_MAX);
  return -1;
}

static char *
find_in_export (const char *export_name)
{
  const char *at = strrchr (export_name, '@');

  if (at != NULL &&
      check_name ("what is behind the last @ of the export name", at + 1) == -1)
    return NULL;
  return strdup (at != NULL ? at + 1 : "");
}

#if HAVE_TLS_DN
static char *
find_in_certificate (void)
{
  char *dn = nbdkit_peer_tls_dn ();

  if (dn == NULL)
    return NULL;
  if (*dn == '\0')
    log_error ("pr-identity=tls: the client has no certificate that was "
               "verified (--tls=require --tls-verify-peer)");
  else if (check_name ("the name in the client's certificate", dn) == 0)
    return dn;
  free (dn);
  return NULL;
}
#else
static char *
find_in_certificate (void)
{
  return NULL; /* pr_identity_check has said so */
}
#endif

static char *
find_user (void)
{
  const int64_t uid = nbdkit_peer_uid ();
  char *r;

  return uid >= 0 && asprintf (&r, "uid:%" PRIi64, uid) != -1 ? r : NULL;
}

static char *
find_address (int family, const void *address)
{
  char text[INET6_ADDRSTRLEN], *r;

  return inet_ntop (family, address, text, sizeof text) != NULL &&
             asprintf (&r, "ip:%s", text) != -1 ?
           r :
           NULL;
}

static char *
find_peer (void)
{
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_vm vm;
    struct sockaddr_storage room;
  } a = { .any.sa_family = AF_UNSPEC };
  socklen_t len = sizeof a;
  char *r = NULL;

  if (nbdkit_peer_name (&a.any, &len) == -1)
    return NULL;
  switch (a.any.sa_family) {
  case AF_UNIX:
    return find_user ();
  case AF_INET:
    return find_address (AF_INET, &a.v4.sin_addr);
  case AF_INET6:
    return find_address (AF_INET6, &a.v6.sin6_addr);
  case AF_VSOCK:
    return asprintf (&r, "vsock:%u", a.vm.svm_cid) != -1 ? r : NULL;
  default:
    log_error ("pr-identity=peer: the client has neither a user nor an "
               "address");
    return NULL;
  }
}

char *
pr_identity_find (enum pr_identity identity, const char *export_name,
                  char **client)
{
  const char *end = export_name + strlen (export_name);
  char *below;

  switch (identity) {
  case PR_IDENTITY_EXPORT:
    *client = find_in_export (export_name);
    if (strchr (export_name, '@') != NULL)
      end = strrchr (export_name, '@');
    break;
  case PR_IDENTITY_TLS:
    *client = find_in_certificate ();
    break;
  case PR_IDENTITY_PEER:
    *client = find_peer ();
    break;
  }
  if (*client == NULL)
    return NULL;
  below = strndup (export_name, (size_t) (end - export_name));
  if (below == NULL)
    log_error ("out of memory");
  return below;
}
