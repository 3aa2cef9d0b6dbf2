/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-service.h: what credentials there are, and where blobs are.
 * What is said to servers, and what they say, is in cloud-sign.c.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "blob/cloud-impl.h"
#include "cloud/azure-connection.h"
#include "cloud/azure-sas.h"
#include "cloud/azure-url.h"
#include "cloud/cloud-secret.h"
#include "cloud/s3-url.h"
#include "http/http-name.h"

/* Where nobody said another. */
#define DEFAULT_REGION "us-east-1"

static bool
azure_given (const struct cloud_options *o)
{
  return o->connection_string != NULL || o->account != NULL ||
         o->account_key != NULL || o->sas != NULL || o->token_file != NULL ||
         o->identity != NULL || o->identity_endpoint != NULL ||
         o->container != NULL || o->blob != NULL;
}

static bool
s3_given (const struct cloud_options *o)
{
  return o->access_key != NULL || o->secret_key != NULL ||
         o->session_token != NULL || o->region != NULL ||
         o->endpoint_url != NULL || o->bucket != NULL || o->key != NULL;
}

bool
cloud_options_given (const struct cloud_options *o)
{
  return azure_given (o) || s3_given (o);
}

bool
cloud_options_have_place (const struct cloud_options *o)
{
  return o->container != NULL || o->bucket != NULL;
}

/* ------------------------------------------------------------------ */
/* What goes together */

/* NULL, or what is wrong. */
static const char *
azure_contradiction (const struct cloud_options *o)
{
  const int kinds = (o->connection_string != NULL) + (o->account_key != NULL) +
                    (o->sas != NULL) + (o->token_file != NULL) +
                    (o->identity != NULL);

  if (kinds > 1)
    return "only one of connection-string=, account-key=, sas=, token-file= "
           "and identity= may be given";
  if (o->account != NULL && o->account_key == NULL && o->container == NULL)
    return "account= is of no use without account-key= or container=";
  if (o->identity_endpoint != NULL && o->identity == NULL)
    return "identity-endpoint= is of no use without identity=";
  if (o->blob != NULL && o->container == NULL)
    return "blob= needs container=";
  if (o->container != NULL && o->connection_string == NULL &&
      o->account == NULL)
    return "container= needs connection-string= or account=";
  return NULL;
}

static const char *
s3_contradiction (const struct cloud_options *o)
{
  if ((o->access_key == NULL) != (o->secret_key == NULL))
    return "access-key= and secret-key= go together";
  if (o->session_token != NULL && o->access_key == NULL)
    return "session-token= is of no use without access-key=";
  if (o->key != NULL && o->bucket == NULL)
    return "key= needs bucket=";
  if (o->endpoint_url != NULL && o->bucket == NULL)
    return "endpoint-url= is of no use without bucket=";
  return NULL;
}

static const char *
contradiction (const struct cloud_options *o)
{
  const char *why = azure_contradiction (o);

  if (why == NULL)
    why = s3_contradiction (o);
  if (why == NULL && azure_given (o) && s3_given (o))
    why = "parameters of Azure and of S3 cannot be mixed";
  return why;
}

/* ------------------------------------------------------------------ */
/* Credentials */

/* 0, or -1 after log_error with errno = EINVAL or ENOMEM. */
static int
check (enum cloud_status status, const char *what)
{
  if (status == CLOUD_OK)
    return 0;
  errno = status == CLOUD_NO_MEMORY ? ENOMEM : EINVAL;
  log_error ("%s: %s", what, cloud_status_string (status));
  return -1;
}

/* A copy of TEXT, which may be NULL. */
static int
keep (char **r, const char *text)
{
  *r = text != NULL ? strdup (text) : NULL;
  if (text == NULL || *r != NULL)
    return 0;
  log_error ("cloud: %m");
  return -1;
}

static int
set_sas (struct cloud_service *s, const char *sas)
{
  struct azure_sas parsed;

  s->kind = CLOUD_KIND_AZURE_PUBLIC;
  return check (azure_sas_parse (sas, &parsed), "sas") == -1 ?
           -1 :
           keep (&s->sas, sas);
}

static int
set_account_key (struct cloud_service *s, const char *account, const char *key)
{
  s->kind = CLOUD_KIND_AZURE_KEY;
  if (account == NULL) /* each URL says it */
    account = "unknown";
  else if (keep (&s->account, account) == -1)
    return -1;
  return check (azure_key_parse (account, key, &s->azure_key), "account-key");
}

