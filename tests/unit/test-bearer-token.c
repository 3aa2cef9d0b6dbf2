/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bearer tokens out of files and out of the answers of identities.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/azure-key.h"
#include "cloud/bearer-token.h"
#include "cloud/cloud-request.h"
#include "support/alloc-fault.h"
#include "support/main.h"

#define NOW 1369353600

static struct buffer token, message;
static int64_t expires;

static void
fini (void)
{
  buffer_fini (&token);
  buffer_fini (&message);
}

START_TEST (files)
{
  static char long_one[BEARER_TOKEN_MAX + 2];

  ck_assert_int_eq (bearer_token_read (" \teyJ0.a-b_c~+/==\r\n\n", 20, &token),
                    CLOUD_OK);
  ck_assert_str_eq (buffer_text (&token), "eyJ0.a-b_c~+/==");
  fini ();
  ck_assert_int_eq (bearer_token_read ("", 0, &token), CLOUD_TOKEN_EMPTY);
  ck_assert_int_eq (bearer_token_read (" \n", 2, &token), CLOUD_TOKEN_EMPTY);
  ck_assert_int_eq (bearer_token_read ("a b", 3, &token),
                    CLOUD_TOKEN_CHARACTER);
  ck_assert_int_eq (bearer_token_read ("a\nb", 3, &token),
                    CLOUD_TOKEN_CHARACTER);
  ck_assert_int_eq (bearer_token_read ("a\0", 2, &token),
                    CLOUD_TOKEN_CHARACTER);
  ck_assert_int_eq (bearer_token_read ("\xc3\xa4", 2, &token),
                    CLOUD_TOKEN_CHARACTER);
  memset (long_one, 'a', sizeof long_one - 1);
  ck_assert_int_eq (bearer_token_read (long_one, sizeof long_one - 1, &token),
                    CLOUD_TOO_LONG);
  ck_assert_int_eq (bearer_token_read (long_one, BEARER_TOKEN_MAX, &token),
                    CLOUD_OK);
  fini ();
}
END_TEST

static enum cloud_status
read_answer (const char *text)
{
  return bearer_identity_read (text, strlen (text), NOW, &token, &expires,
                               &message);
}

START_TEST (identities)
{
  static const struct {
    const char *text;
    int64_t expires;
  } cases[] = {
    /* As a machine of Azure answers. */
    { "{\"access_token\":\"eyJ0.x\",\"client_id\":\"c\",\"expires_in\":"
      "\"86399\",\"expires_on\":\"1369440000\",\"ext_expires_in\":\"86399\","
      "\"not_before\":\"1369353300\",\"resource\":"
      "\"https://storage.azure.com/\",\"token_type\":\"Bearer\"}",
      1369440000 },
    { "{\"access_token\":\"eyJ0.x\",\"expires_in\":600}", NOW + 600 },
    { "{\"access_token\":\"eyJ0.x\",\"expires_on\":\"5/24/2013 1:00:00 AM\","
      "\"expires_in\":\"7\",\"token_type\":\"bearer\"}",
      NOW + 7 },
    { "{\"access_token\":\"eyJ0.x\",\"expires_on\":1369353601}", NOW + 1 },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    ck_assert_int_eq (read_answer (cases[i].text), CLOUD_OK);
    ck_assert_str_eq (buffer_text (&token), "eyJ0.x");
    ck_assert_int_eq (expires, cases[i].expires);
    ck_assert_uint_eq (message.len, 0);
    fini ();
  }
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *text;
    enum cloud_status status;
    const char *message;
  } cases[] = {
    { "", CLOUD_IDENTITY_JSON, "" },
    { "<html>", CLOUD_IDENTITY_JSON, "" },
    { "[]", CLOUD_IDENTITY_JSON, "" },
    { "{}", CLOUD_IDENTITY_JSON, "" },
    { "{\"access_token\":7,\"expires_in\":1}", CLOUD_IDENTITY_JSON, "" },
    { "{\"access_token\":\"a\"}", CLOUD_IDENTITY_JSON, "" },
    { "{\"access_token\":\"a\",\"expires_on\":\"\"}", CLOUD_IDENTITY_JSON, "" },
    { "{\"access_token\":\"a\",\"expires_in\":\"-1\"}", CLOUD_IDENTITY_JSON,
      "" },
    { "{\"access_token\":\"a\",\"expires_in\":99999999}", CLOUD_IDENTITY_JSON,
      "" },
    { "{\"access_token\":\"a\",\"expires_on\":\"99999999999999999999\"}",
      CLOUD_IDENTITY_JSON, "" },
    { "{\"access_token\":\"a\",\"expires_in\":1,\"token_type\":\"pop\"}",
      CLOUD_IDENTITY_TYPE, "" },
    { "{\"access_token\":\"a\",\"expires_in\":0}", CLOUD_IDENTITY_EXPIRED, "" },
    { "{\"access_token\":\"a\",\"expires_on\":\"1369353600\"}",
      CLOUD_IDENTITY_EXPIRED, "" },
    { "{\"access_token\":\"\",\"expires_in\":1}", CLOUD_TOKEN_EMPTY, "" },
    { "{\"access_token\":\"a\\r\\nb: c\",\"expires_in\":1}",
      CLOUD_TOKEN_CHARACTER, "" },
    { "{\"error\":\"invalid_request\",\"error_description\":\"Identity not\\n"
      "found, access_token=SECRET\"}",
      CLOUD_IDENTITY_ERROR,
      "invalid_request: Identity not found, access_token=***" },
    { "{\"error\":{\"code\":1}}", CLOUD_IDENTITY_ERROR, "" },
  };
  static char long_one[2 * BEARER_TOKEN_MAX + 1];

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = read_answer (cases[i].text);

    ck_assert_msg (status == cases[i].status, "%s: %s", cases[i].text,
                   cloud_status_string (status));
    ck_assert_str_eq (buffer_text (&message), cases[i].message);
    ck_assert_uint_eq (token.len, 0);
    fini ();
  }
  ck_assert_int_eq (bearer_identity_read (long_one, sizeof long_one, NOW,
                                          &token, &expires, &message),
                    CLOUD_TOO_LONG);
}
END_TEST

