/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parts of files on HTTP(S) servers, for many threads at once: one of them
 * at a time does all transfers, and there is one pool of connections.  This
 * room is the only one that knows libcurl.
 *
 * A client is settings and, from its first request on, a thread, which does
 * what nobody else does (http_client_drive).  Who must look at a file before
 * the process forks makes a client, and closes it before the fork; nothing
 * of it is left then.
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
 *
 * A service (struct http_service) knows more of its servers than HTTP does:
 * how requests are signed, and what their refusals mean.
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

/* The oldest version of TLS that will do. */
enum http_tls {
  HTTP_TLS_BEST,
  HTTP_TLS_1_0,
  HTTP_TLS_1_1,
  HTTP_TLS_1_2,
  HTTP_TLS_1_3,
};

enum http_ip {
  HTTP_IP_ANY,
  HTTP_IP_V4,
  HTTP_IP_V6,
};

/* A request about to be sent, for who signs it. */
struct http_message {
  const char *method; /* "GET" */
  const char *url;    /* all of it, encoded as it will be sent */
  /* The headers that it has, "Name: value". */
  const char *const *header;
  unsigned nheaders;
  uint64_t mark; /* the signer's own: comes back with a refusal */
};

/* An answer of 400 or more, or a redirect to nowhere. */
struct http_refusal {
  const char *url;
  unsigned status;
  const char *code;   /* x-ms-error-code, or "" */
  const char *region; /* x-amz-bucket-region, or "" */
  const void *body;   /* its first SIZE bytes, at most HTTP_REFUSAL_MAX */
  size_t size;
  bool has_date;
  int64_t date;  /* seconds since 1970, by the server's clock */
  uint64_t mark; /* of the request */
};

#define HTTP_REFUSAL_MAX 16384

enum http_advice {
  HTTP_AS_STATUS, /* what the status says is all that is known */
  HTTP_AGAIN,     /* at once: it will be signed better */
  HTTP_LATER,     /* as with servers that are busy */
  HTTP_SLOW,      /* the same; less would be done sooner */
  HTTP_FOR_GOOD,  /* it is an error */
};

/* What a service adds to HTTP.  All is called by who drives, must be quick,
 * and concerns only the server that the URL names.  Each may be
 * NULL.
 */
struct http_service {
  /* Add what signs M, anew for each try.  0, or -1 with *err. */
  int (*sign) (void *opaque, struct http_message *m, struct http_headers *add,
               int *err);
  bool by_url; /* what that adds depends on nothing but the URL */
  /* What does F mean?  WHY, of SIZE bytes, is "", or a line for people, with
   * the status and without secrets.
   */
  enum http_advice (*refused) (void *opaque, const struct http_refusal *f,
                               char *why, size_t size);
};

/* For sign: one more header.  0, or -1 if there is no memory. */
extern int http_headers_add (struct http_headers *h, const char *name,
                             const char *value);

/* The same of "Name: value". */
extern int http_headers_add_line (struct http_headers *h, const char *line);

/* All strings may be NULL, and need to live only while the client is
 * being made.
 */
struct http_client_options {
  unsigned connections; /* most transfers at once; 0: 16 */
  unsigned retries;     /* of one request */
  unsigned retry_delay; /* milliseconds before the first, > 0 */
  /* Milliseconds, > 0, without a byte, or with less than 1 KiB a second. */
  uint32_t timeout;
  enum http_version version;
  bool no_redirects;
  const char *protocols; /* "http,https", or one of them */
  bool no_tcp_keepalive, no_tcp_nodelay;

  bool no_verify; /* the server's certificate */
  const char *cainfo, *capath;
  enum http_tls tls_min;
  const char *ciphers, *tls13_ciphers;
  const char *sslcert, *sslkey, *sslkey_password; /* the client's own */

  const char *proxy, *proxy_user, *proxy_password;
  const char *unix_socket_path;
  enum http_ip ip;
  const char *const *resolve; /* "HOST:PORT:ADDRESS" */
  unsigned nresolve;

  bool unversioned; /* open files that the server tells no version of, too */
  const char *user_agent;
  const char *user, *password; /* instead of those in the URL */
  const char *cookie;
  const char *cookiefile;    /* of Netscape's or HTTP's form */
  const char *const *header; /* "Name: value", or "Name;" without a value */
  unsigned nheaders;
  /* Files of such lines (http-header-file.h), which are read again when
   * the server refuses who asks (401 and 403).
   */
  const char *const *header_file;
  unsigned nheader_files;

