/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One layer of a status.
 */

#include <config.h>

#include <inttypes.h>

#include "base/align.h"
#include "status-draw.h"

#define CLUSTER 65536

/* Columns behind bars; of the widest map. */
enum { BEHIND = 32, MAP_MAX = 128 };

static unsigned
bar_width (const struct drawing *d)
{
  const unsigned around = LABEL + BEHIND;

  return d->style->width > around + 10 ?
           min_u64 (d->style->width - around, 50) :
           10;
}

static void
draw_bar (struct drawing *d, uint64_t part, uint64_t all, unsigned colour)
{
  status_draw_bar (d->out, part, all, bar_width (d), colour, d->style);
  buffer_puts (d->out, "  ");
}

static void
draw_hits (struct drawing *d, const struct status_layer *l,
           const struct status_layer *was)
{
  const uint64_t all = l->hit + l->miss;

  status_put_label (d, "hits");
  draw_bar (d, l->hit, all, GREEN);
  if (all == 0)
    buffer_puts (d->out, "nothing read yet");
  else
    buffer_printf (d->out, "%5.1f %%", 100 * (double) l->hit / (double) all);
  if (was != NULL && all > was->hit + was->miss)
    buffer_printf (d->out, ", now %5.1f %%",
                   100 * (double) (l->hit - was->hit) /
                     (double) (all - was->hit - was->miss));
  buffer_putc (d->out, '\n');
}

/* "12 MiB of 100 MiB". */
void
status_draw_amount (struct drawing *d, const char *label, uint64_t part,
                    uint64_t all, unsigned colour)
{
  status_put_label (d, label);
  if (all != 0)
    draw_bar (d, part, all, colour);
  status_put_size (d, part);
  if (all != 0) {
    buffer_puts (d->out, " of ");
    status_put_size (d, all);
  }
  buffer_putc (d->out, '\n');
}

/* What came into the layer or left it in one of two ways; the rate, if it
 * is known.
 */
static void
draw_flow (struct drawing *d, const char *label, const char *one, uint64_t a,
           uint64_t a_was, const char *other, uint64_t b, uint64_t b_was)
{
  const char *unit = d->seconds > 0 ? "/s" : "";

  if (a == 0 && b == 0)
    return;
  status_put_label (d, label);
  buffer_printf (d->out, "%s ", one);
  status_put_size (d, d->seconds > 0 ? status_per_second (d, a, a_was) : a);
  buffer_printf (d->out, "%s, %s ", unit, other);
  status_put_size (d, d->seconds > 0 ? status_per_second (d, b, b_was) : b);
  buffer_printf (d->out, "%s\n", unit);
}

static void
draw_flows (struct drawing *d, const struct status_layer *l,
            const struct status_layer *was)
{
  if (was == NULL)
    was = l; /* just come: nothing yet */
  draw_flow (d, "in", "written", l->written, was->written, "populated",
             l->populated, was->populated);
  /* Those are counted in clusters; a person wants to compare. */
  draw_flow (d, "out", "cleaned", l->cleaned, was->cleaned, "evicted",
             l->evicted * CLUSTER, was->evicted * CLUSTER);
}

static void
draw_trouble (struct drawing *d, const struct status_layer *l)
{
  if (l->clean_errors + l->populate_failures + l->fell_through == 0)
    return;
  status_put_label (d, "trouble");
  status_begin_colour (d->out, RED, d->style);
  if (l->clean_errors > 0)
    buffer_printf (d->out, "%" PRIu64 " writes below failed%s", l->clean_errors,
                   l->populate_failures + l->fell_through > 0 ? ", " : "");
  if (l->populate_failures > 0)
    buffer_printf (d->out, "%" PRIu64 " times not cached%s",
                   l->populate_failures, l->fell_through > 0 ? ", " : "");
  if (l->fell_through > 0) {
    status_put_size (d, l->fell_through);
    buffer_puts (d->out, " found no room");
  }
  status_end_colour (d->out, d->style);
  buffer_putc (d->out, '\n');
}

static bool
any_of (const uint8_t *v, unsigned n)
{
  while (n > 0 && v[n - 1] == 0)
    n--;
  return n > 0;
}

unsigned
status_map_columns (const struct drawing *d, unsigned n)
{
  const unsigned columns = d->style->width > LABEL + 10 ?
                             min_u64 (d->style->width - LABEL, MAP_MAX) :
                             10;

  return n > columns ? n / DIV_ROUND_UP (n, columns) : n;
}

static void
draw_map (struct drawing *d, const char *label, const uint8_t *percent,
          unsigned n, unsigned colour)
{
  status_put_label (d, label);
  status_draw_map (d->out, percent, n, status_map_columns (d, n), colour,
                   d->style);
  buffer_putc (d->out, '\n');
}

void
status_draw_layer (struct drawing *d, const struct status_layer *l,
                   const struct status_layer *was)
{
  buffer_printf (d->out, "\n  ");
  status_begin_colour (d->out, BOLD, d->style);
  buffer_printf (d->out, "layer %" PRIu64 ": ", l->number);
  status_put_foreign (d, l->kind);
  status_end_colour (d->out, d->style);
  buffer_printf (d->out, "%s%s%s%s\n", l->read_only ? ", read-only" : "",
                 l->read_cache ? ", read-cache" : "",
                 l->write_through ? ", write-through" : "",
                 l->write_back ? ", write-back" : "");
  draw_hits (d, l, was);
  if (l->has_used)
    status_draw_amount (d, "used", l->used, l->max, BLUE);
  if (l->write_back || l->dirty > 0)
    status_draw_amount (d, "dirty", l->dirty, l->max, YELLOW);
  draw_flows (d, l, was);
  draw_trouble (d, l);
  draw_map (d, "data", l->part_data, l->nparts, GREEN);
  if (any_of (l->part_zero, l->nparts))
    draw_map (d, "zeroes", l->part_zero, l->nparts, BLUE);
  if (any_of (l->part_dirty, l->nparts))
    draw_map (d, "dirty", l->part_dirty, l->nparts, YELLOW);
}
