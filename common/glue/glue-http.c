/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-http.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "glue/glue-http.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"
#include "http/http-header-file.h"
#include "open/open-url.h"

#define CONNECTIONS_MAX 256
#define RETRIES_MAX 1000

enum param {
  P_CAINFO,
  P_CAPATH,
  P_SSLVERIFY,
  P_UNVERSIONED,
  P_SSL_VERSION,
  P_SSL_CIPHER_LIST,
  P_TLS13_CIPHERS,
  P_SSLCERT,
  P_SSLKEY,
  P_SSLKEY_PASSWORD,
  P_USER,
  P_PASSWORD,
  P_COOKIE,
  P_COOKIEFILE,
  P_HEADER,
  P_USER_AGENT,
  P_PROXY,
  P_PROXY_USER,
  P_PROXY_PASSWORD,
  P_UNIX_SOCKET_PATH,
  P_IPRESOLVE,
  P_RESOLVE,
  P_FOLLOWLOCATION,
  P_PROTOCOLS,
  P_TCP_KEEPALIVE,
  P_TCP_NODELAY,
  P_HTTP_VERSION,
  P_CONNECTIONS,
  P_TIMEOUT,
  P_RETRIES,
};

static const struct glue_word param_words[] = {
  { "cainfo", P_CAINFO },
  { "capath", P_CAPATH },
  { "sslverify", P_SSLVERIFY },
  { "unversioned", P_UNVERSIONED },
  { "ssl-version", P_SSL_VERSION },
  { "ssl-cipher-list", P_SSL_CIPHER_LIST },
  { "tls13-ciphers", P_TLS13_CIPHERS },
  { "sslcert", P_SSLCERT },
  { "sslkey", P_SSLKEY },
  { "sslkey-password", P_SSLKEY_PASSWORD },
  { "user", P_USER },
  { "password", P_PASSWORD },
  { "cookie", P_COOKIE },
  { "cookiefile", P_COOKIEFILE },
  { "header", P_HEADER },
  { "user-agent", P_USER_AGENT },
  { "proxy", P_PROXY },
  { "proxy-user", P_PROXY_USER },
  { "proxy-password", P_PROXY_PASSWORD },
  { "unix-socket-path", P_UNIX_SOCKET_PATH },
  { "unix_socket_path", P_UNIX_SOCKET_PATH },
  { "ipresolve", P_IPRESOLVE },
  { "resolve", P_RESOLVE },
  { "followlocation", P_FOLLOWLOCATION },
  { "protocols", P_PROTOCOLS },
  { "tcp-keepalive", P_TCP_KEEPALIVE },
  { "tcp-nodelay", P_TCP_NODELAY },
  { "http-version", P_HTTP_VERSION },
  { "connections", P_CONNECTIONS },
  { "timeout", P_TIMEOUT },
  { "retries", P_RETRIES },
  { NULL, -1 },
}, version_words[] = {
  { "none", HTTP_VERSION_BEST },
  { "1.0", HTTP_VERSION_1_0 },
  { "1.1", HTTP_VERSION_1_1 },
  { "2.0", HTTP_VERSION_2 },
  { "2TLS", HTTP_VERSION_BEST },
  { "2-prior-knowledge", HTTP_VERSION_2_PRIOR },
  { NULL, -1 },
}, tls_words[] = {
  { "default", HTTP_TLS_BEST },
  { "tlsv1", HTTP_TLS_1_0 },
  { "tlsv1.0", HTTP_TLS_1_0 },
  { "tlsv1.1", HTTP_TLS_1_1 },
  { "tlsv1.2", HTTP_TLS_1_2 },
  { "tlsv1.3", HTTP_TLS_1_3 },
  { NULL, -1 },
}, ip_words[] = {
  { "any", HTTP_IP_ANY },
  { "v4", HTTP_IP_V4 },
  { "v6", HTTP_IP_V6 },
  { NULL, -1 },
};

#define MORE_THAN_ONCE (1u << P_HEADER | 1u << P_RESOLVE)

void
glue_http_init (struct glue_http *h)
{
  if (h->o.timeout == 0)
    h->o = open_url_options ();
}