  const struct http_service *service; /* NULL: none; both must outlive it */
  void *service_opaque;
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

/* Is anything on its way?  Thread-safe, as the next. */
extern bool http_client_is_busy (struct http_client *c);

/* From now on all ranges end with EIO, at once, also those on their way. */
extern void http_client_end (struct http_client *c);

/* How many transfers there may be at once. */
extern unsigned http_client_connections (const struct http_client *c);

/* ------------------------------------------------------------------ */

/* Look at the file URL: is it there, how large is it, can parts of it be
 * read?  Asks the server.  NULL after log_error with errno: ENOENT, EPERM
 * (not for this user), EINVAL (not an URL, not usable, or of
 * no version that could be held on to, see unversioned), EIO.
 */
extern struct http_object *http_object_open (struct http_client *c,
                                             const char *url);

/* Something at URL that nothing is known of, and that is only fetched as a
 * whole.  Asks nobody.  NULL after log_error with errno.
 */
extern struct http_object *http_object_unseen (struct http_client *c,
                                               const char *url);

/* Ends what was begun and is not done: its callbacks are called, with
 * ESHUTDOWN, before this returns.  NULL is ignored.
 */
extern void http_object_close (struct http_object *o);

extern uint64_t http_object_size (const struct http_object *o);

/* For messages: where the file is, without secrets. */
extern const char *http_object_name (const struct http_object *o);

/* What comes after the path of its URL, or "".  It may be a secret. */
extern const char *http_object_query (const struct http_object *o);

/* What tells this version of the file from others: a strong ETag, or a date,
 * after the weak ETag if there is one; or "" if the server says neither.
 */
extern const char *http_object_version (const struct http_object *o);

/* So many bytes may be asked for beside those that are wanted, as answers have
 * told so far of how long the line is (http-pace.h).
 */
extern uint64_t http_object_worth (const struct http_object *o);

/* Milliseconds that a server may be silent for (the client's timeout). */
extern uint32_t http_object_timeout (const struct http_object *o);

/* Is it a page blob of Azure's, by its first answer? */
extern bool http_object_is_page_blob (const struct http_object *o);

/* A part of a file on its way.  The caller fills in the first members, and
 * must keep it where it is until it is done.
 */
struct http_range {
  struct http_object *object;
  uint64_t offset, count; /* inside, not empty */
  /* Instead of a part, the whole of what is at URL, or NULL, the object's:
   * COUNT bytes at most, and RECEIVED in the end.  It must be about the same
   * version of the file.  With these headers, too.
   */
  bool whole;
  const char *url;
  const char *const *header;
  unsigned nheaders;
  /* Nobody waits for it: comes after others, but has a quarter of the
   * starts at least; is tried only once, and is no error if it fails.
   */
  bool ahead;
  /* It is no error if it fails, but it is tried as often as others, unless less
   * would have to be asked for: ETIMEDOUT, the server took too long, or EFBIG,
   * there is more than COUNT.
   */
  bool optional;
  /* The next N bytes, which are at R->received; that goes back if an
   * answer proves to be bad.  By who drives; must be quick.
   */
  void (*body) (struct http_range *r, const void *data, size_t n);
  /* The end: 0 when all bytes came, else an errno, after log_error (once
   * for each cause).  By who drives; the last use of R.
   */
  void (*done) (struct http_range *r, int err);

  /* The client's own, zeroes when it begins. */
  uint64_t received;
  STAILQ_ENTRY (http_range) link;
  struct http_place *place; /* where it is asked for */
  unsigned tries, redirects, signs;
  bool went_back; /* from a redirect to the URL itself */
  bool at_once;   /* has been tried again so */
  bool no_range;  /* is it empty? */
  int64_t due;    /* not before this time */
};

/* Begin R.  Thread-safe, also from a callback. */
extern void http_range_begin (struct http_range *r);

/* The same for who calls http_client_drive next, or it may not go on. */
extern void http_range_queue (struct http_range *r);

/* If nobody drives C, do it until ENOUGH says so: do all transfers and call
 * all callbacks, without any lock of the caller's.  False, at once, if
 * another thread does, or if SIGPIPE was not ignored when C was made, which
 * is only borne by the client's own thread.  In any case, what was begun goes
 * on.
 */
extern bool http_client_drive (struct http_client *c, bool (*enough) (void *),
                               void *opaque);

/* Read COUNT bytes at OFFSET (inside the file) into BUF, in parts of at
 * most PART bytes that are on their way together.  Waits.  0, or -1 with
 * *err = EIO, ESHUTDOWN or ENOMEM after log_error.
 */
extern int http_object_read (struct http_object *o, void *buf, size_t count,
                             uint64_t offset, size_t part, int *err);

/* Wait for R, which needs neither callback, to be received into BUF, of
 * R->count bytes.  0 or an errno.
 */
extern int http_range_wait (struct http_range *r, void *buf);

#endif /* DISKSTACK_HTTP_CLIENT_H */
