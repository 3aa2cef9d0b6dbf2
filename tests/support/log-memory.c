/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See log-memory.h.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "support/log-memory.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char buffer[256 * 1024]; /* what does not fit is not kept */
static size_t used;

static void
keep (const char *kind, const char *fs, va_list args)
{
  const int saved = errno;
  char line[2000];
  int n;

  /* The errno of the caller, for %m. */
  errno = saved;
  n = vsnprintf (line, sizeof line, fs, args);
  if (n >= (int) sizeof line)
    n = sizeof line - 1;
  pthread_mutex_lock (&lock);
  if (n >= 0 && used + strlen (kind) + (size_t) n + 4 < sizeof buffer) {
    used += (size_t) snprintf (buffer + used, sizeof buffer - used, "%s: %s\n",
                               kind, line);
  }
  pthread_mutex_unlock (&lock);
  errno = saved;
}

void
log_error (const char *fs, ...)
{
  va_list args;

  va_start (args, fs);
  keep ("error", fs, args);
  va_end (args);
}

void
log_debug (const char *fs, ...)
{
  va_list args;

  va_start (args, fs);
  keep ("debug", fs, args);
  va_end (args);
}

void
log_memory_clear (void)
{
  LOCK_SCOPE (&lock);
  used = 0;
  buffer[0] = '\0';
}

bool
log_memory_contains (const char *text)
{
  LOCK_SCOPE (&lock);
  return strstr (buffer, text) != NULL;
}

static unsigned
count_lines (const char *kind)
{
  const size_t n = strlen (kind);
  unsigned count = 0;

  LOCK_SCOPE (&lock);
  for (const char *p = buffer; *p != '\0'; p = strchr (p, '\n') + 1)
    count += strncmp (p, kind, n) == 0;
  return count;
}

unsigned
log_memory_errors (void)
{
  return count_lines ("error: ");
}

unsigned
log_memory_debugs (void)
{
  return count_lines ("debug: ");
}

char *
log_memory_text (void)
{
  char *text;

  LOCK_SCOPE (&lock);
  text = strdup (buffer);
  if (text == NULL)
    abort ();
  return text;
}

void
log_memory_print (void)
{
  LOCK_SCOPE (&lock);
  fputs (buffer, stderr);
}
