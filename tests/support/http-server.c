/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-server.h.
 */

#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/align.h"
#include "support/http-server.h"
#include "support/must.h"

#define HEADER_MAX 8192
#define CONNECTIONS_MAX 256

struct http_server {
  const uint8_t *data;
  size_t size;
  int fd;
  char url[64];
  pthread_t thread;
  atomic_bool stop;
  atomic_uint requests, connections;
  pthread_mutex_t lock; /* of what follows */
  http_server_choose choose;
  void *opaque;
  char etag[64], date[64], redirect[512];
  unsigned retry_after;
};

struct connection {
  struct http_server *server;
  int fd;
  char header[HEADER_MAX + 1];
  pthread_t thread;
  atomic_bool ended;
};

/* ------------------------------------------------------------------ */
/* Sockets */

/* Wait for something to read; false when the server is to stop. */
static bool
readable (struct http_server *s, int fd)
{
  struct pollfd p = { .fd = fd, .events = POLLIN };

  while (!atomic_load (&s->stop)) {
    if (poll (&p, 1, 20) > 0)
      return true;
  }
  return false;
}

static bool
send_all (const struct connection *c, const void *data, size_t n)
{
  const uint8_t *p = data;

  while (n > 0) {
    const ssize_t r = send (c->fd, p, n, MSG_NOSIGNAL);

    if (r <= 0)
      return false;
    p += r;
    n -= r;
  }
  return true;
}

/* One header, which ends with an empty line. */
static bool
read_header (struct connection *c)
{
  size_t n = 0;

  c->header[0] = '\0';
  while (strstr (c->header, "\r\n\r\n") == NULL) {
    ssize_t r;

    if (n == HEADER_MAX || !readable (c->server, c->fd))
      return false;
    r = recv (c->fd, c->header + n, HEADER_MAX - n, 0);
    if (r <= 0)
      return false;
    n += r;
    c->header[n] = '\0';
  }
  return true;
}

/* ------------------------------------------------------------------ */
/* Answers */

struct answer {
  int status;
  uint64_t first, last, total; /* as it says; nothing if last < first */
  bool no_range, chunked;
  bool cut, stall; /* in the middle */
  bool trickle, drawl;
  bool all; /* of the file, whatever it says */
  const char *etag, *date;
  const char *extra; /* lines */
};

/* The N bytes at P, so many at a time. */
static bool
send_slowly (struct connection *c, const void *p, size_t n, size_t step)
{
  for (size_t i = 0; i < n; i += step) {
    if (atomic_load (&c->server->stop) || poll (NULL, 0, 20) != 0 ||
        !send_all (c, (const uint8_t *) p + i, min_u64 (step, n - i)))
      return false;
  }
  return true;
}

static bool
send_body (struct connection *c, const struct answer *a)
{
  const struct http_server *s = c->server;
  const uint64_t asked = a->last - a->first + 1;
  const uint64_t count = a->all ? s->size : asked;
  const uint8_t *p = s->data + (a->all ? 0 : a->first);
  static const char surplus[] = "\r\n7\r\nsurplus\r\n0\r\n\r\n";
  char size[32];

  if (a->cut || a->stall) {
    send_all (c, p, count / 2);
    while (a->stall && !atomic_load (&s->stop) && poll (NULL, 0, 20) == 0)
      ;
    return false;
  }
  if (a->trickle)
    return send_slowly (c, p, count, 1);
  if (!a->chunked)
    return send_all (c, p, count);
  snprintf (size, sizeof size, "%" PRIx64 "\r\n", count);
  /* In two parts, so that who believes the first is seen. */
  return send_all (c, size, strlen (size)) && send_all (c, p, asked) &&
         poll (NULL, 0, 20) == 0 && send_all (c, p + asked, count - asked) &&
         send_all (c, surplus, sizeof surplus - 1);
}

