/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See azure-connection.h.
 */

#include <config.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/buffer.h"
#include "cloud/azure-connection.h"
#include "cloud/azure-key.h"
#include "cloud/cloud-secret.h"
#include "cloud/cloud-url.h"

/* The account of the emulator, which is the same everywhere. */
#define DEVELOP_ACCOUNT "devstoreaccount1"
#define DEVELOP_KEY                                              \
  "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6" \
  "tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define DEVELOP_HOST "http://127.0.0.1"
#define DEVELOP_PORT ":10000"

#define DEFAULT_SUFFIX "core.windows.net"

enum name {
  ACCOUNT_KEY,
  ACCOUNT_NAME,
  BLOB_ENDPOINT,
  DEVELOP,
  DEVELOP_PROXY,
  PROTOCOL,
  SAS,
  SUFFIX,
  NNAMES, /* those that are used */
};

static const char *const names[] = {
  [ACCOUNT_KEY] = "AccountKey",
  [ACCOUNT_NAME] = "AccountName",
  [BLOB_ENDPOINT] = "BlobEndpoint",
  [DEVELOP] = "UseDevelopmentStorage",
  [DEVELOP_PROXY] = "DevelopmentStorageProxyUri",
  [PROTOCOL] = "DefaultEndpointsProtocol",
  [SAS] = "SharedAccessSignature",
  [SUFFIX] = "EndpointSuffix",
};

static const char *const ignored[] = {
  "BlobSecondaryEndpoint",  "FileEndpoint",           "FileSecondaryEndpoint",
  "QueueEndpoint",          "QueueSecondaryEndpoint", "TableEndpoint",
  "TableSecondaryEndpoint",
};

static bool
is_ignored (struct cloud_piece name)
{
  for (size_t i = 0; i < ARRAY_SIZE (ignored); i++) {
    if (cloud_piece_is_nocase (name, ignored[i]))
      return true;
  }
  return false;
}

static struct cloud_piece
trim (struct cloud_piece p)
{
  while (p.n > 0 && strchr (" \t\r\n", p.p[0]) != NULL)
    p.p++, p.n--;
  while (p.n > 0 && strchr (" \t\r\n", p.p[p.n - 1]) != NULL)
    p.n--;
  return p;
}

/* Values may have "=" in them: base64 does, and a SAS. */
static enum cloud_status
find_values (struct cloud_piece text, struct cloud_piece v[NNAMES])
{
  struct cloud_piece one, name, value;

  memset (v, 0, NNAMES * sizeof *v);
  while (cloud_piece_next (&text, ';', &one)) {
    unsigned i = 0;

    one = value = trim (one);
    if (one.n == 0)
      continue;
    if (!cloud_piece_next (&value, '=', &name) || name.n == one.n)
      return CLOUD_CONNECTION_SYNTAX;
    name = trim (name);
    while (i < NNAMES && !cloud_piece_is_nocase (name, names[i]))
      i++;
    if (i == NNAMES) {
      if (!is_ignored (name))
        return CLOUD_CONNECTION_NAME;
      continue;
    }
    if (v[i].p != NULL)
      return CLOUD_CONNECTION_TWICE;
    v[i] = trim (value);
  }
  return CLOUD_OK;
}

/* A copy of the value in *TEXT, if there is one that is not empty. */
static enum cloud_status
copy (struct cloud_piece value, char **text)
{
  if (value.n == 0)
    return CLOUD_OK;
  *text = strndup (value.p, value.n);
  return *text != NULL ? CLOUD_OK : CLOUD_NO_MEMORY;
}

static enum cloud_status
take_endpoint (struct buffer *url, struct azure_connection *c)
{
  if (buffer_failed (url)) {
    buffer_fini (url);
    return CLOUD_NO_MEMORY;
  }
  c->endpoint = url->data;
  return CLOUD_OK;
}

