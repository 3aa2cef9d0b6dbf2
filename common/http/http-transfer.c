/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One transfer: making the request, and what libcurl tells of the answer.
 * The header is judged when it is complete; a body is passed on only if
 * the verdict is good, and never more of it than was asked for.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "http/http-impl.h"

/* Bytes of what comes with an error that are read, to keep the
 * connection.
 */
#define ERROR_BODY_MAX 65536

/* What libcurl reads at once: the most, and enough for a page with its
 * header.
 */
#define BUFFER_LARGE (128l * 1024)
#define BUFFER_SMALL (16l * 1024)

/* Bytes in a second: what comes more slowly counts as nothing. */
#define SPEED_LEAST 1024

/* Headers of one request that can be signed. */
#define HEADERS_MAX 64

/* ------------------------------------------------------------------ */
/* The answer */

/* N bytes came, of whatever. */
static void
note_bytes (struct http_transfer *t, size_t n)
{
  t->last_byte = http_now ();
  if (t->since == 0)
    t->since = t->last_byte;
  t->lately += n;
}

/* The speed counts from the first byte on, from one timeout to the next. */
bool
http_transfer_is_stalled (struct http_transfer *t)
{
  const int64_t now = http_now (), timeout = t->client->o.timeout;
  uint64_t least;

  if (now - t->last_byte > timeout)
    return true;
  if (t->since == 0 || now - t->since < timeout)
    return false;
  least = SPEED_LEAST * (now - t->since) / 1000;
  if (t->lately < least) {
    snprintf (t->message, sizeof t->message, "less than %d bytes a second came",
              SPEED_LEAST);
    return true;
  }
  t->since = now;
  t->lately = 0;
  return false;
}

static bool
is_good (const struct http_transfer *t)
{
  return t->verdict == HTTP_GOOD || t->verdict == HTTP_EMPTY;
}

/* A part that comes without its length may go on past what was asked for, as
 * it may be something else: nobody sees it before its end.
 */
static bool
hold_back (struct http_transfer *t)
{
  if (t->range->whole || t->verdict != HTTP_GOOD || t->answer.has_length)
    return true;
  t->held = malloc (t->asked);
  return t->held != NULL;
}

/* What is the body for, if the header is good? */
static bool
header_end (struct http_transfer *t)
{
  const struct http_question q = http_question_of (t->range);

  if (t->answer.status < 200)
    return true;
  t->verdict = http_answer_judge (&t->answer, &q);
  t->judged = true;
  if (!hold_back (t))
    return false;
  /* The rest of a good answer, or of an error, is worth reading. */
  return is_good (t) || t->answer.status >= 300;
}

static size_t
on_header (char *line, size_t size, size_t n, void *opaque)
{
  struct http_transfer *t = opaque;

  note_bytes (t, n);
  if (t->judged) /* a trailer */
    return n;
  if (n > 0 && (line[0] == '\r' || line[0] == '\n'))
    return header_end (t) ? n : 0;
  http_answer_line (&t->answer, line, n, time (NULL));
  return n;
}

/* The service may be able to read it. */
static size_t
take_refusal (struct http_transfer *t, const char *data, size_t n)
{
  if (t->client->o.service != NULL && t->refusal == NULL)
    t->refusal = malloc (HTTP_REFUSAL_MAX);
  if (t->refusal != NULL) {
    const size_t part = min_u64 (n, HTTP_REFUSAL_MAX - t->refusal_size);

    memcpy (t->refusal + t->refusal_size, data, part);
    t->refusal_size += part;
  }
  return t->here <= ERROR_BODY_MAX ? n : 0;
}

static size_t
on_body (char *data, size_t size, size_t n, void *opaque)
{
  struct http_transfer *t = opaque;
  struct http_range *r = t->range;

  note_bytes (t, n);
  t->here += n;
  if (!t->judged || !is_good (t) || t->answer.status >= 400)
    return take_refusal (t, data, n);
  if (t->verdict == HTTP_EMPTY || t->here > t->asked) {
    t->verdict = HTTP_OTHER_LENGTH;
    /* What came before is not trusted either. */
    r->received -= t->held == NULL ? t->here - n : 0;
    return 0;
  }
  if (t->held != NULL) {
    memcpy (t->held + t->here - n, data, n);
    return n;
  }
  r->body (r, data, n);
  r->received += n;
  return n;
}

/* ------------------------------------------------------------------ */
/* The request */

