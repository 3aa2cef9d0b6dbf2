/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See progress.h.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "progress.h"

#define TERMINAL_SECONDS 0.2
#define PLAIN_SECONDS 10
#define BAR_MAX 40
#define TEXT_MAX 160

static double
now (void)
{
  return (double) clock_ns () / 1e9;
}

void
progress_start (struct progress *p, uint64_t total, bool quiet)
{
  memset (p, 0, sizeof *p);
  p->total = total;
  p->quiet = quiet;
  p->terminal = isatty (STDERR_FILENO);
  p->start = now ();
}

/* "1h 02m 03s" without what is 0 in front. */
static void
format_time (double seconds, char *out, size_t n)
{
  const uint64_t s = seconds < 1e9 ? (uint64_t) seconds : 1000000000;
  const unsigned hours = s / 3600, minutes = s / 60 % 60, rest = s % 60;

  if (hours > 0)
    snprintf (out, n, "%uh %02um %02us", hours, minutes, rest);
  else if (minutes > 0)
    snprintf (out, n, "%um %02us", minutes, rest);
  else
    snprintf (out, n, "%us", rest);
}

static void
describe (const struct progress *p, uint64_t done, double t, char *out,
          size_t n)
{
  const double rate = t > p->start ? (double) done / (t - p->start) : 0;
  char of[32], at[32], per_second[32], left[32] = "?";

  format_size (done, at, sizeof at);
  format_size (p->total, of, sizeof of);
  format_size ((uint64_t) rate, per_second, sizeof per_second);
  if (rate > 0)
    format_time ((double) (p->total - done) / rate, left, sizeof left);
  snprintf (out, n, "%s of %s, %s/s, %s left", at, of, per_second, left);
}

static unsigned
columns (void)
{
  struct winsize w;

  return ioctl (STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col :
                                                                      80;
}

static void
draw (struct progress *p, uint64_t done, const char *text)
{
  static const char full[BAR_MAX + 1] =
    "########################################";
  const unsigned room = columns (), used = strlen (text) + 12;
  const int width = room <= used          ? 0 :
                    room - used > BAR_MAX ? BAR_MAX :
                                            (int) (room - used);
  const double part = p->total > 0 ? (double) done / (double) p->total : 1;

  fprintf (stderr, "\r[%-*.*s] %3d%% %s\033[K", width, (int) (part * width),
           full, (int) (part * 100), text);
  fflush (stderr);
  p->drawn = true;
}

void
progress_update (struct progress *p, uint64_t done)
{
  const double t = now ();
  char text[TEXT_MAX];

  if (p->quiet || t < p->next)
    return;
  p->next = t + (p->terminal ? TERMINAL_SECONDS : PLAIN_SECONDS);
  describe (p, done, t, text, sizeof text);
  if (p->terminal)
    draw (p, done, text);
  else
    fprintf (stderr, "%s\n", text);
}

void
progress_finish (struct progress *p)
{
  if (p->drawn)
    fputc ('\n', stderr);
  p->drawn = false;
}
