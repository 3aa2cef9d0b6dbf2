/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack status: what a server says of its stacks, and how it is
 * shown.
 *
 * The server says it in one form only, JSON, which scripts may read as
 * well: a second, simpler one for this command would be one more thing
 * to keep the same for servers and commands of different versions, while
 * JSON tells what is missing or new.
 */

#ifndef DISKSTACK_STATUS_H
#define DISKSTACK_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json-reader.h"

#define STATUS_PARTS 256

/* Bytes unless it says otherwise; 0 for what the server does not know. */
struct status_layer {
  uint64_t number; /* from the top, which is 1 */
  const char *kind;
  bool read_only, read_cache, write_through, write_back;
  bool has_max, has_used;
  uint64_t max, used, dirty;
  uint64_t hit, miss, populated, written, zeroed, cleaned, fell_through;
  uint64_t populate_failures, clean_errors, evicted; /* times */
  /* Of each part of the disk, percent. */
  unsigned nparts;
  uint8_t part_data[STATUS_PARTS], part_zero[STATUS_PARTS];
  uint8_t part_dirty[STATUS_PARTS];
};

/* Nanoseconds. */
struct status_latency {
  uint64_t count, sum, p50, p90, p99, p999, max;
};

struct status_disk {
  const char *export_name;
  const char *id; /* "" if it has none */
  uint64_t size, sector_size;
  bool read_only, gone;
  uint64_t resizes; /* times */
  uint64_t size_before;
  unsigned nlayers;
  struct status_layer *layer;
  bool has_below;
  uint64_t below_requests, below_bytes, below_shared, below_readahead;
  bool has_requests;
  struct status_latency read, write, flush;
  bool hydrating, hydrated;
  uint64_t hydration_done, hydration_total, hydration_rate;
};

/* An NVMe controller, which the server drives itself.  Numbers of times. */
struct status_controller {
  const char *address, *model, *serial, *firmware;
  bool gone;
  uint64_t queue_pairs, queue_depth;
  uint64_t commands, sgls, doorbells, interrupts, polls;
  uint64_t timeouts, aborts, resets, bad_completions, events;
  unsigned nwarnings; /* at most 8 */
  const char *warning[8];
};

struct status {
  const char *version;
  uint64_t milliseconds; /* of the server's clock */
  unsigned ndisks;
  struct status_disk *disk;
  bool has_controller;
  struct status_controller controller;
  struct json_document document; /* what the strings are in */
};

/* status-read.c: what TEXT, of N bytes, says.  Returns 0, or -1 after
 * log_error, naming PATH.
 */
extern int status_read (struct status *s, const char *path, const char *text,
                        size_t n);
extern void status_fini (struct status *s);

/* How it is drawn. */
struct status_style {
  unsigned width;
  bool utf8, colour;
};

/* status-draw.c: S for people, with rates if there is an earlier one in
 * BEFORE, else NULL.
 */
extern void status_draw (struct buffer *out, const struct status *s,
                         const struct status *before,
                         const struct status_style *style);

/* status-map.c: one line for a map of PERCENT of N parts, which are
 * joined if they are more than COLUMNS.  COLOUR is of what is there, as
 * the number of an ANSI sequence.
 */
extern void status_draw_map (struct buffer *out, const uint8_t *percent,
                             unsigned n, unsigned columns, unsigned colour,
                             const struct status_style *style);

/* A bar of COLUMNS that is full to PART of ALL. */
extern void status_draw_bar (struct buffer *out, uint64_t part, uint64_t all,
                             unsigned columns, unsigned colour,
                             const struct status_style *style);

/* Begin and end something of a colour, if there are any. */
extern void status_begin_colour (struct buffer *out, unsigned colour,
                                 const struct status_style *style);
extern void status_end_colour (struct buffer *out,
                               const struct status_style *style);

/* status-prometheus.c: S in Prometheus' text exposition format. */
extern void status_prometheus (struct buffer *out, const struct status *s);

/* status-live.c: ask the server at PATH every INTERVAL milliseconds, and
 * draw on the terminal, until `q' or Ctrl-C.  Returns what the command
 * exits with.
 */
extern int status_live (const char *path, unsigned interval);

/* status.c: ask once.  Returns 0, or -1 after log_error. */
extern int status_ask (struct status *s, const char *path);

/* What standard output can show. */
extern struct status_style status_terminal (void);

#endif /* DISKSTACK_STATUS_H */
