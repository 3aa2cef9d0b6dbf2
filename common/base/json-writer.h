/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON (RFC 8259) into a buffer: indented, each value on a line of its
 * own, but for the arrays that are asked for on one line.
 *
 * Everything has a NAME, which is NULL for what is in an array or stands
 * alone.  What is written is valid whatever the strings hold, as long as
 * every begin has its end.
 */

#ifndef DISKSTACK_JSON_WRITER_H
#define DISKSTACK_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Starts as zeroes but for OUT, which sees and keeps what fails. */
struct json_writer {
  struct buffer *out;
  unsigned depth;
  unsigned inline_depth; /* of the array on one line, or 0 */
  bool has_items;        /* in the innermost object or array */
};

extern void json_begin_object (struct json_writer *w, const char *name);
extern void json_end_object (struct json_writer *w);
extern void json_begin_array (struct json_writer *w, const char *name);
extern void json_end_array (struct json_writer *w);

/* An array that is on one line with all that is in it. */
extern void json_begin_row (struct json_writer *w, const char *name);
extern void json_end_row (struct json_writer *w);

/* VALUE is any bytes up to a zero byte; each that is not UTF-8 becomes
 * U+FFFD.
 */
extern void json_string (struct json_writer *w, const char *name,
                         const char *value);
extern void json_number (struct json_writer *w, const char *name,
                         uint64_t value);
/* VALUE / 10^DIGITS, with a point whatever the locale. */
extern void json_decimal (struct json_writer *w, const char *name,
                          uint64_t value, unsigned digits);
extern void json_bool (struct json_writer *w, const char *name, bool value);
extern void json_null (struct json_writer *w, const char *name);

/* Behind the outermost value: the end of the line. */
extern void json_finish (struct json_writer *w);

#endif /* DISKSTACK_JSON_WRITER_H */
