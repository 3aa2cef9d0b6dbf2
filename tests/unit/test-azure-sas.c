/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a SAS says, and why it would be refused.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/azure-sas.h"
#include "cloud/cloud-url.h"
#include "support/alloc-fault.h"
#include "support/main.h"

#define NOW 1369353600 /* 2013-05-24T00:00:00Z */
#define SERVICE "sv=2021-12-02&sr=b&sig=abc%3D"

static struct azure_sas sas;

START_TEST (accepted)
{
  static const char *const cases[] = {
    "?" SERVICE "&se=2013-05-24T00:00:01Z&sp=r",
    SERVICE "&se=2013-05-24T00%3A00%3A01Z&st=2013-05-24&sp=racwdl&spr=https",
    SERVICE "&se=2014-01-01&sp=r&spr=https,http&sip=1.2.3.4&x=y&",
    SERVICE "&si=policy",
    SERVICE "&si=policy&sp=r",
    "sv=1&sig=a&sr=c&sp=rl&se=2014-01-01",
    "sv=1&sig=a&sr=d&sdd=1&sp=rl&se=2014-01-01",
    "sv=1&sig=a&sr=bs&sp=r&se=2014-01-01&snapshot=x",
    "sv=1&sig=a&ss=bfqt&srt=sco&sp=rwdl&se=2014-01-01T00:00Z",
    "SV=1&SIG=a&SR=b&SP=r&SE=2014-01-01",
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = azure_sas_parse (cases[i], &sas);

    ck_assert_msg (status == CLOUD_OK, "%s: %s", cases[i],
                   cloud_status_string (status));
    ck_assert_int_eq (azure_sas_check (&sas, true, NOW), CLOUD_OK);
  }
}
END_TEST

START_TEST (times)
{
  ck_assert_int_eq (
    azure_sas_parse (SERVICE "&st=2013-05-23&se=2013-05-24&sp=r", &sas),
    CLOUD_OK);
  ck_assert (sas.has_start && sas.has_expiry);
  ck_assert_int_eq (sas.start, NOW - 86400);
  ck_assert_int_eq (sas.expiry, NOW);
  ck_assert_int_eq (azure_sas_check (&sas, true, NOW - 1), CLOUD_OK);
  ck_assert_int_eq (azure_sas_check (&sas, true, NOW), CLOUD_SAS_EXPIRED);
  ck_assert_int_eq (azure_sas_check (&sas, true, NOW - 86400), CLOUD_OK);
  ck_assert_int_eq (azure_sas_check (&sas, true, NOW - 86401),
                    CLOUD_SAS_NOT_YET);
}
END_TEST

START_TEST (not_usable)
{
  static const struct {
    const char *token;
    enum cloud_status status;
  } cases[] = {
    { SERVICE "&se=2014-01-01&sp=w", CLOUD_SAS_NO_READ },
    { SERVICE "&se=2014-01-01", CLOUD_SAS_NO_READ },
    { SERVICE "&si=policy&sp=", CLOUD_SAS_NO_READ },
    { SERVICE "&se=2014-01-01&sp=r&spr=https", CLOUD_SAS_HTTPS },
    { "sv=1&sig=a&sr=f&sp=r&se=2014-01-01", CLOUD_SAS_NOT_BLOB },
    { "sv=1&sig=a&sr=&sp=r&se=2014-01-01", CLOUD_SAS_NOT_BLOB },
    { "sv=1&sig=a&ss=f&srt=o&sp=r&se=2014-01-01", CLOUD_SAS_NOT_BLOB },
    { "sv=1&sig=a&ss=b&srt=sc&sp=r&se=2014-01-01", CLOUD_SAS_NOT_BLOB },
    { "sv=1&sig=a&sp=r&se=2014-01-01", CLOUD_SAS_NOT_BLOB },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    ck_assert_int_eq (azure_sas_parse (cases[i].token, &sas), CLOUD_OK);
    ck_assert_msg (azure_sas_check (&sas, false, NOW) == cases[i].status, "%s",
                   cases[i].token);
  }
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *token;
    enum cloud_status status;
  } cases[] = {
    { "", CLOUD_SAS_NO_SIGNATURE },
    { "?", CLOUD_SAS_NO_SIGNATURE },
    { "abc", CLOUD_SAS_SYNTAX },
    { SERVICE "&se", CLOUD_SAS_SYNTAX },
    { SERVICE "&=x", CLOUD_SAS_SYNTAX },
    { "sv=1&se=2014-01-01&sp=r&sr=b", CLOUD_SAS_NO_SIGNATURE },
    { "sv=1&se=2014-01-01&sp=r&sr=b&sig=", CLOUD_SAS_NO_SIGNATURE },
    { "se=2014-01-01&sp=r&sr=b&sig=a", CLOUD_SAS_NO_VERSION },
    { SERVICE "&sp=r", CLOUD_SAS_NO_EXPIRY },
    { SERVICE "&sp=r&si=", CLOUD_SAS_NO_EXPIRY },
    { SERVICE "&sp=r&se=", CLOUD_SAS_BAD_TIME },
    { SERVICE "&sp=r&se=tomorrow", CLOUD_SAS_BAD_TIME },
    { SERVICE "&sp=r&se=2014-01-01&st=2014-02-30", CLOUD_SAS_BAD_TIME },
    { SERVICE "&se=2014-01-01&SE=2015-01-01", CLOUD_SAS_TWICE },
  };
  static char long_one[CLOUD_URL_MAX + 2];

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    const enum cloud_status status = azure_sas_parse (cases[i].token, &sas);

    ck_assert_msg (status == cases[i].status, "%s: %s", cases[i].token,
                   cloud_status_string (status));
  }
  memset (long_one, 'a', sizeof long_one - 1);
  ck_assert_int_eq (azure_sas_parse (long_one, &sas), CLOUD_TOO_LONG);
}
END_TEST

START_TEST (no_memory)
{
  alloc_fault_from (1);
  enum cloud_status status =
    azure_sas_parse (SERVICE "&se=2014-01-01&sp=r", &sas);
  alloc_fault_stop ();
  ck_assert_int_eq (status, CLOUD_NO_MEMORY);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { accepted, times, not_usable, refused,
                                 no_memory };

  return test_main ("azure-sas", tests, ARRAY_SIZE (tests));
}
