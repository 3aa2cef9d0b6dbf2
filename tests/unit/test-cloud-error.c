/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Refusals of Azure and of S3, as their servers send them.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "cloud/cloud-error.h"
#include "support/alloc-fault.h"
#include "support/main.h"

static struct cloud_error e;
static struct buffer out;

static enum cloud_status
read_text (const char *text)
{
  return cloud_error_read (text, strlen (text), &e);
}

static void
format_is (unsigned http_status, const char *expected)
{
  cloud_error_format (&e, http_status, &out);
  ck_assert_str_eq (buffer_text (&out), expected);
  buffer_fini (&out);
}

START_TEST (azure)
{
  ck_assert_int_eq (
    read_text ("\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><Error>"
               "<Code>AuthenticationFailed</Code><Message>Server failed to "
               "authenticate the request.\nRequestId:1a2b-3c\nTime:2020"
               "</Message><AuthenticationErrorDetail>The MAC signature found "
               "'SECRET'</AuthenticationErrorDetail></Error>"),
    CLOUD_OK);
  ck_assert_str_eq (e.code, "AuthenticationFailed");
  ck_assert_str_eq (e.message, "Server failed to authenticate the request.");
  ck_assert_str_eq (e.request_id, "1a2b-3c");
  ck_assert_int_eq (cloud_error_kind (&e, 403), CLOUD_ERROR_DENIED);
  ck_assert_int_eq (cloud_error_errno (&e, 403), EPERM);
  format_is (403, "403 AuthenticationFailed: the key, token or SAS is wrong "
                  "or has expired (request 1a2b-3c)");
}
END_TEST

START_TEST (s3)
{
  ck_assert_int_eq (
    read_text ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>"
               "RequestTimeout</Code><Message>Your socket</Message><Key>k"
               "</Key><RequestId>4442587FB7D0A2F9</RequestId></Error>"),
    CLOUD_OK);
  ck_assert_str_eq (e.code, "RequestTimeout");
  ck_assert_str_eq (e.request_id, "4442587FB7D0A2F9");
  ck_assert_int_eq (cloud_error_kind (&e, 400), CLOUD_ERROR_BUSY);
  ck_assert_int_eq (cloud_error_errno (&e, 400), EIO);
  format_is (400, "400 RequestTimeout: the server was too slow "
                  "(request 4442587FB7D0A2F9)");
}
END_TEST

START_TEST (kinds)
{
  static const struct {
    const char *code;
    unsigned http_status;
    enum cloud_error_kind kind;
    int err;
  } cases[] = {
    { "", 400, CLOUD_ERROR_OTHER, EIO },
    { "", 401, CLOUD_ERROR_RENEW, EPERM },
    { "", 403, CLOUD_ERROR_DENIED, EPERM },
    { "", 404, CLOUD_ERROR_MISSING, EIO },
    { "", 412, CLOUD_ERROR_CHANGED, EIO },
    { "", 416, CLOUD_ERROR_CHANGED, EIO },
    { "", 429, CLOUD_ERROR_BUSY, EIO },
    { "", 503, CLOUD_ERROR_BUSY, EIO },
    { "", 418, CLOUD_ERROR_OTHER, EIO },
    { "BlobNotFound", 404, CLOUD_ERROR_MISSING, EIO },
    { "ConditionNotMet", 412, CLOUD_ERROR_CHANGED, EIO },
    { "InvalidBlobType", 409, CLOUD_ERROR_OTHER, EIO },
    { "ServerBusy", 503, CLOUD_ERROR_BUSY, EIO },
    { "ExpiredToken", 400, CLOUD_ERROR_RENEW, EPERM },
    { "RequestTimeTooSkewed", 403, CLOUD_ERROR_CLOCK, EPERM },
    { "SignatureDoesNotMatch", 403, CLOUD_ERROR_DENIED, EPERM },
    { "SlowDown", 503, CLOUD_ERROR_BUSY, EIO },
    { "OfTomorrow", 403, CLOUD_ERROR_DENIED, EPERM },
    { "OfTomorrow", 299, CLOUD_ERROR_OTHER, EIO },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    memset (&e, 0, sizeof e);
    cloud_error_add_code (&e, cases[i].code);
    ck_assert_int_eq (cloud_error_kind (&e, cases[i].http_status),
                      cases[i].kind);
    ck_assert_int_eq (cloud_error_errno (&e, cases[i].http_status),
                      cases[i].err);
  }
}
END_TEST

