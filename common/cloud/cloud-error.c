/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-error.h.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/align.h"
#include "cloud/cloud-error.h"
#include "cloud/cloud-url.h"
#include "cloud/xml-reader.h"

struct meaning {
  const char *code;
  enum cloud_error_kind kind;
  const char *text;
};

static const struct meaning codes[] = {
  /* Azure */
  { "AccountIsDisabled", CLOUD_ERROR_DENIED, "the account is disabled" },
  { "AuthenticationFailed", CLOUD_ERROR_DENIED,
    "the key, token or SAS is wrong or has expired" },
  { "AuthorizationFailure", CLOUD_ERROR_DENIED,
    "the credentials do not permit reading this, or have expired" },
  { "AuthorizationPermissionMismatch", CLOUD_ERROR_DENIED,
    "the credentials do not permit reading" },
  { "AuthorizationProtocolMismatch", CLOUD_ERROR_DENIED,
    "the SAS is for https only" },
  { "AuthorizationResourceTypeMismatch", CLOUD_ERROR_DENIED,
    "the SAS is not for blobs" },
  { "AuthorizationServiceMismatch", CLOUD_ERROR_DENIED,
    "the SAS is not for blobs" },
  { "AuthorizationSourceIPMismatch", CLOUD_ERROR_DENIED,
    "the SAS is not for this address" },
  { "BlobArchived", CLOUD_ERROR_OTHER, "the blob is archived" },
  { "BlobBeingRehydrated", CLOUD_ERROR_OTHER,
    "the blob is still being brought back from the archive" },
  { "BlobNotFound", CLOUD_ERROR_MISSING, "there is no such blob" },
  { "ConditionNotMet", CLOUD_ERROR_CHANGED, "the blob has changed" },
  { "ContainerNotFound", CLOUD_ERROR_MISSING, "there is no such container" },
  { "InternalError", CLOUD_ERROR_BUSY, "the server has a problem" },
  { "InvalidAuthenticationInfo", CLOUD_ERROR_RENEW,
    "the token is wrong or has expired" },
  { "InvalidBlobType", CLOUD_ERROR_OTHER, "it is not a page blob" },
  { "InvalidRange", CLOUD_ERROR_CHANGED, "the blob has become shorter" },
  { "NoAuthenticationInformation", CLOUD_ERROR_DENIED,
    "it is not public, and no credentials were given" },
  { "OperationTimedOut", CLOUD_ERROR_BUSY, "the server was too slow" },
  { "PublicAccessNotPermitted", CLOUD_ERROR_DENIED,
    "it is not public, and no credentials were given" },
  { "ResourceNotFound", CLOUD_ERROR_MISSING,
    "there is nothing of that name, or it is not public" },
  { "ServerBusy", CLOUD_ERROR_BUSY, "the server is busy" },

  /* S3 */
  { "AccessDenied", CLOUD_ERROR_DENIED,
    "the credentials do not permit reading this, or there is no such object" },
  { "AuthorizationHeaderMalformed", CLOUD_ERROR_DENIED, "the region is wrong" },
  { "ExpiredToken", CLOUD_ERROR_RENEW, "the session token has expired" },
  { "InvalidAccessKeyId", CLOUD_ERROR_DENIED, "there is no such access key" },
  { "InvalidObjectState", CLOUD_ERROR_OTHER, "the object is archived" },
  { "InvalidToken", CLOUD_ERROR_DENIED, "the session token is wrong" },
  { "NoSuchBucket", CLOUD_ERROR_MISSING, "there is no such bucket" },
  { "NoSuchKey", CLOUD_ERROR_MISSING, "there is no such object" },
  { "NoSuchVersion", CLOUD_ERROR_MISSING, "there is no such version" },
  { "PermanentRedirect", CLOUD_ERROR_OTHER, "the bucket is elsewhere" },
  { "PreconditionFailed", CLOUD_ERROR_CHANGED, "the object has changed" },
  { "RequestTimeout", CLOUD_ERROR_BUSY, "the server was too slow" },
  { "RequestTimeTooSkewed", CLOUD_ERROR_CLOCK,
    "the clock of this machine is wrong" },
  { "ServiceUnavailable", CLOUD_ERROR_BUSY, "the server is busy" },
  { "SignatureDoesNotMatch", CLOUD_ERROR_DENIED, "the secret is wrong" },
  { "SlowDown", CLOUD_ERROR_BUSY, "the server is busy" },
};

static const struct {
  unsigned http_status;
  enum cloud_error_kind kind;
  const char *text;
} statuses[] = {
  { 400, CLOUD_ERROR_OTHER, "the server does not understand the request" },
  { 401, CLOUD_ERROR_RENEW, "the server wants other credentials" },
  { 403, CLOUD_ERROR_DENIED, "access is denied" },
  { 404, CLOUD_ERROR_MISSING, "there is nothing of that name" },
  { 408, CLOUD_ERROR_BUSY, "the server was too slow" },
  { 410, CLOUD_ERROR_MISSING, "it is gone" },
  { 412, CLOUD_ERROR_CHANGED, "it has changed" },
  { 416, CLOUD_ERROR_CHANGED, "it has become shorter" },
  { 429, CLOUD_ERROR_BUSY, "the server is busy" },
  { 500, CLOUD_ERROR_BUSY, "the server has a problem" },
  { 502, CLOUD_ERROR_BUSY, "the server has a problem" },
  { 503, CLOUD_ERROR_BUSY, "the server is busy" },
  { 504, CLOUD_ERROR_BUSY, "the server was too slow" },
};

