/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack status: ask a server through its control socket, once or
 * again and again.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "command.h"
#include "control/control-socket.h"
#include "status.h"

#define TIMEOUT 5000 /* milliseconds for an answer */
#define INTERVAL_DEFAULT 1000
#define INTERVAL_MIN 100
#define INTERVAL_MAX 3600000

int
status_ask (struct status *s, const char *path)
{
  struct buffer answer = { NULL };
  int r;

  r = control_ask (path, "status", TIMEOUT, &answer);
  if (r == 0)
    r = status_read (s, path, buffer_text (&answer), answer.len);
  buffer_fini (&answer);
  return r;
}

struct status_style
status_terminal (void)
{
  const bool tty = isatty (STDOUT_FILENO);
  const char *term = getenv ("TERM"), *no_colour = getenv ("NO_COLOR");
  struct winsize w;
  struct status_style style = {
    .width = 80,
    .utf8 = strcmp (nl_langinfo (CODESET), "UTF-8") == 0,
    .colour = tty && (no_colour == NULL || no_colour[0] == '\0') &&
              term != NULL && strcmp (term, "dumb") != 0,
  };

  if (tty && ioctl (STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
    style.width = w.ws_col;
  return style;
}

enum form { FORM_PLAIN, FORM_JSON, FORM_PROMETHEUS };

/* What is shown once.  0, or -1 after log_error. */
static int
make_report (const char *path, enum form form, struct buffer *out)
{
  const struct status_style style = status_terminal ();
  struct status s;

  /* As the server said it, whatever version it has. */
  if (form == FORM_JSON)
    return control_ask (path, "status", TIMEOUT, out);
  if (status_ask (&s, path) == -1)
    return -1;
  if (form == FORM_PROMETHEUS)
    status_prometheus (out, &s);
  else
    status_draw (out, &s, NULL, &style);
  status_fini (&s);
  return 0;
}

static int
report_once (const char *path, enum form form)
{
  struct buffer out = { NULL };
  int r = make_report (path, form, &out);

  if (r == 0 && buffer_failed (&out)) {
    log_error ("out of memory");
    r = -1;
  }
  if (r == 0) {
    fputs (buffer_text (&out), stdout);
    if (fflush (stdout) == EOF || ferror (stdout)) {
      log_error ("standard output: %m");
      r = -1;
    }
  }
  buffer_fini (&out);
  return r == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* Seconds, perhaps with a fraction, as milliseconds. */
static int
parse_interval (const char *text, unsigned *ms)
{
  char *end;
  const double seconds = strtod (text, &end);

  if (end == text || *end != '\0' ||
      !(seconds * 1000 >= INTERVAL_MIN && seconds * 1000 <= INTERVAL_MAX)) {
    log_error ("--interval=%s: not a number of seconds from 0.1 to 3600", text);
    return -1;
  }
  *ms = (unsigned) (seconds * 1000 + 0.5);
  return 0;
}

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack status [--once] [--json] [--prometheus] "
              "[--interval=SECONDS] SOCKET\n");
}

struct arguments {
  enum form form;
  bool once;
  unsigned interval;
};

/* Returns -1 to go on, or what the command exits with. */
static int
parse_arguments (int argc, char *argv[], struct arguments *a)
{
  static const struct option options[] = {
    { "json", no_argument, NULL, 'j' },
    { "prometheus", no_argument, NULL, 'p' },
    { "once", no_argument, NULL, '1' },
    { "interval", required_argument, NULL, 'i' },
    { "help", no_argument, NULL, 'h' },
    { NULL },
  };
  int c;

  while ((c = getopt_long (argc, argv, "h", options, NULL)) != -1) {
    switch (c) {
    case 'j':
    case 'p':
      if (a->form != FORM_PLAIN) {
        log_error ("--json and --prometheus: only one of these");
        return COMMAND_FAILED;
      }
      a->form = c == 'j' ? FORM_JSON : FORM_PROMETHEUS;
      break;
    case '1':
      a->once = true;
      break;
    case 'i':
      if (parse_interval (optarg, &a->interval) == -1)
        return COMMAND_FAILED;
      break;
    case 'h':
      print_usage (stdout);
      return COMMAND_OK;
    default:
      print_usage (stderr);
      return COMMAND_FAILED;
    }
  }
  if (argc - optind == 1)
    return -1;
  print_usage (stderr);
  return COMMAND_FAILED;
}

int
command_status (int argc, char *argv[])
{
  struct arguments a = { .interval = INTERVAL_DEFAULT };
  const int r = parse_arguments (argc, argv, &a);

  if (r != -1)
    return r;
  setlocale (LC_CTYPE, ""); /* is it UTF-8? */
  if (a.form != FORM_PLAIN || a.once || !isatty (STDOUT_FILENO))
    return report_once (argv[optind], a.form);
  return status_live (argv[optind], a.interval);
}
