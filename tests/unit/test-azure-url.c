/* SPDX-License-Identifier: BSD-3-Clause
 *
 * URLs of blobs, in both styles: read, made, and asked with.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/azure-url.h"
#include "support/alloc-fault.h"
#include "support/main.h"

static struct azure_url a;
static struct buffer out;

START_TEST (styles)
{
  static const struct {
    const char *url, *account, *base, *sas;
    bool path_style;
  } cases[] = {
    { "https://acct.blob.core.windows.net/c/b", "acct",
      "https://acct.blob.core.windows.net/c/b", "", false },
    { "https://acct-secondary.blob.core.windows.net:443/c/b", "acct",
      "https://acct-secondary.blob.core.windows.net/c/b", "", false },
    { "https://acct.z01.blob.storage.azure.net/c/d/e", "acct",
      "https://acct.z01.blob.storage.azure.net/c/d/e", "", false },
    { "http://devstoreaccount1.blob.localhost:10000/c/b", "devstoreaccount1",
      "http://devstoreaccount1.blob.localhost:10000/c/b", "", false },
    { "http://127.0.0.1:10000/devstoreaccount1/c/b%20c", "devstoreaccount1",
      "http://127.0.0.1:10000/devstoreaccount1/c/b%20c", "", true },
    { "http://[::1]:10000/acct/c/b", "acct", "http://[::1]:10000/acct/c/b", "",
      true },
    { "http://azurite:10000/acct/b", "acct", "http://azurite:10000/acct/b", "",
      true },
    { "https://disks.example.com/c/b?sig=S", "",
      "https://disks.example.com/c/b", "sig=S", false },
    { "https://acct.blob.core.windows.net/b?snapshot=2020-01-01T00:00:00.0Z",
      "acct",
      "https://acct.blob.core.windows.net/b?snapshot=2020-01-01T00:00:00.0Z",
      "", false },
    { "https://acct.blob.core.windows.net/c/b?sv=1&VersionId=2&sig=S%3D&x",
      "acct", "https://acct.blob.core.windows.net/c/b?VersionId=2",
      "sv=1&sig=S%3D&x", false },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = azure_url_parse (cases[i].url, &a);

    ck_assert_msg (status == CLOUD_OK, "%s: %s", cases[i].url,
                   cloud_status_string (status));
    ck_assert_str_eq (a.account, cases[i].account);
    ck_assert_str_eq (buffer_text (&a.base), cases[i].base);
    ck_assert_str_eq (buffer_text (&a.sas), cases[i].sas);
    ck_assert (a.path_style == cases[i].path_style);
    azure_url_fini (&a);
  }
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *url;
    enum cloud_status status;
  } cases[] = {
    { "ftp://acct.blob.core.windows.net/c/b", CLOUD_URL_SCHEME },
    { "https://acct.blob.core.windows.net", CLOUD_URL_NO_BLOB },
    { "https://acct.blob.core.windows.net//", CLOUD_URL_NO_BLOB },
    { "http://127.0.0.1:10000/acct", CLOUD_URL_NO_BLOB },
    { "http://127.0.0.1:10000/acct/", CLOUD_URL_NO_BLOB },
    { "https://a.blob.x/c/b?comp=list", CLOUD_URL_NOT_DATA },
    { "https://a.blob.x/c?restype=container", CLOUD_URL_NOT_DATA },
    { "https://a.blob.x/c/b?snapshot=1&versionid=2", CLOUD_URL_VERSIONS },
    { "https://a.blob.x/c/b?snapshot=1&snapshot=1", CLOUD_URL_VERSIONS },
    { "https://a.blob.x/c/b?snapshot=", CLOUD_URL_VERSIONS },
    { "https://a.blob.x/c/b?versionid", CLOUD_URL_VERSIONS },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = azure_url_parse (cases[i].url, &a);

    ck_assert_msg (status == cases[i].status, "%s: %s", cases[i].url,
                   cloud_status_string (status));
    azure_url_fini (&a);
  }
}
END_TEST

static void
request_is (const char *url, const char *more, const char *sas,
            const char *expected)
{
  ck_assert_int_eq (azure_url_parse (url, &a), CLOUD_OK);
  ck_assert_int_eq (azure_url_request (&a, more, sas, &out), CLOUD_OK);
  ck_assert_str_eq (buffer_text (&out), expected);
  buffer_fini (&out);
  azure_url_fini (&a);
}

START_TEST (requests)
{
  request_is ("https://a.blob.x/c/b", NULL, NULL, "https://a.blob.x/c/b");
  request_is ("https://a.blob.x/c/b", "comp=pagelist", NULL,
              "https://a.blob.x/c/b?comp=pagelist");
  request_is ("https://a.blob.x/c/b?sig=S", NULL, NULL,
              "https://a.blob.x/c/b?sig=S");
  request_is ("https://a.blob.x/c/b?sig=S&snapshot=1", "comp=pagelist", NULL,
              "https://a.blob.x/c/b?snapshot=1&comp=pagelist&sig=S");
  request_is ("https://a.blob.x/c/b?sig=S", "comp=pagelist", "?sv=2&sig=T",
              "https://a.blob.x/c/b?comp=pagelist&sv=2&sig=T");
  request_is ("https://a.blob.x/c/b", NULL, "sv=2&sig=T",
              "https://a.blob.x/c/b?sv=2&sig=T");
  request_is ("https://a.blob.x/c/b?sig=S", NULL, "", "https://a.blob.x/c/b");
}
END_TEST

START_TEST (made)
{
  ck_assert_int_eq (azure_url_make ("https://a.blob.x//", "c", "d/e +%?#.vhd",
                                    NULL, false, &out),
                    CLOUD_OK);
  ck_assert_str_eq (buffer_text (&out),
                    "https://a.blob.x/c/d/e%20%2B%25%3F%23.vhd");
  buffer_fini (&out);
  ck_assert_int_eq (azure_url_make ("http://127.0.0.1:1/acct", "$root", "b",
                                    "2020-01-01T00:00:00Z", false, &out),
                    CLOUD_OK);
  ck_assert_str_eq (
    buffer_text (&out),
    "http://127.0.0.1:1/acct/$root/b?snapshot=2020-01-01T00%3A00%3A00Z");
  buffer_fini (&out);
  ck_assert_int_eq (azure_url_make ("http://h/a", "c", "b", "1", true, &out),
                    CLOUD_OK);
  ck_assert_str_eq (buffer_text (&out), "http://h/a/c/b?versionid=1");
  buffer_fini (&out);
}
END_TEST

START_TEST (page_lists)
{
  azure_url_add_pagelist (&out, 0, NULL);
  ck_assert_str_eq (buffer_text (&out), "comp=pagelist");
  buffer_fini (&out);
  azure_url_add_pagelist (&out, 10000, "2!8&=");
  ck_assert_str_eq (buffer_text (&out),
                    "comp=pagelist&maxresults=10000&marker=2%218%26%3D");
  buffer_fini (&out);
}
END_TEST

START_TEST (no_memory)
{
  bool failed = true;

  for (unsigned nth = 1; failed; nth++) {
    enum cloud_status status;

    alloc_fault_nth (nth);
    status = azure_url_parse ("https://a.blob.x/c/b?snapshot=1&sig=S", &a);
    if (status == CLOUD_OK)
      status = azure_url_request (&a, "comp=pagelist", NULL, &out);
    if (status == CLOUD_OK)
      status = azure_url_make ("https://h", "c", "b", "v", true, &out);
    failed = alloc_fault_stop ();
    ck_assert_int_eq (status, failed ? CLOUD_NO_MEMORY : CLOUD_OK);
    ck_assert (failed || nth > 3);
    azure_url_fini (&a);
    buffer_fini (&out);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { styles, refused,    requests,
                                 made,   page_lists, no_memory };

  return test_main ("azure-url", tests, ARRAY_SIZE (tests));
}
