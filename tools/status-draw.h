/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files share that draw a status.
 */

#ifndef DISKSTACK_STATUS_DRAW_H
#define DISKSTACK_STATUS_DRAW_H

#include "status.h"

enum { BOLD = 1, DIM = 2, RED = 31, GREEN = 32, YELLOW = 33, BLUE = 34 };

/* Columns before bars. */
#define LABEL 12

struct drawing {
  struct buffer *out;
  const struct status_style *style;
  double seconds; /* since the status before; 0: there is none */
};

/* status-draw.c.  The start of a line; a size; what a server calls
 * something, of which nothing may move the cursor.
 */
extern void status_put_label (struct drawing *d, const char *label);
extern void status_put_size (struct drawing *d, uint64_t bytes);
extern void status_put_foreign (struct drawing *d, const char *text);

/* How much more VALUE, which only grows, became in each second. */
extern uint64_t status_per_second (const struct drawing *d, uint64_t value,
                                   uint64_t before);

/* status-layer.c.  A line with a bar, of how much is PART of ALL; without
 * the bar if ALL is 0.
 */
extern void status_draw_amount (struct drawing *d, const char *label,
                                uint64_t part, uint64_t all, unsigned colour);

/* A layer, as it is and as it was (NULL: nobody knows). */
extern void status_draw_layer (struct drawing *d, const struct status_layer *l,
                               const struct status_layer *was);

/* status-controller.c.  The same of an NVMe controller. */
extern void status_draw_controller (struct drawing *d,
                                    const struct status_controller *c,
                                    const struct status_controller *was);

/* Columns of a map of N parts: each stands for as many as the others. */
extern unsigned status_map_columns (const struct drawing *d, unsigned n);

#endif /* DISKSTACK_STATUS_DRAW_H */
