/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Readahead.  A read begins a stream; one that goes on about where another
 * ended makes that a stream to read ahead for.  What is ahead is asked for
 * before the reader waits for its own; each time some of it is used up, it
 * is twice as much, up to the limit.  Readers that overtake themselves a
 * little, as clients with many requests do, are one stream all the same.
 */

#include <config.h>

#include "base/align.h"
#include "blob/blob-impl.h"

#define FIRST_WINDOW (256 * 1024)
/* How far from where it is expected a stream may go on. */
#define SLACK (1024 * 1024)

/* A stream that is not sure yet must be met better. */
static bool
goes_on (const struct blob_stream *st, uint64_t offset, uint64_t count)
{
  const uint64_t slack =
    st->window == 0 ? 4 * count : max_u64 (SLACK, st->window / 2);

  return st->used != 0 && offset + slack >= st->next &&
         offset <= st->next + slack;
}

static struct blob_stream *
find (struct blob_store *b, uint64_t offset, uint64_t count,
      struct blob_stream **oldest)
{
  *oldest = &b->stream[0];
  for (unsigned i = 0; i < BLOB_STREAMS; i++) {
    struct blob_stream *st = &b->stream[i];

    if (goes_on (st, offset, count))
      return st;
    if (st->used < (*oldest)->used)
      *oldest = st;
  }
  return NULL;
}

/* The limit, over this line. */
static uint64_t
most_ahead (const struct blob_store *b)
{
  const uint64_t n = blob_under_way (http_object_worth (b->object));

  return min_u64 (b->max_window, n > UINT64_MAX / 2 ? n : 2 * n);
}

static void
advance (struct blob_store *b, struct blob_stream *st)
{
  const uint64_t goal = min_u64 (st->next + st->window, b->size);
  const uint64_t step =
    min_u64 (st->window / 4, (uint64_t) blob_most_blocks (b) * b->fetch);

  st->frontier = max_u64 (st->frontier, ROUND_UP (st->next, b->fetch));
  if (st->frontier >= goal || (goal < b->size && goal - st->frontier < step))
    return;
  st->frontier =
    blob_fetch_ahead (b, st->frontier, goal, max_u64 (step / b->fetch, 1));
  st->window = min_u64 (2 * st->window, most_ahead (b));
}

void
blob_readahead (struct blob_store *b, uint64_t offset, uint64_t count,
                bool ahead)
{
  struct blob_stream *oldest, *st = find (b, offset, count, &oldest);
  const uint64_t end = offset + count;

  if (b->max_window == 0)
    return;
  if (st == NULL) {
    *oldest = (struct blob_stream){ .next = end, .used = ++b->clock };
    return;
  }
  st->used = ++b->clock;
  if (end <= st->next)
    return;
  st->next = end;
  if (!ahead)
    return;
  if (st->window == 0)
    st->window = min_u64 (FIRST_WINDOW, b->max_window);
  advance (b, st);
}
