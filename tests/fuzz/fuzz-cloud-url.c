/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as a URL of Azure and of S3: what is accepted is one in the
 * form that is sent and signed, too, and what is shown of it has no
 * credentials.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cloud/azure-key.h"
#include "cloud/azure-url.h"
#include "cloud/cloud-url.h"
#include "cloud/s3-sign.h"
#include "cloud/s3-url.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "cloud-url";

static void
try_azure (const char *text)
{
  struct azure_url a, again;
  struct buffer url = { NULL };

  if (azure_url_parse (text, &a) == CLOUD_OK &&
      azure_url_request (&a, NULL, NULL, &url) == CLOUD_OK &&
      url.len <= CLOUD_URL_MAX) {
    fuzz_assert (azure_url_parse (buffer_text (&url), &again) == CLOUD_OK);
    fuzz_assert (strcmp (buffer_text (&a.base), buffer_text (&again.base)) ==
                 0);
    fuzz_assert (strcmp (buffer_text (&a.sas), buffer_text (&again.sas)) == 0);
    fuzz_assert (strcmp (a.account, again.account) == 0);
    azure_url_fini (&again);
  }
  buffer_fini (&url);
  azure_url_fini (&a);
}

static void
try_s3 (const char *text)
{
  struct s3_url s;
  bool presigned;

  if (s3_url_parse (text, &s) != CLOUD_OK)
    return;
  fuzz_assert (s.bucket.n > 0 && s.key.n > 0);
  fuzz_assert (s.key.p >= text && s.key.p + s.key.n <= text + strlen (text));
  s3_url_check_presigned (&s.url, 1369353600, &presigned);
}

static void
sign (const char *text)
{
  static const struct cloud_header range = { "Range", "bytes=0-511" };
  static const struct s3_key s3 = { "id", "secret", "token", "r", "s3" };
  const struct cloud_request r = {
    .method = "GET", .url = text, .headers = &range, .nheaders = 1
  };
  struct buffer lines = { NULL };
  struct azure_key key;
  enum cloud_status status;

  fuzz_assert (azure_key_parse ("acct", "AQID", &key) == CLOUD_OK);
  status = azure_key_sign (&key, &r, 1369353600, &lines);
  fuzz_assert (status == CLOUD_OK || status == CLOUD_TOO_LONG);
  buffer_fini (&lines);
  fuzz_assert (s3_sign (&s3, &r, 1369353600, NULL, &lines) == status);
  buffer_fini (&lines);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  char *text = malloc (size + 1);
  struct buffer shown = { NULL };
  struct cloud_url u;

  fuzz_assert (text != NULL);
  if (size > 0)
    memcpy (text, data, size);
  text[size] = '\0';
  cloud_url_redact (&shown, text);
  cloud_text_redact (&shown, (struct cloud_piece){ text, size });
  if (cloud_url_parse (text, &u) == CLOUD_OK) {
    fuzz_assert (u.host.n > 0 && u.port > 0 && u.authority.n >= u.host.n);
    fuzz_assert (u.path.n == 0 || u.path.p[0] == '/');
    buffer_clear (&shown);
    cloud_url_redact (&shown, text);
    fuzz_assert (cloud_url_parse (buffer_text (&shown), &u) == CLOUD_OK ||
                 shown.len > CLOUD_URL_MAX);
    sign (text);
  }
  try_azure (text);
  try_s3 (text);
  buffer_fini (&shown);
  free (text);
  return 0;
}
