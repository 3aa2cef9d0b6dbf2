/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A status for people.  It is drawn again and again in the same place,
 * so what comes and goes with each second keeps its place and width.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "status-draw.h"

/* ------------------------------------------------------------------ */
/* Words */

void
status_put_label (struct drawing *d, const char *label)
{
  buffer_printf (d->out, "    %-*s", LABEL - 4, label);
}

static void
put_coloured (struct drawing *d, unsigned colour, const char *text)
{
  status_begin_colour (d->out, colour, d->style);
  buffer_puts (d->out, text);
  status_end_colour (d->out, d->style);
}

void
status_put_foreign (struct drawing *d, const char *text)
{
  size_t n;

  for (; *text != '\0'; text += n) {
    n = utf8_length (text);
    if ((unsigned char) *text < 0x20 || *text == 0x7f || n == 0 ||
        (n > 1 && !d->style->utf8) ||
        ((unsigned char) text[0] == 0xc2 && (unsigned char) text[1] < 0xa0)) {
      buffer_putc (d->out, '?');
      n = max_u64 (n, 1);
    }
    else
      buffer_add (d->out, text, n);
  }
}

void
status_put_size (struct drawing *d, uint64_t bytes)
{
  char text[32];

  format_size (bytes, text, sizeof text);
  buffer_puts (d->out, text);
}

uint64_t
status_per_second (const struct drawing *d, uint64_t value, uint64_t before)
{
  return value <= before ? 0 :
                           (uint64_t) ((double) (value - before) / d->seconds);
}

/* "850 ns", "85 us", "1.2 ms", "30 s". */
static const char *
format_time (uint64_t ns, char out[16])
{
  static const char *const unit[] = { "us", "ms", "s" };
  double v = (double) ns / 1000;
  unsigned i = 0;

  if (ns == 0)
    return strcpy (out, "-");
  if (ns < 1000)
    snprintf (out, 16, "%" PRIu64 " ns", ns);
  else {
    for (; v >= 999.5 && i < 2; i++)
      v /= 1000;
    snprintf (out, 16, v < 9.95 ? "%.1f %s" : "%.0f %s", v, unit[i]);
  }
  return out;
}

/* ------------------------------------------------------------------ */
/* Requests */

/* AMOUNT is NULL for requests that have none. */
static void
draw_latency (struct drawing *d, const char *name,
              const struct status_latency *l, const struct status_latency *was,
              const uint64_t *amount, uint64_t amount_was)
{
  const uint64_t times[] = { l->p50, l->p90, l->p99, l->p999, l->max };
  const char *unit = was != NULL ? "/s" : "";
  char size[32] = "", text[40];

  status_put_label (d, name);
  snprintf (
    text, sizeof text, "%" PRIu64 "%s",
    was != NULL ? status_per_second (d, l->count, was->count) : l->count, unit);
  buffer_printf (d->out, "%8s", text);
  if (amount != NULL)
    format_size (was != NULL ? status_per_second (d, *amount, amount_was) :
                               *amount,
                 size, sizeof size);
  snprintf (text, sizeof text, "%s%s", size, amount != NULL ? unit : "");
  buffer_printf (d->out, " %12s", text);
  for (size_t i = 0; i < ARRAY_SIZE (times); i++)
    buffer_printf (d->out, " %8s", format_time (times[i], text));
  buffer_putc (d->out, '\n');
}

static void
draw_requests (struct drawing *d, const struct status_disk *k,
               const struct status_disk *was)
{
  const struct status_layer none = { 0 };
  const struct status_layer *l = k->nlayers > 0 ? &k->layer[0] : &none;
  const struct status_layer *m =
    was != NULL && was->nlayers > 0 ? &was->layer[0] : &none;
  const uint64_t read = l->hit + l->miss;

  status_put_label (d, "");
  status_begin_colour (d->out, DIM, d->style);
  buffer_printf (d->out, "%8s %12s %8s %8s %8s %8s %8s", "requests", "bytes",
                 "p50", "p90", "p99", "p99.9", "max");
  status_end_colour (d->out, d->style);
  buffer_putc (d->out, '\n');
  draw_latency (d, "read", &k->read, was ? &was->read : NULL, &read,
                m->hit + m->miss);
  draw_latency (d, "write", &k->write, was ? &was->write : NULL, &l->written,
                m->written);
  draw_latency (d, "flush", &k->flush, was ? &was->flush : NULL, NULL, 0);
}

/* ------------------------------------------------------------------ */
/* Disks */

static void
draw_legend (struct drawing *d, const struct status_disk *k)
{
  const unsigned columns =
    k->nlayers > 0 ? status_map_columns (d, k->layer[0].nparts) : 0;

  if (columns == 0)
    return;
  status_begin_colour (d->out, DIM, d->style);
  status_put_label (d, "");
  buffer_puts (d->out, "each column is ");
  status_put_size (d, k->size / columns);
  buffer_puts (d->out, d->style->utf8 ? ", has nothing (·) to all (█) of it" :
                                        ", has nothing (.) to all (#) of it");
  status_end_colour (d->out, d->style);
  buffer_putc (d->out, '\n');
}

