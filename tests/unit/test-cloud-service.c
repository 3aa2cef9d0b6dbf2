/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Services of Azure and S3: what goes together, where blobs are, what is
 * done about refusals, and that memory may run out anywhere.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "blob/cloud-service.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"

/* base64 of "hidden", which is to be seen nowhere. */
#define KEY "aGlkZGVu"
#define CONNECTION "AccountName=acc;AccountKey=" KEY
#define SAS "sv=2021-12-02&sr=b&sp=r&se=2030-01-01T00:00:00Z&sig=hidden"
#define EXPIRED "sv=2021-12-02&sr=b&sp=r&se=2020-01-01T00:00:00Z&sig=hidden"

static void
no_secret_is_said (void)
{
  ck_assert (!log_memory_contains ("hidden"));
  ck_assert (!log_memory_contains (KEY));
}

/* ------------------------------------------------------------------ */
/* Places */

static const struct place {
  struct cloud_options o;
  const char *url, *name;
  const char *result; /* NULL: it is refused */
} places[] = {
  { { .sas = SAS },
    "https://acc.blob.core.windows.net/c/b",
    "",
    "https://acc.blob.core.windows.net/c/b?" SAS },
  { { .sas = "?" SAS },
    "https://acc.blob.core.windows.net/c/b?snapshot=1",
    "",
    "https://acc.blob.core.windows.net/c/b?snapshot=1&" SAS },
  { { .sas = SAS }, "https://acc.blob.core.windows.net/c/b?" SAS, "", NULL },
  { { .sas = SAS }, "https://acc.blob.core.windows.net/", "", NULL },
  { { .account = "acc", .account_key = KEY },
    "http://127.0.0.1:1/acc/c/b",
    "",
    "http://127.0.0.1:1/acc/c/b" },
  { { .connection_string = CONNECTION, .container = "c", .blob = "d/b b" },
    NULL,
    "",
    "https://acc.blob.core.windows.net/c/d/b%20b" },
  { { .connection_string = CONNECTION, .container = "c" },
    NULL,
    "x/y",
    "https://acc.blob.core.windows.net/c/x/y" },
  { { .connection_string = CONNECTION, .container = "c" }, NULL, "../y", NULL },
  { { .connection_string = CONNECTION, .container = "c" }, NULL, "", NULL },
  { { .connection_string = CONNECTION },
    "https://acc.blob.core.windows.net/c/b",
    "",
    "https://acc.blob.core.windows.net/c/b" },
  { { .connection_string = CONNECTION },
    "https://acc.blob.core.windows.net.example.org/c/b",
    "",
    NULL },
  { { .account = "acc", .container = "c", .sas = SAS },
    NULL,
    "b",
    "https://acc.blob.core.windows.net/c/b?" SAS },
  { { .bucket = "bk", .key = "a b", .region = "eu-west-1" },
    NULL,
    "",
    "https://bk.s3.eu-west-1.amazonaws.com/a%20b" },
  { { .bucket = "bk", .path_style = true },
    NULL,
    "k",
    "https://s3.us-east-1.amazonaws.com/bk/k" },
  { { .bucket = "bk", .endpoint_url = "http://127.0.0.1:9" },
    NULL,
    "k",
    "http://127.0.0.1:9/bk/k" },
  { { .access_key = "id", .secret_key = "hidden" },
    "http://h/bk/k?versionId=1",
    "",
    "http://h/bk/k?versionId=1" },
};

START_TEST (where_blobs_are)
{
  const struct place *p = &places[_i];
  struct cloud_service *s = cloud_service_create (&p->o);
  char *url;

  ck_assert_ptr_nonnull (s);
  ck_assert (cloud_options_given (&p->o));
  ck_assert (cloud_options_have_place (&p->o) == (p->url == NULL));
  url = cloud_service_url (s, p->url, p->name);
  if (p->result != NULL)
    ck_assert_str_eq (url, p->result);
  else {
    ck_assert_ptr_null (url);
    ck_assert_int_eq (errno, EINVAL);
    ck_assert_uint_eq (log_memory_errors (), 1);
  }
  no_secret_is_said ();
  free (url);
  cloud_service_close (s);
}
END_TEST

