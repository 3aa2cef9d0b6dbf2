/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Preloaded into nbdkit behind a sanitizer: functions of the C library
 * that must not do there what they do elsewhere.
 */

#include <config.h>

#include <dlfcn.h>
#include <locale.h>

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
