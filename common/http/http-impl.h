/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the client know of each other.  Everything below that
 * is not under the lock belongs to the thread that drives.
 */

#ifndef DISKSTACK_HTTP_IMPL_H
#define DISKSTACK_HTTP_IMPL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/http-answer.h"
#include "http/http-client.h"
#include "http/http-header-file.h"
#include "http/http-pace.h"
#include "http/http-place.h"

#define HTTP_REDIRECTS_MAX 5

STAILQ_HEAD (http_ranges, http_range);

struct http_headers {
  struct curl_slist *list;
};

/* One transfer: an easy handle, which is used again and again. */
struct http_transfer {
  struct http_client *client;
  CURL *easy;
  struct http_range *range;
  struct http_place *set_up_for; /* the URL that EASY has */
  struct http_headers headers;
  bool keep;     /* they are good for the next request to the same place */
  long buffer;   /* its size that EASY has */
  bool trusted;  /* it is the server that the URL names */
  uint64_t mark; /* of who signed it */
  uint64_t header_number; /* the client's when they were made */
  struct http_answer answer;
  char *refusal; /* the body of an error; NULL: none yet */
  size_t refusal_size;
  enum http_verdict verdict;
  bool judged;       /* the header is complete */
  uint64_t asked;    /* bytes of this try */
  uint64_t here;     /* bytes of the body, of any */
  uint8_t *held;     /* those that are not passed on before the end, or NULL */
  int64_t last_byte; /* when */
  int64_t since;     /* 0: nothing has come yet; since then ... */
  uint64_t lately;   /* ... so many bytes, of headers too */
  TAILQ_ENTRY (http_transfer) link;
  char message[CURL_ERROR_SIZE];
};

TAILQ_HEAD (http_transfers, http_transfer);

struct http_client {
  atomic_uint refs;
  /* Constant; copies. */
  struct http_client_options o;
  struct curl_slist *header; /* those of every request */
  struct curl_slist *resolve;
  char **copies; /* all strings, to be freed */
  unsigned ncopies;
  bool may_drive; /* any thread */

  pthread_mutex_t lock;
  pthread_cond_t idle;         /* an object has nothing on its way */
  pthread_cond_t work;         /* for the client's own thread */
  struct http_ranges incoming; /* begun, and not yet seen by who drives */
  bool stop, cancel;           /* wishes; CANCEL: look for closing objects */
  bool ended;                  /* nothing is to be answered any more */
  unsigned outstanding;        /* ranges that are not done */
  bool driven;                 /* somebody does */
  bool asleep;                 /* he is, or soon will be */
  bool started;
  pthread_t thread;
  CURLM *multi;

  struct http_header_file *header_file; /* o.nheader_files */
  uint64_t header_number;               /* how often one has changed */

  struct http_ranges wanted, ahead; /* waiting for a transfer */
  struct http_ranges later;         /* waiting for a time */
  struct http_transfers active, spare;
  unsigned nactive, nahead; /* of which ahead */
  unsigned passed;          /* started since, while some ahead waited */
  int64_t looked;           /* when, for those that are silent */
  unsigned seed;
};

struct http_object {
  struct http_client *client;
  struct http_place *place; /* as the user said it */
  struct http_place *now;   /* the same, or where it was redirected to */
  struct http_validators validators;
  char version[2 * HTTP_VALIDATOR_MAX + 1]; /* the same, for others */
  uint64_t size;
  bool pinned; /* the three above are known */
  bool page_blob;
  struct http_pace pace;
  atomic_uint_least64_t worth; /* what that says */
  atomic_bool changed;
  unsigned outstanding; /* under the lock: ranges that are not done */
  atomic_bool closing;
};

/* http-engine.c: the client's own thread. */
extern void *http_engine (void *client);

/* Milliseconds of a clock that never goes back. */
extern int64_t http_now (void);

/* http-transfer.c.  NULL if there is no memory. */
extern struct http_transfer *http_transfer_create (struct http_client *c);
extern void http_transfer_free (struct http_transfer *t);

/* Make T the request for R, from where that is.  0, or -1 with *err. */
extern int http_transfer_set_up (struct http_transfer *t, struct http_range *r,
                                 int *err);

/* Has T stood still, or as good as that, for as long as is borne?  To be asked
 * more often than that.
 */
extern bool http_transfer_is_stalled (struct http_transfer *t);

/* http-retry.c: what becomes of a range when its transfer ended.  0: it is
 * done, with *ERR; 1: it is to be begun again, when R->due says.
 */
extern int http_judge_end (struct http_transfer *t, CURLcode code, int *err);

/* http-client.c: there is something to do.  With the lock. */
extern void http_client_wake (struct http_client *c);

/* Tell R's owner. */
extern void http_range_done (struct http_range *r, int err);

/* The question that R is. */
static inline struct http_question
http_question_of (const struct http_range *r)
{
  const struct http_object *o = r->object;

  return (struct http_question){ .whole = r->whole,
                                 .offset = r->offset + r->received,
                                 .count = r->count - r->received,
                                 .pinned = o->pinned,
                                 .size = o->size,
                                 .validators = &o->validators };
}

#endif /* DISKSTACK_HTTP_IMPL_H */