static int
set_connection (struct cloud_service *s, const char *text)
{
  struct azure_connection c;
  int r = check (azure_connection_parse (text, &c), "connection-string");

  s->kind = CLOUD_KIND_AZURE_PUBLIC;
  if (r == 0)
    r = keep (&s->endpoint, c.endpoint);
  if (r == 0 && c.key != NULL)
    r = set_account_key (s, c.account, c.key);
  if (r == 0 && c.sas != NULL)
    r = set_sas (s, c.sas);
  azure_connection_fini (&c);
  return r;
}

static int
set_token (struct cloud_service *s, const struct cloud_options *o)
{
  s->kind = CLOUD_KIND_AZURE_TOKEN;
  s->token = o->token_file != NULL ?
               cloud_token_from_file (o->token_file) :
               cloud_token_from_identity (o->identity_endpoint, o->identity);
  return s->token != NULL ? 0 : -1;
}

/* The account's own. */
static int
set_azure_endpoint (struct cloud_service *s, const char *account)
{
  if (!azure_account_valid (account))
    return check (CLOUD_BAD_ACCOUNT, "account");
  if (asprintf (&s->endpoint, "https://%s.blob.core.windows.net", account) >= 0)
    return 0;
  s->endpoint = NULL;
  log_error ("cloud: %m");
  return -1;
}

static int
set_azure (struct cloud_service *s, const struct cloud_options *o)
{
  s->kind = CLOUD_KIND_AZURE_PUBLIC;
  if (keep (&s->container, o->container) == -1 ||
      keep (&s->name, o->blob) == -1)
    return -1;
  if (o->connection_string != NULL)
    return set_connection (s, o->connection_string);
  if (o->container != NULL && set_azure_endpoint (s, o->account) == -1)
    return -1;
  if (o->account_key != NULL)
    return set_account_key (s, o->account, o->account_key);
  if (o->sas != NULL)
    return set_sas (s, o->sas);
  return o->token_file != NULL || o->identity != NULL ? set_token (s, o) : 0;
}

/* Can a URL be made of it?  Names of hosts are not looked up. */
static int
check_endpoint (const char *endpoint)
{
  struct buffer url = { NULL };
  const enum cloud_status status =
    s3_url_make (endpoint, "bucket", "key", NULL, false, &url);

  buffer_fini (&url);
  return check (status, "endpoint-url");
}

static int
set_s3_endpoint (struct cloud_service *s, const struct cloud_options *o)
{
  struct buffer url = { NULL };

  s->path_style = o->path_style;
  if (o->endpoint_url != NULL)
    return check_endpoint (o->endpoint_url) == -1 ?
             -1 :
             keep (&s->endpoint, o->endpoint_url);
  s3_url_add_endpoint (&url, o->region != NULL ? o->region : DEFAULT_REGION);
  s->endpoint = url.data;
  return buffer_failed (&url) ? check (CLOUD_NO_MEMORY, "endpoint") : 0;
}

static int
set_s3 (struct cloud_service *s, const struct cloud_options *o)
{
  struct s3_key *k = &s->s3_key;

  if (keep (&s->container, o->bucket) == -1 || keep (&s->name, o->key) == -1 ||
      keep (&s->region, o->region) == -1 || set_s3_endpoint (s, o) == -1)
    return -1;
  s->kind = CLOUD_KIND_S3_PUBLIC;
  if (o->access_key == NULL)
    return 0;
  s->kind = CLOUD_KIND_S3_KEY;
  if (keep (&s->access_key, o->access_key) == -1 ||
      keep (&s->secret_key, o->secret_key) == -1 ||
      keep (&s->session_token, o->session_token) == -1)
    return -1;
  *k =
    (struct s3_key){ .access_key = s->access_key,
                     .secret = s->secret_key,
                     .token = s->session_token,
                     .region = o->region != NULL ? s->region : DEFAULT_REGION,
                     .service = "s3" };
  return check (s3_key_check (k), "access-key, secret-key, region");
}

