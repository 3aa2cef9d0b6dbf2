/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The read-only store over a file on an HTTP server.
 *
 * What is read comes in fetch units and stays for a while in memory of a
 * fixed size.  All that want the same unit wait for the one request for
 * it, each until its own bytes are there.  While all connections are busy,
 * what is next to a request that has not been sent is added to it.  Who
 * reads on and on finds its data there: it is asked for ahead, by little at
 * first, twice as much each time, up to the limit.
 */

#ifndef DISKSTACK_STORE_HTTP_H
#define DISKSTACK_STORE_HTTP_H

#include "http/http-client.h"
#include "store/store.h"

struct store_http_options {
  /* Bytes that are asked for at least, where something is read; a power of
   * two from 512 to 1 MiB.
   */
  uint32_t fetch;
  /* Over lines so short that asking again is cheap: less where little is
   * read, down to pages of 4 KiB; and nothing is kept of what is read in
   * pieces of that size or more.
   */
  bool fetch_less;
  uint32_t range;      /* at most, in one request; at least fetch */
  uint64_t cache_size; /* of the memory; at least 16 fetch units */
  uint64_t readahead;  /* at most, for one reader; 0: none */
};

#define STORE_HTTP_DEFAULTS                                           \
  {                                                                   \
    .fetch = 64 * 1024, .fetch_less = true, .range = 2 * 1024 * 1024, \
    .cache_size = 64 * 1024 * 1024, .readahead = 16 * 1024 * 1024     \
  }

/* The file URL.  Shares CLIENT, which is referenced.  Asks the server; NULL
 * after log_error with errno as http_object_open has it.
 */
extern struct store *store_http_create (struct http_client *client,
                                        const char *url,
                                        const struct store_http_options *o);

/* What tells this version of the file from others, or "". */
extern const char *store_http_version (struct store *s);

/* The identity of what is in this version of the file, made of where it is,
 * its size and its version; not of credentials that are in its URL
 * (http-query.h).  False if the server does not tell versions
 * apart.
 */
extern bool store_http_id (struct store *s, struct uuid *id);

/* Make ID, of such a store, that of DISK, which is made of that store and
 * owns it, in its description, too: an image in another version of the file
 * may say that it is the same.  What that says is told as "image-id=UUID".
 * Nothing is done if ID is NULL, or DISK.  Returns DISK, or NULL after
 * log_error with errno, with DISK closed.
 */
extern struct store *store_http_identify (struct store *disk,
                                          const struct uuid *id);

#endif /* DISKSTACK_STORE_HTTP_H */
