/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See http-pace.h.
 */

#include <config.h>

#include "base/align.h"
#include "http/http-pace.h"

/* Answers in a window.  By then each of some connections has been used more
 * than once: on those that are new a body takes its time.
 */
#define WINDOW 64

/* What a byte costs the processors at least, however fast the line is, in
 * picoseconds.
 */
#define BYTE_LEAST 1000

static void
add (struct http_pace_least *l, uint64_t value)
{
  const uint32_t v = max_u64 (min_u64 (value, UINT32_MAX), 1);

  l->now = l->n == 0 ? v : min_u64 (l->now, v);
  if (++l->n < WINDOW)
    return;
  l->complete = l->now;
  l->n = 0;
}

static uint64_t
least (const struct http_pace_least *l)
{
  if (l->n == 0)
    return l->complete;
  return l->complete == 0 ? l->now : min_u64 (l->now, l->complete);
}

void
http_pace_note (struct http_pace *p, uint64_t first, uint64_t count,
                uint64_t rest)
{
  add (&p->first, first);
  if (count >= HTTP_PACE_BODY)
    add (&p->byte, rest * 1000000 / count);
}

uint64_t
http_pace_worth (const struct http_pace *p)
{
  const uint64_t first = least (&p->first);
  uint64_t byte = BYTE_LEAST;

  if (first == 0)
    return UINT64_MAX;
  if (p->byte.complete != 0) /* fewer answers may all be of new connections */
    byte = max_u64 (byte, least (&p->byte));
  return first * 1000000 / byte / HTTP_PACE_PART;
}
