/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file on a server, and reading it by waiting.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "http/http-impl.h"

/* Bytes. */
#define PROBE 512

/* Somebody who waits for some ranges. */
struct waiter {
  pthread_mutex_t lock;
  pthread_cond_t done;
  unsigned left;
  int err; /* of the first that failed */
};

struct waited_range {
  struct http_range range;
  struct waiter *waiter;
  uint8_t *buf;
};

#define WAITER_INIT                                                     \
  {                                                                     \
    .lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER \
  }

static void
on_body (struct http_range *r, const void *data, size_t n)
{
  struct waited_range *w = container_of (r, struct waited_range, range);

  memcpy (w->buf + r->received, data, n);
}

static void
on_done (struct http_range *r, int err)
{
  struct waiter *w = container_of (r, struct waited_range, range)->waiter;

  LOCK_SCOPE (&w->lock);
  if (w->err == 0)
    w->err = err;
  if (--w->left == 0)
    pthread_cond_signal (&w->done);
}

static bool
all_came (void *opaque)
{
  struct waiter *w = opaque;

  LOCK_SCOPE (&w->lock);
  return w->left == 0;
}

/* Begin the N ranges, and wait for them.  0 or an errno. */
static int
read_all (struct waiter *w, struct waited_range *range, unsigned n)
{
  struct http_client *client = range[0].range.object->client;

  w->left = n;
  for (unsigned i = 0; i < n; i++) {
    range[i].waiter = w;
    range[i].range.body = on_body;
    range[i].range.done = on_done;
    http_range_queue (&range[i].range);
  }
  http_client_drive (client, all_came, w);
  LOCK_SCOPE (&w->lock);
  while (w->left > 0)
    pthread_cond_wait (&w->done, &w->lock);
  return w->err;
}

int
http_object_read (struct http_object *o, void *buf, size_t count,
                  uint64_t offset, size_t part, int *err)
{
  const size_t n = DIV_ROUND_UP (count, part);
  CLEANUP_FREE struct waited_range *range = calloc (n, sizeof *range);
  struct waiter w = WAITER_INIT;

  if (range == NULL) {
    log_error ("%s: out of memory", http_object_name (o));
    *err = ENOMEM;
    return -1;
  }
  for (size_t i = 0, done = 0; i < n; i++, done += part) {
    range[i].buf = (uint8_t *) buf + done;
    range[i].range =
      (struct http_range){ .object = o,
                           .offset = offset + done,
                           .count = min_u64 (part, count - done) };
  }
  *err = n > 0 ? read_all (&w, range, n) : 0;
  return *err == 0 ? 0 : -1;
}

/* ------------------------------------------------------------------ */

int
http_range_wait (struct http_range *r, void *buf)
{
  struct waiter w = WAITER_INIT;
  struct waited_range one = { .range = *r, .buf = buf };
  const int err = read_all (&w, &one, 1);

  r->received = one.range.received;
  return err;
}

/* Ask for a little, which tells everything.  (For one byte there is a server
 * that sends all.)
 */
static int
probe (struct http_object *o)
{
  uint8_t start[PROBE];
  struct http_range r = { .object = o, .count = sizeof start };

  return http_range_wait (&r, start);
}

/* Would a change of the file be noticed?  0 or an errno. */
static int
check_version (const struct http_object *o)
{
  const char *version = http_object_version (o);

  if (*version == '\0' && o->size > 0 && !o->client->o.unversioned) {
    log_error ("%s: the server tells no version of the file, neither by a "
               "strong ETag nor by a date, so that data of two versions might "
               "be mixed; if the file never changes, say unversioned=true",
               http_object_name (o));
    return EINVAL;
  }
  log_debug ("%s: version %s", http_object_name (o),
             *version != '\0' ? version : "not told");
  return 0;
}

struct http_object *
http_object_unseen (struct http_client *c, const char *url)
{
  struct http_object *o = calloc (1, sizeof *o);
  int err;

  if (o == NULL) {
    log_error ("http: %m");
    return NULL;
  }
  o->client = c;
  o->place = http_place_create (url);
  if (o->place == NULL) {
    err = errno;
    free (o);
    errno = err;
    return NULL;
  }
  o->now = http_place_ref (o->place);
  o->worth = UINT64_MAX;
  return o;
}

struct http_object *
http_object_open (struct http_client *c, const char *url)
{
  struct http_object *o = http_object_unseen (c, url);
  int err;

  if (o == NULL)
    return NULL;
  err = probe (o);
  if (err == 0)
    err = check_version (o);
  if (err == 0)
    return o;
  http_object_close (o);
  errno = err;
  return NULL;
}

void
http_object_close (struct http_object *o)
{
  struct http_client *c;

  if (o == NULL)
    return;
  c = o->client;
  pthread_mutex_lock (&c->lock);
  o->closing = true;
  if (o->outstanding > 0) {
    c->cancel = true;
    http_client_wake (c);
  }
  while (o->outstanding > 0)
    pthread_cond_wait (&c->idle, &c->lock);
  pthread_mutex_unlock (&c->lock);
  http_place_unref (o->place);
  http_place_unref (o->now);
  free (o);
}

uint64_t
http_object_size (const struct http_object *o)
{
  return o->size;
}

uint64_t
http_object_worth (const struct http_object *o)
{
  return atomic_load_explicit (&o->worth, memory_order_relaxed);
}

uint32_t
http_object_timeout (const struct http_object *o)
{
  return o->client->o.timeout;
}

bool
http_object_is_page_blob (const struct http_object *o)
{
  return o->page_blob;
}

const char *
http_object_name (const struct http_object *o)
{
  return o->place->name;
}

const char *
http_object_query (const struct http_object *o)
{
  const char *url = o->place->url;

  url += strcspn (url, "?");
  return *url == '?' ? url + 1 : url;
}

const char *
http_object_version (const struct http_object *o)
{
  return o->version;
}
