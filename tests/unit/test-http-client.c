/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The client against a server that does everything wrong: right data or an
 * error, and the error says why.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "support/rng.h"
#include "support/threads.h"
#include "unit/http-both-ways.h"

/* ------------------------------------------------------------------ */

static void
reader (void *opaque, unsigned index)
{
  struct rng rng;

  rng_init (&rng, index + 1);
  for (unsigned i = 0; i < 60; i++) {
    const uint64_t offset = rng_below (&rng, RIG_SIZE);
    const uint64_t count = 1 + rng_below (&rng, RIG_SIZE - offset);

    quick_assert (read_part (offset, count, 1 + rng_below (&rng, 65536) * 4) ==
                  0);
  }
}

START_TEST (reads)
{
  open_good ();
  ck_assert_str_eq (http_object_name (rig.object),
                    http_server_url (rig.server));
  ck_assert_str_eq (http_object_version (rig.object), "\"first\"");
  ck_assert_int_eq (read_part (0, RIG_SIZE, RIG_SIZE), 0);
  ck_assert_int_eq (read_part (RIG_SIZE - 1, 1, 512), 0);
  ck_assert_int_eq (read_part (0, 0, 512), 0);
  threads_run (16, reader, NULL);
  /* Thousands of requests. */
  ck_assert_uint_le (http_server_connections (rig.server), 64);
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

/* What passes is tried again. */
static const int passing[] = {
  HTTP_FAULT_CLOSE,        HTTP_FAULT_CUT,          HTTP_FAULT_STALL,
  HTTP_FAULT_SHORT,        HTTP_FAULT_LONG,         HTTP_FAULT_CLAIMS,
  HTTP_FAULT_TRICKLE,      HTTP_FAULT_DRAWL,        HTTP_FAULT_STATUS + 408,
  HTTP_FAULT_STATUS + 500, HTTP_FAULT_STATUS + 503, HTTP_FAULT_STATUS + 429,
};

START_TEST (retries)
{
  open_good ();
  rig_fault (&rig, passing[_i], 1);
  ck_assert_int_eq (read_part (1000, 5000, 65536), 0);
  ck_assert_uint_eq (log_memory_errors (), 0);
  if (passing[_i] != HTTP_FAULT_CLOSE) /* libcurl itself tries again then */
    ck_assert (log_memory_contains (": again in "));
  /* More often than it is tried. */
  log_memory_clear ();
  rig_fault (&rig, passing[_i], 100);
  if (passing[_i] == HTTP_FAULT_CUT || passing[_i] == HTTP_FAULT_STALL)
    ck_assert_int_eq (read_part (100, 1, 65536), EIO); /* gets nowhere */
  else
    ck_assert_int_eq (read_part (1000, 5000, 65536), EIO);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains (", again and again"));
  /* And it is still of use. */
  rig_fault (&rig, HTTP_FAULT_NONE, 0);
  ck_assert_int_eq (read_part (1000, 5000, 65536), 0);
}
END_TEST

/* What does not pass, and what is said of it when it comes later, or as
 * the first answer.
 */