static enum cloud_status
develop (const struct cloud_piece v[NNAMES], struct azure_connection *c)
{
  static const struct cloud_piece account = { DEVELOP_ACCOUNT,
                                              sizeof DEVELOP_ACCOUNT - 1 };
  static const struct cloud_piece key = { DEVELOP_KEY, sizeof DEVELOP_KEY - 1 };
  struct cloud_piece proxy = v[DEVELOP_PROXY];
  struct buffer url = { NULL };
  enum cloud_status status;

  if (!cloud_piece_is_nocase (v[DEVELOP], "true"))
    return CLOUD_CONNECTION_DEVELOP;
  while (proxy.n > 0 && proxy.p[proxy.n - 1] == '/')
    proxy.n--;
  if (proxy.n > 0)
    cloud_add_piece (&url, proxy);
  else
    buffer_puts (&url, DEVELOP_HOST);
  buffer_puts (&url, DEVELOP_PORT "/" DEVELOP_ACCOUNT);
  status = take_endpoint (&url, c);
  if (status == CLOUD_OK)
    status = copy (account, &c->account);
  if (status == CLOUD_OK)
    status = copy (key, &c->key);
  return status;
}

static enum cloud_status
make_endpoint (const struct cloud_piece v[NNAMES], struct azure_connection *c)
{
  struct buffer url = { NULL };

  if (v[BLOB_ENDPOINT].n > 0)
    cloud_add_piece (&url, v[BLOB_ENDPOINT]);
  else {
    if (v[ACCOUNT_NAME].n == 0)
      return CLOUD_CONNECTION_ENDPOINT;
    buffer_puts (&url, v[PROTOCOL].p != NULL &&
                           cloud_piece_is_nocase (v[PROTOCOL], "http") ?
                         "http://" :
                         "https://");
    cloud_add_piece (&url, v[ACCOUNT_NAME]);
    buffer_puts (&url, ".blob.");
    if (v[SUFFIX].n > 0)
      cloud_add_piece (&url, v[SUFFIX]);
    else
      buffer_puts (&url, DEFAULT_SUFFIX);
  }
  return take_endpoint (&url, c);
}

/* That the endpoint is a URL, with no query that containers would end up
 * in.
 */
static enum cloud_status
check_endpoint (const struct azure_connection *c)
{
  struct cloud_url u;
  const enum cloud_status status = cloud_url_parse (c->endpoint, &u);

  return status == CLOUD_OK && u.query.p[-1] == '?' ? CLOUD_URL_NOT_DATA :
                                                      status;
}

static enum cloud_status
read_values (const struct cloud_piece v[NNAMES], struct azure_connection *c)
{
  enum cloud_status status;

  if (v[PROTOCOL].p != NULL && !cloud_piece_is_nocase (v[PROTOCOL], "http") &&
      !cloud_piece_is_nocase (v[PROTOCOL], "https"))
    return CLOUD_CONNECTION_PROTOCOL;
  if (v[ACCOUNT_KEY].n > 0 && v[SAS].n > 0)
    return CLOUD_CONNECTION_BOTH;
  if (v[ACCOUNT_KEY].n > 0 && v[ACCOUNT_NAME].n == 0)
    return CLOUD_CONNECTION_ACCOUNT;
  status = copy (v[ACCOUNT_NAME], &c->account);
  if (status == CLOUD_OK && c->account != NULL &&
      !azure_account_valid (c->account))
    status = CLOUD_BAD_ACCOUNT;
  if (status == CLOUD_OK)
    status = make_endpoint (v, c);
  if (status == CLOUD_OK)
    status = copy (v[ACCOUNT_KEY], &c->key);
  if (status == CLOUD_OK)
    status = copy (v[SAS], &c->sas);
  return status;
}

enum cloud_status
azure_connection_parse (const char *text, struct azure_connection *c)
{
  struct cloud_piece v[NNAMES], all = { text, strlen (text) };
  enum cloud_status status;

  memset (c, 0, sizeof *c);
  if (all.n > AZURE_CONNECTION_MAX)
    return CLOUD_TOO_LONG;
  status = find_values (all, v);
  if (status != CLOUD_OK)
    return status;
  status = v[DEVELOP].p != NULL ? develop (v, c) : read_values (v, c);
  return status == CLOUD_OK ? check_endpoint (c) : status;
}

void
azure_connection_fini (struct azure_connection *c)
{
  free (c->endpoint);
  free (c->account);
  cloud_secret_free (c->key);
  cloud_secret_free (c->sas);
  memset (c, 0, sizeof *c);
}
