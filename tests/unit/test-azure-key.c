/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Azure's Shared Key: the texts that the REST reference gives, and
 * signatures that were computed with other programs.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/azure-key.h"
#include "support/alloc-fault.h"
#include "support/main.h"

/* The one that Azurite and its forerunner publish. */
#define ACCOUNT "devstoreaccount1"
#define KEY                                                      \
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6" \
  "tq/K1SZFPTOtr/KBHBeksoGMGw=="

static struct azure_key key;
static struct buffer out;

static void
parse_key (void)
{
  ck_assert_int_eq (azure_key_parse (ACCOUNT, KEY, &key), CLOUD_OK);
  ck_assert_uint_eq (key.n, 64);
}

static void
text_is (const char *account, const struct cloud_request *r,
         const char *expected)
{
  ck_assert_int_eq (azure_string_to_sign (account, r, &out), CLOUD_OK);
  ck_assert_str_eq (buffer_text (&out), expected);
  buffer_fini (&out);
}

/* "Get Container Metadata" and "List Blobs" of the reference, with what it
 * says of the secondary location.
 */
START_TEST (reference)
{
  static const struct cloud_header headers[] = {
    { "x-ms-version", "2015-02-21" },
    { "x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT" },
  };
  struct cloud_request r = {
    .method = "GET",
    .url = "http://myaccount.blob.core.windows.net/mycontainer"
           "?restype=container&comp=metadata",
    .headers = headers,
    .nheaders = ARRAY_SIZE (headers),
  };

  text_is ("myaccount", &r,
           "GET\n\n\n\n\n\n\n\n\n\n\n\n"
           "x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
           "x-ms-version:2015-02-21\n"
           "/myaccount/mycontainer\ncomp:metadata\nrestype:container");

  r.nheaders = 0;
  r.url = "http://myaccount.blob.core.windows.net/mycontainer?restype="
          "container&comp=list&include=snapshots&include=metadata&include="
          "uncommittedblobs";
  text_is ("myaccount", &r,
           "GET\n\n\n\n\n\n\n\n\n\n\n\n/myaccount/mycontainer\ncomp:list\n"
           "include:metadata,snapshots,uncommittedblobs\nrestype:container");

  r.url = "https://myaccount-secondary.blob.core.windows.net/mycontainer/"
          "myblob";
  text_is ("myaccount", &r,
           "GET\n\n\n\n\n\n\n\n\n\n\n\n/myaccount/mycontainer/myblob");
}
END_TEST

START_TEST (headers_and_parameters)
{
  static const struct cloud_header headers[] = {
    { "X-MS-Version", "v" },
    { "range", " bytes=0-4095 " },
    { "If-Match", "\"0x8D\"" },
    { "x-ms-b", "  1   2\r\n\t3 " },
    { "x-ms-a", "" },
    { "Accept-Encoding", "identity" },
    { "If-None-Match", "n" },
    { "Content-Type", "t" },
    { "x-ms", "not one of them" },
  };
  struct cloud_request r = {
    .method = "HEAD",
    .url = "http://127.0.0.1:10000/devstoreaccount1/c/a%20b+c?Snapshot="
           "2020-01-01T00%3a00%3A00Z&comp=pagelist&COMP=b",
    .headers = headers,
    .nheaders = ARRAY_SIZE (headers),
  };

  text_is (ACCOUNT, &r,
           "HEAD\n\n\n\n\nt\n\n\n\"0x8D\"\nn\n\nbytes=0-4095\n"
           "x-ms-a:\nx-ms-b:1 2 3\nx-ms-version:v\n"
           "/devstoreaccount1/devstoreaccount1/c/a%20b+c\n"
           "comp:b,pagelist\nsnapshot:2020-01-01T00:00:00Z");
  r.url = "http://h";
  r.nheaders = 0;
  text_is ("a", &r, "HEAD\n\n\n\n\n\n\n\n\n\n\n\n/a/");
}
END_TEST

