/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See latency-dist.h.
 */

#include <config.h>

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/align.h"
#include "latency/latency-dist.h"

#define SECOND 1e9
#define MOST_DIGITS 15

/* ------------------------------------------------------------------ */
/* Text */

/* Digits, perhaps with a point among them.  *TEXT moves behind them; false
 * if there are none, or more than a double can have.
 */
static bool
parse_decimal (const char **text, double *value)
{
  const char *p = *text;
  double scale = 1, v = 0;
  unsigned digits = 0;
  bool point = false;

  for (;; p++) {
    if (*p == '.' && !point)
      point = true;
    else if (isdigit ((unsigned char) *p)) {
      v = v * 10 + (*p - '0');
      scale *= point ? 10 : 1;
      digits++;
    }
    else
      break;
  }
  *text = p;
  *value = v / scale;
  return digits > 0 && digits <= MOST_DIGITS;
}

/* The next time; it ends where TEXT does then. */
static bool
parse_time (const char **text, uint64_t *time)
{
  static const struct {
    const char *name;
    double ns;
  } units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", SECOND } };
  double value, unit = SECOND;

  if (!parse_decimal (text, &value))
    return false;
  for (unsigned i = 0; i < ARRAY_SIZE (units); i++) {
    const size_t n = strlen (units[i].name);

    if (strncmp (*text, units[i].name, n) == 0) {
      unit = units[i].ns;
      *text += n;
      break;
    }
  }
  if (value * unit > (double) LATENCY_MAX)
    return false;
  *time = (uint64_t) (value * unit + 0.5);
  return true;
}

/* C is next: go on behind it. */
static bool
skip (const char **text, char c)
{
  if (**text != c)
    return false;
  ++*text;
  return true;
}

enum latency_status
latency_time_parse (const char *text, uint64_t *time)
{
  uint64_t t;

  if (!parse_time (&text, &t) || *text != '\0')
    return LATENCY_BAD_TIME;
  *time = t;
  return LATENCY_OK;
}

static enum latency_status
parse_shape (const char *text, double *shape)
{
  if (!parse_decimal (&text, shape) || *text != '\0' || *shape <= 0 ||
      *shape > 1000)
    return LATENCY_BAD_NUMBER;
  return LATENCY_OK;
}

/* TIME,TIME or TIME,NUMBER */
static enum latency_status
parse_two (const char *text, struct latency_dist *d)
{
  if (!parse_time (&text, &d->time) || !skip (&text, ','))
    return LATENCY_BAD_TIME;
  if (d->kind == LATENCY_LOGNORMAL || d->kind == LATENCY_PARETO)
    return parse_shape (text, &d->shape);
  if (latency_time_parse (text, &d->spread) != LATENCY_OK)
    return LATENCY_BAD_TIME;
  return d->kind == LATENCY_UNIFORM && d->spread < d->time ?
           LATENCY_BAD_UNIFORM :
           LATENCY_OK;
}

static enum latency_status
add_point (struct latency_dist *d, double percent, uint64_t time)
{
  const struct latency_point *last =
    d->npoints > 0 ? &d->point[d->npoints - 1] : NULL;

  if (d->npoints == LATENCY_POINTS)
    return LATENCY_MANY_POINTS;
  if (percent > 100 ||
      (last != NULL && (percent / 100 <= last->part || time < last->time)))
    return LATENCY_BAD_POINTS;
  d->point[d->npoints++] =
    (struct latency_point){ .part = percent / 100, .time = time };
  return LATENCY_OK;
}

static enum latency_status
finish_points (const struct latency_dist *d)
{
  return d->npoints > 0 && d->point[d->npoints - 1].part == 1 ?
           LATENCY_OK :
           LATENCY_BAD_POINTS;
}

static enum latency_status
parse_percentiles (const char *text, struct latency_dist *d)
{
  do {
    enum latency_status status;
    double percent;
    uint64_t time;

    if (!parse_decimal (&text, &percent) || !skip (&text, '='))
      return LATENCY_BAD_POINTS;
    if (!parse_time (&text, &time))
      return LATENCY_BAD_TIME;
    status = add_point (d, percent, time);
    if (status != LATENCY_OK)
      return status;
  } while (skip (&text, ','));
  return *text == '\0' ? finish_points (d) : LATENCY_BAD_POINTS;
}

