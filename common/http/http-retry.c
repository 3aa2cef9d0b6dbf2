/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What becomes of a range when a transfer for it ended: it is done, it is
 * asked for elsewhere, or again later.  Here is also what is said of it.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/log.h"
#include "http/http-impl.h"

#define DELAY_MOST 10000 /* milliseconds */
/* What a server may ask for, in seconds. */
#define RETRY_AFTER_MOST 60
/* How often a request is signed anew because of a refusal. */
#define SIGNS_MAX 3

/* ------------------------------------------------------------------ */
/* Saying it */

/* The end of all tries. */
static int
give_up (const struct http_transfer *t, const char *why, int error)
{
  const struct http_range *r = t->range;
  const char *name = http_object_name (r->object);
  const char *code = t->answer.code;
  char status[32] = "";

  if (t->answer.status != 0)
    snprintf (status, sizeof status, " (status %d)", t->answer.status);
  if (r->optional) {
    log_debug ("%s: %s%s", name, why, status);
    return error;
  }
  if (r->ahead)
    log_debug ("%s: reading ahead: %s%s", name, why, status);
  else if (!r->object->pinned || r->whole)
    log_error ("%s: %s%s%s%s", name, why, status, *code ? ": " : "", code);
  else
    log_error ("%s: reading %" PRIu64 " bytes at %" PRIu64 ": %s%s%s%s%s", name,
               r->count, r->offset, why, status, *code ? ": " : "", code,
               r->tries > 0 ? ", again and again" : "");
  return r->object->pinned && error != ENOMEM ? EIO : error;
}

/* From now on the object is of no use. */
static int
changed (const struct http_transfer *t)
{
  struct http_object *o = t->range->object;

  if (!atomic_exchange (&o->changed, true))
    log_error ("%s: %s: nothing can be read from it any more; start again to "
               "serve the new one",
               http_object_name (o), http_verdict_string (HTTP_CHANGED));
  return EIO;
}

/* ------------------------------------------------------------------ */
/* Again */

/* When to try for the Nth time: doubled each time, with a little chance,
 * so that many who failed together do not come back together.
 */
static int64_t
delay (struct http_client *c, unsigned n)
{
  const uint64_t base = (uint64_t) c->o.retry_delay << min_u64 (n, 16);

  return min_u64 (base, DELAY_MOST) * (80 + rand_r (&c->seed) % 51) / 100;
}

static int
again (struct http_transfer *t, const char *why, int *err)
{
  struct http_client *c = t->client;
  struct http_range *r = t->range;
  const struct http_answer *a = &t->answer;
  int64_t wait;

  /* Who gets on need not give up. */
  if (t->verdict == HTTP_GOOD && t->held == NULL && t->here >= t->asked / 4 + 1)
    r->tries = 0;
  wait = delay (c, r->tries);
  if (r->ahead || r->tries >= c->o.retries) {
    *err = give_up (t, why, EIO);
    return 0;
  }
  if (t->judged && a->has_retry_after) {
    if (a->retry_after > RETRY_AFTER_MOST) {
      *err = give_up (t, "the server is busy for more than a minute", EIO);
      return 0;
    }
    wait = max_u64 (wait, a->retry_after * 1000);
  }
  r->tries++;
  r->due = http_now () + wait;
  log_debug ("%s: %" PRIu64 " bytes at %" PRIu64 ": %s: again in %" PRId64
             " ms",
             http_object_name (r->object), r->count, r->offset, why, wait);
  return 1;
}

/* ------------------------------------------------------------------ */
/* Elsewhere */

static void
move (struct http_range *r, struct http_place *to)
{
  http_place_unref (r->place);
  r->place = to;
  r->due = 0;
}

/* NULL: the server did not say where. */
static const char *
redirect_url (const struct http_transfer *t)
{
  char *url = NULL;

  curl_easy_getinfo (t->easy, CURLINFO_REDIRECT_URL, &url);
  return url;
}

static int
redirect (struct http_transfer *t, int *err)
{
  struct http_range *r = t->range;
  const char *url = redirect_url (t);
  struct http_place *to;

  if (t->client->o.no_redirects)
    *err = give_up (t, http_verdict_string (HTTP_REDIRECT), EIO);
  else if (r->redirects++ == HTTP_REDIRECTS_MAX)
    *err = give_up (
      t, "the server sends from one place to another, without end", EIO);
  else if ((to = http_place_create (url)) == NULL)
    *err = give_up (t, "the server sends to a place that cannot be used", EIO);
  else if (r->place->tls && !to->tls) {
    http_place_unref (to);
    *err = give_up (t, "the server sends to a place without TLS", EIO);
  }
  else {
    log_debug ("%s: is at %s", http_object_name (r->object), to->name);
    move (r, to);
    return 1;
  }
  return 0;
}