static bool
send_answer (struct connection *c, const struct answer *a)
{
  const bool body = a->status == 206 || a->status == 200;
  const uint64_t count = body ? a->last - a->first + 1 : 0;
  char text[2048];
  int n = snprintf (text, sizeof text, "HTTP/1.1 %d Whatever\r\n%s", a->status,
                    a->extra);

  if (a->drawl) {
    static const char lines[] = "X-1: a\r\n";

    send_all (c, text, n);
    while (send_slowly (c, lines, 8, 8))
      ;
    return false;
  }
  if (*a->etag != '\0')
    n += snprintf (text + n, sizeof text - n, "ETag: %s\r\n", a->etag);
  if (*a->date != '\0')
    n += snprintf (text + n, sizeof text - n, "Last-Modified: %s\r\n", a->date);
  if (a->status == 206 && !a->no_range)
    n +=
      snprintf (text + n, sizeof text - n,
                "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n",
                a->first, a->last, a->total);
  if (a->status == 416)
    n += snprintf (text + n, sizeof text - n,
                   "Content-Range: bytes */%" PRIu64 "\r\n", a->total);
  if (a->chunked)
    n += snprintf (text + n, sizeof text - n,
                   "Transfer-Encoding: chunked\r\n\r\n");
  else
    n += snprintf (text + n, sizeof text - n,
                   "Content-Length: %" PRIu64 "\r\n\r\n", count);
  return send_all (c, text, n) && (!body || send_body (c, a));
}

/* The answer with the fault. */
static void
spoil (struct answer *a, int fault, const struct http_server *s)
{
  switch (fault) {
  case HTTP_FAULT_CUT:
    a->cut = true;
    break;
  case HTTP_FAULT_STALL:
    a->stall = true;
    break;
  case HTTP_FAULT_TRICKLE:
    a->trickle = true;
    break;
  case HTTP_FAULT_DRAWL:
    a->drawl = true;
    break;
  case HTTP_FAULT_SHORT:
    a->last -= a->last > a->first;
    break;
  case HTTP_FAULT_LONG:
    a->chunked = true;
    break;
  case HTTP_FAULT_CLAIMS:
    a->chunked = a->all = true;
    break;
  case HTTP_FAULT_WHOLE:
    a->status = 200;
    a->first = 0;
    a->last = s->size - 1;
    break;
  case HTTP_FAULT_OTHER_RANGE:
    a->first = min_u64 (a->first + 512, s->size - 1);
    a->last = min_u64 (a->last + 512, s->size - 1);
    break;
  case HTTP_FAULT_NO_RANGE:
    a->no_range = true;
    break;
  case HTTP_FAULT_OTHER_TOTAL:
    a->total++;
    break;
  case HTTP_FAULT_OTHER_ETAG:
    a->etag = "\"other\"";
    break;
  case HTTP_FAULT_ENCODED:
    a->extra = "Content-Encoding: gzip\r\n";
    break;
  }
}

/* Is it asked for a version that is no more? */
static bool
is_other_version (const char *header, const char *etag)
{
  const char *match = strstr (header, "\r\nIf-Match: ");

  return match != NULL && strncmp (match + 12, etag, strlen (etag)) != 0;
}

/* False if the connection is to be closed. */
static bool
respond (struct connection *c)
{
  struct http_server *s = c->server;
  const char *range = strstr (c->header, "\r\nRange: bytes=");
  char path[512] = "", etag[64], date[64], extra[600] = "";
  struct answer a = {
    .status = 206, .total = s->size, .etag = etag, .date = date, .extra = extra
  };
  struct http_server_request r = { .number = atomic_fetch_add (&s->requests, 1),
                                   .path = path,
                                   .header = c->header };
  int fault = HTTP_FAULT_NONE;

  sscanf (c->header, "GET %511s", path);
  if (range == NULL) { /* all of it */
    a.status = 200;
    a.last = s->size - 1;
  }
  else if (sscanf (range, "\r\nRange: bytes=%" SCNu64 "-%" SCNu64, &a.first,
                   &a.last) != 2)
    a.status = 400;
  r.first = a.first;
  r.last = a.last;
  pthread_mutex_lock (&s->lock);
  if (s->choose != NULL)
    fault = s->choose (s->opaque, &r);
  snprintf (etag, sizeof etag, "%s", s->etag);
  snprintf (date, sizeof date, "%s", s->date);
  if (fault == HTTP_FAULT_REDIRECT)
    snprintf (extra, sizeof extra, "Location: %s\r\n", s->redirect);
  if ((fault == HTTP_FAULT_STATUS + 429 || fault == HTTP_FAULT_STATUS + 503) &&
      s->retry_after > 0)
    snprintf (extra, sizeof extra, "Retry-After: %u\r\n", s->retry_after);
  pthread_mutex_unlock (&s->lock);

  if (fault == HTTP_FAULT_CLOSE)
    return false;
  if (fault == HTTP_FAULT_REDIRECT)
    a.status = 302;
  else if (fault >= HTTP_FAULT_STATUS)
    a.status = fault - HTTP_FAULT_STATUS;
  else if (is_other_version (c->header, etag))
    a.status = 412;
  else if (a.status == 206 && a.first >= s->size)
    a.status = 416;
  if (a.status == 301)
    a.extra = "x-amz-bucket-region: eu-west-1\r\n";
  a.last = min_u64 (a.last, s->size - 1);
  if (a.status == 206)
    spoil (&a, fault, s);
  return send_answer (c, &a);
}

