/* SPDX-License-Identifier: BSD-3-Clause
 *
 * URLs where files may be named: read-only stores over files on HTTP
 * servers, as raw disks or as images without parents.
 */

#ifndef DISKSTACK_OPEN_URL_H
#define DISKSTACK_OPEN_URL_H

#include <stdbool.h>

#include "blob/cloud-service.h"
#include "blob/store-http.h"
#include "image/image-chain.h"

/* Is it a URL, and not the name of a file? */
extern bool open_is_url (const char *spec);

/* What a client does if nobody says anything else: the certificates are
 * those of the system, or of CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR
 * in the environment.
 */
extern struct http_client_options open_url_options (void);

/* The file as it is, for a client of its own.  Threads are started: not
 * before a fork, unless it is closed.  NULL after log_error with errno.
 */
extern struct store *open_url (const char *url,
                               const struct http_client_options *co,
                               const struct store_http_options *so);

/* The disk in an image of FORMAT.  Its id is that of this version of the
 * file, whatever the image says of itself.  The same.
 */
extern struct store *open_url_image (const char *url,
                                     const struct http_client_options *co,
                                     enum image_format_id format,
                                     enum vhd_size_rule size_rule);

/* ------------------------------------------------------------------ */

/* A client for many, and what signs its requests, if something does.  Starts
 * as zeroes.
 */
struct open_client {
  struct http_client *client;
  struct cloud_service *service;
};

/* Make both, if they are not there; not before a fork, unless they are
 * closed.  0, or -1 after log_error, and then to be closed, too.
 */
extern int open_client_ensure (struct open_client *c,
                               const struct http_client_options *co,
                               const struct cloud_options *cloud);

/* What was opened with it must have been closed. */
extern void open_client_close (struct open_client *c);

/* URL with what credentials add to it: secret, for open_client_forget.  NULL
 * after log_error with errno.
 */
extern char *open_client_url (const struct open_client *c, const char *url);

/* Wipe and free; NULL is ignored. */
extern void open_client_forget (char *url);

/* What is at WHERE, of open_client_url, which is forgotten; NULL is none.  C
 * was ensured.  NULL after log_error.
 */
extern struct store *open_client_store (const struct open_client *c,
                                        char *where,
                                        const struct store_http_options *so);

/* As open_url_image, with C, which was ensured. */
extern struct store *open_client_image (const struct open_client *c,
                                        const char *url,
                                        enum image_format_id format,
                                        enum vhd_size_rule size_rule);

#endif /* DISKSTACK_OPEN_URL_H */
