/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as a connection string, a SAS, an account key, a bearer token
 * and the answer of an identity: what is accepted can be used.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "cloud/azure-connection.h"
#include "cloud/azure-key.h"
#include "cloud/azure-sas.h"
#include "cloud/azure-url.h"
#include "cloud/bearer-token.h"
#include "cloud/cloud-url.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "azure-credentials";

static void
try_connection (const char *text)
{
  struct azure_connection c;
  struct buffer url = { NULL };
  struct azure_url a;
  struct cloud_url u;

  if (azure_connection_parse (text, &c) == CLOUD_OK) {
    fuzz_assert (c.endpoint != NULL && (c.key == NULL || c.account != NULL));
    fuzz_assert (c.key == NULL || c.sas == NULL);
    fuzz_assert (azure_url_make (c.endpoint, "c", "d/b", "v", false, &url) ==
                 CLOUD_OK);
    /* It may have become too long. */
    if (cloud_url_parse (buffer_text (&url), &u) == CLOUD_OK) {
      fuzz_assert (azure_url_parse (buffer_text (&url), &a) == CLOUD_OK);
      azure_url_fini (&a);
    }
  }
  buffer_fini (&url);
  azure_connection_fini (&c);
}

static void
try_sas (const char *text)
{
  struct azure_sas s;
  struct buffer shown = { NULL };

  if (azure_sas_parse (text, &s) != CLOUD_OK)
    return;
  azure_sas_check (&s, false, 1369353600);
  buffer_puts (&shown, *text == '?' ? "" : "?");
  cloud_url_redact (&shown, text);
  if (*text == '?')
    fuzz_assert (strcasestr (buffer_text (&shown), "sig=***") != NULL);
  buffer_fini (&shown);
}

static void
try_tokens (const char *text, size_t n)
{
  struct buffer token = { NULL }, message = { NULL };
  struct azure_key key;
  int64_t expires;

  if (azure_key_parse ("acct", text, &key) == CLOUD_OK)
    fuzz_assert (key.n > 0 && key.n <= sizeof key.bytes);
  azure_key_wipe (&key);
  if (bearer_token_read (text, n, &token) == CLOUD_OK)
    fuzz_assert (token.len > 0 && strlen (token.data) == token.len);
  buffer_fini (&token);
  if (bearer_identity_read (text, n, 1000, &token, &expires, &message) ==
      CLOUD_OK)
    fuzz_assert (token.len > 0 && expires > 1000 && message.len == 0);
  buffer_fini (&token);
  buffer_fini (&message);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  char *text = malloc (size + 1);

  fuzz_assert (text != NULL);
  if (size > 0)
    memcpy (text, data, size);
  text[size] = '\0';
  try_connection (text);
  try_sas (text);
  try_tokens (text, size);
  free (text);
  return 0;
}