static void *
serve (void *v)
{
  struct connection *c = v;

  while (read_header (c) && respond (c))
    ;
  close (c->fd);
  atomic_store (&c->ended, true);
  return NULL;
}

/* ------------------------------------------------------------------ */
/* Life */

/* Wait for the end of *C, if it is one. */
static void
end_connection (struct connection **c)
{
  if (*c == NULL)
    return;
  pthread_join ((*c)->thread, NULL);
  free (*c);
  *c = NULL;
}

/* One that is not there, or has ended. */
static struct connection **
free_slot (struct connection **all)
{
  for (unsigned i = 0;; i = (i + 1) % CONNECTIONS_MAX) {
    if (all[i] == NULL || atomic_load (&all[i]->ended)) {
      end_connection (&all[i]);
      return &all[i];
    }
  }
}

static void *
accept_all (void *v)
{
  struct http_server *s = v;
  struct connection *all[CONNECTIONS_MAX] = { NULL }, **c;
  const int one = 1;

  while (readable (s, s->fd)) {
    const int fd = accept (s->fd, NULL, NULL);

    if (fd == -1)
      continue;
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    atomic_fetch_add (&s->connections, 1);
    c = free_slot (all);
    *c = must_malloc (sizeof **c);
    **c = (struct connection){ .server = s, .fd = fd };
    if (pthread_create (&(*c)->thread, NULL, serve, *c) != 0)
      abort ();
  }
  for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
    end_connection (&all[i]);
  return NULL;
}

struct http_server *
http_server_start (const void *data, size_t size)
{
  struct http_server *s = must_calloc (1, sizeof *s);
  struct sockaddr_in a = { .sin_family = AF_INET,
                           .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof a;

  s->data = data;
  s->size = size;
  pthread_mutex_init (&s->lock, NULL);
  snprintf (s->etag, sizeof s->etag, "\"first\"");
  s->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s->fd == -1 || bind (s->fd, (struct sockaddr *) &a, sizeof a) == -1 ||
      listen (s->fd, 64) == -1 ||
      getsockname (s->fd, (struct sockaddr *) &a, &length) == -1 ||
      pthread_create (&s->thread, NULL, accept_all, s) != 0) {
    perror ("http-server");
    abort ();
  }
  snprintf (s->url, sizeof s->url, "http://127.0.0.1:%u/file",
            ntohs (a.sin_port));
  return s;
}

void
http_server_stop (struct http_server *s)
{
  atomic_store (&s->stop, true);
  pthread_join (s->thread, NULL);
  close (s->fd);
  pthread_mutex_destroy (&s->lock);
  free (s);
}

void
http_server_set (struct http_server *s, http_server_choose choose, void *opaque)
{
  pthread_mutex_lock (&s->lock);
  s->choose = choose;
  s->opaque = opaque;
  pthread_mutex_unlock (&s->lock);
}

void
http_server_etag (struct http_server *s, const char *etag)
{
  pthread_mutex_lock (&s->lock);
  snprintf (s->etag, sizeof s->etag, "%s", etag);
  pthread_mutex_unlock (&s->lock);
}

void
http_server_date (struct http_server *s, const char *date)
{
  pthread_mutex_lock (&s->lock);
  snprintf (s->date, sizeof s->date, "%s", date);
  pthread_mutex_unlock (&s->lock);
}

void
http_server_retry_after (struct http_server *s, unsigned seconds)
{
  pthread_mutex_lock (&s->lock);
  s->retry_after = seconds;
  pthread_mutex_unlock (&s->lock);
}

void
http_server_redirect (struct http_server *s, const char *url)
{
  pthread_mutex_lock (&s->lock);
  snprintf (s->redirect, sizeof s->redirect, "%s", url);
  pthread_mutex_unlock (&s->lock);
}

const char *
http_server_url (const struct http_server *s)
{
  return s->url;
}

unsigned
http_server_requests (const struct http_server *s)
{
  return atomic_load (&s->requests);
}

unsigned
http_server_connections (const struct http_server *s)
{
  return atomic_load (&s->connections);
}