/* S, which may be NULL after nbdkit_error, is H's from now on. */
static int
take (struct glue_http *h, char *s, const char **r)
{
  char **list =
    s != NULL ? realloc (h->copies, (h->ncopies + 1) * sizeof *list) : NULL;

  if (list == NULL) {
    free (s);
    return -1;
  }
  h->copies = list;
  list[h->ncopies++] = s;
  *r = s;
  return 0;
}

static int
set_password (struct glue_http *h, const char *value, const char **r)
{
  char *password = NULL;

  if (nbdkit_read_password (value, &password) == -1)
    return -1;
  return take (h, password, r);
}

/* *R becomes true if the value is YES. */
static int
set_bool (const char *key, const char *value, bool yes, bool *r)
{
  const int b = nbdkit_parse_bool (value);

  if (b == -1)
    nbdkit_error ("%s=%s: must be true or false", key, value);
  *r = b == yes;
  return b == -1 ? -1 : 0;
}

/* One more in a list of N strings that are owned elsewhere. */
static int
add (const char ***list, unsigned *n, const char *value)
{
  const char **l = realloc (*list, (*n + 1) * sizeof *l);

  if (l == NULL) {
    nbdkit_error ("%m");
    return -1;
  }
  *list = l;
  l[(*n)++] = value;
  return 0;
}

static int
add_header_file (struct glue_http *h, const char *value)
{
  const char *path;
  int r = take (h, nbdkit_absolute_path (value), &path);

  if (r == 0)
    r = add (&h->header_file, &h->o.nheader_files, path);
  h->o.header_file = h->header_file;
  return r;
}

static int
add_header (struct glue_http *h, const char *value)
{
  int r;

  if (*value == '+')
    return add_header_file (h, value + 1);
  if (!http_header_line_valid (value)) {
    nbdkit_error ("header= must be of the form NAME: VALUE, or +FILE");
    return -1;
  }
  r = add (&h->header, &h->o.nheaders, value);
  h->o.header = h->header;
  return r;
}

/* "example.com:443:127.0.0.1" */
static int
add_resolve (struct glue_http *h, const char *value)
{
  const char *colon = strchr (value, ':');
  int r;

  if (colon == NULL || colon == value || strchr (colon + 1, ':') == NULL) {
    nbdkit_error ("resolve=%s: must be of the form HOST:PORT:ADDRESS", value);
    return -1;
  }
  r = add (&h->resolve, &h->o.nresolve, value);
  h->o.resolve = h->resolve;
  return r;
}

static int
set_ip (struct glue_http *h, const char *key, const char *value)
{
  int ip = 0;
  const int r = glue_param_word (key, value, ip_words, &ip);

  h->o.ip = ip;
  return r;
}

static int
set_number (const char *key, const char *value, unsigned min, unsigned max,
            unsigned *r)
{
  if (nbdkit_parse_unsigned (key, value, r) == -1)
    return -1;
  if (*r < min || *r > max) {
    nbdkit_error ("%s=%s: must be from %u to %u", key, value, min, max);
    return -1;
  }
  return 0;
}

static int
set_timeout (struct glue_http *h, const char *value)
{
  if (parse_milliseconds (value, &h->o.timeout) && h->o.timeout > 0)
    return 0;
  nbdkit_error ("timeout=%s: must be a number of seconds, more than 0", value);
  return -1;
}

static int
set_version (struct glue_http *h, const char *key, const char *value)
{
  int version = 0;
  const int r = glue_param_word (key, value, version_words, &version);

  h->o.version = version;
  return r;
}

/* An empty name means something, too. */
static int
set_path_or_none (struct glue_http *h, const char *value, const char **r)
{
  if (*value != '\0')
    return take (h, nbdkit_absolute_path (value), r);
  *r = "";
  return 0;
}

static int
set_tls (struct glue_http *h, const char *key, const char *value)
{
  int version = 0;
  const int r = glue_param_word (key, value, tls_words, &version);

  h->o.tls_min = version;
  return r;
}

