/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is asked through a control socket: one line of UTF-8,
 *
 *   NAME [SPACE ARGUMENTS] NEWLINE
 *
 * where NAME is of a-z, 0-9 and dashes.
 */

#ifndef DISKSTACK_CONTROL_REQUEST_H
#define DISKSTACK_CONTROL_REQUEST_H

#include <stddef.h>

#define CONTROL_NAME_MAX 32
#define CONTROL_LINE_MAX 1024 /* with the newline */

enum control_status {
  CONTROL_OK,
  CONTROL_INCOMPLETE, /* no newline yet */
  CONTROL_TOO_LONG,   /* there is none in CONTROL_LINE_MAX bytes */
  CONTROL_NOT_TEXT,   /* not UTF-8, or a control character */
  CONTROL_BAD_NAME,   /* empty, too long, or of other characters */
  CONTROL_MORE,       /* something follows the line */
};

struct control_request {
  char name[CONTROL_NAME_MAX + 1];
  char arguments[CONTROL_LINE_MAX]; /* "" if there are none */
};

/* A sentence without its subject, which is the request. */
extern const char *control_status_string (enum control_status status);

/* The request in the N bytes at BYTES.  *R is set only on CONTROL_OK. */
extern enum control_status control_request_parse (const char *bytes, size_t n,
                                                  struct control_request *r);

#endif /* DISKSTACK_CONTROL_REQUEST_H */
