/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See latency-model.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/parse.h"
#include "latency/latency-model.h"

#define MOST_KEY 32
#define MOST_LINE 1024

static const char *const op_names[LATENCY_OPS] = {
  [LATENCY_READ] = "read",   [LATENCY_WRITE] = "write",
  [LATENCY_ZERO] = "zero",   [LATENCY_TRIM] = "trim",
  [LATENCY_FLUSH] = "flush", [LATENCY_EXTENTS] = "extents",
  [LATENCY_CACHE] = "cache", [LATENCY_OPEN] = "open",
  [LATENCY_CLOSE] = "close",
};

void
latency_model_init (struct latency_model *m)
{
  memset (m, 0, sizeof *m);
}

/* The operation of N characters, or LATENCY_OPS. */
static enum latency_op
find_op (const char *name, size_t n)
{
  unsigned op = 0;

  while (op < LATENCY_OPS &&
         (strlen (op_names[op]) != n || strncmp (op_names[op], name, n) != 0))
    op++;
  return (enum latency_op) op;
}

static enum latency_status
parse_dist (const char *text, struct latency_dist *d,
            latency_read_file *read_file)
{
  static const char prefix[] = "file:";
  const size_t n = strlen (prefix);
  enum latency_status status;
  char *table;

  if (strncmp (text, prefix, n) != 0)
    return latency_dist_parse (text, d);
  table = read_file != NULL ? read_file (text + n) : NULL;
  if (table == NULL)
    return LATENCY_NO_FILE;
  status = latency_table_parse (table, d);
  free (table);
  return status;
}

/* What is said of the whole disk replaces all that was. */
static enum latency_status
add_rule (struct latency_model *m, struct latency_rule *r, const char *text,
          latency_read_file *read_file)
{
  const bool whole = r->start == 0 && r->end == UINT64_MAX;
  const enum latency_status status = parse_dist (text, &r->dist, read_file);
  unsigned kept = 0;

  if (status != LATENCY_OK)
    return status;
  for (unsigned i = 0; whole && i < m->nrules; i++) {
    if (m->rule[i].op != r->op)
      m->rule[kept++] = m->rule[i];
  }
  if (whole)
    m->nrules = kept;
  if (m->nrules == LATENCY_RULES)
    return LATENCY_MANY_RULES;
  m->rule[m->nrules++] = *r;
  return LATENCY_OK;
}

/* N characters as a size. */
static bool
parse_part (const char *text, size_t n, uint64_t *size)
{
  char copy[MOST_KEY];

  if (n >= sizeof copy)
    return false;
  memcpy (copy, text, n);
  copy[n] = '\0';
  return parse_size (copy, size);
}

static enum latency_status
set_range (struct latency_model *m, const char *value,
           latency_read_file *read_file)
{
  const char *dash = strchr (value, '-');
  const char *colon = dash != NULL ? strchr (dash, ':') : NULL;
  const char *equals = colon != NULL ? strchr (colon, '=') : NULL;
  struct latency_rule r = { .end = UINT64_MAX };

  if (equals == NULL || !parse_part (value, (size_t) (dash - value), &r.start))
    return LATENCY_BAD_RANGE;
  if (colon > dash + 1 &&
      !parse_part (dash + 1, (size_t) (colon - dash - 1), &r.end))
    return LATENCY_BAD_RANGE;
  r.op = find_op (colon + 1, (size_t) (equals - colon - 1));
  if (r.start >= r.end || r.op == LATENCY_OPS)
    return LATENCY_BAD_RANGE;
  return add_rule (m, &r, equals + 1, read_file);
}

static enum latency_status
set_bandwidth (uint64_t *rate, const char *value)
{
  uint64_t r;

  if (!parse_size (value, &r))
    return LATENCY_BAD_RATE;
  *rate = r;
  return LATENCY_OK;
}

static enum latency_status
set_both (struct latency_model *m, const char *value)
{
  const enum latency_status status = set_bandwidth (&m->bandwidth[0], value);

  m->bandwidth[1] = m->bandwidth[0];
  return status;
}

