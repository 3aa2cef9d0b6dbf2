/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See open-url.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "blob/cloud-service.h"
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

struct store *
open_url_image (const char *url, const struct http_client_options *co,
                enum image_format_id format, enum vhd_size_rule size_rule)
{
  const struct store_http_options so = STORE_HTTP_DEFAULTS;
  struct store *s = open_url (url, co, &so);
  struct uuid id;
  bool has_id;

  if (s == NULL)
    return NULL;
  has_id = store_http_id (s, &id);
  s = image_alone_store (s, format, size_rule);
  return s != NULL && has_id ? store_http_identify (s, &id) : s;
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

#endif