static void
draw_below (struct drawing *d, const struct status_disk *k,
            const struct status_disk *was)
{
  put_coloured (d, BOLD, "\n  below\n");
  if (was != NULL) {
    status_put_label (d, "now");
    buffer_printf (
      d->out, "%" PRIu64 " requests/s, ",
      status_per_second (d, k->below_requests, was->below_requests));
    status_put_size (d,
                     status_per_second (d, k->below_bytes, was->below_bytes));
    buffer_puts (d->out, "/s\n");
  }
  status_put_label (d, "in all");
  buffer_printf (d->out, "%" PRIu64 " requests, ", k->below_requests);
  status_put_size (d, k->below_bytes);
  if (k->below_readahead > 0) {
    buffer_puts (d->out, " (");
    status_put_size (d, k->below_readahead);
    buffer_puts (d->out, " ahead)");
  }
  if (k->below_shared > 0)
    buffer_printf (d->out, "; %" PRIu64 " waited for another's",
                   k->below_shared);
  buffer_putc (d->out, '\n');
}

/* "5 s", "3 min", "2 h". */
static void
put_duration (struct drawing *d, uint64_t seconds)
{
  if (seconds < 120)
    buffer_printf (d->out, "%" PRIu64 " s", seconds);
  else if (seconds < 7200)
    buffer_printf (d->out, "%" PRIu64 " min", seconds / 60);
  else
    buffer_printf (d->out, "%" PRIu64 " h", seconds / 3600);
}

static void
draw_hydration (struct drawing *d, const struct status_disk *k)
{
  const uint64_t left =
    k->hydration_total - min_u64 (k->hydration_done, k->hydration_total);

  put_coloured (d, BOLD, "\n  hydration");
  if (k->hydration_total > 0)
    buffer_printf (d->out, ", %.1f %%",
                   100 * (double) k->hydration_done /
                     (double) k->hydration_total);
  buffer_puts (d->out, k->hydrated  ? ", finished\n" :
                       k->hydrating ? "\n" :
                                      ", waiting\n");
  status_draw_amount (d, "done", k->hydration_done, k->hydration_total, GREEN);
  if (!k->hydrating || k->hydrated)
    return;
  status_put_label (d, "rate");
  status_put_size (d, k->hydration_rate);
  buffer_puts (d->out, "/s");
  if (k->hydration_rate > 0) {
    buffer_puts (d->out, ", about ");
    put_duration (d, left / k->hydration_rate + 1);
    buffer_puts (d->out, " left");
  }
  buffer_putc (d->out, '\n');
}

static void
draw_disk (struct drawing *d, const struct status_disk *k,
           const struct status_disk *was)
{
  status_begin_colour (d->out, BOLD, d->style);
  buffer_puts (d->out, "export \"");
  status_put_foreign (d, k->export_name);
  buffer_puts (d->out, "\"");
  status_end_colour (d->out, d->style);
  buffer_puts (d->out, "  ");
  status_put_size (d, k->size);
  buffer_printf (d->out, ", sectors of %" PRIu64, k->sector_size);
  if (k->read_only)
    buffer_puts (d->out, ", read-only");
  if (k->gone)
    put_coloured (d, RED, ", gone");
  if (k->id[0] != '\0') {
    buffer_puts (d->out, "\n  id ");
    status_put_foreign (d, k->id);
  }
  if (k->resizes > 0) {
    buffer_printf (d->out, "\n  resized %" PRIu64 " time%s, at last from ",
                   k->resizes, k->resizes == 1 ? "" : "s");
    status_put_size (d, k->size_before);
  }
  buffer_puts (d->out, "\n");
  if (k->has_requests) {
    buffer_putc (d->out, '\n');
    draw_requests (d, k, was);
  }
  for (unsigned i = 0; i < k->nlayers; i++)
    status_draw_layer (d, &k->layer[i],
                       was != NULL && i < was->nlayers ? &was->layer[i] : NULL);
  draw_legend (d, k);
  if (k->has_below)
    draw_below (d, k, was);
  if (k->hydrating || k->hydrated || k->hydration_total > 0)
    draw_hydration (d, k);
}

/* The same disk in the status before. */
static const struct status_disk *
find_disk (const struct status *before, const struct status_disk *k)
{
  for (unsigned i = 0; before != NULL && i < before->ndisks; i++) {
    if (strcmp (before->disk[i].export_name, k->export_name) == 0 &&
        strcmp (before->disk[i].id, k->id) == 0)
      return &before->disk[i];
  }
  return NULL;
}

void
status_draw (struct buffer *out, const struct status *s,
             const struct status *before, const struct status_style *style)
{
  struct drawing d = { .out = out, .style = style };

  if (before != NULL && s->milliseconds > before->milliseconds)
    d.seconds = (double) (s->milliseconds - before->milliseconds) / 1000;
  if (s->has_controller)
    status_draw_controller (
      &d, &s->controller,
      d.seconds > 0 && before->has_controller ? &before->controller : NULL);
  for (unsigned i = 0; i < s->ndisks; i++) {
    const struct status_disk *k = &s->disk[i];

    if (i > 0 || s->has_controller)
      buffer_putc (out, '\n');
    draw_disk (&d, k, d.seconds > 0 ? find_disk (before, k) : NULL);
  }
  if (s->ndisks == 0 && !s->has_controller)
    buffer_puts (out, "no disk has been opened yet\n");
}
