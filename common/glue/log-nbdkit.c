/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of the rooms below, to nbdkit.
 */

#include <config.h>

#include <errno.h>
#include <stdarg.h>

/* Filters link this, too: what is used here is the same for both. */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "base/log.h"

void
log_error (const char *fs, ...)
{
  int saved = errno;
  va_list args;

  va_start (args, fs);
  nbdkit_verror (fs, args);
  va_end (args);
  errno = saved;
}

void
log_debug (const char *fs, ...)
{
  int saved = errno;
  va_list args;

  va_start (args, fs);
  nbdkit_vdebug (fs, args);
  va_end (args);
  errno = saved;
}