static const struct cloud_options refused[] = {
  { .sas = SAS, .account_key = KEY },
  { .sas = "nonsense" },
  { .account = "acc" },
  { .account = "x/y", .container = "c" },
  { .account_key = "***hidden" },
  { .connection_string = "hidden" },
  { .identity_endpoint = "http://h" },
  { .blob = "b" },
  { .container = "c" },
  { .access_key = "id" },
  { .secret_key = "hidden" },
  { .access_key = "i d", .secret_key = "hidden" },
  { .access_key = "id", .secret_key = "hidden", .region = "a/b" },
  { .session_token = "hidden" },
  { .key = "k" },
  { .endpoint_url = "http://h" },
  { .bucket = "bk", .endpoint_url = "http://h/x" },
  { .bucket = "b", .sas = SAS },
  { .token_file = "/nonexistent/token" },
};

START_TEST (what_does_not_go_together)
{
  ck_assert_ptr_null (cloud_service_create (&refused[_i]));
  ck_assert (errno == EINVAL || errno == ENOENT);
  ck_assert_uint_eq (log_memory_errors (), 1);
  no_secret_is_said ();
}
END_TEST

/* ------------------------------------------------------------------ */
/* Refusals */

/* As the service OF O has it, or, NULL, as one without credentials. */
static enum http_advice
advice (const struct cloud_options *o, const struct http_refusal *f, char *why,
        size_t size)
{
  struct cloud_service *s = o != NULL ? cloud_service_create (o) : NULL;
  struct http_client_options co = { .service = &cloud_service_plain };
  enum http_advice r;

  if (s != NULL)
    cloud_service_attach (s, &co);
  *why = '\0';
  r = co.service->refused (co.service_opaque, f, why, size);
  cloud_service_close (s);
  return r;
}

#define BODY(code) "<Error><Code>" code "</Code><Message>m</Message></Error>"

static const struct {
  unsigned status;
  const char *url, *code, *body;
  enum http_advice advice;
  const char *why;
} answers[] = {
  { 404, "http://h/a/b/c", "", "not XML", HTTP_AS_STATUS, "" },
  { 403, "http://h/a/b/c", "", "", HTTP_AS_STATUS, "" },
  { 404, "http://h/a/b/c", "BlobNotFound", "", HTTP_FOR_GOOD,
    "404 BlobNotFound: there is no such blob" },
  { 404, "http://h/a/b/c", "", BODY ("NoSuchKey"), HTTP_FOR_GOOD,
    "404 NoSuchKey: there is no such object" },
  { 503, "http://h/a/b/c", "", BODY ("SlowDown"), HTTP_LATER,
    "503 SlowDown: the server is busy" },
  { 500, "http://h/a/b/c", "OperationTimedOut", "", HTTP_SLOW,
    "500 OperationTimedOut: the server was too slow" },
  { 301, "http://h/b/c", "",
    "<Error><Code>PermanentRedirect</Code><Endpoint>b.s3.eu-west-1.amazonaws."
    "com</Endpoint></Error>",
    HTTP_FOR_GOOD,
    "301 PermanentRedirect: the bucket is elsewhere: it is in the region "
    "of-the-header: it is at b.s3.eu-west-1.amazonaws.com" },
  { 400, "http://h/b/c", "",
    "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1"
    "</Region></Error>",
    HTTP_FOR_GOOD,
    "400 AuthorizationHeaderMalformed: the region is wrong: it is in the "
    "region eu-west-1" },
  { 403, "https://h/a/b/c?" EXPIRED, "", "", HTTP_AS_STATUS,
    "403: access is denied: the signature in the URL has expired" },
  { 403, "http://h/a/b/c?" SAS "&spr=https", "AuthenticationFailed", "",
    HTTP_FOR_GOOD,
    "403 AuthenticationFailed: the key, token or SAS is wrong or has expired: "
    "the signature in the URL is for https only" },
  { 403,
    "http://h/b/c?X-Amz-Date=20200101T000000Z&X-Amz-Expires=60"
    "&X-Amz-Signature=hidden",
    "", BODY ("AccessDenied"), HTTP_FOR_GOOD,
    "403 AccessDenied: the credentials do not permit reading this, or there is "
    "no such object: the signature in the URL is pre-signed, and its time is "
    "over" },
};