static enum latency_status
set_queue (struct latency_model *m, const char *value)
{
  const bool serial = strcmp (value, "serial") == 0;

  if (!serial && strcmp (value, "parallel") != 0)
    return LATENCY_BAD_QUEUE;
  m->serial = serial;
  return LATENCY_OK;
}

static enum latency_status
set_profile (struct latency_model *m, const char *value)
{
  const char *text = latency_profile (value);
  unsigned line;

  if (text == NULL)
    return LATENCY_UNKNOWN_PROFILE;
  latency_model_init (m);
  return latency_model_parse (m, text, NULL, &line);
}

enum latency_status
latency_model_set (struct latency_model *m, const char *key, const char *value,
                   latency_read_file *read_file)
{
  struct latency_rule r = { .op = find_op (key, strlen (key)),
                            .end = UINT64_MAX };

  if (r.op != LATENCY_OPS)
    return add_rule (m, &r, value, read_file);
  if (strcmp (key, "range") == 0)
    return set_range (m, value, read_file);
  if (strcmp (key, "bandwidth") == 0)
    return set_both (m, value);
  if (strcmp (key, "read-bandwidth") == 0)
    return set_bandwidth (&m->bandwidth[0], value);
  if (strcmp (key, "write-bandwidth") == 0)
    return set_bandwidth (&m->bandwidth[1], value);
  if (strcmp (key, "queue") == 0)
    return set_queue (m, value);
  if (strcmp (key, "profile") == 0)
    return set_profile (m, value);
  return LATENCY_UNKNOWN_KEY;
}

/* One line of N characters. */
static enum latency_status
parse_line (struct latency_model *m, const char *text, size_t n,
            latency_read_file *read_file)
{
  char line[MOST_LINE], *equals;

  while (n > 0 && strchr (" \t\r", *text) != NULL)
    text++, n--;
  if (n == 0 || *text == '#')
    return LATENCY_OK;
  if (n >= sizeof line)
    return LATENCY_BAD_LINE;
  memcpy (line, text, n);
  line[n] = '\0';
  line[strcspn (line, " \t\r#")] = '\0';
  equals = strchr (line, '=');
  if (equals == NULL)
    return LATENCY_BAD_LINE;
  *equals = '\0';
  return latency_model_set (m, line, equals + 1, read_file);
}

enum latency_status
latency_model_parse (struct latency_model *m, const char *text,
                     latency_read_file *read_file, unsigned *line)
{
  for (*line = 1;; ++*line) {
    const size_t n = strcspn (text, "\n");
    const enum latency_status status = parse_line (m, text, n, read_file);

    if (status != LATENCY_OK)
      return status;
    if (text[n] == '\0')
      return LATENCY_OK;
    text += n + 1;
  }
}

/* A number in (0, 1): splitmix64 of what it is for. */
static double
uniform (uint64_t seed, enum latency_op op, uint64_t n)
{
  uint64_t z =
    seed + (n * LATENCY_OPS + op + 1) * UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  z ^= z >> 31;
  return ((double) (z >> 12) + 0.5) / (double) (UINT64_C (1) << 52);
}

/* Bytes at so many in a second. */
static uint64_t
transfer (uint64_t count, uint64_t rate)
{
  if (rate == 0)
    return 0;
  return (uint64_t) ((double) count * 1e9 / (double) rate);
}

uint64_t
latency_model_draw (const struct latency_model *m, enum latency_op op,
                    uint64_t count, uint64_t offset, uint64_t seed, uint64_t n)
{
  uint64_t time = 0;

  for (unsigned i = m->nrules; i > 0; i--) {
    const struct latency_rule *r = &m->rule[i - 1];

    if (r->op != op || offset < r->start || offset >= r->end)
      continue;
    time = latency_dist_sample (&r->dist, uniform (seed, op, 2 * n),
                                uniform (seed, op, 2 * n + 1));
    break;
  }
  if (op == LATENCY_READ || op == LATENCY_WRITE)
    time += transfer (count, m->bandwidth[op == LATENCY_WRITE]);
  return min_u64 (time, LATENCY_MAX);
}
