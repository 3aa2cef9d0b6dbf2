/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See read-trace.h.
 */

#include <config.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/read-trace.h"

#define MAGIC "diskstack-read-trace "
#define TRACE_VERSION 1
#define SECTOR_SIZE_MAX 65536

const char *
read_trace_status_string (enum read_trace_status status)
{
  static const char *const strings[] = {
    [READ_TRACE_OK] = "is fine",
    [READ_TRACE_END] = "has nothing more",
    [READ_TRACE_NO_TRACE] = "is no read trace",
    [READ_TRACE_VERSION] = "is of another version than 1",
    [READ_TRACE_CUT] = "ends in the middle of a line",
    [READ_TRACE_SYNTAX] = "has something else than two numbers in a line",
    [READ_TRACE_NUMBER] = "has a number that is too large",
    [READ_TRACE_SIZE] = "is of a disk of no size",
    [READ_TRACE_SECTOR_SIZE] =
      "has no sector size that is a power of two from 512 to 65536",
    [READ_TRACE_EMPTY] = "has a range of length 0",
    [READ_TRACE_ALIGNMENT] = "has a range that is not whole sectors",
    [READ_TRACE_OUTSIDE] = "has a range beyond the end of the disk",
    [READ_TRACE_TOO_MANY] = "has too many ranges",
  };

  return strings[status];
}

/* ------------------------------------------------------------------ */
/* Reading */

/* A number that is followed by AFTER, which is taken, too. */
static enum read_trace_status
take_number (struct read_trace *t, char after, uint64_t *r)
{
  const char *const start = t->p;
  uint64_t x = 0;

  for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++) {
    const unsigned digit = (unsigned) (*t->p - '0');

    if (x > (INT64_MAX - digit) / 10)
      return READ_TRACE_NUMBER;
    x = 10 * x + digit;
  }
  if (t->p == t->end)
    return READ_TRACE_CUT;
  if (t->p == start || (*start == '0' && t->p - start > 1) || *t->p != after)
    return READ_TRACE_SYNTAX;
  t->p++;
  *r = x;
  return READ_TRACE_OK;
}

/* Two numbers and a newline. */
static enum read_trace_status
take_pair (struct read_trace *t, uint64_t *a, uint64_t *b)
{
  const enum read_trace_status status = take_number (t, ' ', a);

  return status == READ_TRACE_OK ? take_number (t, '\n', b) : status;
}

enum read_trace_status
read_trace_begin (struct read_trace *t, const char *text, size_t n)
{
  enum read_trace_status status;
  uint64_t version, sector_size;

  *t = (struct read_trace){ .p = text, .end = text + n, .line = 1 };
  if (n < strlen (MAGIC) || memcmp (text, MAGIC, strlen (MAGIC)) != 0)
    return READ_TRACE_NO_TRACE;
  t->p += strlen (MAGIC);
  status = take_number (t, ' ', &version);
  if (status != READ_TRACE_OK)
    return status;
  if (version != TRACE_VERSION)
    return READ_TRACE_VERSION;
  status = take_pair (t, &t->size, &sector_size);
  if (status != READ_TRACE_OK)
    return status;
  if (t->size == 0)
    return READ_TRACE_SIZE;
  if (sector_size < 512 || sector_size > SECTOR_SIZE_MAX ||
      !is_power_of_2 (sector_size))
    return READ_TRACE_SECTOR_SIZE;
  t->sector_size = (uint32_t) sector_size;
  return READ_TRACE_OK;
}

static enum read_trace_status
check_range (const struct read_trace *t, uint64_t offset, uint64_t count)
{
  if (count == 0)
    return READ_TRACE_EMPTY;
  if (offset >= t->size || count > t->size - offset)
    return READ_TRACE_OUTSIDE;
  if (offset % t->sector_size != 0 ||
      (count % t->sector_size != 0 && offset + count != t->size))
    return READ_TRACE_ALIGNMENT;
  return READ_TRACE_OK;
}

enum read_trace_status
read_trace_next (struct read_trace *t, uint64_t *offset, uint64_t *count)
{
  enum read_trace_status status;

  if (t->p == t->end)
    return READ_TRACE_END;
  t->line++;
  if (t->line > (uint64_t) READ_TRACE_RANGES_MAX + 1)
    return READ_TRACE_TOO_MANY;
  status = take_pair (t, offset, count);
  return status == READ_TRACE_OK ? check_range (t, *offset, *count) : status;
}

/* ------------------------------------------------------------------ */
/* Writing */

size_t
read_trace_put_begin (char *out, uint64_t size, uint32_t sector_size)
{
  return (size_t) snprintf (out, READ_TRACE_LINE_MAX,
                            MAGIC "%d %" PRIu64 " %" PRIu32 "\n", TRACE_VERSION,
                            size, sector_size);
}

size_t
read_trace_put_range (char *out, uint64_t offset, uint64_t count)
{
  return (size_t) snprintf (out, READ_TRACE_LINE_MAX,
                            "%" PRIu64 " %" PRIu64 "\n", offset, count);
}