/* Where it was redirected to it is no more, or not for long: ask anew
 * where it is.
 */
static bool
go_back (struct http_range *r)
{
  struct http_object *o = r->object;

  if (r->went_back || r->place == o->place)
    return false;
  r->went_back = true;
  r->redirects = 0;
  move (r, http_place_ref (o->place));
  return true;
}

/* ------------------------------------------------------------------ */
/* The end */

/* A weak ETag may stay the same when bytes change, and tells nothing alone. */
static void
set_version (struct http_object *o)
{
  const struct http_validators *v = &o->validators;
  const bool has_etag =
    v->etag[0] != '\0' && (v->strong || v->last_modified[0] != '\0');

  snprintf (o->version, sizeof o->version, "%s%s%s", has_etag ? v->etag : "",
            has_etag && !v->strong ? " " : "",
            v->strong ? "" : v->last_modified);
}

/* The first answer tells which version it is. */
static void
pin (struct http_transfer *t)
{
  struct http_object *o = t->range->object;
  const struct http_answer *a = &t->answer;

  if (t->range->whole)
    return;
  if (!o->pinned) {
    o->page_blob = a->page_blob;
    o->size = t->verdict == HTTP_EMPTY ? 0 : a->total;
    o->validators = a->validators;
    set_version (o);
    o->pinned = true;
  }
  if (o->now != t->range->place) {
    http_place_unref (o->now);
    o->now = http_place_ref (t->range->place);
  }
}

/* Failures of libcurl that another try does not mend. */
static bool
is_final (const struct http_transfer *t, CURLcode code)
{
  switch (code) {
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
    return !t->range->object->pinned; /* a mistake, most likely */
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_ENGINE_INITFAILED:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_URL_MALFORMAT:
  case CURLE_OUT_OF_MEMORY:
    return true;
  default:
    return false;
  }
}