START_TEST (urls)
{
  ck_assert_int_eq (bearer_identity_url (NULL, NULL, &token), CLOUD_OK);
  ck_assert_str_eq (buffer_text (&token),
                    "http://169.254.169.254/metadata/identity/oauth2/token"
                    "?api-version=2018-02-01"
                    "&resource=https%3A%2F%2Fstorage.azure.com%2F");
  fini ();
  ck_assert_int_eq (bearer_identity_url ("http://h/x?y", "a&b", &token),
                    CLOUD_OK);
  ck_assert_str_eq (buffer_text (&token),
                    "http://h/x?y&api-version=2018-02-01"
                    "&resource=https%3A%2F%2Fstorage.azure.com%2F"
                    "&client_id=a%26b");
  fini ();
}
END_TEST

START_TEST (lines)
{
  const char *line;

  ck_assert_int_eq (bearer_token_lines ("t", &message), CLOUD_OK);
  line = buffer_text (&message);
  ck_assert_str_eq (line, "x-ms-version: " AZURE_VERSION);
  line = cloud_line_next (line);
  ck_assert_str_eq (line, "Authorization: Bearer t");
  ck_assert_str_eq (cloud_line_next (line), "");
  fini ();
  ck_assert_int_eq (bearer_token_lines (NULL, &message), CLOUD_OK);
  line = buffer_text (&message);
  ck_assert_str_eq (line, "x-ms-version: " AZURE_VERSION);
  ck_assert_str_eq (cloud_line_next (line), "");
  fini ();
}
END_TEST

START_TEST (no_memory)
{
  bool failed = true;

  for (unsigned nth = 1; failed; nth++) {
    enum cloud_status status;

    alloc_fault_nth (nth);
    status = read_answer ("{\"access_token\":\"a\",\"expires_in\":1}");
    if (status == CLOUD_OK)
      status = bearer_identity_url (NULL, "x", &message);
    if (status == CLOUD_OK) {
      buffer_fini (&message);
      status = bearer_token_lines (buffer_text (&token), &message);
    }
    failed = alloc_fault_stop ();
    ck_assert_int_eq (status, failed ? CLOUD_NO_MEMORY : CLOUD_OK);
    ck_assert (failed || nth > 5);
    fini ();
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { files, identities, refused,
                                 urls,  lines,      no_memory };

  return test_main ("bearer-token", tests, ARRAY_SIZE (tests));
}
