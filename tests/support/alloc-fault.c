/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See alloc-fault.h.  The linker's --wrap sends malloc to __wrap_malloc
 * and gives the real one the name __real_malloc.  In a program that is
 * linked without it these are never called, and the real ones, weak, are
 * not there.
 */

#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/alloc-fault.h"

static __thread uint64_t seen, nth;
static __thread bool persistent, fired, suspended;

#define WEAK __attribute__ ((weak))

WEAK extern void *__real_malloc (size_t size);
WEAK extern void *__real_calloc (size_t n, size_t size);
WEAK extern void *__real_realloc (void *p, size_t size);
WEAK extern void *__real_aligned_alloc (size_t align, size_t size);
WEAK extern int __real_posix_memalign (void **p, size_t align, size_t size);
WEAK extern char *__real_strdup (const char *s);
WEAK extern char *__real_strndup (const char *s, size_t n);
WEAK extern int __real_vasprintf (char **out, const char *fs, va_list args);

extern void *__wrap_malloc (size_t size);
extern void *__wrap_calloc (size_t n, size_t size);
extern void *__wrap_realloc (void *p, size_t size);
extern void *__wrap_aligned_alloc (size_t align, size_t size);
extern int __wrap_posix_memalign (void **p, size_t align, size_t size);
extern char *__wrap_strdup (const char *s);
extern char *__wrap_strndup (const char *s, size_t n);
extern int __wrap_vasprintf (char **out, const char *fs, va_list args);
extern int __wrap_asprintf (char **out, const char *fs, ...)
  __attribute__ ((format (printf, 2, 3)));

void
alloc_fault_nth (uint64_t n)
{
  nth = n;
  seen = 0;
  persistent = fired = false;
}

void
alloc_fault_from (uint64_t n)
{
  alloc_fault_nth (n);
  persistent = true;
}

bool
alloc_fault_stop (void)
{
  nth = 0;
  return fired;
}

uint64_t
alloc_fault_count (void)
{
  return seen;
}

bool
alloc_fault_suspend (bool suspend)
{
  const bool was = suspended;

  suspended = suspend;
  return was;
}

/* Must this allocation fail?  A place for a breakpoint. */
static bool
must_fail (void)
{
  if (suspended)
    return false;
  seen++;
  if (nth == 0 || seen < nth || (seen > nth && !persistent))
    return false;
  fired = true;
  errno = ENOMEM;
  return true;
}

void *
__wrap_malloc (size_t size)
{
  return must_fail () ? NULL : __real_malloc (size);
}

void *
__wrap_calloc (size_t n, size_t size)
{
  return must_fail () ? NULL : __real_calloc (n, size);
}

void *
__wrap_realloc (void *p, size_t size)
{
  return must_fail () ? NULL : __real_realloc (p, size);
}

void *
__wrap_aligned_alloc (size_t align, size_t size)
{
  return must_fail () ? NULL : __real_aligned_alloc (align, size);
}

int
__wrap_posix_memalign (void **p, size_t align, size_t size)
{
  return must_fail () ? ENOMEM : __real_posix_memalign (p, align, size);
}

char *
__wrap_strdup (const char *s)
{
  return must_fail () ? NULL : __real_strdup (s);
}

char *
__wrap_strndup (const char *s, size_t n)
{
  return must_fail () ? NULL : __real_strndup (s, n);
}

int
__wrap_vasprintf (char **out, const char *fs, va_list args)
{
  return must_fail () ? -1 : __real_vasprintf (out, fs, args);
}

int
__wrap_asprintf (char **out, const char *fs, ...)
{
  va_list args;
  int r;

  if (must_fail ())
    return -1;
  va_start (args, fs);
  r = __real_vasprintf (out, fs, args);
  va_end (args);
  return r;
}
