/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How far something has come, for people, on stderr: a bar that is drawn
 * again and again on a terminal, otherwise a line now and then.
 */

#ifndef DISKSTACK_PROGRESS_H
#define DISKSTACK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
  uint64_t total; /* bytes */
  bool quiet, terminal;
  bool drawn;   /* the cursor is behind a bar */
  double start; /* seconds of the monotonic clock */
  double next;  /* nothing is said before */
};

extern void progress_start (struct progress *p, uint64_t total, bool quiet);

/* DONE of the bytes are; the first time it is always said. */
extern void progress_update (struct progress *p, uint64_t done);

/* Leave the line of the bar; before anything else is printed. */
extern void progress_finish (struct progress *p);

#endif /* DISKSTACK_PROGRESS_H */
