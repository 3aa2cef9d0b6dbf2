/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-token.h.  The identity is asked through a client of its own,
 * by no proxy; its answer comes in that client's own thread.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "blob/cloud-token.h"
#include "cloud/bearer-token.h"
#include "cloud/cloud-secret.h"

/* Seconds: a token is renewed so long before its end, or after half of its
 * time if that comes later.
 */
#define BEFORE_END 300
/* One that is so fresh, and refused, will not become better. */
#define FRESH 5
/* Bytes of an answer with a token. */
#define ANSWER_MAX (2 * BEARER_TOKEN_MAX)

struct cloud_token {
  char *path; /* NULL: it is from an identity */

  struct http_client *client;
  struct http_object *object;
  struct http_range range;
  char *answer;

  pthread_mutex_t lock; /* of the following */
  pthread_cond_t answered;
  bool asking;
  int err;            /* of the last answer */
  struct buffer text; /* the token */
  uint64_t number;    /* of it; grows */
  int64_t got, renew; /* seconds since 1970 */
};

/* Take over TEXT, which is wiped.  With the lock. */
static void
take (struct cloud_token *t, struct buffer *text)
{
  if (t->number > 0 &&
      strcmp (buffer_text (text), buffer_text (&t->text)) == 0) {
    cloud_secret_fini (text);
    return;
  }
  cloud_secret_fini (&t->text);
  t->text = *text;
  t->number++;
}

/* ------------------------------------------------------------------ */
/* A file */

static enum cloud_status
read_file (const char *path, struct buffer *token)
{
  FILE *f = fopen (path, "re");
  char *text = malloc (ANSWER_MAX);
  enum cloud_status status = CLOUD_NO_MEMORY;
  size_t n;

  if (f != NULL && text != NULL) {
    setvbuf (f, NULL, _IONBF, 0); /* which would not be wiped */
    n = fread (text, 1, ANSWER_MAX, f);
    status = bearer_token_read (text, n, token);
    explicit_bzero (text, ANSWER_MAX);
  }
  free (text);
  if (f != NULL)
    fclose (f);
  else
    errno = errno != 0 ? errno : EIO;
  return status;
}

/* Read it.  With the lock.  0, or -1 after log_error with errno. */
static int
renew_from_file (struct cloud_token *t)
{
  struct buffer text = { NULL };
  enum cloud_status status;

  errno = 0;
  status = read_file (t->path, &text);
  if (status == CLOUD_OK) {
    take (t, &text);
    return 0;
  }
  cloud_secret_fini (&text);
  if (errno == 0)
    errno = EINVAL;
  log_error ("token-file=%s: %s", t->path,
             errno == EINVAL ? cloud_status_string (status) : strerror (errno));
  return -1;
}

/* ------------------------------------------------------------------ */
/* An identity */

static void
on_body (struct http_range *r, const void *data, size_t n)
{
  struct cloud_token *t = container_of (r, struct cloud_token, range);

  memcpy (t->answer + r->received, data, n);
}

/* With the lock: the answer of N bytes has come.  0 or an errno. */
static int
read_answer (struct cloud_token *t, size_t n)
{
  struct buffer text = { NULL }, message = { NULL };
  const int64_t now = time (NULL);
  int64_t expires;
  const enum cloud_status status =
    bearer_identity_read (t->answer, n, now, &text, &expires, &message);

  explicit_bzero (t->answer, n);
  if (status == CLOUD_OK) {
    take (t, &text);
    t->got = now;
    t->renew = expires - now > 2 * BEFORE_END ? expires - BEFORE_END :
                                                now + (expires - now) / 2;
    log_debug ("a token that is good for %" PRId64 " seconds has come",
               expires - now);
  }
  else {
    cloud_secret_fini (&text);
    log_error ("%s: the answer %s%s%s", http_object_name (t->object),
               cloud_status_string (status), message.len > 0 ? ": " : "",
               buffer_text (&message));
  }
  buffer_fini (&message);
  return status == CLOUD_OK ? 0 : EPERM;
}

static void
on_done (struct http_range *r, int err)
{
  struct cloud_token *t = container_of (r, struct cloud_token, range);

  LOCK_SCOPE (&t->lock);
  t->err = err == 0 ? read_answer (t, r->received) : err;
  if (t->err != 0) /* not with each request */
    t->renew = time (NULL) + FRESH;
  t->asking = false;
  pthread_cond_broadcast (&t->answered);
}

/* Begin to ask.  With the lock, but for the first time, when nobody else is
 * there and the client may have to say at once that it cannot.
 */
static void
ask (struct cloud_token *t)
{
  static const char *const header[] = { "Metadata: true" };

  if (t->asking)
    return;
  t->asking = true;
  t->range = (struct http_range){ .object = t->object,
                                  .whole = true,
                                  .count = ANSWER_MAX,
                                  .header = header,
                                  .nheaders = 1,
                                  .body = on_body,
                                  .done = on_done };
  http_range_begin (&t->range);
}

