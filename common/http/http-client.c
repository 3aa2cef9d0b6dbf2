/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-client.h: the life of a client, and the ways into its thread.
 */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/http-impl.h"

#define CONNECTIONS 16

struct http_client_options
http_client_defaults (void)
{
  return (struct http_client_options){ .connections = CONNECTIONS,
                                       .retries = 5,
                                       .retry_delay = 200,
                                       .timeout = 30000 };
}

/* ------------------------------------------------------------------ */
/* Life */

/* Make *S, which may be NULL, the client's own. */
static int
own (struct http_client *c, const char **s)
{
  char **list;

  if (*s == NULL)
    return 0;
  list = realloc (c->copies, (c->ncopies + 1) * sizeof *list);
  if (list == NULL)
    return -1;
  c->copies = list;
  c->copies[c->ncopies] = strdup (*s);
  if (c->copies[c->ncopies] == NULL)
    return -1;
  *s = c->copies[c->ncopies++];
  return 0;
}

static int
add_all (struct curl_slist **to, const char *const *list, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    struct curl_slist *l = curl_slist_append (*to, list[i]);

    if (l == NULL)
      return -1;
    *to = l;
  }
  return 0;
}

static int
own_all (struct http_client *c)
{
  const char **strings[] = {
    &c->o.protocols,      &c->o.cainfo,
    &c->o.capath,         &c->o.ciphers,
    &c->o.tls13_ciphers,  &c->o.sslcert,
    &c->o.sslkey,         &c->o.sslkey_password,
    &c->o.proxy,          &c->o.proxy_user,
    &c->o.proxy_password, &c->o.unix_socket_path,
    &c->o.user_agent,     &c->o.user,
    &c->o.password,       &c->o.cookie,
    &c->o.cookiefile,
  };

  for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
    if (own (c, strings[i]) == -1)
      return -1;
  }
  if (add_all (&c->header, c->o.header, c->o.nheaders) == -1 ||
      add_all (&c->resolve, c->o.resolve, c->o.nresolve) == -1)
    return -1;
  c->o.resolve = NULL;
  c->o.header = NULL;
  return 0;
}

/* 0, or -1 after log_error. */
static int
open_header_file (struct http_client *c, const char *path)
{
  struct http_header_file *f = &c->header_file[c->o.nheader_files];

  f->path = strdup (path);
  if (f->path == NULL) {
    log_error ("http: %m");
    return -1;
  }
  c->o.nheader_files++;
  return http_header_file_read (f, &(bool){ false });
}

/* The same. */
static int
open_header_files (struct http_client *c)
{
  const unsigned n = c->o.nheader_files;

  c->o.nheader_files = 0; /* so many are there */
  c->header_file = calloc (n + 1, sizeof *c->header_file);
  if (c->header_file == NULL) {
    log_error ("http: %m");
    return -1;
  }
  for (unsigned i = 0; i < n; i++) {
    if (open_header_file (c, c->o.header_file[i]) == -1)
      return -1;
  }
  c->o.header_file = NULL;
  return 0;
}

static void
free_all (struct http_client *c)
{
  for (unsigned i = 0; i < c->o.nheader_files; i++)
    http_header_file_fini (&c->header_file[i]);
  free (c->header_file);
  curl_slist_free_all (c->resolve);
  for (unsigned i = 0; i < c->ncopies; i++) {
    explicit_bzero (c->copies[i], strlen (c->copies[i]));
    free (c->copies[i]);
  }
  free (c->copies);
  for (struct curl_slist *l = c->header; l != NULL; l = l->next)
    explicit_bzero (l->data, strlen (l->data));
  curl_slist_free_all (c->header);
  pthread_cond_destroy (&c->idle);
  pthread_cond_destroy (&c->work);
  pthread_mutex_destroy (&c->lock);
  free (c);
}

/* libcurl leaves it to its user that writing to a connection that was closed
 * is no reason to end.
 */