/* Of a tunnel, this does not come as an answer. */
static bool
is_refused_by_proxy (const struct http_transfer *t)
{
  long status = 0;

  curl_easy_getinfo (t->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return status == 407;
}

/* Did the connection end before a byte of the answer came?  Servers close those
 * that have had their share of requests, or when they are to end themselves.
 */
static bool
has_died (const struct http_transfer *t, CURLcode code)
{
  switch (code) {
  case CURLE_GOT_NOTHING:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
  case CURLE_RECV_ERROR:
  case CURLE_SEND_ERROR:
    return t->since == 0;
  default:
    return false;
  }
}

/* It did not come to a whole answer. */
static int
broken (struct http_transfer *t, CURLcode code, int *err)
{
  const char *why =
    t->message[0] != '\0' ? t->message : curl_easy_strerror (code);

  t->answer.status = 0;
  if (is_refused_by_proxy (t)) {
    *err = give_up (t, http_verdict_string (HTTP_PROXY_AUTH),
                    http_verdict_errno (HTTP_PROXY_AUTH));
    return 0;
  }
  if (t->range->optional && code == CURLE_OPERATION_TIMEDOUT) {
    *err = give_up (t, why, ETIMEDOUT);
    return 0;
  }
  if (has_died (t, code) && !t->range->at_once) {
    t->range->at_once = true;
    t->range->due = 0;
    log_debug ("%s: %s: again at once", http_object_name (t->range->object),
               why);
    return 1;
  }
  if (!is_final (t, code))
    return again (t, why, err);
  *err = give_up (t, why, code == CURLE_OUT_OF_MEMORY ? ENOMEM : EIO);
  return 0;
}

/* Are there other headers in their files than T was sent with? */
static bool
has_other_headers (const struct http_transfer *t)
{
  struct http_client *c = t->client;
  bool changed = false;

  if (!t->trusted || (t->answer.status != 401 && t->answer.status != 403))
    return false;
  if (t->header_number != c->header_number)
    return true;
  for (unsigned i = 0; i < c->o.nheader_files; i++) {
    bool one = false;

    http_header_file_read (&c->header_file[i], &one);
    changed |= one;
  }
  c->header_number += changed;
  return changed;
}

/* With WHY to say of it, and not the status once more. */
static void
explain (struct http_transfer *t)
{
  t->answer.status = 0;
  t->answer.code[0] = '\0';
}

/* The service may know more of V than its status says. */
static int
refused (struct http_transfer *t, enum http_verdict v, int *err)
{
  const struct http_client_options *o = &t->client->o;
  const struct http_answer *a = &t->answer;
  const struct http_refusal f = { .url = t->range->place->url,
                                  .status = a->status,
                                  .code = a->code,
                                  .region = a->region,
                                  .body = t->refusal,
                                  .size = t->refusal_size,
                                  .has_date = a->has_date,
                                  .date = a->date,
                                  .mark = t->mark };
  char text[512] = "";
  const char *why = http_verdict_string (v);
  enum http_advice advice = HTTP_AS_STATUS;

  if (t->range->signs < SIGNS_MAX && has_other_headers (t))
    advice = HTTP_AGAIN;
  else if (o->service != NULL && o->service->refused != NULL && t->trusted &&
           a->status >= 300)
    advice = o->service->refused (o->service_opaque, &f, text, sizeof text);
  if (text[0] != '\0') {
    explain (t);
    why = text;
  }
  if (advice == HTTP_AGAIN && t->range->signs++ < SIGNS_MAX) {
    t->range->due = 0;
    return 1;
  }
  if (t->range->optional && (advice == HTTP_SLOW || v == HTTP_OTHER_LENGTH)) {
    *err = give_up (t, why, advice == HTTP_SLOW ? ETIMEDOUT : EFBIG);
    return 0;
  }
  if (advice == HTTP_LATER || advice == HTTP_SLOW ||
      (advice == HTTP_AS_STATUS && http_verdict_is_passing (v)))
    return again (t, why, err);
  *err = give_up (t, why, http_verdict_errno (v));
  return 0;
}

/* Not all servers say of an empty file that it is one, with the Content-Range
 * of status 416: ask once more, for all of it.
 */
static bool
may_be_empty (const struct http_transfer *t)
{
  struct http_range *r = t->range;

  if (r->object->pinned || r->whole || r->no_range ||
      t->verdict != HTTP_OUTSIDE)
    return false;
  r->no_range = true;
  r->due = 0;
  return true;
}

static int
bad_answer (struct http_transfer *t, int *err)
{
  const enum http_verdict v = t->verdict;

  if (v == HTTP_REDIRECT && redirect_url (t) != NULL)
    return redirect (t, err);
  if ((v == HTTP_UNAUTHORIZED || v == HTTP_FORBIDDEN || v == HTTP_NOT_FOUND ||
       v == HTTP_GONE) &&
      go_back (t->range))
    return 1;
  if (may_be_empty (t))
    return 1;
  if (v == HTTP_CHANGED && t->range->object->pinned) {
    *err = changed (t);
    return 0;
  }
  return refused (t, v, err);
}

/* What was held back has come to a good end: all of it is there. */
static void
pass_on (struct http_transfer *t)
{
  struct http_range *r = t->range;

  if (t->held == NULL ||
      t->here <
        (r->object->pinned ? t->asked : min_u64 (t->asked, t->answer.total)))
    return;
  r->body (r, t->held, t->here);
  r->received += t->here;
}

/* Has all come?  Of a file that nothing was known of there may be less than
 * was asked for.
 */
static bool
is_complete (const struct http_transfer *t)
{
  const struct http_range *r = t->range;

  if (t->verdict == HTTP_EMPTY || r->whole)
    return true;
  return r->received ==
         (r->object->pinned ? r->count : min_u64 (r->count, t->answer.total));
}

static uint64_t
time_of (const struct http_transfer *t, CURLINFO info)
{
  curl_off_t us = 0;

  curl_easy_getinfo (t->easy, info, &us);
  return max_u64 (us, 0);
}

static void
note_pace (struct http_transfer *t)
{
  struct http_object *o = t->range->object;
  const uint64_t asked = time_of (t, CURLINFO_PRETRANSFER_TIME_T);
  const uint64_t first = time_of (t, CURLINFO_STARTTRANSFER_TIME_T);
  const uint64_t end = time_of (t, CURLINFO_TOTAL_TIME_T);

  if (first < asked || end < first)
    return;
  http_pace_note (&o->pace, first - asked, t->here, end - first);
  atomic_store_explicit (&o->worth, http_pace_worth (&o->pace),
                         memory_order_relaxed);
}

int
http_judge_end (struct http_transfer *t, CURLcode code, int *err)
{
  const bool good = t->verdict == HTTP_GOOD || t->verdict == HTTP_EMPTY;

  *err = 0;
  if (t->judged && !good)
    return bad_answer (t, err);
  if (code != CURLE_OK)
    return broken (t, code, err);
  if (!t->judged)
    return again (t, "the server did not answer", err);
  pass_on (t);
  if (!is_complete (t))
    return again (t, "the server sent less than it said", err);
  pin (t);
  note_pace (t);
  return 0;
}