START_TEST (messages)
{
  memset (&e, 0, sizeof e);
  format_is (404, "404: there is nothing of that name");
  format_is (418, "418");
  ck_assert_int_eq (read_text ("<Error><Code>OfTomorrow</Code><Message> No "
                               "sig=SECRET&amp;x\t!\r\nx</Message></Error>"),
                    CLOUD_OK);
  format_is (403, "403 OfTomorrow: No sig=***&x !");
  /* A header does not overrule a body. */
  cloud_error_add_code (&e, "Other");
  ck_assert_str_eq (e.code, "OfTomorrow");
  memset (&e, 0, sizeof e);
  cloud_error_add_code (&e, "Odd\r\nHeader: x");
  ck_assert_str_eq (e.code, "Odd");
}
END_TEST

START_TEST (no_errors)
{
  char text[3000] = "<Error><Code>A</Code><Message>";

  ck_assert_int_eq (read_text (""), CLOUD_XML_CUT);
  ck_assert_int_eq (read_text ("<html><body>Bad Gateway"), CLOUD_XML_OTHER);
  ck_assert_int_eq (read_text ("Bad Gateway"), CLOUD_XML_SYNTAX);
  ck_assert_str_eq (e.code, "");
  /* What came before the end counts. */
  ck_assert_int_eq (read_text ("<Error><Code>BlobNotFound</Code><Mess"),
                    CLOUD_XML_CUT);
  ck_assert_str_eq (e.code, "BlobNotFound");
  /* Others' elements of the same name. */
  ck_assert_int_eq (read_text ("<Error><Inner><Code>A</Code></Inner></Error>"),
                    CLOUD_OK);
  ck_assert_str_eq (e.code, "");

  memset (text + strlen (text), 'm', sizeof text - 1 - strlen (text));
  strcpy (text + sizeof text - 20, "</Message></Error>");
  ck_assert_int_eq (read_text (text), CLOUD_OK);
  ck_assert_uint_eq (strlen (e.message), sizeof e.message - 1);
  memset (text, 'c', sizeof text - 1);
  cloud_error_add_code (&e, text);
  ck_assert_str_eq (e.code, "A");
  memset (&e, 0, sizeof e);
  cloud_error_add_code (&e, text);
  ck_assert_uint_eq (strlen (e.code), sizeof e.code - 1);
}
END_TEST

START_TEST (long_body)
{
  static char text[CLOUD_ERROR_MAX + 10] = "<Error><Code>A</Code>";

  memset (text + strlen (text), ' ', sizeof text - strlen (text));
  ck_assert_int_eq (cloud_error_read (text, sizeof text, &e), CLOUD_XML_CUT);
  ck_assert_str_eq (e.code, "A");
}
END_TEST

START_TEST (no_memory)
{
  bool failed = true;

  for (unsigned nth = 1; failed; nth++) {
    enum cloud_status status;

    alloc_fault_nth (nth);
    status = read_text ("<Error><Code>A</Code><Message>m</Message></Error>");
    failed = alloc_fault_stop ();
    ck_assert_int_eq (status, failed ? CLOUD_NO_MEMORY : CLOUD_OK);
    ck_assert (failed || nth > 10);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    azure, s3, kinds, messages, no_errors, long_body, no_memory,
  };

  return test_main ("cloud-error", tests, ARRAY_SIZE (tests));
}