static const struct {
  int fault;
  const char *text;
  int first; /* errno; 0: is no failure then */
} lasting[] = {
  { HTTP_FAULT_WHOLE, "does not send parts of files", EINVAL },
  { HTTP_FAULT_OTHER_RANGE, "sends another part", EIO },
  { HTTP_FAULT_NO_RANGE, "does not say which one", EIO },
  { HTTP_FAULT_OTHER_TOTAL, "was changed on the server", 0 },
  { HTTP_FAULT_OTHER_ETAG, "was changed on the server", 0 },
  { HTTP_FAULT_ENCODED, "is stored compressed", EINVAL },
  { HTTP_FAULT_STATUS + 400, "does not understand the request", EINVAL },
  { HTTP_FAULT_STATUS + 401, "wants a password", EPERM },
  { HTTP_FAULT_STATUS + 403, "does not permit it", EPERM },
  { HTTP_FAULT_STATUS + 404, "there is no such file", ENOENT },
  { HTTP_FAULT_STATUS + 407, "the proxy wants a password", EPERM },
  { HTTP_FAULT_STATUS + 410, "gone from the server", ENOENT },
  { HTTP_FAULT_STATUS + 412, "was changed on the server", ESTALE },
  { HTTP_FAULT_STATUS + 416, "outside of the file", EIO },
  { HTTP_FAULT_STATUS + 402, "the server wants to be paid", EPERM },
  { HTTP_FAULT_STATUS + 405, "the server does not permit rea", EINVAL },
  { HTTP_FAULT_STATUS + 406, "the server does not have the f", EINVAL },
  { HTTP_FAULT_STATUS + 409, "the file is in a state in whic", EIO },
  { HTTP_FAULT_STATUS + 418, "the server refuses, as some do", EPERM },
  { HTTP_FAULT_STATUS + 421, "this is not the server of that", EIO },
  { HTTP_FAULT_STATUS + 451, "the server may not send the fi", EPERM },
  { HTTP_FAULT_STATUS + 499, "makes no sense here", EIO },
};

START_TEST (failures)
{
  open_good ();
  rig_fault (&rig, lasting[_i].fault, 100);
  ck_assert_int_eq (read_part (1000, 5000, 65536), EIO);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert_msg (log_memory_contains (lasting[_i].text), "%s",
                 lasting[_i].text);
  rig_close (&rig);

  log_memory_clear ();
  errno = 0;
  rig_open (&rig, http_server_url (rig.server));
  if (lasting[_i].first == 0) {
    ck_assert_ptr_nonnull (rig.object);
    return;
  }
  ck_assert_ptr_null (rig.object);
  ck_assert_int_eq (errno, lasting[_i].first);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains (lasting[_i].text));
}
END_TEST

START_TEST (changes)
{
  open_good ();
  ck_assert_int_eq (read_part (0, 512, 512), 0);
  http_server_etag (rig.server, "\"second\"");
  ck_assert_int_eq (read_part (0, 512, 512), EIO);
  ck_assert_int_eq (read_part (512, 512, 512), EIO);
  /* It stays so, and is said once. */
  http_server_etag (rig.server, "\"first\"");
  ck_assert_int_eq (read_part (0, 512, 512), EIO);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("start again to serve the new one"));
}
END_TEST

static void
open_unversioned (const char *etag)
{
  http_server_etag (rig.server, etag);
  log_memory_clear ();
  rig_open (&rig, http_server_url (rig.server));
}

/* What might be mixed is not opened, unless that is wanted. */
START_TEST (unversioned)
{
  static const char *const etags[] = { "", "W/\"a\"", "unquoted" };

  for (size_t i = 0; i < ARRAY_SIZE (etags); i++) {
    errno = 0;
    open_unversioned (etags[i]);
    ck_assert_ptr_null (rig.object);
    ck_assert_int_eq (errno, EINVAL);
    ck_assert (log_memory_contains ("say unversioned=true"));
    ck_assert_uint_eq (log_memory_errors (), 1);
    rig_close (&rig);
  }
  http_server_date (rig.server, "Sun, 06 Nov 1994 08:49:37 GMT");
  open_unversioned ("");
  ck_assert_ptr_nonnull (rig.object);
  rig_close (&rig);
  http_server_date (rig.server, "");
  rig.o.unversioned = true;
  open_unversioned ("");
  ck_assert_ptr_nonnull (rig.object);
  ck_assert_int_eq (read_part (1000, 5000, 65536), 0);
  rig_fault (&rig, HTTP_FAULT_OTHER_TOTAL, 1);
  ck_assert_int_eq (read_part (1000, 5000, 65536), EIO);
  ck_assert (log_memory_contains ("was changed on the server"));
}
END_TEST

/* A body that breaks off is gone on with where it did, and gets there
 * however often, if it gets on.
 */
