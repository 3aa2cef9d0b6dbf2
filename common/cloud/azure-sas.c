/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See azure-sas.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "cloud/azure-sas.h"
#include "cloud/cloud-secret.h"
#include "cloud/cloud-time.h"
#include "cloud/cloud-url.h"

enum field { SE, SI, SIG, SP, SPR, SR, SRT, SS, ST, SV, NFIELDS };

static const char *const names[NFIELDS] = {
  [SE] = "se", [SI] = "si",   [SIG] = "sig", [SP] = "sp", [SPR] = "spr",
  [SR] = "sr", [SRT] = "srt", [SS] = "ss",   [ST] = "st", [SV] = "sv",
};

/* The values as they are, escapes and all; p is NULL if there is none. */
static enum cloud_status
find_fields (const char *token, struct cloud_piece v[NFIELDS])
{
  struct cloud_piece rest = { token, strlen (token) }, name, value;

  if (rest.n > CLOUD_URL_MAX)
    return CLOUD_TOO_LONG;
  memset (v, 0, NFIELDS * sizeof *v);
  while (cloud_query_next (&rest, &name, &value)) {
    if (value.p == name.p + name.n || name.n == 0)
      return CLOUD_SAS_SYNTAX;
    for (unsigned i = 0; i < NFIELDS; i++) {
      if (!cloud_piece_is_nocase (name, names[i]))
        continue;
      if (v[i].p != NULL)
        return CLOUD_SAS_TWICE;
      v[i] = value;
    }
  }
  return CLOUD_OK;
}

static enum cloud_status
read_time (struct cloud_piece value, bool *there, int64_t *time)
{
  struct buffer text = { NULL };
  enum cloud_status status = CLOUD_OK;

  *there = value.p != NULL;
  if (!*there)
    return CLOUD_OK;
  cloud_add_decoded (&text, value);
  if (buffer_failed (&text))
    status = CLOUD_NO_MEMORY;
  else if (!cloud_time_parse_iso (buffer_text (&text), time))
    status = CLOUD_SAS_BAD_TIME;
  buffer_fini (&text);
  return status;
}

static bool
has (struct cloud_piece value, char c)
{
  return value.n > 0 && memchr (value.p, c, value.n) != NULL;
}

/* A service SAS says of what kind its resource is, an account SAS for
 * which services and kinds it is.
 */
static bool
is_for_blobs (const struct cloud_piece v[NFIELDS])
{
  static const char *const kinds[] = { "b", "bs", "bv", "c", "d" };

  if (v[SR].p == NULL)
    return has (v[SS], 'b') && has (v[SRT], 'o');
  for (size_t i = 0; i < ARRAY_SIZE (kinds); i++) {
    if (cloud_piece_is (v[SR], kinds[i]))
      return true;
  }
  return false;
}

enum cloud_status
azure_sas_parse (const char *token, struct azure_sas *s)
{
  struct cloud_piece v[NFIELDS];
  enum cloud_status status;

  memset (s, 0, sizeof *s);
  status = find_fields (token + (*token == '?'), v);
  if (status != CLOUD_OK)
    return status;
  if (v[SIG].n == 0)
    return CLOUD_SAS_NO_SIGNATURE;
  if (v[SV].n == 0)
    return CLOUD_SAS_NO_VERSION;
  status = read_time (v[ST], &s->has_start, &s->start);
  if (status == CLOUD_OK)
    status = read_time (v[SE], &s->has_expiry, &s->expiry);
  if (status == CLOUD_OK && !s->has_expiry && v[SI].n == 0)
    status = CLOUD_SAS_NO_EXPIRY;
  s->has_permissions = v[SP].p != NULL || v[SI].n == 0;
  s->may_read = has (v[SP], 'r');
  s->for_blobs = is_for_blobs (v);
  s->https_only = v[SPR].p != NULL && cloud_piece_is (v[SPR], "https");
  return status;
}

enum cloud_status
azure_sas_check (const struct azure_sas *s, bool https, int64_t now)
{
  if (s->has_expiry && now >= s->expiry)
    return CLOUD_SAS_EXPIRED;
  if (s->has_start && now < s->start)
    return CLOUD_SAS_NOT_YET;
  if (s->has_permissions && !s->may_read)
    return CLOUD_SAS_NO_READ;
  if (!s->for_blobs)
    return CLOUD_SAS_NOT_BLOB;
  return s->https_only && !https ? CLOUD_SAS_HTTPS : CLOUD_OK;
}
