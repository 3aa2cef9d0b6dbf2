/* SPDX-License-Identifier: BSD-3-Clause
 *
 * URLs (RFC 3986) as requests are sent to: taken apart, their escapes
 * read and written, and printed without what is secret in them.  A path
 * is never normalised: "//" and ".." are parts of names to Azure and S3.
 */

#ifndef DISKSTACK_CLOUD_URL_H
#define DISKSTACK_CLOUD_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "cloud/cloud-status.h"

/* The longest that is read, in bytes. */
#define CLOUD_URL_MAX 16384

/* A part of a text, which lives as long as that. */
struct cloud_piece {
  const char *p;
  size_t n;
};

struct cloud_url {
  bool https;
  struct cloud_piece host; /* without the brackets of an IPv6 address */
  unsigned port;           /* never 0 */
  /* As a header "Host" has it: with the port if it is not the usual one. */
  struct cloud_piece authority;
  struct cloud_piece path;  /* as it is; begins with "/", or is empty */
  struct cloud_piece query; /* what is behind "?" */
};

/* Take URL apart.  On CLOUD_OK the pieces of U point into URL. */
extern enum cloud_status cloud_url_parse (const char *url, struct cloud_url *u);

/* Is the host an IPv4 or IPv6 address? */
extern bool cloud_url_is_address (const struct cloud_url *u);

/* Comparison of a piece with a string; the latter without case. */
extern bool cloud_piece_is (struct cloud_piece piece, const char *text);
extern bool cloud_piece_is_nocase (struct cloud_piece piece, const char *text);

/* Take from *REST what is before the next C, which is dropped.  False
 * when nothing is left; the last of "a&" is "a".
 */
extern bool cloud_piece_next (struct cloud_piece *rest, char c,
                              struct cloud_piece *piece);

/* The next parameter of the query *REST, which becomes shorter; empty ones
 * are skipped.  Without "=" the value is empty, and begins where the name
 * ends.  False when there is none.
 */
extern bool cloud_query_next (struct cloud_piece *rest,
                              struct cloud_piece *name,
                              struct cloud_piece *value);

/* Append PIECE with its escapes read; PIECE as it is; PIECE with
 * everything escaped that is not of A-Z a-z 0-9 - . _ ~ (RFC 3986, 2.3),
 * perhaps but for "/".
 */
extern void cloud_add_decoded (struct buffer *b, struct cloud_piece piece);
extern void cloud_add_piece (struct buffer *b, struct cloud_piece piece);
extern void cloud_add_encoded (struct buffer *b, struct cloud_piece piece,
                               bool keep_slash);

/* Append URL for a message: of the parameters of the query only those
 * values that say when, what and which version, and nothing at all of what
 * may have a user and a password in it.  Also takes what is no URL, and
 * queries alone that begin with "?".
 */
extern void cloud_url_redact (struct buffer *b, const char *url);

/* Append TEXT, as from a server, for a message: control characters are
 * made blanks, and what follows "sig=" and the like is left out.
 */
extern void cloud_text_redact (struct buffer *b, struct cloud_piece text);

#endif /* DISKSTACK_CLOUD_URL_H */
