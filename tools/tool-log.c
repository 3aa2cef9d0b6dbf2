/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See tool-log.h.  A layer that is open may have threads that log.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tool-log.h"

#define KEPT_MAX 64 /* who has more trouble has enough with these */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool keep;
static char *kept[KEPT_MAX];
static size_t nkept;
static unsigned count;

void
log_error (const char *fs, ...)
{
  const int saved = errno;
  char *text = NULL;
  va_list args;

  va_start (args, fs);
  if (vasprintf (&text, fs, args) == -1)
    text = NULL;
  va_end (args);
  LOCK_SCOPE (&lock);
  count++;
  if (keep && text != NULL && nkept < KEPT_MAX)
    kept[nkept++] = steal_ptr (&text);
  else if (!keep)
    fprintf (stderr, "diskstack: %s\n", text ? text : "out of memory");
  free (text);
  errno = saved;
}

void
log_debug (const char *fs, ...)
{
}

void
tool_log_keep (void)
{
  LOCK_SCOPE (&lock);
  keep = true;
}

void
tool_log_print (void)
{
  LOCK_SCOPE (&lock);
  keep = false;
  while (nkept > 0)
    free (kept[--nkept]);
}

const char *
tool_log_kept (size_t i)
{
  LOCK_SCOPE (&lock);
  return i < nkept ? kept[i] : NULL;
}

unsigned
tool_log_count (void)
{
  LOCK_SCOPE (&lock);
  return count;
}
