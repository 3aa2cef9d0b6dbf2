/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory that held a key or a token is wiped before it is freed.
 */

#ifndef DISKSTACK_CLOUD_SECRET_H
#define DISKSTACK_CLOUD_SECRET_H

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

/* buffer_fini for one that holds a secret. */
static inline void
cloud_secret_fini (struct buffer *b)
{
  if (b->data != NULL)
    explicit_bzero (b->data, b->cap);
  buffer_fini (b);
}

/* Make room for N bytes more, so that appending them does not move B,
 * which would leave a copy behind.
 */
static inline void
cloud_secret_reserve (struct buffer *b, size_t n)
{
  const size_t cap = b->len + n + 1;
  struct buffer moved = *b;

  if (cap <= b->cap)
    return;
  moved.data = malloc (cap);
  if (moved.data == NULL) {
    b->failed = true;
    return;
  }
  moved.cap = cap;
  if (b->len > 0)
    memcpy (moved.data, b->data, b->len);
  moved.data[b->len] = '\0';
  cloud_secret_fini (b);
  *b = moved;
}

/* free for a string that is a secret; NULL is allowed. */
static inline void
cloud_secret_free (char *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  free (text);
}

#endif /* DISKSTACK_CLOUD_SECRET_H */
