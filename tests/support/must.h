/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory for the instruments themselves: never refused by alloc-fault,
 * and the test ends if there is none.
 */

#ifndef DISKSTACK_TEST_MUST_H
#define DISKSTACK_TEST_MUST_H

#include <stdio.h>
#include <stdlib.h>

#include "support/alloc-fault.h"

/* realloc; NULL as P allocates. */
static inline void *
must_realloc (void *p, size_t size)
{
  const bool was = alloc_fault_suspend (true);

  p = realloc (p, size);
  alloc_fault_suspend (was);
  if (p == NULL) {
    fprintf (stderr, "out of memory for the test itself\n");
    abort ();
  }
  return p;
}

static inline void *
must_malloc (size_t size)
{
  return must_realloc (NULL, size);
}

static inline void *
must_calloc (size_t n, size_t size)
{
  const bool was = alloc_fault_suspend (true);
  void *p = calloc (n, size);

  alloc_fault_suspend (was);
  if (p == NULL) {
    fprintf (stderr, "out of memory for the test itself\n");
    abort ();
  }
  return p;
}

#endif /* DISKSTACK_TEST_MUST_H */