/* What may be NULL, which leaves it as it is. */
static CURLcode
set_text (CURL *e, CURLoption option, const char *text)
{
  return text != NULL ? curl_easy_setopt (e, option, text) : CURLE_OK;
}

static int
set_tls (CURL *e, const struct http_client_options *o)
{
  static const long versions[] = {
    [HTTP_TLS_BEST] = CURL_SSLVERSION_DEFAULT,
    [HTTP_TLS_1_0] = CURL_SSLVERSION_TLSv1_0,
    [HTTP_TLS_1_1] = CURL_SSLVERSION_TLSv1_1,
    [HTTP_TLS_1_2] = CURL_SSLVERSION_TLSv1_2,
    [HTTP_TLS_1_3] = CURL_SSLVERSION_TLSv1_3,
  };
  CURLcode code = CURLE_OK;

  if (o->no_verify) {
    code |= curl_easy_setopt (e, CURLOPT_SSL_VERIFYPEER, 0l);
    code |= curl_easy_setopt (e, CURLOPT_SSL_VERIFYHOST, 0l);
  }
  if (o->cainfo != NULL)
    code |= curl_easy_setopt (e, CURLOPT_CAINFO,
                              *o->cainfo != '\0' ? o->cainfo : NULL);
  code |= set_text (e, CURLOPT_CAPATH, o->capath);
  code |= curl_easy_setopt (e, CURLOPT_SSLVERSION, versions[o->tls_min]);
  code |= set_text (e, CURLOPT_SSL_CIPHER_LIST, o->ciphers);
  code |= set_text (e, CURLOPT_TLS13_CIPHERS, o->tls13_ciphers);
  code |= set_text (e, CURLOPT_SSLCERT, o->sslcert);
  code |= set_text (e, CURLOPT_SSLKEY, o->sslkey);
  code |= set_text (e, CURLOPT_KEYPASSWD, o->sslkey_password);
  return code == CURLE_OK ? 0 : -1;
}

static int
set_way (CURL *e, const struct http_client *c)
{
  static const long ips[] = {
    [HTTP_IP_ANY] = CURL_IPRESOLVE_WHATEVER,
    [HTTP_IP_V4] = CURL_IPRESOLVE_V4,
    [HTTP_IP_V6] = CURL_IPRESOLVE_V6,
  };
  const struct http_client_options *o = &c->o;
  static const long versions[] = {
    [HTTP_VERSION_BEST] = CURL_HTTP_VERSION_2TLS,
    [HTTP_VERSION_1_0] = CURL_HTTP_VERSION_1_0,
    [HTTP_VERSION_1_1] = CURL_HTTP_VERSION_1_1,
    [HTTP_VERSION_2] = CURL_HTTP_VERSION_2_0,
    [HTTP_VERSION_2_PRIOR] = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
  };
  CURLcode code = CURLE_OK;

  code |= curl_easy_setopt (e, CURLOPT_HTTP_VERSION, versions[o->version]);
  code |= curl_easy_setopt (e, CURLOPT_PROTOCOLS_STR,
                            o->protocols != NULL ? o->protocols : "http,https");
  code |=
    curl_easy_setopt (e, CURLOPT_TCP_KEEPALIVE, o->no_tcp_keepalive ? 0l : 1l);
  code |=
    curl_easy_setopt (e, CURLOPT_TCP_NODELAY, o->no_tcp_nodelay ? 0l : 1l);
  code |= set_text (e, CURLOPT_PROXY, o->proxy);
  code |= set_text (e, CURLOPT_PROXYUSERNAME, o->proxy_user);
  code |= set_text (e, CURLOPT_PROXYPASSWORD, o->proxy_password);
  code |= set_text (e, CURLOPT_UNIX_SOCKET_PATH, o->unix_socket_path);
  code |= curl_easy_setopt (e, CURLOPT_IPRESOLVE, ips[o->ip]);
  code |= curl_easy_setopt (e, CURLOPT_RESOLVE, c->resolve);
  code |= set_text (e, CURLOPT_USERAGENT, o->user_agent);
  code |= set_text (e, CURLOPT_COOKIEFILE, o->cookiefile);
  return code == CURLE_OK ? 0 : -1;
}