/* Of the protocols that nbdkit-curl-plugin(1) has, those that are here. */
static int
set_protocols (struct glue_http *h, const char *value)
{
  static const struct glue_word words[] = { { "http", 1 },
                                            { "https", 2 },
                                            { NULL, 0 } };
  static const char *const sets[] = { NULL, "http", "https", NULL };
  CLEANUP_FREE char *copy = strdup (value);
  char *saved, *word;
  int set = 0;

  if (copy == NULL) {
    nbdkit_error ("%m");
    return -1;
  }
  for (word = strtok_r (copy, ",", &saved); word != NULL;
       word = strtok_r (NULL, ",", &saved))
    set |= glue_find_word (words, word);
  h->o.protocols = sets[set];
  if (set != 0)
    return 0;
  nbdkit_error ("protocols=%s: neither http nor https is among them", value);
  return -1;
}

/* Values live as long as the server. */
static int
set (struct glue_http *h, enum param param, const char *key, const char *value)
{
  struct http_client_options *o = &h->o;

  switch (param) {
  case P_CAINFO:
    return set_path_or_none (h, value, &o->cainfo);
  case P_CAPATH:
    return take (h, nbdkit_absolute_path (value), &o->capath);
  case P_SSLVERIFY:
    return set_bool (key, value, false, &o->no_verify);
  case P_UNVERSIONED:
    return set_bool (key, value, true, &o->unversioned);
  case P_SSL_VERSION:
    return set_tls (h, key, value);
  case P_SSL_CIPHER_LIST:
    o->ciphers = value;
    return 0;
  case P_TLS13_CIPHERS:
    o->tls13_ciphers = value;
    return 0;
  case P_SSLCERT:
    return take (h, nbdkit_absolute_path (value), &o->sslcert);
  case P_SSLKEY:
    return take (h, nbdkit_absolute_path (value), &o->sslkey);
  case P_SSLKEY_PASSWORD:
    return set_password (h, value, &o->sslkey_password);
  case P_USER:
    o->user = value;
    return 0;
  case P_PASSWORD:
    return set_password (h, value, &o->password);
  case P_COOKIE:
    return set_password (h, value, &o->cookie);
  case P_COOKIEFILE:
    return set_path_or_none (h, value, &o->cookiefile);
  case P_HEADER:
    return add_header (h, value);
  case P_USER_AGENT:
    o->user_agent = value;
    return 0;
  case P_PROXY:
    o->proxy = value;
    return 0;
  case P_PROXY_USER:
    o->proxy_user = value;
    return 0;
  case P_PROXY_PASSWORD:
    return set_password (h, value, &o->proxy_password);
  case P_UNIX_SOCKET_PATH:
    return take (h, nbdkit_absolute_path (value), &o->unix_socket_path);
  case P_IPRESOLVE:
    return set_ip (h, key, value);
  case P_RESOLVE:
    return add_resolve (h, value);
  case P_FOLLOWLOCATION:
    return set_bool (key, value, false, &o->no_redirects);
  case P_PROTOCOLS:
    return set_protocols (h, value);
  case P_TCP_KEEPALIVE:
    return set_bool (key, value, false, &o->no_tcp_keepalive);
  case P_TCP_NODELAY:
    return set_bool (key, value, false, &o->no_tcp_nodelay);
  case P_HTTP_VERSION:
    return set_version (h, key, value);
  case P_CONNECTIONS:
    return set_number (key, value, 1, CONNECTIONS_MAX, &o->connections);
  case P_TIMEOUT:
    return set_timeout (h, value);
  case P_RETRIES:
    return set_number (key, value, 0, RETRIES_MAX, &o->retries);
  }
  return -1;
}

int
glue_http_config (struct glue_http *h, const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);

  if (param == -1)
    return 0;
  glue_http_init (h);
  if (!(MORE_THAN_ONCE & (1u << param)) &&
      glue_param_once (key, param, &h->given) == -1)
    return -1;
  return set (h, param, key, value) == 0 ? 1 : -1;
}

void
glue_http_fini (struct glue_http *h)
{
  while (h->ncopies > 0) {
    char *s = h->copies[--h->ncopies];

    explicit_bzero (s, strlen (s));
    free (s);
  }
  free (h->copies);
  free (h->header);
  free (h->header_file);
  free (h->resolve);
}
