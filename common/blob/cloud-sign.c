/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is said to servers of Azure and S3, and what their refusals mean;
 * by the thread that drives the client.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "blob/cloud-impl.h"
#include "cloud/azure-sas.h"
#include "cloud/azure-url.h"
#include "cloud/bearer-token.h"
#include "cloud/cloud-error.h"
#include "cloud/cloud-secret.h"
#include "cloud/s3-url.h"

/* Seconds that two clocks may differ; the services take three times that. */
#define CLOCK_SLACK 300

/* ------------------------------------------------------------------ */
/* The request, as common/cloud has it */

struct request {
  struct cloud_request r;
  struct cloud_header header[CLOUD_LIST_MAX];
  char *copy[CLOUD_LIST_MAX];
};

static void
request_fini (struct request *q)
{
  for (size_t i = 0; i < q->r.nheaders; i++)
    cloud_secret_free (q->copy[i]);
}

/* What proxies may change is not signed, where the service does not want
 * it.
 */
static bool
is_signed (const struct cloud_service *s, const char *line)
{
  return s->kind != CLOUD_KIND_S3_KEY || strncasecmp (line, "Range:", 6) == 0 ||
         strncasecmp (line, "If-", 3) == 0 ||
         strncasecmp (line, "x-amz-", 6) == 0;
}

/* LINE as name and value.  Of one without a colon nothing is signed. */
static int
add_line (struct request *q, const char *line)
{
  const size_t i = q->r.nheaders;
  char *copy, *colon;

  if (i == CLOUD_LIST_MAX || (copy = strdup (line)) == NULL)
    return -1;
  colon = strchr (copy, ':');
  if (colon == NULL) {
    free (copy);
    return 0;
  }
  *colon = '\0';
  q->copy[i] = copy;
  q->header[i].name = copy;
  q->header[i].value = colon + 1 + strspn (colon + 1, " \t");
  q->r.nheaders++;
  return 0;
}

