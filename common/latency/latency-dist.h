/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Distributions of times, as text and as numbers.  Pure; nanoseconds.
 *
 *   TIME                  always this: 2, 1.5 (seconds), 20ms, 100us, 7ns
 *   uniform:A,B           anything from A to B
 *   normal:MEAN,SD        what would be negative is 0
 *   lognormal:MEDIAN,S    S is the deviation of the logarithm: at S = 0.5
 *                         one of 100 takes 3.2 times the median
 *   pareto:LEAST,ALPHA    a heavy tail: twice LEAST is exceeded by one of
 *                         2^ALPHA
 *   percentiles:P=T,...   P percent take at most T; straight lines between
 */

#ifndef DISKSTACK_LATENCY_DIST_H
#define DISKSTACK_LATENCY_DIST_H

#include <stdint.h>

#include "latency/latency-status.h"

/* No time is longer: an hour. */
#define LATENCY_MAX UINT64_C (3600000000000)

#define LATENCY_POINTS 32

enum latency_kind {
  LATENCY_FIXED,
  LATENCY_UNIFORM,
  LATENCY_NORMAL,
  LATENCY_LOGNORMAL,
  LATENCY_PARETO,
  LATENCY_PERCENTILES,
};

struct latency_point {
  double part; /* 0 to 1 */
  uint64_t time;
};

struct latency_dist {
  enum latency_kind kind;
  uint64_t time;   /* fixed, least, mean or median */
  uint64_t spread; /* most of uniform, deviation of normal */
  double shape;    /* of lognormal and pareto */
  unsigned npoints;
  struct latency_point point[LATENCY_POINTS];
};

/* A time as above. */
extern enum latency_status latency_time_parse (const char *text,
                                               uint64_t *time);

/* Any of the above.  *D is only set if LATENCY_OK. */
extern enum latency_status latency_dist_parse (const char *text,
                                               struct latency_dist *d);

/* Percentiles as a file has them: lines of a percentage and a time, with
 * spaces between, rising; # begins a comment.
 */
extern enum latency_status latency_table_parse (const char *text,
                                                struct latency_dist *d);

/* One time, from two independent numbers in (0, 1): at most LATENCY_MAX. */
extern uint64_t latency_dist_sample (const struct latency_dist *d, double u,
                                     double v);

#endif /* DISKSTACK_LATENCY_DIST_H */
