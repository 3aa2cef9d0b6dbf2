/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The status on a terminal, drawn again and again.  The screen that was
 * there comes back at the end, whichever way it comes to that.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "command.h"
#include "control/control-socket.h"
#include "status.h"
#include "tool-log.h"

struct screen {
  bool has_keys; /* standard input is a terminal */
  struct termios before;
  sigset_t signals_before;
  int signals; /* a descriptor */
};

static void
put (const char *text, size_t n)
{
  while (n > 0) {
    const ssize_t r = write (STDOUT_FILENO, text, n);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return; /* the terminal is gone; a signal says so */
    text += r;
    n -= (size_t) r;
  }
}

/* Another screen, without a cursor, on which long lines are cut off. */
static int
begin_screen (struct screen *s)
{
  static const char start[] = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
  struct termios raw;
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGQUIT);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGHUP);
  sigaddset (&set, SIGWINCH);
  s->signals = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (s->signals == -1) {
    log_error ("signalfd: %m");
    return -1;
  }
  sigprocmask (SIG_BLOCK, &set, &s->signals_before);
  s->has_keys = tcgetattr (STDIN_FILENO, &s->before) == 0;
  if (s->has_keys) {
    raw = s->before;
    raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* the screen would stay as it is */
    tcsetattr (STDIN_FILENO, TCSANOW, &raw);
  }
  put (start, strlen (start));
  return 0;
}

static void
end_screen (struct screen *s)
{
  static const char end[] = "\033[?7h\033[?25h\033[?1049l";

  put (end, strlen (end));
  if (s->has_keys)
    tcsetattr (STDIN_FILENO, TCSANOW, &s->before);
  close (s->signals);
  sigprocmask (SIG_SETMASK, &s->signals_before, NULL);
}

static bool
has_quit_key (void)
{
  char keys[64];
  const ssize_t n = read (STDIN_FILENO, keys, sizeof keys);

  if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
    return true; /* the terminal is gone */
  for (ssize_t i = 0; i < n; i++) {
    if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == 4 /* Ctrl-D */)
      return true;
  }
  return false;
}

/* Until DEADLINE, or until the size of the terminal changes.  False: it
 * is to end.
 */
static bool
pause_until (struct screen *s, uint64_t deadline)
{
  struct pollfd p[2] = { { .fd = s->signals, .events = POLLIN },
                         { .fd = s->has_keys ? STDIN_FILENO : -1,
                           .events = POLLIN } };

  for (;;) {
    const uint64_t now = control_now ();
    struct signalfd_siginfo info;

    if (now >= deadline)
      return true;
    if (poll (p, 2, (int) (deadline - now)) == -1 && errno != EINTR)
      return false;
    if (p[0].revents != 0 &&
        read (s->signals, &info, sizeof info) == sizeof info)
      return info.ssi_signo == SIGWINCH;
    if (p[1].revents != 0 && has_quit_key ())
      return false;
  }
}

/* From the upper left; what was there before in each line is wiped, and
 * what is below.  What does not fit is left out, so that nothing scrolls.
 */
static void
show (const char *text)
{
  struct winsize w;
  unsigned rows = 24;
  struct buffer out = { NULL };

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0)
    rows = w.ws_row;
  buffer_puts (&out, "\033[?2026h\033[H"); /* all of it at once, if it can */
  for (unsigned row = 1; *text != '\0'; row++) {
    const size_t n = strcspn (text, "\n");

    if (row == rows && strchr (text, '\n')[1] != '\0') {
      buffer_puts (&out, "\033[2m(the terminal is too small for the rest)"
                         "\033[0m\033[K");
      break;
    }
    buffer_add (&out, text, n);
    buffer_puts (&out, "\033[K");
    if (row < rows)
      buffer_puts (&out, "\r\n");
    text += n + 1;
  }
  buffer_puts (&out, "\033[J\033[?2026l");
  put (buffer_text (&out), out.len);
  buffer_fini (&out);
}

static void
draw (const char *path, unsigned interval, const struct status *now,
      const struct status *before)
{
  const struct status_style style = status_terminal ();
  struct buffer out = { NULL };

  status_begin_colour (&out, 2, &style);
  buffer_printf (&out, "diskstack %s  %s  every %u.%u s, q ends\n",
                 now->version, path, interval / 1000, interval % 1000 / 100);
  status_end_colour (&out, &style);
  status_draw (&out, now, before, &style);
  show (buffer_text (&out));
  buffer_fini (&out);
}

/* Until somebody wants it to end (true), or the server is gone. */
static bool
watch (struct screen *screen, const char *path, unsigned interval)
{
  struct status now = { NULL }, before = { NULL };
  bool answered, going_on = true;
  uint64_t next = control_now ();

  for (;;) {
    answered = status_ask (&now, path) == 0;
    if (!answered)
      break;
    draw (path, interval, &now, before.version != NULL ? &before : NULL);
    next += interval;
    if (next < control_now ())
      next = control_now (); /* it was slow, or we were stopped */
    going_on = pause_until (screen, next);
    status_fini (&before);
    before = now;
    now = (struct status){ NULL };
    if (!going_on)
      break;
  }
  status_fini (&before);
  return answered;
}

int
status_live (const char *path, unsigned interval)
{
  struct screen screen;
  const char *kept;
  char *why = NULL;
  bool ended;

  if (begin_screen (&screen) == -1)
    return COMMAND_FAILED;
  tool_log_keep (); /* the screen is in use */
  ended = watch (&screen, path, interval);
  end_screen (&screen);
  kept = tool_log_kept (0);
  if (kept != NULL)
    why = strdup (kept);
  tool_log_print ();
  if (!ended)
    log_error ("%s", why != NULL ? why : path);
  free (why);
  return ended ? COMMAND_OK : COMMAND_FAILED;
}