/* A word from outside, up to what does not belong into one. */
static void
copy_word (char *out, size_t size, const char *text)
{
  size_t n = 0;

  for (; n < size - 1; n++) {
    const char c = text[n], l = c | 0x20;

    if (!((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
          c == '-'))
      break;
    out[n] = c;
  }
  out[n] = '\0';
}

/* The first line: what Azure says behind it is the request and the time. */
static enum cloud_status
copy_message (struct cloud_error *e, const char *text)
{
  struct buffer line = { NULL };
  enum cloud_status status = CLOUD_NO_MEMORY;
  const char *p = text + strspn (text, " \t\r\n");

  cloud_text_redact (&line, (struct cloud_piece){ p, strcspn (p, "\r\n") });
  if (!buffer_failed (&line)) {
    strncpy (e->message, buffer_text (&line), sizeof e->message - 1);
    status = CLOUD_OK;
  }
  buffer_fini (&line);
  return status;
}

static enum cloud_status
on_start (void *opaque, unsigned depth, const char *name)
{
  return depth > 0 || strcmp (name, "Error") == 0 ? CLOUD_OK : CLOUD_XML_OTHER;
}

static enum cloud_status
on_end (void *opaque, unsigned depth, const char *name, const char *text)
{
  struct cloud_error *e = opaque;
  const char *id = strstr (text, "RequestId:");

  if (depth != 1)
    return CLOUD_OK;
  if (strcmp (name, "Code") == 0)
    copy_word (e->code, sizeof e->code, text);
  else if (strcmp (name, "RequestId") == 0)
    copy_word (e->request_id, sizeof e->request_id, text);
  else if (strcmp (name, "Region") == 0)
    copy_word (e->region, sizeof e->region, text);
  else if (strcmp (name, "Endpoint") == 0)
    copy_word (e->endpoint, sizeof e->endpoint, text);
  else if (strcmp (name, "Message") == 0) {
    if (id != NULL)
      copy_word (e->request_id, sizeof e->request_id,
                 id + strlen ("RequestId:"));
    return copy_message (e, text);
  }
  return CLOUD_OK;
}

enum cloud_status
cloud_error_read (const void *body, size_t n, struct cloud_error *e)
{
  static const struct xml_handler handler = { on_start, on_end };
  struct xml_reader *xml = xml_reader_new (&handler, e, CLOUD_ERROR_MAX);
  enum cloud_status status;

  memset (e, 0, sizeof *e);
  if (xml == NULL)
    return CLOUD_NO_MEMORY;
  status = xml_reader_feed (xml, body, min_u64 (n, CLOUD_ERROR_MAX));
  if (status == CLOUD_OK)
    status = xml_reader_end (xml);
  xml_reader_free (xml);
  return status;
}

void
cloud_error_add_code (struct cloud_error *e, const char *code)
{
  if (e->code[0] == '\0')
    copy_word (e->code, sizeof e->code, code);
}

void
cloud_error_add_region (struct cloud_error *e, const char *region)
{
  if (e->region[0] == '\0')
    copy_word (e->region, sizeof e->region, region);
}

/* The code says more than the status; without it, the status must do. */
static struct meaning
find_meaning (const struct cloud_error *e, unsigned http_status)
{
  for (size_t i = 0; i < ARRAY_SIZE (codes); i++) {
    if (strcmp (codes[i].code, e->code) == 0)
      return codes[i];
  }
  for (size_t i = 0; i < ARRAY_SIZE (statuses); i++) {
    if (statuses[i].http_status == http_status)
      return (struct meaning){ "", statuses[i].kind, statuses[i].text };
  }
  return (struct meaning){ "", CLOUD_ERROR_OTHER, NULL };
}

enum cloud_error_kind
cloud_error_kind (const struct cloud_error *e, unsigned http_status)
{
  return find_meaning (e, http_status).kind;
}

int
cloud_error_errno (const struct cloud_error *e, unsigned http_status)
{
  switch (cloud_error_kind (e, http_status)) {
  case CLOUD_ERROR_DENIED:
  case CLOUD_ERROR_RENEW:
  case CLOUD_ERROR_CLOCK:
    return EPERM;
  default:
    return EIO;
  }
}

void
cloud_error_format (const struct cloud_error *e, unsigned http_status,
                    struct buffer *out)
{
  const struct meaning m = find_meaning (e, http_status);
  const bool known = m.code[0] != '\0';

  buffer_printf (out, "%u", http_status);
  if (e->code[0] != '\0')
    buffer_printf (out, " %s", e->code);
  if (known || (m.text != NULL && e->message[0] == '\0'))
    buffer_printf (out, ": %s", m.text);
  else if (e->message[0] != '\0')
    buffer_printf (out, ": %s", e->message);
  if (e->region[0] != '\0')
    buffer_printf (out, ": it is in the region %s", e->region);
  if (e->endpoint[0] != '\0')
    buffer_printf (out, ": it is at %s", e->endpoint);
  if (e->request_id[0] != '\0')
    buffer_printf (out, " (request %s)", e->request_id);
}