static bool
is_sigpipe_ignored (void)
{
  struct sigaction sa;

  return sigaction (SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN;
}

struct http_client *
http_client_create (const struct http_client_options *o)
{
  struct http_client *c = calloc (1, sizeof *c);
  int saved;

  if (c == NULL) {
    log_error ("http: %m");
    return NULL;
  }
  c->refs = 1;
  c->o = *o;
  if (c->o.connections == 0)
    c->o.connections = CONNECTIONS;
  c->seed = time (NULL) ^ (uintptr_t) c;
  c->may_drive = is_sigpipe_ignored ();
  pthread_mutex_init (&c->lock, NULL);
  pthread_cond_init (&c->idle, NULL);
  pthread_cond_init (&c->work, NULL);
  STAILQ_INIT (&c->incoming);
  STAILQ_INIT (&c->wanted);
  STAILQ_INIT (&c->ahead);
  STAILQ_INIT (&c->later);
  TAILQ_INIT (&c->active);
  TAILQ_INIT (&c->spare);
  if (own_all (c) == -1 || curl_global_init (CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    errno = ENOMEM;
    log_error ("http: %m");
  }
  else if (open_header_files (c) == 0)
    return c;
  else
    curl_global_cleanup ();
  saved = errno;
  free_all (c);
  errno = saved;
  return NULL;
}

struct http_client *
http_client_ref (struct http_client *c)
{
  atomic_fetch_add_explicit (&c->refs, 1, memory_order_relaxed);
  return c;
}

unsigned
http_client_connections (const struct http_client *c)
{
  return c->o.connections;
}

bool
http_client_is_busy (struct http_client *c)
{
  LOCK_SCOPE (&c->lock);
  return c->outstanding > 0;
}

void
http_client_end (struct http_client *c)
{
  LOCK_SCOPE (&c->lock);
  c->ended = true;
  c->cancel = true;
  if (c->started)
    http_client_wake (c);
}

static void
stop_thread (struct http_client *c)
{
  pthread_mutex_lock (&c->lock);
  c->stop = true;
  http_client_wake (c);
  pthread_mutex_unlock (&c->lock);
  pthread_join (c->thread, NULL);
}

void
http_client_close (struct http_client *c)
{
  struct http_transfer *t;

  if (c == NULL ||
      atomic_fetch_sub_explicit (&c->refs, 1, memory_order_acq_rel) > 1)
    return;
  if (c->started)
    stop_thread (c);
  while ((t = TAILQ_FIRST (&c->spare)) != NULL) {
    TAILQ_REMOVE (&c->spare, t, link);
    http_transfer_free (t);
  }
  curl_multi_cleanup (c->multi);
  curl_global_cleanup ();
  free_all (c);
}

/* ------------------------------------------------------------------ */
/* The thread */

static CURLM *
create_multi (const struct http_client *c)
{
  CURLM *m = curl_multi_init ();

  if (m == NULL)
    return NULL;
  curl_multi_setopt (m, CURLMOPT_PIPELINING,
                     c->o.version == HTTP_VERSION_1_1 ||
                         c->o.version == HTTP_VERSION_1_0 ?
                       CURLPIPE_NOTHING :
                       CURLPIPE_MULTIPLEX);
  curl_multi_setopt (m, CURLMOPT_MAXCONNECTS, (long) c->o.connections);
  return m;
}

/* Signals are for other threads; SIGPIPE is for nobody. */
static int
create_thread (struct http_client *c)
{
  sigset_t all, old;
  int r;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  r = pthread_create (&c->thread, NULL, http_engine, c);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return r;
}

/* With the lock.  0 or an errno. */
static int
ensure_started (struct http_client *c)
{
  int r;

  if (c->started)
    return 0;
  if (c->multi == NULL)
    c->multi = create_multi (c);
  if (c->multi == NULL)
    return ENOMEM;
  r = create_thread (c);
  c->started = r == 0;
  return r == 0 ? 0 : ENOMEM;
}

void
http_client_wake (struct http_client *c)
{
  if (c->asleep)
    curl_multi_wakeup (c->multi);
  else if (!c->driven)
    pthread_cond_signal (&c->work);
  c->asleep = false;
}

/* Begin R.  WAKE: somebody must be there who drives. */
static void
begin (struct http_range *r, bool wake)
{
  struct http_client *c = r->object->client;
  int err;

  r->place = NULL;
  r->received = 0;
  r->tries = r->redirects = r->signs = 0;
  r->went_back = r->at_once = r->no_range = false;
  r->due = 0;
  pthread_mutex_lock (&c->lock);
  r->object->outstanding++;
  c->outstanding++;
  err = ensure_started (c);
  if (err == 0) {
    STAILQ_INSERT_TAIL (&c->incoming, r, link);
    if (wake || c->driven)
      http_client_wake (c);
  }
  pthread_mutex_unlock (&c->lock);
  if (err != 0) {
    log_error ("%s: no thread can be started", http_object_name (r->object));
    http_range_done (r, err);
  }
}

void
http_range_begin (struct http_range *r)
{
  begin (r, true);
}

void
http_range_queue (struct http_range *r)
{
  begin (r, !r->object->client->may_drive);
}

void
http_range_done (struct http_range *r, int err)
{
  struct http_object *o = r->object;
  struct http_client *c = o->client;

  http_place_unref (r->place);
  r->place = NULL;
  r->done (r, err);
  pthread_mutex_lock (&c->lock);
  c->outstanding--;
  if (--o->outstanding == 0)
    pthread_cond_broadcast (&c->idle);
  pthread_mutex_unlock (&c->lock);
}