static int
set_rest (struct http_transfer *t)
{
  CURL *e = t->easy;
  CURLcode code = CURLE_OK;

  code |= curl_easy_setopt (e, CURLOPT_NOSIGNAL, 1l);
  code |= curl_easy_setopt (e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1l);
  code |= curl_easy_setopt (e, CURLOPT_PATH_AS_IS, 1l); /* as it was signed */
  code |= curl_easy_setopt (e, CURLOPT_ERRORBUFFER, t->message);
  code |= curl_easy_setopt (e, CURLOPT_PRIVATE, t);
  code |= curl_easy_setopt (e, CURLOPT_HEADERFUNCTION, on_header);
  code |= curl_easy_setopt (e, CURLOPT_HEADERDATA, t);
  code |= curl_easy_setopt (e, CURLOPT_WRITEFUNCTION, on_body);
  code |= curl_easy_setopt (e, CURLOPT_WRITEDATA, t);
  return code == CURLE_OK ? 0 : -1;
}

struct http_transfer *
http_transfer_create (struct http_client *c)
{
  struct http_transfer *t = calloc (1, sizeof *t);

  if (t == NULL)
    return NULL;
  t->client = c;
  t->easy = curl_easy_init ();
  if (t->easy != NULL && set_rest (t) == 0 && set_tls (t->easy, &c->o) == 0 &&
      set_way (t->easy, c) == 0)
    return t;
  http_transfer_free (t);
  return NULL;
}

/* There are credentials in them. */
static void
headers_free (struct http_headers *h)
{
  for (struct curl_slist *l = h->list; l != NULL; l = l->next)
    explicit_bzero (l->data, strlen (l->data));
  curl_slist_free_all (h->list);
  h->list = NULL;
}

void
http_transfer_free (struct http_transfer *t)
{
  curl_easy_cleanup (t->easy);
  headers_free (&t->headers);
  http_place_unref (t->set_up_for);
  free (t->held);
  free (t->refusal);
  free (t);
}

/* The URL, and the credentials if they are for its server. */
static int
set_place (struct http_transfer *t, struct http_place *p)
{
  const struct http_client *c = t->client;
  const bool trusted = t->trusted;
  const struct http_place *own = t->range->object->place;
  const char *user = c->o.user != NULL ? c->o.user : own->user;
  const char *password = c->o.password != NULL ? c->o.password : own->password;
  CURLcode code = CURLE_OK;

  if (t->set_up_for == p)
    return 0;
  http_place_unref (t->set_up_for);
  t->set_up_for = NULL;
  code |= curl_easy_setopt (t->easy, CURLOPT_URL, p->url);
  code |= curl_easy_setopt (t->easy, CURLOPT_USERNAME, trusted ? user : NULL);
  code |=
    curl_easy_setopt (t->easy, CURLOPT_PASSWORD, trusted ? password : NULL);
  code |=
    curl_easy_setopt (t->easy, CURLOPT_COOKIE, trusted ? c->o.cookie : NULL);
  if (code != CURLE_OK)
    return -1;
  t->set_up_for = http_place_ref (p);
  return 0;
}

int
http_headers_add_line (struct http_headers *h, const char *line)
{
  struct curl_slist *l = curl_slist_append (h->list, line);

  if (l == NULL)
    return -1;
  h->list = l;
  return 0;
}

int
http_headers_add (struct http_headers *h, const char *name, const char *value)
{
  char *line = NULL;
  int r;

  if (asprintf (&line, "%s: %s", name, value) == -1)
    return -1;
  r = http_headers_add_line (h, line);
  explicit_bzero (line, strlen (line));
  free (line);
  return r;
}

/* "0-4095" */
static void
range_of (const struct http_question *q, char *text, size_t size)
{
  snprintf (text, size, "%" PRIu64 "-%" PRIu64, q->offset,
            q->offset + q->count - 1);
}

/* Is it asked for a part of the file? */
static bool
has_range (const struct http_range *r)
{
  return !r->whole && !r->no_range;
}

/* That part, where it is to be signed. */
static int
add_range (struct http_headers *h, const struct http_question *q)
{
  char range[64] = "bytes=";

  range_of (q, range + 6, sizeof range - 6);
  return http_headers_add (h, "Range", range);
}

/* That it must be this version of the file, as it is. */
static int
add_question (struct http_headers *h, const struct http_question *q)
{
  if (http_headers_add (h, "Accept-Encoding", "identity") == -1)
    return -1;
  if (!q->pinned)
    return 0;
  if (q->validators->strong)
    return http_headers_add (h, "If-Match", q->validators->etag);
  if (q->validators->last_modified[0] != '\0')
    return http_headers_add (h, "If-Unmodified-Since",
                             q->validators->last_modified);
  return 0;
}