START_TEST (refusals)
{
  const struct http_refusal f = { .url = answers[_i].url,
                                  .status = answers[_i].status,
                                  .code = answers[_i].code,
                                  .region = answers[_i].status == 301 ?
                                              "of-the-header" :
                                              "",
                                  .body = answers[_i].body,
                                  .size = strlen (answers[_i].body) };
  char why[512];

  ck_assert_int_eq (advice (NULL, &f, why, sizeof why), answers[_i].advice);
  if (_i + 1 < (int) ARRAY_SIZE (answers)) /* whose phrase is common/cloud's */
    ck_assert_str_eq (why, answers[_i].why);
  else
    ck_assert_ptr_nonnull (strstr (why, "the signature in the URL "));
  ck_assert_ptr_null (strstr (why, "hidden"));
}
END_TEST

/* The server's time is used once, and an older one is not held against it. */
START_TEST (clocks)
{
  const struct cloud_options o = { .access_key = "id", .secret_key = "hidden" };
  struct cloud_service *s = cloud_service_create (&o);
  struct http_client_options co = { .service = NULL };
  struct http_refusal f = { .url = "http://h/b/k",
                            .region = "",
                            .status = 403,
                            .code = "",
                            .body = BODY ("RequestTimeTooSkewed"),
                            .size = strlen (BODY ("RequestTimeTooSkewed")),
                            .has_date = true,
                            .date = time (NULL) + 3600 };
  char why[512];

  cloud_service_attach (s, &co);
  ck_assert_int_eq (co.service->refused (s, &f, why, sizeof why), HTTP_AGAIN);
  ck_assert_int_eq (co.service->refused (s, &f, why, sizeof why), HTTP_AGAIN);
  f.mark = 1;
  ck_assert_int_eq (co.service->refused (s, &f, why, sizeof why),
                    HTTP_FOR_GOOD);
  ck_assert_str_eq (why, "403 RequestTimeTooSkewed: the clock of this machine "
                         "is wrong");
  f.has_date = false;
  ck_assert_int_eq (co.service->refused (s, &f, why, sizeof why),
                    HTTP_FOR_GOOD);
  cloud_service_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */

START_TEST (no_memory)
{
  const struct place *p = &places[_i];
  bool failed = true;

  for (uint64_t nth = 1; failed; nth++) {
    struct cloud_service *s;
    char *url = NULL;
    int saved;

    alloc_fault_nth (nth);
    s = cloud_service_create (&p->o);
    if (s != NULL)
      url = cloud_service_url (s, p->url, p->name);
    saved = errno;
    failed = alloc_fault_stop ();
    ck_assert (!failed || url != NULL || saved == ENOMEM || p->result == NULL);
    ck_assert (failed || p->result == NULL || url != NULL);
    free (url);
    cloud_service_close (s);
  }
}
END_TEST

static void
setup (void)
{
  log_memory_clear ();
}

int
main (void)
{
  Suite *suite = suite_create ("cloud-service");
  TCase *c = test_case (suite, "cloud-service");

  tcase_add_checked_fixture (c, setup, NULL);
  tcase_add_loop_test (c, where_blobs_are, 0, ARRAY_SIZE (places));
  tcase_add_loop_test (c, what_does_not_go_together, 0, ARRAY_SIZE (refused));
  tcase_add_loop_test (c, refusals, 0, ARRAY_SIZE (answers));
  tcase_add_test (c, clocks);
  tcase_add_loop_test (c, no_memory, 0, ARRAY_SIZE (places));
  return test_run (suite);
}