struct cloud_service *
cloud_service_create (const struct cloud_options *o)
{
  const char *why = contradiction (o);
  struct cloud_service *s;
  int r, saved;

  if (why != NULL) {
    log_error ("%s", why);
    errno = EINVAL;
    return NULL;
  }
  s = calloc (1, sizeof *s);
  if (s == NULL) {
    log_error ("cloud: %m");
    return NULL;
  }
  r = s3_given (o) ? set_s3 (s, o) : set_azure (s, o);
  if (r == 0)
    return s;
  saved = errno;
  cloud_service_close (s);
  errno = saved;
  return NULL;
}

void
cloud_service_close (struct cloud_service *s)
{
  if (s == NULL)
    return;
  cloud_token_free (s->token);
  azure_key_wipe (&s->azure_key);
  cloud_secret_free (s->sas);
  cloud_secret_free (s->access_key);
  cloud_secret_free (s->secret_key);
  cloud_secret_free (s->session_token);
  explicit_bzero (&s->s3_day, sizeof s->s3_day);
  free (s->account);
  free (s->region);
  free (s->endpoint);
  free (s->container);
  free (s->name);
  free (s);
}

void
cloud_service_attach (struct cloud_service *s, struct http_client_options *o)
{
  o->service = &cloud_service_signing;
  o->service_opaque = s;
}

/* ------------------------------------------------------------------ */
/* Places */

static bool
is_azure (const struct cloud_service *s)
{
  return s->kind != CLOUD_KIND_S3_KEY && s->kind != CLOUD_KIND_S3_PUBLIC;
}

/* The URL of the blob or object NAME. */
static int
make_place (const struct cloud_service *s, const char *name, struct buffer *out)
{
  if (is_azure (s))
    return check (
      azure_url_make (s->endpoint, s->container, name, NULL, false, out),
      "container");
  return check (
    s3_url_make (s->endpoint, s->container, name, NULL, s->path_style, out),
    "endpoint-url");
}

/* A SAS goes to the account that it was given for, and nowhere else: it is
 * part of what the connection string says.
 */
static bool
is_of_endpoint (const struct cloud_service *s, const char *url)
{
  const size_t n = s->endpoint != NULL ? strlen (s->endpoint) : 0;

  return n == 0 || (strncmp (url, s->endpoint, n) == 0 &&
                    (s->endpoint[n - 1] == '/' || url[n] == '/'));
}

/* As check, of URL, which is named without its query. */
static int
check_url (enum cloud_status status, const char *url)
{
  struct buffer name = { NULL }, shown = { NULL };
  int r;

  buffer_add (&name, url, strcspn (url, "?"));
  cloud_url_redact (&shown, buffer_text (&name));
  r = check (status, buffer_text (&shown));
  cloud_secret_fini (&name);
  buffer_fini (&shown);
  return r;
}

static int
add_sas (const struct cloud_service *s, const char *url, struct buffer *out)
{
  struct azure_url a;
  int r = check_url (azure_url_parse (url, &a), url);

  if (r == 0 && s->sas != NULL && a.sas.len > 0) {
    log_error ("sas= is given, and the URL has parameters of its own");
    errno = EINVAL;
    r = -1;
  }
  if (r == 0)
    r = check (azure_url_request (&a, NULL, s->sas, out), "the URL");
  azure_url_fini (&a);
  return r;
}

/* An object's key or a blob's name from a client is to have no parts that
 * servers might make something else of.
 */
static int
check_name (const char *name)
{
  char *url = http_name_below ("http://x", name);

  free (url);
  if (url != NULL)
    return 0;
  log_error ("\"%s\" is not the name of a blob", name);
  return -1;
}

char *
cloud_service_url (const struct cloud_service *s, const char *url,
                   const char *name)
{
  struct buffer place = { NULL }, out = { NULL };
  int r = 0;

  if (url != NULL) {
    buffer_puts (&place, url);
    if (is_azure (s) && !is_of_endpoint (s, url)) {
      log_error ("the URL is not of the account of the connection string");
      errno = EINVAL;
      r = -1;
    }
  }
  else if (s->name != NULL)
    r = make_place (s, s->name, &place);
  else
    r = check_name (name) == -1 ? -1 : make_place (s, name, &place);
  if (r == 0 && buffer_failed (&place))
    r = check (CLOUD_NO_MEMORY, "the URL");
  if (r == 0 && is_azure (s))
    r = add_sas (s, buffer_text (&place), &out);
  else if (r == 0)
    out = place, place = (struct buffer){ NULL };
  cloud_secret_fini (&place);
  if (r == 0)
    return out.data;
  cloud_secret_fini (&out);
  return NULL;
}
