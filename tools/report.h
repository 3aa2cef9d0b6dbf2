/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is said of an image: named fields, for people or as JSON, which
 * have the same names in both.
 *
 * Begin a report, add its fields, end it.  Names are words with dashes
 * between them.
 */

#ifndef DISKSTACK_REPORT_H
#define DISKSTACK_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json-writer.h"
#include "base/uuid.h"

struct report {
  bool json;
  unsigned depth;       /* of groups */
  unsigned ndone;       /* reports that were ended */
  struct buffer buffer; /* JSON is kept until all of it is there */
  struct json_writer writer;
};

/* JSON is always an array of objects, one for each report. */
extern void report_start (struct report *r, bool json);
extern void report_begin (struct report *r);
extern void report_end (struct report *r);

/* Everything was said.  0, or -1 with errno if not all of it could be
 * written to standard output.
 */
extern int report_finish (struct report *r);

/* Fields in between belong together, under NAME. */
extern void report_group (struct report *r, const char *name);
extern void report_end_group (struct report *r);

/* VALUE is any bytes up to a zero byte; what is not UTF-8 or cannot be
 * printed is shown as such.
 */
extern void report_text (struct report *r, const char *name, const char *value);
extern void report_number (struct report *r, const char *name, uint64_t value);
/* Also in KiB, MiB and so on for people. */
extern void report_bytes (struct report *r, const char *name, uint64_t value);
extern void report_bool (struct report *r, const char *name, bool value);
extern void report_uuid (struct report *r, const char *name,
                         const struct uuid *value);
/* SECONDS since 1970; ISO 8601, UTC. */
extern void report_time (struct report *r, const char *name, int64_t seconds);

/* A list of texts: one report_item for each. */
extern void report_list (struct report *r, const char *name);
extern void report_item (struct report *r, const char *value);
extern void report_end_list (struct report *r);

/* Or a list of objects, whose fields come in between. */
extern void report_begin_object (struct report *r);
extern void report_end_object (struct report *r);

#endif /* DISKSTACK_REPORT_H */
