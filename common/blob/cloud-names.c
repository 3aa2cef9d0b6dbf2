/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-service.h: the names of all blobs in a container, or of all
 * objects in a bucket, page by page.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "blob/cloud-impl.h"
#include "cloud/azure-url.h"
#include "cloud/blob-names.h"
#include "cloud/cloud-secret.h"
#include "cloud/cloud-url.h"
#include "cloud/s3-url.h"
#include "http/http-name.h"

#define NAMES_MAX 10000 /* what nbdkit takes */
#define PAGES_MAX 100

struct listing {
  const struct cloud_service *service;
  struct http_client *client;
  cloud_service_add add;
  void *opaque;
  unsigned n; /* names so far */
  struct buffer marker;
};

static bool
is_s3 (const struct cloud_service *s)
{
  return s->kind == CLOUD_KIND_S3_KEY || s->kind == CLOUD_KIND_S3_PUBLIC;
}

/* Append the URL of the container or bucket: that of something in it, without
 * that.  Only where the bucket is in the host's name there is a path of "/".
 */
static enum cloud_status
add_place (const struct cloud_service *s, struct buffer *out)
{
  struct buffer place = { NULL };
  struct cloud_url u;
  enum cloud_status status =
    is_s3 (s) ?
      s3_url_make (s->endpoint, s->container, "x", NULL, s->path_style,
                   &place) :
      azure_url_make (s->endpoint, s->container, "x", NULL, false, &place);

  if (status == CLOUD_OK)
    status = cloud_url_parse (buffer_text (&place), &u);
  if (status == CLOUD_OK)
    buffer_add (out, place.data, place.len - (u.path.n > 2 ? 2 : 1));
  buffer_fini (&place);
  return status;
}

/* Append the URL that asks for the next page; secret. */
static enum cloud_status
add_url (const struct listing *l, struct buffer *out)
{
  const struct cloud_service *s = l->service;
  enum cloud_status status;

  cloud_secret_reserve (out, CLOUD_URL_MAX);
  status = add_place (s, out);
  buffer_puts (out, is_s3 (s) ? "?list-type=2&max-keys=1000" :
                                "?restype=container&comp=list&maxresults=1000");
  if (l->marker.len > 0) {
    buffer_puts (out, is_s3 (s) ? "&continuation-token=" : "&marker=");
    cloud_add_encoded (
      out, (struct cloud_piece){ l->marker.data, l->marker.len }, false);
  }
  if (s->sas != NULL) {
    buffer_putc (out, '&');
    buffer_puts (out, s->sas + (*s->sas == '?'));
  }
  return status == CLOUD_OK && buffer_failed (out) ? CLOUD_NO_MEMORY : status;
}

/* Names that could not be asked for are left out. */
static enum cloud_status
on_name (void *opaque, const char *name)
{
  struct listing *l = opaque;
  char *url = http_name_below ("http://x", name);
  const bool is_good = url != NULL;

  free (url);
  if (!is_good || l->n == NAMES_MAX)
    return CLOUD_OK;
  l->n++;
  return l->add (l->opaque, name) == 0 ? CLOUD_OK : CLOUD_NO_MEMORY;
}

/* Read the N bytes at TEXT. */
static enum cloud_status
read_page (struct listing *l, const char *text, size_t n)
{
  struct blob_names *names = blob_names_new (on_name, l);
  enum cloud_status status = CLOUD_NO_MEMORY;

  if (names != NULL)
    status = blob_names_feed (names, text, n);
  if (status == CLOUD_OK)
    status = blob_names_end (names, &l->marker);
  blob_names_free (names);
  return status;
}

/* Ask O.  0, or -1 after log_error. */
static int
fetch_page (struct listing *l, struct http_object *o)
{
  CLEANUP_FREE char *text = malloc (BLOB_NAMES_MAX);
  struct http_range r = { .object = o, .whole = true, .count = BLOB_NAMES_MAX };
  enum cloud_status status;

  if (text == NULL) {
    log_error ("%s: %m", http_object_name (o));
    return -1;
  }
  if (http_range_wait (&r, text) != 0)
    return -1;
  status = read_page (l, text, r.received);
  if (status == CLOUD_OK)
    return 0;
  log_error ("%s: the list of names %s", http_object_name (o),
             cloud_status_string (status));
  return -1;
}

static int
next_page (struct listing *l)
{
  struct buffer url = { NULL };
  struct http_object *o = NULL;
  const enum cloud_status status = add_url (l, &url);
  int r = -1;

  if (status != CLOUD_OK)
    log_error ("a list of names: the URL %s", cloud_status_string (status));
  else
    o = http_object_unseen (l->client, buffer_text (&url));
  if (o != NULL)
    r = fetch_page (l, o);
  http_object_close (o);
  cloud_secret_fini (&url);
  return r;
}

int
cloud_service_names (const struct cloud_service *s, struct http_client *client,
                     cloud_service_add add, void *opaque)
{
  struct listing l = {
    .service = s, .client = client, .add = add, .opaque = opaque
  };
  unsigned pages = 0;
  int r;

  do
    r = next_page (&l);
  while (r == 0 && l.marker.len > 0 && l.n < NAMES_MAX && ++pages < PAGES_MAX);
  if (r == 0 && l.marker.len > 0)
    log_debug ("the list of names was too long: only %u are told", l.n);
  buffer_fini (&l.marker);
  return r;
}
