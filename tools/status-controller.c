/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An NVMe controller in a status: what it warns of, what the driver asked of
 * it, and what went wrong.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/align.h"
#include "status-draw.h"

static void
draw_count (struct drawing *d, const char *label, uint64_t count,
            const uint64_t *was)
{
  char text[40];

  status_put_label (d, label);
  snprintf (text, sizeof text, "%" PRIu64 "%s",
            was != NULL ? status_per_second (d, count, *was) : count,
            was != NULL ? "/s" : "");
  buffer_printf (d->out, "%12s", text);
}

/* For each command, since the picture before if there is one. */
static void
draw_share (struct drawing *d, const char *label, uint64_t count,
            const uint64_t *was, uint64_t commands,
            const uint64_t *commands_was)
{
  const uint64_t more = count - (was != NULL ? *was : 0);
  const uint64_t all = commands - (commands_was != NULL ? *commands_was : 0);

  draw_count (d, label, count, was);
  if (all > 0)
    buffer_printf (d->out, "  %.2f for each command",
                   (double) more / (double) all);
  buffer_putc (d->out, '\n');
}

static void
draw_warning (struct drawing *d, const char *text)
{
  status_put_label (d, "warning");
  status_begin_colour (d->out, RED, d->style);
  status_put_foreign (d, text);
  status_end_colour (d->out, d->style);
  buffer_putc (d->out, '\n');
}

static void
draw_trouble (struct drawing *d, const struct status_controller *c)
{
  const struct {
    const char *one, *many;
    uint64_t n;
  } t[] = {
    { "command too late", "commands too late", c->timeouts },
    { "abort", "aborts", c->aborts },
    { "completion of nothing", "completions of nothing", c->bad_completions },
    { "reset", "resets", c->resets },
  };
  bool any = false;

  for (size_t i = 0; i < ARRAY_SIZE (t); i++) {
    if (t[i].n == 0)
      continue;
    if (!any) {
      status_put_label (d, "trouble");
      status_begin_colour (d->out, YELLOW, d->style);
    }
    buffer_printf (d->out, "%s%" PRIu64 " %s", any ? ", " : "", t[i].n,
                   t[i].n == 1 ? t[i].one : t[i].many);
    any = true;
  }
  if (any) {
    status_end_colour (d->out, d->style);
    buffer_putc (d->out, '\n');
  }
}

void
status_draw_controller (struct drawing *d, const struct status_controller *c,
                        const struct status_controller *was)
{
  status_begin_colour (d->out, BOLD, d->style);
  buffer_puts (d->out, "controller ");
  status_put_foreign (d, c->address);
  status_end_colour (d->out, d->style);
  buffer_puts (d->out, "  ");
  status_put_foreign (d, c->model);
  buffer_puts (d->out, ", ");
  status_put_foreign (d, c->serial);
  buffer_puts (d->out, ", firmware ");
  status_put_foreign (d, c->firmware);
  buffer_puts (d->out, "\n\n");
  if (c->gone)
    draw_warning (d, "it is gone");
  for (unsigned i = 0; i < c->nwarnings; i++)
    draw_warning (d, c->warning[i]);
  draw_trouble (d, c);
  draw_count (d, "commands", c->commands, was != NULL ? &was->commands : NULL);
  buffer_printf (d->out, "  in %" PRIu64 " queue%s of %" PRIu64 "\n",
                 c->queue_pairs, c->queue_pairs == 1 ? "" : "s",
                 c->queue_depth);
  draw_share (d, "doorbell", c->doorbells, was != NULL ? &was->doorbells : NULL,
              c->commands, was != NULL ? &was->commands : NULL);
  draw_share (d, "wakeup", c->interrupts, was != NULL ? &was->interrupts : NULL,
              c->commands, was != NULL ? &was->commands : NULL);
}
