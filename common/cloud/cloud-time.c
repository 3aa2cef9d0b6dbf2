/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-time.h.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "cloud/cloud-time.h"

#define DAY 86400
#define LAST_TIME INT64_C (253402300799) /* the end of 9999 */

struct fields {
  unsigned year, month, day; /* from 1 */
  unsigned hour, minute, second;
  unsigned weekday; /* 0: Thursday, as the first day of 1970 was */
};

static bool
is_leap (unsigned year)
{
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned
days_of_month (unsigned year, unsigned month)
{
  static const uint8_t days[] = {
    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
  };

  return days[month - 1] + (month == 2 && is_leap (year));
}

/* Days from the beginning of 1970 to that of YEAR. */
static int64_t
days_before (unsigned year)
{
  const unsigned y = year - 1;

  return 365 * (int64_t) (year - 1970) + (y / 4 - y / 100 + y / 400) -
         (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static struct fields
fields_of (int64_t time)
{
  struct fields f = { .month = 1, .day = 1 };
  unsigned second;
  int64_t days;

  if (time < 0)
    time = 0;
  if (time > LAST_TIME)
    time = LAST_TIME;
  days = time / DAY;
  second = (unsigned) (time % DAY);
  f.weekday = (unsigned) (days % 7);
  f.year = 1970 + (unsigned) (days / 366); /* this one or an earlier one */
  while (days_before (f.year + 1) <= days)
    f.year++;
  days -= days_before (f.year);
  while (days >= days_of_month (f.year, f.month))
    days -= days_of_month (f.year, f.month++);
  f.day += (unsigned) days;
  f.hour = second / 3600;
  f.minute = second / 60 % 60;
  f.second = second % 60;
  return f;
}

static bool
time_of (const struct fields *f, int64_t *time)
{
  if (f->year < 1970 || f->month < 1 || f->month > 12 || f->day < 1 ||
      f->day > days_of_month (f->year, f->month) || f->hour > 23 ||
      f->minute > 59 || f->second > 59)
    return false;
  *time = days_before (f->year);
  for (unsigned m = 1; m < f->month; m++)
    *time += days_of_month (f->year, m);
  *time += f->day - 1;
  *time = *time * DAY + f->hour * 3600 + f->minute * 60 + f->second;
  return true;
}

void
cloud_time_http (int64_t time, char out[CLOUD_TIME_SIZE])
{
  static const char days[][4] = { "Thu", "Fri", "Sat", "Sun",
                                  "Mon", "Tue", "Wed" };
  static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  const struct fields f = fields_of (time);

  snprintf (out, CLOUD_TIME_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
            days[f.weekday], f.day, months[f.month - 1], f.year, f.hour,
            f.minute, f.second);
}

void
cloud_time_aws (int64_t time, char out[CLOUD_TIME_SIZE])
{
  const struct fields f = fields_of (time);

  snprintf (out, CLOUD_TIME_SIZE, "%04u%02u%02uT%02u%02u%02uZ", f.year, f.month,
            f.day, f.hour, f.minute, f.second);
}

void
cloud_time_iso (int64_t time, char out[CLOUD_TIME_SIZE])
{
  const struct fields f = fields_of (time);

  snprintf (out, CLOUD_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", f.year,
            f.month, f.day, f.hour, f.minute, f.second);
}

/* N digits at *P, which moves behind them. */
static bool
digits (const char **p, unsigned n, unsigned *value)
{
  *value = 0;
  for (; n > 0; n--, ++*p) {
    if (**p < '0' || **p > '9')
      return false;
    *value = *value * 10 + (unsigned) (**p - '0');
  }
  return true;
}

static bool
character (const char **p, char c)
{
  if (**p != c)
    return false;
  ++*p;
  return true;
}

static void
skip_fraction (const char **p)
{
  if ((*p)[0] == '.' && (*p)[1] >= '0' && (*p)[1] <= '9') {
    ++*p;
    while (**p >= '0' && **p <= '9')
      ++*p;
  }
}

bool
cloud_time_parse_iso (const char *text, int64_t *time)
{
  struct fields f = { 0 };
  const char *p = text;

  if (!digits (&p, 4, &f.year) || !character (&p, '-') ||
      !digits (&p, 2, &f.month) || !character (&p, '-') ||
      !digits (&p, 2, &f.day))
    return false;
  if (*p == '\0')
    return time_of (&f, time);
  if (!character (&p, 'T') || !digits (&p, 2, &f.hour) ||
      !character (&p, ':') || !digits (&p, 2, &f.minute))
    return false;
  if (character (&p, ':')) {
    if (!digits (&p, 2, &f.second))
      return false;
    skip_fraction (&p);
  }
  return strcmp (p, "Z") == 0 && time_of (&f, time);
}

bool
cloud_time_parse_aws (const char *text, int64_t *time)
{
  struct fields f = { 0 };
  const char *p = text;

  return digits (&p, 4, &f.year) && digits (&p, 2, &f.month) &&
         digits (&p, 2, &f.day) && character (&p, 'T') &&
         digits (&p, 2, &f.hour) && digits (&p, 2, &f.minute) &&
         digits (&p, 2, &f.second) && strcmp (p, "Z") == 0 &&
         time_of (&f, time);
}