START_TEST (resumes)
{
  open_good ();
  rig_fault (&rig, HTTP_FAULT_CUT, 3);
  ck_assert_int_eq (read_part (0, 65536, 65536), 0);
  ck_assert_uint_eq (http_server_requests (rig.server), 1 + 4);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Elsewhere */

static int
sends_elsewhere (void *opaque, const struct http_server_request *r)
{
  return HTTP_FAULT_REDIRECT;
}

/* Another server, which must get no secret. */
static int
no_secrets (void *opaque, const struct http_server_request *r)
{
  if (strstr (r->header, "uthorization") != NULL ||
      strstr (r->header, "secret") != NULL)
    return HTTP_FAULT_STATUS + 400;
  return strstr (r->path, "expired") != NULL ? HTTP_FAULT_STATUS + 403 :
                                               HTTP_FAULT_NONE;
}

/* The server itself, which must get all. */
static int
all_secrets (void *opaque, const struct http_server_request *r)
{
  return strstr (r->header, "Authorization: Basic ") != NULL &&
             strstr (r->header, "Cookie: secret") != NULL &&
             strstr (r->header, "X-My: secret") != NULL &&
             strstr (r->path, "?sig=secret") != NULL ?
           HTTP_FAULT_REDIRECT :
           HTTP_FAULT_STATUS + 400;
}

static void
no_secret_is_said (void)
{
  CLEANUP_FREE char *text = log_memory_text ();

  ck_assert_ptr_null (strstr (text, "secret"));
}

START_TEST (redirects)
{
  static const char *const header[] = { "X-My: secret" };
  struct http_server *other = http_server_start (rig.data, RIG_SIZE);
  const char *port = strrchr (http_server_url (rig.server), ':');
  char url[600];
  unsigned n;

  http_server_set (other, no_secrets, NULL);
  http_server_set (rig.server, all_secrets, NULL);
  http_server_redirect (rig.server, http_server_url (other));
  rig.o.cookie = "secret";
  rig.o.header = header;
  rig.o.nheaders = 1;
  snprintf (url, sizeof url, "http://me:secret@127.0.0.1%s?sig=secret", port);
  rig_open (&rig, url);
  ck_assert_ptr_nonnull (rig.object);
  ck_assert_int_eq (read_part (5, 70000, 65536), 0);
  /* Only the first request had to be redirected. */
  ck_assert_uint_eq (http_server_requests (rig.server), 1);

  /* What it was redirected to does not last. */
  snprintf (url, sizeof url, "%s-again", http_server_url (other));
  http_server_redirect (rig.server, url);
  http_server_set (other, no_secrets, NULL);
  n = http_server_requests (other);
  ck_assert_int_eq (read_part (5, 700, 65536), 0);
  ck_assert_uint_eq (http_server_requests (other), n + 1);
  no_secret_is_said ();
  rig_close (&rig);
  http_server_stop (other);
}
END_TEST

static int
expires (void *opaque, const struct http_server_request *r)
{
  atomic_bool *expired = opaque;

  return strstr (r->path, "old") != NULL && atomic_load (expired) ?
           HTTP_FAULT_STATUS + 403 :
           HTTP_FAULT_NONE;
}

START_TEST (asks_again_where_it_is)
{
  struct http_server *other = http_server_start (rig.data, RIG_SIZE);
  atomic_bool expired = false;
  char url[600];

  http_server_set (other, expires, &expired);
  http_server_set (rig.server, sends_elsewhere, NULL);
  snprintf (url, sizeof url, "%s?old", http_server_url (other));
  http_server_redirect (rig.server, url);
  rig_open (&rig, http_server_url (rig.server));
  ck_assert_ptr_nonnull (rig.object);
  atomic_store (&expired, true);
  http_server_redirect (rig.server, http_server_url (other));
  ck_assert_int_eq (read_part (5, 700, 65536), 0);
  ck_assert_uint_eq (log_memory_errors (), 0);
  ck_assert_uint_eq (http_server_requests (rig.server), 2);
  rig_close (&rig);
  http_server_stop (other);
}
END_TEST

static enum http_advice
tells_region (void *opaque, const struct http_refusal *f, char *why,
              size_t size)
{
  snprintf (why, size, "%u %s", f->status, f->region);
  return HTTP_FOR_GOOD;
}

/* A redirect that says where only to who knows the service. */
START_TEST (redirects_nowhere)
{
  rig.o.service = &(const struct http_service){ .refused = tells_region };
  rig_fault (&rig, HTTP_FAULT_STATUS + 301, 1);
  rig_open (&rig, http_server_url (rig.server));
  ck_assert_ptr_null (rig.object);
  ck_assert (log_memory_contains ("301 eu-west-1"));
}
END_TEST

START_TEST (redirects_refused)
{
  http_server_set (rig.server, sends_elsewhere, NULL);
  http_server_redirect (rig.server, http_server_url (rig.server));
  rig_open (&rig, http_server_url (rig.server));
  ck_assert_ptr_null (rig.object);
  ck_assert (log_memory_contains ("without end"));
  rig_close (&rig);
  http_server_redirect (rig.server, "ftp://127.0.0.1/x");
  rig_open (&rig, http_server_url (rig.server));
  ck_assert_ptr_null (rig.object);
  ck_assert (log_memory_contains ("place that cannot be used"));
  rig_close (&rig);
  rig.o.no_redirects = true;
  rig_open (&rig, http_server_url (rig.server));
  ck_assert_ptr_null (rig.object);
  ck_assert (log_memory_contains ("sends elsewhere (status 302)"));
}
END_TEST

/* ------------------------------------------------------------------ */

static int
sign (void *opaque, struct http_message *m, struct http_headers *add, int *err)
{
  unsigned *n = opaque;
  bool has_range = false;

  for (unsigned i = 0; i < m->nheaders; i++)
    has_range |= strncmp (m->header[i], "Range: bytes=", 13) == 0;
  if (!has_range || strcmp (m->method, "GET") != 0 || ++*n == 4) {
    *err = EPERM;
    return -1;
  }
  m->mark = *n;
  return http_headers_add (add, "Signature", m->url);
}

/* What was signed for the second time is the server's fault. */
static enum http_advice
refused (void *opaque, const struct http_refusal *f, char *why, size_t size)
{
  unsigned *n = opaque;

  ck_assert_uint_eq (f->status, 403);
  ck_assert_uint_eq (f->mark, *n);
  if (*n == 1)
    return HTTP_AGAIN;
  snprintf (why, size, "it said %u", f->status);
  return *n < 6 ? HTTP_LATER : HTTP_FOR_GOOD;
}

static int
is_signed (void *opaque, const struct http_server_request *r)
{
  return strstr (r->header, "\r\nSignature: http://") != NULL ?
           HTTP_FAULT_NONE :
           HTTP_FAULT_STATUS + 403;
}

START_TEST (signatures)
{
  unsigned n = 0;

  http_server_set (rig.server, is_signed, NULL);
  rig.o.service = &(const struct http_service){ .sign = sign };
  rig.o.service_opaque = &n;
  open_good ();
  ck_assert_int_eq (read_part (0, 1000, 500), 0);
  ck_assert_int_eq (read_part (0, 1000, 1000), EPERM);
}
END_TEST

static int
sign_only (void *opaque, struct http_message *m, struct http_headers *add,
           int *err)
{
  m->mark = ++*(unsigned *) opaque;
  return http_headers_add (add, "Signature", m->url);
}

static int
is_not_signed (void *opaque, const struct http_server_request *r)
{
  return strstr (r->header, "Signature") == NULL ? HTTP_FAULT_NONE :
                                                   HTTP_FAULT_STATUS + 403;
}

/* What signs is for the server of the URL only. */
START_TEST (signatures_stay)
{
  struct http_server *other = http_server_start (rig.data, RIG_SIZE);
  unsigned n = 0;

  http_server_set (other, is_not_signed, NULL);
  http_server_set (rig.server, sends_elsewhere, NULL);
  http_server_redirect (rig.server, http_server_url (other));
  rig.o.service = &(const struct http_service){ .sign = sign_only };
  rig.o.service_opaque = &n;
  open_good ();
  ck_assert_int_eq (read_part (0, 1000, 500), 0);
  ck_assert_uint_eq (n, 1);
  rig_close (&rig);
  http_server_stop (other);
}
END_TEST

/* A refusal is read by the service, which knows what to do. */
START_TEST (refusals)
{
  static const struct http_service service = { .sign = sign_only,
                                               .refused = refused };
  unsigned n = 0;

  rig.o.service = &service;
  rig.o.service_opaque = &n;
  rig_fault (&rig, HTTP_FAULT_STATUS + 403, 1);
  open_good (); /* the second time */
  ck_assert_uint_eq (n, 2);
  rig_fault (&rig, HTTP_FAULT_STATUS + 403, 1);
  ck_assert_int_eq (read_part (0, 1000, 1000), 0); /* later */
  ck_assert_uint_eq (log_memory_errors (), 0);
  rig_fault (&rig, HTTP_FAULT_STATUS + 403, 3);
  ck_assert_int_eq (read_part (0, 1000, 1000), EIO);
  ck_assert_uint_eq (n, 6); /* at once */
  ck_assert (log_memory_contains ("bytes at 0: it said 403"));
}
END_TEST

/* All of what is somewhere, as far as it fits. */
START_TEST (documents)
{
  static const char *const header[] = { "X-More: 1" };
  static uint8_t buf[RIG_SIZE];
  struct http_range r = { .whole = true, .nheaders = 1, .header = header };

  open_good ();
  r.object = rig.object;
  r.count = sizeof buf;
  ck_assert_int_eq (http_range_wait (&r, buf), 0);
  ck_assert_uint_eq (r.received, RIG_SIZE);
  ck_assert_mem_eq (buf, rig.data, RIG_SIZE);
  rig_fault (&rig, HTTP_FAULT_STATUS + 404, 1);
  ck_assert_int_eq (http_range_wait (&r, buf), EIO);
  r.count = 1000; /* for which it is too large */
  ck_assert_int_eq (http_range_wait (&r, buf), EIO);
  r.url = "nonsense://";
  ck_assert_int_eq (http_range_wait (&r, buf), EINVAL);
}
END_TEST

START_TEST (bad_urls)
{
  static const struct {
    const char *url;
    int err;
    const char *text;
  } cases[] = {
    { "ftp://127.0.0.1/secret", EINVAL, "must begin with http://" },
    { "http://", EINVAL, "cannot be used" },
    { "", EINVAL, "cannot be used" },
    { "http://127.0.0.1:1/x?secret", EIO, "http://127.0.0.1:1/x: " },
    { "https://u:secret@127.0.0.1:1/", EIO, "https://127.0.0.1:1/: " },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    log_memory_clear ();
    rig_open (&rig, cases[i].url);
    ck_assert_ptr_null (rig.object);
    ck_assert_int_eq (errno, cases[i].err);
    ck_assert_msg (log_memory_contains (cases[i].text), "%s", cases[i].url);
    ck_assert_uint_eq (log_memory_errors (), 1);
    no_secret_is_said ();
    rig_close (&rig);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    reads,
    changes,
    unversioned,
    resumes,
    redirects,
    asks_again_where_it_is,
    redirects_refused,
    redirects_nowhere,
    signatures,
    signatures_stay,
    refusals,
    documents,
    bad_urls,
  };
  Suite *suite = suite_create ("http-client");
  TCase *kinds[2];

  both_ways (suite, kinds, tests, ARRAY_SIZE (tests));
  for (size_t k = 0; k < ARRAY_SIZE (kinds); k++) {
    tcase_add_loop_test (kinds[k], retries, 0, ARRAY_SIZE (passing));
    tcase_add_loop_test (kinds[k], failures, 0, ARRAY_SIZE (lasting));
  }
  return test_run (suite);
}