/* The user's own, and those of R. */
static int
add_user_headers (struct http_headers *h, const struct http_client *c,
                  const struct http_range *r)
{
  for (const struct curl_slist *l = c->header; l != NULL; l = l->next) {
    if (http_headers_add_line (h, l->data) == -1)
      return -1;
  }
  for (unsigned i = 0; i < r->nheaders; i++) {
    if (http_headers_add_line (h, r->header[i]) == -1)
      return -1;
  }
  for (unsigned i = 0; i < c->o.nheader_files; i++) {
    const struct http_header_file *f = &c->header_file[i];

    for (const char *l = http_header_file_next (f, NULL); l != NULL;
         l = http_header_file_next (f, l)) {
      if (http_headers_add_line (h, l) == -1)
        return -1;
    }
  }
  return 0;
}

/* Is each request of T signed for itself? */
static bool
is_signed (const struct http_transfer *t)
{
  const struct http_service *s = t->client->o.service;

  return t->trusted && s != NULL && s->sign != NULL && !s->by_url;
}

/* What the service adds; that there is no memory is told with *ERR, too. */
static int
add_signature (struct http_transfer *t, const struct http_place *p, int *err)
{
  const struct http_client_options *o = &t->client->o;
  const char *header[HEADERS_MAX];
  struct http_message m = { .method = "GET", .url = p->url, .header = header };

  if (o->service == NULL || o->service->sign == NULL)
    return 0;
  for (const struct curl_slist *l = t->headers.list; l != NULL; l = l->next) {
    if (m.nheaders == HEADERS_MAX) {
      *err = EINVAL;
      return -1;
    }
    header[m.nheaders++] = l->data;
  }
  if (o->service->sign (o->service_opaque, &m, &t->headers, err) == -1)
    return -1;
  t->mark = m.mark;
  return 0;
}

/* All headers, for Q.  Those of the last request stay if they are the same:
 * a place is of one object.
 */
static int
set_headers (struct http_transfer *t, const struct http_question *q, int *err)
{
  struct http_range *r = t->range;

  if (t->keep && t->set_up_for == r->place && r->nheaders == 0 &&
      t->header_number == t->client->header_number)
    return 0;
  t->header_number = t->client->header_number;
  headers_free (&t->headers);
  if ((is_signed (t) && has_range (r) && add_range (&t->headers, q) == -1) ||
      add_question (&t->headers, q) == -1 || set_place (t, r->place) == -1)
    return -1;
  if (t->trusted && (add_user_headers (&t->headers, t->client, r) == -1 ||
                     add_signature (t, r->place, err) == -1))
    return -1;
  t->keep = q->pinned && r->nheaders == 0 && !is_signed (t);
  return curl_easy_setopt (t->easy, CURLOPT_HTTPHEADER, t->headers.list) ==
             CURLE_OK ?
           0 :
           -1;
}

/* Where libcurl still has the last buffer, which may be, it keeps that. */
static void
set_buffer (struct http_transfer *t, uint64_t count)
{
  const long size = count < BUFFER_SMALL ? BUFFER_SMALL : BUFFER_LARGE;

  if (size != t->buffer &&
      curl_easy_setopt (t->easy, CURLOPT_BUFFERSIZE, size) == CURLE_OK)
    t->buffer = size;
}

int
http_transfer_set_up (struct http_transfer *t, struct http_range *r, int *err)
{
  struct http_question q;
  char range[64];

  if (r->whole)
    r->received = 0;
  q = http_question_of (r);
  t->trusted = http_place_same_server (r->place, r->object->place);
  t->range = r;
  t->answer = (struct http_answer){ .status = 0 };
  t->verdict = HTTP_UNEXPECTED;
  t->judged = false;
  t->asked = q.count;
  t->here = 0;
  t->last_byte = http_now ();
  t->since = 0;
  t->lately = 0;
  t->refusal_size = 0;
  t->message[0] = '\0';

  *err = ENOMEM;
  range_of (&q, range, sizeof range);
  if (set_headers (t, &q, err) == -1)
    return -1;
  set_buffer (t, q.count);
  return curl_easy_setopt (t->easy, CURLOPT_RANGE,
                           has_range (r) && !is_signed (t) ? range : NULL) ==
             CURLE_OK ?
           0 :
           -1;
}
