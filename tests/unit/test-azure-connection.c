/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Connection strings.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/azure-connection.h"
#include "cloud/azure-key.h"
#include "support/alloc-fault.h"
#include "support/main.h"

static struct azure_connection c;

static void
same (const char *ours, const char *expected)
{
  ck_assert_int_eq (ours == NULL, expected == NULL);
  if (expected != NULL)
    ck_assert_str_eq (ours, expected);
}

START_TEST (accepted)
{
  static const struct {
    const char *text, *endpoint, *account, *key, *sas;
  } cases[] = {
    { "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=AQID+/==;"
      "EndpointSuffix=core.windows.net",
      "https://acct.blob.core.windows.net", "acct", "AQID+/==", NULL },
    { " accountname = acct ; ACCOUNTKEY=AQ== ;\n",
      "https://acct.blob.core.windows.net", "acct", "AQ==", NULL },
    { "DefaultEndpointsProtocol=http;AccountName=acct;"
      "EndpointSuffix=core.chinacloudapi.cn;",
      "http://acct.blob.core.chinacloudapi.cn", "acct", NULL, NULL },
    { "AccountName=acct;AccountKey=AQ==;BlobEndpoint=http://127.0.0.1:1/acct;"
      "QueueEndpoint=x;TableEndpoint=;FileEndpoint=y",
      "http://127.0.0.1:1/acct", "acct", "AQ==", NULL },
    { "BlobEndpoint=https://h/;SharedAccessSignature=sv=1&sr=b&sig=a%3D",
      "https://h/", NULL, NULL, "sv=1&sr=b&sig=a%3D" },
    { "AccountName=acct;SharedAccessSignature=?sig=a=",
      "https://acct.blob.core.windows.net", "acct", NULL, "?sig=a=" },
    { "UseDevelopmentStorage=true", "http://127.0.0.1:10000/devstoreaccount1",
      "devstoreaccount1",
      "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
      "K1SZFPTOtr/KBHBeksoGMGw==",
      NULL },
    { "UseDevelopmentStorage=True;DevelopmentStorageProxyUri=http://box//",
      "http://box:10000/devstoreaccount1", "devstoreaccount1",
      "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/"
      "K1SZFPTOtr/KBHBeksoGMGw==",
      NULL },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = azure_connection_parse (cases[i].text, &c);

    ck_assert_msg (status == CLOUD_OK, "%s: %s", cases[i].text,
                   cloud_status_string (status));
    same (c.endpoint, cases[i].endpoint);
    same (c.account, cases[i].account);
    same (c.key, cases[i].key);
    same (c.sas, cases[i].sas);
    azure_connection_fini (&c);
    ck_assert_ptr_null (c.endpoint);
  }
}
END_TEST

/* What it gives is a key. */
START_TEST (development_key)
{
  struct azure_key key;

  ck_assert_int_eq (azure_connection_parse ("UseDevelopmentStorage=true", &c),
                    CLOUD_OK);
  ck_assert_int_eq (azure_key_parse (c.account, c.key, &key), CLOUD_OK);
  azure_key_wipe (&key);
  azure_connection_fini (&c);
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *text;
    enum cloud_status status;
  } cases[] = {
    { "", CLOUD_CONNECTION_ENDPOINT },
    { ";;", CLOUD_CONNECTION_ENDPOINT },
    { "AccountName=;BlobEndpoint=", CLOUD_CONNECTION_ENDPOINT },
    { "AccountName", CLOUD_CONNECTION_SYNTAX },
    { "AccountName=a;x", CLOUD_CONNECTION_SYNTAX },
    { "AcountName=abc", CLOUD_CONNECTION_NAME },
    { "=abc", CLOUD_CONNECTION_NAME },
    { "AccountName=abc;accountname=abc", CLOUD_CONNECTION_TWICE },
    { "AccountName=abc;DefaultEndpointsProtocol=ftp",
      CLOUD_CONNECTION_PROTOCOL },
    { "AccountKey=AQ==;BlobEndpoint=http://h", CLOUD_CONNECTION_ACCOUNT },
    { "AccountName=abc;AccountKey=AQ==;SharedAccessSignature=x",
      CLOUD_CONNECTION_BOTH },
    { "AccountName=host/path", CLOUD_BAD_ACCOUNT },
    { "AccountName=ABC", CLOUD_BAD_ACCOUNT },
    { "UseDevelopmentStorage=false", CLOUD_CONNECTION_DEVELOP },
    { "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=box",
      CLOUD_URL_SCHEME },
    { "AccountName=abc;BlobEndpoint=abc.blob.core.windows.net",
      CLOUD_URL_SCHEME },
    { "AccountName=abc;BlobEndpoint=http://h/?x", CLOUD_URL_NOT_DATA },
    { "AccountName=abc;BlobEndpoint=http://h/?", CLOUD_URL_NOT_DATA },
    { "AccountName=abc;EndpointSuffix=a b", CLOUD_URL_CHARACTER },
  };
  static char long_one[AZURE_CONNECTION_MAX + 2];

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = azure_connection_parse (cases[i].text, &c);

    ck_assert_msg (status == cases[i].status, "%s: %s", cases[i].text,
                   cloud_status_string (status));
    azure_connection_fini (&c);
  }
  memset (long_one, ';', sizeof long_one - 1);
  ck_assert_int_eq (azure_connection_parse (long_one, &c), CLOUD_TOO_LONG);
  azure_connection_fini (&c);
}
END_TEST

static void
each_allocation (const char *text)
{
  bool failed = true;

  for (unsigned nth = 1; failed; nth++) {
    enum cloud_status status;

    alloc_fault_nth (nth);
    status = azure_connection_parse (text, &c);
    failed = alloc_fault_stop ();
    ck_assert_int_eq (status, failed ? CLOUD_NO_MEMORY : CLOUD_OK);
    ck_assert (failed || nth > 3);
    azure_connection_fini (&c);
  }
}

START_TEST (no_memory)
{
  each_allocation ("AccountName=abc;AccountKey=AQ==");
  each_allocation ("AccountName=abc;SharedAccessSignature=sig=x");
  each_allocation ("UseDevelopmentStorage=true");
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { accepted, development_key, refused,
                                 no_memory };

  return test_main ("azure-connection", tests, ARRAY_SIZE (tests));
}
