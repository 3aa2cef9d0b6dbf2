/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See secret.h.  Pages are mapped, not taken from the heap, so that what
 * is said of them is said of nothing else.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "base/secret.h"

bool
secret_init (struct secret *s, size_t n)
{
  const size_t page = (size_t) sysconf (_SC_PAGESIZE);
  const size_t capacity = ROUND_UP (n, page);
  void *p = mmap (NULL, capacity, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  *s = (struct secret){ NULL };
  if (p == MAP_FAILED) {
    errno = ENOMEM;
    return false;
  }
  *s = (struct secret){ .bytes = p, .capacity = capacity };
  madvise (p, capacity, MADV_DONTDUMP);
  secret_lock (s);
  return true;
}

void
secret_fini (struct secret *s)
{
  if (s->bytes == NULL)
    return;
  explicit_bzero (s->bytes, s->capacity);
  munmap (s->bytes, s->capacity);
  *s = (struct secret){ NULL };
}

void
secret_lock (const struct secret *s)
{
  const int saved = errno;

  if (s->bytes != NULL)
    (void) !mlock (s->bytes, s->capacity);
  errno = saved;
}