static enum latency_status
parse_kind (const char *text, struct latency_dist *d)
{
  static const char *const names[] = {
    [LATENCY_UNIFORM] = "uniform:",         [LATENCY_NORMAL] = "normal:",
    [LATENCY_LOGNORMAL] = "lognormal:",     [LATENCY_PARETO] = "pareto:",
    [LATENCY_PERCENTILES] = "percentiles:",
  };

  for (unsigned i = LATENCY_UNIFORM; i < ARRAY_SIZE (names); i++) {
    const size_t n = strlen (names[i]);

    if (strncmp (text, names[i], n) != 0)
      continue;
    d->kind = (enum latency_kind) i;
    return d->kind == LATENCY_PERCENTILES ? parse_percentiles (text + n, d) :
                                            parse_two (text + n, d);
  }
  if (isalpha ((unsigned char) *text))
    return LATENCY_UNKNOWN_DIST;
  d->kind = LATENCY_FIXED;
  return latency_time_parse (text, &d->time);
}

enum latency_status
latency_dist_parse (const char *text, struct latency_dist *d)
{
  struct latency_dist found = { .kind = LATENCY_FIXED };
  const enum latency_status status = parse_kind (text, &found);

  if (status == LATENCY_OK)
    *d = found;
  return status;
}

static bool
is_blank (char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

/* One line, which may have no point.  *TEXT moves to its end. */
static enum latency_status
parse_line (const char **text, struct latency_dist *d)
{
  double percent;
  uint64_t time;

  *text += strspn (*text, " \t\r");
  if (strchr ("#\n", **text) == NULL) {
    enum latency_status status;

    if (!parse_decimal (text, &percent) || !is_blank (**text))
      return LATENCY_BAD_POINTS;
    *text += strspn (*text, " \t\r");
    if (!parse_time (text, &time))
      return LATENCY_BAD_TIME;
    status = add_point (d, percent, time);
    if (status != LATENCY_OK)
      return status;
    *text += strspn (*text, " \t\r");
    if (strchr ("#\n", **text) == NULL)
      return LATENCY_BAD_POINTS;
  }
  *text += strcspn (*text, "\n");
  return LATENCY_OK;
}

enum latency_status
latency_table_parse (const char *text, struct latency_dist *d)
{
  struct latency_dist found = { .kind = LATENCY_PERCENTILES };
  enum latency_status status;

  do {
    status = parse_line (&text, &found);
  } while (status == LATENCY_OK && skip (&text, '\n'));
  if (status == LATENCY_OK)
    status = finish_points (&found);
  if (status == LATENCY_OK)
    *d = found;
  return status;
}

/* ------------------------------------------------------------------ */
/* Numbers */

/* Of the normal distribution around 0 with deviation 1 (Box and Muller). */
static double
normal (double u, double v)
{
  return sqrt (-2 * log (u)) * cos (2 * 3.14159265358979323846 * v);
}

/* Below the first point the least is its own time. */
static double
percentile (const struct latency_dist *d, double u)
{
  const struct latency_point *p = d->point;

  while (p->part < u)
    p++;
  if (p == d->point)
    return (double) p->time;
  return (double) p[-1].time + (double) (p->time - p[-1].time) *
                                 (u - p[-1].part) / (p->part - p[-1].part);
}

static double
sample (const struct latency_dist *d, double u, double v)
{
  const double time = (double) d->time, spread = (double) d->spread;

  switch (d->kind) {
  case LATENCY_FIXED:
    return time;
  case LATENCY_UNIFORM:
    return time + u * (spread - time);
  case LATENCY_NORMAL:
    return time + spread * normal (u, v);
  case LATENCY_LOGNORMAL:
    return time * exp (d->shape * normal (u, v));
  case LATENCY_PARETO:
    return time * pow (u, -1 / d->shape);
  case LATENCY_PERCENTILES:
    return percentile (d, u);
  }
  return 0;
}

uint64_t
latency_dist_sample (const struct latency_dist *d, double u, double v)
{
  const double t = sample (d, u, v);

  if (!(t > 0))
    return 0;
  return t >= (double) LATENCY_MAX ? LATENCY_MAX : (uint64_t) (t + 0.5);
}
