/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bars and maps, of block characters or of what ASCII has.
 */

#include <config.h>

#include "base/align.h"
#include "status.h"

#define DIM 2

void
status_begin_colour (struct buffer *out, unsigned colour,
                     const struct status_style *style)
{
  if (style->colour)
    buffer_printf (out, "\033[%um", colour);
}

void
status_end_colour (struct buffer *out, const struct status_style *style)
{
  if (style->colour)
    buffer_puts (out, "\033[0m");
}

static void
repeat (struct buffer *out, const char *what, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    buffer_puts (out, what);
}

void
status_draw_bar (struct buffer *out, uint64_t part, uint64_t all,
                 unsigned columns, unsigned colour,
                 const struct status_style *style)
{
  unsigned full;

  part = min_u64 (part, all);
  full = all == 0 ? 0 : (unsigned) ((unsigned __int128) part * columns / all);
  if (full == 0 && part > 0)
    full = 1; /* something is not nothing */
  status_begin_colour (out, colour, style);
  repeat (out, style->utf8 ? "█" : "#", full);
  status_end_colour (out, style);
  status_begin_colour (out, DIM, style);
  repeat (out, style->utf8 ? "░" : "-", columns - full);
  status_end_colour (out, style);
}

/* What a column shows of parts [FIRST, LAST): 0 only if there is nothing,
 * 8 only if there is all.
 */
static unsigned
level (const uint8_t *percent, unsigned first, unsigned last)
{
  const unsigned all = 100 * (last - first);
  unsigned sum = 0;

  for (unsigned i = first; i < last; i++)
    sum += percent[i];
  if (sum == 0 || sum == all)
    return sum == 0 ? 0 : 8;
  return 1 + sum * 7 / all;
}

void
status_draw_map (struct buffer *out, const uint8_t *percent, unsigned n,
                 unsigned columns, unsigned colour,
                 const struct status_style *style)
{
  static const char *const blocks[] = { "·", "▁", "▂", "▃", "▄",
                                        "▅", "▆", "▇", "█" };
  static const char *const ascii[] = { ".", "1", "2", "3", "4",
                                       "5", "6", "7", "#" };

  columns = min_u64 (columns, n);
  for (unsigned i = 0; i < columns; i++) {
    const unsigned v = level (percent, i * n / columns, (i + 1) * n / columns);

    status_begin_colour (out, v == 0 ? DIM : colour, style);
    buffer_puts (out, (style->utf8 ? blocks : ascii)[v]);
    status_end_colour (out, style);
  }
}