static int
request_init (struct request *q, const struct cloud_service *s,
              const struct http_message *m)
{
  q->r = (struct cloud_request){ .method = m->method,
                                 .url = m->url,
                                 .headers = q->header };
  for (unsigned i = 0; i < m->nheaders; i++) {
    if (is_signed (s, m->header[i]) && add_line (q, m->header[i]) == -1)
      return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* Signing */

/* The key, with the account of the URL if nobody said another. */
static enum cloud_status
sign_azure (const struct cloud_service *s, const struct cloud_request *r,
            int64_t now, struct buffer *lines)
{
  struct azure_key key = s->azure_key;
  struct azure_url a;
  enum cloud_status status = CLOUD_OK;

  if (s->account == NULL) {
    status = azure_url_parse (r->url, &a);
    if (status == CLOUD_URL_NOT_DATA) /* but page ranges */
      status = CLOUD_OK;
    if (status == CLOUD_OK && a.account[0] == '\0')
      status = CLOUD_BAD_ACCOUNT;
    if (status == CLOUD_OK)
      memcpy (key.account, a.account, sizeof key.account);
    azure_url_fini (&a);
  }
  if (status == CLOUD_OK)
    status = azure_key_sign (&key, r, now, lines);
  azure_key_wipe (&key);
  return status;
}

static enum cloud_status
add_token (struct cloud_service *s, struct http_message *m,
           struct buffer *lines)
{
  int err;

  if (strncasecmp (m->url, "https://", 8) != 0)
    return CLOUD_SAS_HTTPS;
  return cloud_token_lines (s->token, lines, &m->mark, &err) == 0 ?
           CLOUD_OK :
           CLOUD_NO_MEMORY;
}

static enum cloud_status
sign_kind (struct cloud_service *s, struct http_message *m,
           const struct cloud_request *r, struct buffer *lines)
{
  const int64_t now = time (NULL) + s->ahead;

  m->mark = s->number;
  switch (s->kind) {
  case CLOUD_KIND_AZURE_PUBLIC:
    return bearer_token_lines (NULL, lines);
  case CLOUD_KIND_AZURE_KEY:
    return sign_azure (s, r, now, lines);
  case CLOUD_KIND_AZURE_TOKEN:
    return add_token (s, m, lines);
  case CLOUD_KIND_S3_PUBLIC:
    return CLOUD_OK;
  case CLOUD_KIND_S3_KEY:
    return s3_sign (&s->s3_key, r, now, &s->s3_day, lines);
  }
  return CLOUD_OK;
}

static int
add_lines (struct http_headers *add, const struct buffer *lines)
{
  const char *l = buffer_text (lines);

  for (; *l != '\0'; l = cloud_line_next (l)) {
    if (http_headers_add_line (add, l) == -1)
      return -1;
  }
  return 0;
}

static int
on_sign (void *opaque, struct http_message *m, struct http_headers *add,
         int *err)
{
  struct cloud_service *s = opaque;
  struct buffer lines = { NULL };
  struct request q;
  enum cloud_status status = CLOUD_NO_MEMORY;

  if (request_init (&q, s, m) == 0) {
    cloud_secret_reserve (
      &lines,
      1024 + (s->session_token != NULL ? strlen (s->session_token) : 0));
    status = sign_kind (s, m, &q.r, &lines);
  }
  if (status == CLOUD_OK && add_lines (add, &lines) == -1)
    status = CLOUD_NO_MEMORY;
  request_fini (&q);
  cloud_secret_fini (&lines);
  if (status == CLOUD_OK)
    return 0;
  if (status == CLOUD_SAS_HTTPS)
    log_error ("a token is only sent over https");
  else
    log_error ("signing: %s", cloud_status_string (status));
  *err = status == CLOUD_NO_MEMORY ? ENOMEM : EPERM;
  return -1;
}

/* ------------------------------------------------------------------ */
/* Refusals */

/* What is wrong at NOW with what a URL has in itself, or NULL. */
static const char *
fault_of_url (const char *url, int64_t now)
{
  struct azure_sas sas;
  struct azure_url a;
  struct cloud_url u;
  enum cloud_status status = CLOUD_OK;
  bool presigned = false;

  if (cloud_url_parse (url, &u) == CLOUD_OK)
    status = s3_url_check_presigned (&u, now, &presigned);
  if (presigned)
    return status != CLOUD_OK ? cloud_status_string (status) : NULL;
  if (azure_url_parse (url, &a) == CLOUD_OK && a.sas.len > 0 &&
      azure_sas_parse (buffer_text (&a.sas), &sas) == CLOUD_OK)
    status = azure_sas_check (&sas, a.https, now);
  azure_url_fini (&a);
  return status != CLOUD_OK ? cloud_status_string (status) : NULL;
}

/* The line for people. */
static void
explain (const struct http_refusal *f, const struct cloud_error *e, char *why,
         size_t size)
{
  struct buffer text = { NULL };
  const char *fault = NULL;

  if (f->status == 401 || f->status == 403)
    fault = fault_of_url (f->url, f->has_date ? f->date : time (NULL));
  if (fault == NULL && e->code[0] == '\0')
    return; /* the status says as much */
  cloud_error_format (e, f->status, &text);
  if (fault != NULL)
    buffer_printf (&text, ": the signature in the URL %s", fault);
  snprintf (why, size, "%s", buffer_text (&text));
  buffer_fini (&text);
}

static void
read_error (const struct http_refusal *f, struct cloud_error *e)
{
  *e = (struct cloud_error){ .code = "" };
  if (f->size > 0)
    cloud_error_read (f->body, f->size, e);
  cloud_error_add_code (e, f->code);
  if (e->code[0] != '\0')
    cloud_error_add_region (e, f->region);
}

static enum http_advice
advice_of (const struct http_refusal *f, const struct cloud_error *e)
{
  if (e->code[0] == '\0')
    return HTTP_AS_STATUS;
  if (strcmp (e->code, "OperationTimedOut") == 0)
    return HTTP_SLOW;
  return cloud_error_kind (e, f->status) == CLOUD_ERROR_BUSY ? HTTP_LATER :
                                                               HTTP_FOR_GOOD;
}

/* The time that the server has is better than ours; true if that is news. */
static bool
set_clock (struct cloud_service *s, const struct http_refusal *f)
{
  const int64_t now = time (NULL) + s->ahead;

  if (!f->has_date ||
      (f->date <= now + CLOCK_SLACK && f->date >= now - CLOCK_SLACK))
    return false;
  s->ahead += f->date - now;
  s->number++;
  log_debug ("the server's clock is %" PRId64 " seconds ahead of ours: "
             "signing with its time",
             s->ahead);
  return true;
}

/* Is it to be asked with better credentials, or with better luck? */
static enum http_advice
mend (struct cloud_service *s, const struct http_refusal *f)
{
  switch (s->kind) {
  case CLOUD_KIND_AZURE_TOKEN:
    return cloud_token_refused (s->token, f->mark);
  case CLOUD_KIND_AZURE_KEY:
  case CLOUD_KIND_S3_KEY:
    return f->mark != s->number || set_clock (s, f) ? HTTP_AGAIN :
                                                      HTTP_FOR_GOOD;
  default:
    return HTTP_FOR_GOOD;
  }
}

static enum http_advice
on_refused (void *opaque, const struct http_refusal *f, char *why, size_t size)
{
  struct cloud_error e;

  read_error (f, &e);
  explain (f, &e, why, size);
  if (f->status == 401 || f->status == 403)
    return mend (opaque, f);
  return advice_of (f, &e);
}

const struct http_service cloud_service_signing = { .sign = on_sign,
                                                    .refused = on_refused };

/* ------------------------------------------------------------------ */
/* Without credentials */

/* Azure's features of this day are there only for who asks for them. */
static int
on_sign_plain (void *opaque, struct http_message *m, struct http_headers *add,
               int *err)
{
  struct azure_url a;
  bool is_azure = false;

  if (strstr (m->url, ".blob.") != NULL || strstr (m->url, "sig=") != NULL) {
    is_azure = azure_url_parse (m->url, &a) == CLOUD_OK &&
               (a.sas.len > 0 || (a.account[0] != '\0' && !a.path_style));
    azure_url_fini (&a);
  }
  if (!is_azure || http_headers_add (add, "x-ms-version", AZURE_VERSION) == 0)
    return 0;
  *err = ENOMEM;
  return -1;
}

static enum http_advice
on_refused_plain (void *opaque, const struct http_refusal *f, char *why,
                  size_t size)
{
  struct cloud_error e;

  read_error (f, &e);
  explain (f, &e, why, size);
  return advice_of (f, &e);
}

const struct http_service cloud_service_plain = { .sign = on_sign_plain,
                                                  .by_url = true,
                                                  .refused = on_refused_plain };
