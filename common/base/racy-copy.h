/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Copying memory that another thread may be changing.  What a client
 * reads while another request writes the same sector is unspecified, so
 * such a copy needs no lock; ThreadSanitizer has to be told.
 */

#ifndef DISKSTACK_RACY_COPY_H
#define DISKSTACK_RACY_COPY_H

#include <stddef.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define RACY_COPY_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACY_COPY_TSAN 1
#endif
#endif

/* memcpy, for a SRC that may change meanwhile. */
#ifdef RACY_COPY_TSAN
__attribute__ ((no_sanitize ("thread"), noinline, unused)) static void
racy_copy (void *dst, const void *src, size_t count)
{
  volatile char *d = dst;
  const volatile char *s = src;

  while (count-- > 0)
    *d++ = *s++;
}
#else
static inline void
racy_copy (void *dst, const void *src, size_t count)
{
  memcpy (dst, src, count);
}
#endif

#endif /* DISKSTACK_RACY_COPY_H */
