/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parts of files on HTTP(S) servers, for many threads at once: one thread
 * that does all transfers, and one pool of connections.  This room is the
 * only one that knows libcurl.
 *
 * A client is settings and, from its first request on, the thread.  Who
 * must look at a file before the process forks makes a client, and closes
 * it before the fork; nothing of it is left then.
 *
 * What comes is checked against the question before a byte is passed on
 * (http-answer.h).  When an object is opened, what tells its version (the
 * ETag, or the date of its last change) is remembered, and demanded of
 * every later answer: data of two versions is never mixed.
 *
 * What may pass is tried again: broken connections, answers cut short,
 * servers that are busy or silent; from where the body broke off, after
 * times that double, or that the server names (Retry-After).
 *
 * Messages name the file without what comes after its path, which may be
 * a secret, as credentials are.  Those are sent only to the server that the
 * URL names, never to one that it redirects to.
 */

#ifndef DISKSTACK_HTTP_CLIENT_H
#define DISKSTACK_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct http_client;
struct http_object;
struct http_headers;

enum http_version {
  HTTP_VERSION_BEST, /* HTTP/2 over TLS if the server has it, else 1.1 */
  HTTP_VERSION_1_0,
  HTTP_VERSION_1_1,
  HTTP_VERSION_2,       /* also without TLS, if the server agrees */
  HTTP_VERSION_2_PRIOR, /* without asking */
};

/* A request about to be sent, for who signs it. */
struct http_message {
  const char *method; /* "GET" */
  const char *url;    /* all of it, encoded as it will be sent */
  /* The headers that it has, "Name: value". */
  const char *const *header;
  unsigned nheaders;
};

/* Adds what signs M; called in the client's thread, anew for each try, and
 * only for the server that the URL names.  0, or -1 with *err.
 */
typedef int (*http_sign) (void *opaque, const struct http_message *m,
                          struct http_headers *add, int *err);

/* For http_sign: one more header.  0, or -1 if there is no memory. */
extern int http_headers_add (struct http_headers *h, const char *name,
                             const char *value);

/* All strings may be NULL, and need to live only while the client is
 * being made.
 */
struct http_client_options {
  unsigned connections; /* most transfers at once; 0: 16 */
  unsigned retries;     /* of one request */
  unsigned retry_delay; /* milliseconds before the first, > 0 */
  uint32_t timeout;     /* milliseconds without a byte, > 0 */
  enum http_version version;
  bool no_redirects;

  bool no_verify; /* the server's certificate */
  const char *cainfo, *capath;

  const char *proxy, *proxy_user, *proxy_password;
  const char *unix_socket_path;

  const char *user_agent;
  const char *user, *password; /* instead of those in the URL */
  const char *cookie;
  const char *const *header; /* "Name: value" */
  unsigned nheaders;

  http_sign sign;
  void *sign_opaque;
};

/* What is there if nobody says anything: 5 retries, the first
 * after 200 ms, and 30 seconds. */
extern struct http_client_options http_client_defaults (void);

/* NULL after log_error with errno. */
extern struct http_client *
http_client_create (const struct http_client_options *o);

extern struct http_client *http_client_ref (struct http_client *c);

/* Drop a reference.  The last one ends the thread; all objects must have
 * been closed.  NULL is ignored.
 */
extern void http_client_close (struct http_client *c);

/* How many transfers there may be at once. */
extern unsigned http_client_connections (const struct http_client *c);

/* ------------------------------------------------------------------ */

/* Look at the file URL: is it there, how large is it, can parts of it be
 * read?  Asks the server.  NULL after log_error with errno: ENOENT, EPERM
 * (not for this user), EINVAL (not an URL, not usable), EIO.
 */
extern struct http_object *http_object_open (struct http_client *c,
                                             const char *url);

/* Ends what was begun and is not done: its callbacks are called, with
 * ESHUTDOWN, before this returns.  NULL is ignored.
 */
extern void http_object_close (struct http_object *o);

extern uint64_t http_object_size (const struct http_object *o);

/* For messages: where the file is, without secrets. */
extern const char *http_object_name (const struct http_object *o);

/* What tells this version of the file from others: an ETag, or a date, or
 * "" if the server says nothing.
 */
extern const char *http_object_version (const struct http_object *o);

/* A part of a file on its way.  The caller fills in the first members, and
 * must keep it where it is until it is done.
 */
struct http_range {
  struct http_object *object;
  uint64_t offset, count; /* inside, not empty */
  /* Nobody waits for it: comes after all others, is tried only once, and
   * is no error if it fails.
   */
  bool ahead;
  /* The next N bytes, which are at R->received; that goes back if an
   * answer proves to be bad.  In the client's thread; must be quick.
   */
  void (*body) (struct http_range *r, const void *data, size_t n);
  /* The end: 0 when all bytes came, else an errno, after log_error (once
   * for each cause).  In the client's thread, the last use of R.
   */
  void (*done) (struct http_range *r, int err);

  /* The client's own, zeroes when it begins. */
  uint64_t received;
  STAILQ_ENTRY (http_range) link;
  struct http_place *place; /* where it is asked for */
  unsigned tries, redirects;
  bool went_back; /* from a redirect to the URL itself */
  int64_t due;    /* not before this time */
};

/* Begin R.  Thread-safe, also from a callback. */
extern void http_range_begin (struct http_range *r);

/* Read COUNT bytes at OFFSET (inside the file) into BUF, in parts of at
 * most PART bytes that are on their way together.  Waits.  0, or -1 with
 * *err = EIO, ESHUTDOWN or ENOMEM after log_error.
 */
extern int http_object_read (struct http_object *o, void *buf, size_t count,
                             uint64_t offset, size_t part, int *err);

#endif /* DISKSTACK_HTTP_CLIENT_H */
