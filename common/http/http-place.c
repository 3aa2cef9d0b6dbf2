/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-place.h.
 */

#include <config.h>

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "http/http-place.h"

/* A copy of a part, "" if there is none; NULL if there is no memory. */
static char *
part (CURLU *u, CURLUPart which, unsigned flags)
{
  char *p = NULL, *copy;

  if (curl_url_get (u, which, &p, flags) == CURLUE_OUT_OF_MEMORY)
    return NULL;
  copy = strdup (p != NULL ? p : "");
  curl_free (p);
  return copy;
}

/* The same, NULL if there is none; false if there is no memory. */
static bool
optional_part (CURLU *u, CURLUPart which, char **r)
{
  *r = part (u, which, CURLU_URLDECODE);
  if (*r != NULL && **r == '\0') {
    free (*r);
    *r = NULL;
    return true;
  }
  return *r != NULL;
}

static int
fill_origin (struct http_place *p, CURLU *u)
{
  char *scheme = part (u, CURLUPART_SCHEME, 0);
  char *host = part (u, CURLUPART_HOST, 0);
  char *port = part (u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  int r = -1;

  if (scheme != NULL && host != NULL && port != NULL) {
    p->tls = strcmp (scheme, "https") == 0;
    r = asprintf (&p->origin, "%s://%s:%s", scheme, host, port);
    if (r == -1)
      p->origin = NULL;
  }
  free (scheme);
  free (host);
  free (port);
  return r == -1 ? -1 : 0;
}

static bool
drop (CURLU *u, CURLUPart which)
{
  return curl_url_set (u, which, NULL, 0) == CURLUE_OK;
}

static int
fill (struct http_place *p, CURLU *u)
{
  if (fill_origin (p, u) == -1 ||
      !optional_part (u, CURLUPART_USER, &p->user) ||
      !optional_part (u, CURLUPART_PASSWORD, &p->password) ||
      !drop (u, CURLUPART_USER) || !drop (u, CURLUPART_PASSWORD) ||
      !drop (u, CURLUPART_FRAGMENT))
    return -1;
  p->url = part (u, CURLUPART_URL, 0);
  if (!drop (u, CURLUPART_QUERY))
    return -1;
  p->name = part (u, CURLUPART_URL, 0);
  return p->url != NULL && p->name != NULL ? 0 : -1;
}

/* What is not in a URL that may be used here. */
static const char *
refusal (CURLU *u, const char *url)
{
  CURLUcode code = curl_url_set (u, CURLUPART_URL, url, CURLU_PATH_AS_IS);
  const char *why = NULL;
  char *scheme = NULL;

  if (code != CURLUE_OK)
    return curl_url_strerror (code);
  if (curl_url_get (u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
      (strcmp (scheme, "http") != 0 && strcmp (scheme, "https") != 0))
    why = "it must begin with http:// or https://";
  curl_free (scheme);
  return why;
}

struct http_place *
http_place_create (const char *url)
{
  CURLU *u = curl_url ();
  struct http_place *p = calloc (1, sizeof *p);
  const char *why = NULL;

  if (u != NULL && p != NULL) {
    p->refs = 1;
    why = refusal (u, url);
    if (why == NULL && fill (p, u) == 0) {
      curl_url_cleanup (u);
      return p;
    }
  }
  curl_url_cleanup (u);
  http_place_unref (p);
  errno = why != NULL ? EINVAL : ENOMEM;
  /* Not the URL itself: who knows what is in it. */
  if (why != NULL)
    log_error ("the URL cannot be used: %s", why);
  else
    log_error ("url: %m");
  return NULL;
}

struct http_place *
http_place_ref (struct http_place *p)
{
  atomic_fetch_add_explicit (&p->refs, 1, memory_order_relaxed);
  return p;
}

void
http_place_unref (struct http_place *p)
{
  if (p == NULL ||
      atomic_fetch_sub_explicit (&p->refs, 1, memory_order_acq_rel) > 1)
    return;
  if (p->url != NULL) /* what comes after its path may be a secret */
    explicit_bzero (p->url, strlen (p->url));
  free (p->url);
  free (p->origin);
  free (p->name);
  free (p->user);
  if (p->password != NULL)
    explicit_bzero (p->password, strlen (p->password));
  free (p->password);
  free (p);
}

bool
http_place_same_server (const struct http_place *a, const struct http_place *b)
{
  return strcmp (a->origin, b->origin) == 0;
}
