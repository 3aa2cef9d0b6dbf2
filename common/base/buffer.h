/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes that grow.  Who writes need not look at each step: once memory
 * or the bound does not suffice, everything further is ignored, and
 * buffer_failed says so at the end.
 */

#ifndef DISKSTACK_BUFFER_H
#define DISKSTACK_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as zeroes; MAX may be set first. */
struct buffer {
  char *data; /* LEN bytes and a zero byte; NULL while there are none */
  size_t len, cap;
  size_t max; /* LEN never exceeds it; 0: any */
  bool failed;
};

/* Forget everything and free it; B is as at the start, with its MAX. */
extern void buffer_fini (struct buffer *b);

/* The same, but keep the memory for what comes next. */
extern void buffer_clear (struct buffer *b);

/* Was something lost? */
extern bool buffer_failed (const struct buffer *b);

/* The bytes so far as a string, "" if none.  Valid until B changes. */
extern const char *buffer_text (const struct buffer *b);

/* Append N bytes; one; a string; what printf makes. */
extern void buffer_add (struct buffer *b, const void *bytes, size_t n);
extern void buffer_putc (struct buffer *b, char c);
extern void buffer_puts (struct buffer *b, const char *text);
extern void buffer_printf (struct buffer *b, const char *fs, ...)
  __attribute__ ((format (printf, 2, 3)));

#endif /* DISKSTACK_BUFFER_H */