START_TEST (signature)
{
  static const struct cloud_header headers[] = { { "Range", "bytes=0-4095" },
                                                 { "If-Match", "\"0x1\"" } };
  const struct cloud_request r = {
    .method = "GET",
    .url = "http://127.0.0.1:10000/devstoreaccount1/c/b?comp=pagelist",
    .headers = headers,
    .nheaders = ARRAY_SIZE (headers),
  };
  const char *line;

  parse_key ();
  ck_assert_int_eq (azure_key_sign (&key, &r, 1369353600, &out), CLOUD_OK);
  line = buffer_text (&out);
  ck_assert_str_eq (line, "x-ms-date: Fri, 24 May 2013 00:00:00 GMT");
  line = cloud_line_next (line);
  ck_assert_str_eq (line, "x-ms-version: " AZURE_VERSION);
  line = cloud_line_next (line);
  ck_assert_str_eq (line, "Authorization: SharedKey devstoreaccount1:"
                          "CAWh//I9SHenC1GXO/2ROPq21rKxaKaK32b2Wq4Kc74=");
  ck_assert_str_eq (cloud_line_next (line), "");
  buffer_fini (&out);
  azure_key_wipe (&key);
  for (size_t i = 0; i < sizeof key; i++)
    ck_assert_uint_eq (((const uint8_t *) &key)[i], 0);
}
END_TEST

START_TEST (keys)
{
  static const struct {
    const char *account, *key;
    enum cloud_status status;
  } cases[] = {
    { "abc", "AQ==", CLOUD_OK },
    { "a-secondary1", " \tAQID\r\n", CLOUD_OK },
    { "ab", "AQ==", CLOUD_BAD_ACCOUNT },
    { "", "AQ==", CLOUD_BAD_ACCOUNT },
    { "Abc", "AQ==", CLOUD_BAD_ACCOUNT },
    { "ab/c", "AQ==", CLOUD_BAD_ACCOUNT },
    { "abc\n", "AQ==", CLOUD_BAD_ACCOUNT },
    { "a123456789012345678901234567890123456789012345678901234567890123",
      "AQ==", CLOUD_BAD_ACCOUNT },
    { "abc", "", CLOUD_BAD_KEY },
    { "abc", "AQ", CLOUD_BAD_KEY },
    { "abc", "AQ== AQ==", CLOUD_BAD_KEY },
    { "abc", KEY KEY, CLOUD_BAD_KEY },
  };
  char long_key[200];

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    ck_assert_int_eq (azure_key_parse (cases[i].account, cases[i].key, &key),
                      cases[i].status);
    azure_key_wipe (&key);
  }
  memset (long_key, 'A', sizeof long_key);
  long_key[172] = '\0'; /* 129 bytes */
  ck_assert_int_eq (azure_key_parse ("abc", long_key, &key), CLOUD_BAD_KEY);
  azure_key_wipe (&key);
}
END_TEST

START_TEST (refused)
{
  struct cloud_header many[CLOUD_LIST_MAX];
  struct cloud_request r = { .method = "GET", .url = "ftp://h/" };

  parse_key ();
  ck_assert_int_eq (azure_key_sign (&key, &r, 0, &out), CLOUD_URL_SCHEME);
  buffer_fini (&out);
  for (size_t i = 0; i < ARRAY_SIZE (many); i++)
    many[i] = (struct cloud_header){ "x-ms-a", "b" };
  r.url = "http://h/";
  r.headers = many;
  r.nheaders = CLOUD_LIST_MAX - 1;
  ck_assert_int_eq (azure_key_sign (&key, &r, 0, &out), CLOUD_TOO_LONG);
  ck_assert_uint_eq (out.len, 0);
  r.nheaders = CLOUD_LIST_MAX - 2;
  ck_assert_int_eq (azure_key_sign (&key, &r, 0, &out), CLOUD_OK);
  buffer_fini (&out);
}
END_TEST

START_TEST (no_memory)
{
  static const struct cloud_header range = { "Range", "bytes=0-9" };
  const struct cloud_request r = { .method = "GET",
                                   .url = "http://h/b/k?a=b&c=d",
                                   .headers = &range,
                                   .nheaders = 1 };
  bool failed = true;

  parse_key ();
  for (unsigned nth = 1; failed; nth++) {
    enum cloud_status status;

    alloc_fault_nth (nth);
    status = azure_key_sign (&key, &r, 0, &out);
    failed = alloc_fault_stop ();
    ck_assert_int_eq (status, failed ? CLOUD_NO_MEMORY : CLOUD_OK);
    ck_assert (failed || nth > 5);
    buffer_fini (&out);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    reference, headers_and_parameters, signature, keys, refused, no_memory,
  };

  return test_main ("azure-key", tests, ARRAY_SIZE (tests));
}