/* What an identity says when it refuses.  It may not be ready yet. */
static enum http_advice
on_refused (void *opaque, const struct http_refusal *f, char *why, size_t size)
{
  struct buffer token = { NULL }, message = { NULL };
  int64_t expires;

  bearer_identity_read (f->body != NULL ? f->body : "", f->size, 0, &token,
                        &expires, &message);
  if (message.len > 0)
    snprintf (why, size, "%u: %s", f->status, buffer_text (&message));
  cloud_secret_fini (&token);
  buffer_fini (&message);
  return f->status == 404 || f->status == 410 || f->status == 429 ||
             f->status >= 500 ?
           HTTP_LATER :
           HTTP_AS_STATUS;
}

static const struct http_service identity_service = { .refused = on_refused };

static int
connect_identity (struct cloud_token *t, const char *endpoint,
                  const char *client_id)
{
  struct http_client_options o = http_client_defaults ();
  struct buffer url = { NULL };

  o.connections = 1;
  o.timeout = 5000;
  o.proxy = "";
  o.no_redirects = true;
  o.service = &identity_service;
  t->answer = malloc (ANSWER_MAX);
  if (t->answer == NULL ||
      bearer_identity_url (endpoint,
                           strcmp (client_id, "system") != 0 ? client_id : NULL,
                           &url) != CLOUD_OK) {
    buffer_fini (&url);
    errno = ENOMEM;
    log_error ("identity=: %m");
    return -1;
  }
  t->client = http_client_create (&o);
  if (t->client != NULL)
    t->object = http_object_unseen (t->client, buffer_text (&url));
  buffer_fini (&url);
  return t->object != NULL ? 0 : -1;
}

/* ------------------------------------------------------------------ */

static struct cloud_token *
create (void)
{
  struct cloud_token *t = calloc (1, sizeof *t);

  if (t == NULL) {
    log_error ("token: %m");
    return NULL;
  }
  pthread_mutex_init (&t->lock, NULL);
  pthread_cond_init (&t->answered, NULL);
  return t;
}

/* T, or NULL with errno if R is not 0. */
static struct cloud_token *
finish (struct cloud_token *t, int r)
{
  const int saved = errno;

  if (r == 0)
    return t;
  cloud_token_free (t);
  errno = saved;
  return NULL;
}

struct cloud_token *
cloud_token_from_file (const char *path)
{
  struct cloud_token *t = create ();

  if (t == NULL)
    return NULL;
  t->path = strdup (path);
  if (t->path == NULL) {
    log_error ("token: %m");
    return finish (t, -1);
  }
  return finish (t, renew_from_file (t));
}

struct cloud_token *
cloud_token_from_identity (const char *endpoint, const char *client_id)
{
  struct cloud_token *t = create ();

  if (t == NULL)
    return NULL;
  if (connect_identity (t, endpoint, client_id) == -1)
    return finish (t, -1);
  ask (t);
  pthread_mutex_lock (&t->lock);
  while (t->asking)
    pthread_cond_wait (&t->answered, &t->lock);
  pthread_mutex_unlock (&t->lock);
  errno = t->err;
  return finish (t, t->err == 0 ? 0 : -1);
}

void
cloud_token_free (struct cloud_token *t)
{
  if (t == NULL)
    return;
  http_object_close (t->object);
  http_client_close (t->client);
  cloud_secret_fini (&t->text);
  if (t->answer != NULL)
    explicit_bzero (t->answer, ANSWER_MAX);
  free (t->answer);
  free (t->path);
  pthread_cond_destroy (&t->answered);
  pthread_mutex_destroy (&t->lock);
  free (t);
}

int
cloud_token_lines (struct cloud_token *t, struct buffer *lines,
                   uint64_t *number, int *err)
{
  LOCK_SCOPE (&t->lock);
  if (t->path == NULL && time (NULL) >= t->renew)
    ask (t);
  *number = t->number;
  cloud_secret_reserve (lines, t->text.len + 256);
  if (bearer_token_lines (buffer_text (&t->text), lines) == CLOUD_OK)
    return 0;
  *err = ENOMEM;
  return -1;
}

enum http_advice
cloud_token_refused (struct cloud_token *t, uint64_t number)
{
  LOCK_SCOPE (&t->lock);
  if (number != t->number)
    return HTTP_AGAIN;
  if (t->path != NULL)
    return renew_from_file (t) == 0 && number != t->number ? HTTP_AGAIN :
                                                             HTTP_FOR_GOOD;
  if (!t->asking && time (NULL) < t->got + FRESH)
    return HTTP_FOR_GOOD;
  ask (t);
  return HTTP_LATER;
}
