/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Preloaded into nbdkit behind a sanitizer: functions of the C library
 * that must not do there what they do elsewhere.
 */

#include <config.h>

#include <dlfcn.h>
#include <locale.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

/* The runtime of AddressSanitizer and ThreadSanitizer (gcc 12, clang 14)
 * looks for symbols that are not there so early that glibc 2.36 gets the
 * count of its locale lock wrong, and after the first translated message
 * ("%m") nobody can have that lock for writing.  p11-kit, which nbdkit
 * has through GnuTLS, frees a locale when the process ends and would
 * wait for ever.
 */
EXPORT void
freelocale (locale_t locale)
{
}

/* Modules stay where they are, so that what they leak still has a name
 * when the process ends.
 */
EXPORT int
dlclose (void *handle)
{
  return 0;
}

/* With ThreadSanitizer (gcc 12) a signal that comes just before a call that
 * blocks can be lost: one in a hundred captive servers ("--run :") that
 * are told to end before they wait for their first client never heard it,
 * and nbdkit would wait for them for ever.  Tell a child again until it
 * has ended.
 */
EXPORT int
kill (pid_t pid, int sig)
{
  const struct timespec pause = { .tv_nsec = 10000000 };
  int r = syscall (SYS_kill, pid, sig);

  for (unsigned i = 1; r == 0 && sig == SIGTERM && pid > 0; i++) {
    siginfo_t info = { 0 };
    if (waitid (P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1 ||
        info.si_pid == pid)
      break;
    nanosleep (&pause, NULL);
    if (i % 500 == 0)
      r = syscall (SYS_kill, pid, sig);
  }
  return r;
}
