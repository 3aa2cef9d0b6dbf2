/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file of header fields, which somebody else may replace: tokens that end.
 */

#ifndef DISKSTACK_HTTP_HEADER_FILE_H
#define DISKSTACK_HTTP_HEADER_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that it may have. */
#define HTTP_HEADER_FILE_MAX 65536

struct http_header_file {
  char *path; /* owned */
  char *text; /* lines, each with a zero at its end; secret; NULL: none yet */
  size_t size;
};

/* Is LINE "Name: value", or, without a value, "Name;" or "Name:"? */
extern bool http_header_line_valid (const char *line);

/* Read it (anew).  Empty lines are left out.  *CHANGED: it is not what it was.
 * 0, or -1 after log_error with errno, and F is as it was.
 */
extern int http_header_file_read (struct http_header_file *f, bool *changed);

/* The first line (LINE NULL), or the one after LINE; NULL behind the last. */
extern const char *http_header_file_next (const struct http_header_file *f,
                                          const char *line);

/* Wipe and free what F has. */
extern void http_header_file_fini (struct http_header_file *f);

#endif /* DISKSTACK_HTTP_HEADER_FILE_H */
