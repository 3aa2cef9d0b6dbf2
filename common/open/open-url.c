/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See open-url.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "image/image-alone.h"
#include "open/open-url.h"

bool
open_is_url (const char *spec)
{
  return strncasecmp (spec, "http://", 7) == 0 ||
         strncasecmp (spec, "https://", 8) == 0;
}

#ifdef HAVE_LIBCURL

/* As curl(1) has it. */
struct http_client_options
open_url_options (void)
{
  struct http_client_options o = http_client_defaults ();

  o.cainfo = secure_getenv ("CURL_CA_BUNDLE");
  if (o.cainfo == NULL)
    o.cainfo = secure_getenv ("SSL_CERT_FILE");
  o.capath = secure_getenv ("SSL_CERT_DIR");
  o.service = &cloud_service_plain;
  return o;
}

struct store *
open_url (const char *url, const struct http_client_options *co,
          const struct store_http_options *so)
{
  struct http_client *client = http_client_create (co);
  struct store *s = NULL;
  int saved;

  if (client != NULL)
    s = store_http_create (client, url, so);
  saved = errno;
  http_client_close (client);
  errno = saved;
  return s;
}

int
open_client_ensure (struct open_client *c, const struct http_client_options *co,
                    const struct cloud_options *cloud)
{
  struct http_client_options o = *co;

  if (c->client != NULL)
    return 0;
  if (cloud_options_given (cloud)) {
    c->service = cloud_service_create (cloud);
    if (c->service == NULL)
      return -1;
    cloud_service_attach (c->service, &o);
  }
  c->client = http_client_create (&o);
  return c->client != NULL ? 0 : -1;
}

void
open_client_close (struct open_client *c)
{
  http_client_close (c->client);
  c->client = NULL;
  cloud_service_close (c->service);
  c->service = NULL;
}

char *
open_client_url (const struct open_client *c, const char *url)
{
  char *r;

  if (c->service != NULL)
    return cloud_service_url (c->service, url, "");
  r = strdup (url);
  if (r == NULL)
    log_error ("%m");
  return r;
}

void
open_client_forget (char *url)
{
  if (url != NULL)
    explicit_bzero (url, strlen (url));
  free (url);
}

struct store *
open_client_store (const struct open_client *c, char *where,
                   const struct store_http_options *so)
{
  struct store *s =
    where != NULL ? store_http_create (c->client, where, so) : NULL;

  open_client_forget (where);
  return s;
}

struct store *
open_client_image (const struct open_client *c, const char *url,
                   enum image_format_id format, enum vhd_size_rule size_rule)
{
  const struct store_http_options so = STORE_HTTP_DEFAULTS;
  struct store *s = open_client_store (c, open_client_url (c, url), &so);
  struct uuid id;
  bool has_id;

  if (s == NULL)
    return NULL;
  has_id = store_http_id (s, &id);
  return store_http_identify (image_alone_store (s, format, size_rule),
                              has_id ? &id : NULL);
}

struct store *
open_url_image (const char *url, const struct http_client_options *co,
                enum image_format_id format, enum vhd_size_rule size_rule)
{
  const struct cloud_options none = { NULL };
  struct open_client c = { NULL };
  struct store *s = NULL;
  int saved;

  if (open_client_ensure (&c, co, &none) == 0)
    s = open_client_image (&c, url, format, size_rule);
  saved = errno;
  open_client_close (&c);
  errno = saved;
  return s;
}

#else

struct http_client_options
open_url_options (void)
{
  return (struct http_client_options){ .connections = 0 };
}

struct store *
open_url (const char *url, const struct http_client_options *co,
          const struct store_http_options *so)
{
  log_error ("URLs cannot be opened: this build is without libcurl");
  errno = EOPNOTSUPP;
  return NULL;
}

struct store *
open_url_image (const char *url, const struct http_client_options *co,
                enum image_format_id format, enum vhd_size_rule size_rule)
{
  return open_url (url, co, NULL);
}

int
open_client_ensure (struct open_client *c, const struct http_client_options *co,
                    const struct cloud_options *cloud)
{
  return open_url (NULL, co, NULL) != NULL ? 0 : -1;
}

void
open_client_close (struct open_client *c)
{
}

struct store *
open_client_image (const struct open_client *c, const char *url,
                   enum image_format_id format, enum vhd_size_rule size_rule)
{
  return NULL;
}

#endif
