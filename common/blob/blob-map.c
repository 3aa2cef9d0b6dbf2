/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See blob-map.h.  The blob is divided into units; one that is known is
 * never changed or freed before the end, so that it is read without locks.
 * Who wants to know of one asks for many at once.  Of blobs in very many
 * small pieces the service gives up to tell: then less is asked for.  What it
 * does not tell is data, until it is asked again.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "blob/blob-map.h"
#include "cloud/azure-url.h"
#include "cloud/cloud-secret.h"
#include "cloud/page-ranges.h"

#define UNIT_SIZE (UINT64_C (1) << 30)
/* Units that are asked for together, at first. */
#define SPAN_MOST 64
/* After so many answers, twice as many are asked for. */
#define GOOD_MOST 8
/* Ranges in one answer: the most that the service permits. */
#define RANGES_MAX 10000

struct unit {
  size_t n;
  struct extent v[]; /* all of it */
};

struct blob_map {
  struct http_object *object;
  struct azure_url url;
  uint64_t size;
  uint64_t nunits;
  struct unit *_Atomic *unit; /* NULL: not known */
  pthread_mutex_t asking;     /* of making units known, and of what follows */
  uint64_t span;
  unsigned good;   /* answers since it was changed */
  uint64_t *again; /* units are not asked for before this time */
};

struct blob_map *
blob_map_create (struct http_object *o, const char *url)
{
  struct blob_map *m = calloc (1, sizeof *m);
  enum cloud_status status = CLOUD_NO_MEMORY;

  if (m != NULL) {
    m->object = o;
    m->size = http_object_size (o);
    m->span = SPAN_MOST;
    m->nunits = DIV_ROUND_UP (m->size, UNIT_SIZE);
    pthread_mutex_init (&m->asking, NULL);
    m->unit = calloc (m->nunits + 1, sizeof *m->unit);
    m->again = calloc (m->nunits + 1, sizeof *m->again);
    if (m->unit != NULL && m->again != NULL)
      status = azure_url_parse (url, &m->url);
  }
  if (status == CLOUD_OK)
    return m;
  blob_map_free (m);
  errno = status == CLOUD_NO_MEMORY ? ENOMEM : EINVAL;
  if (status != CLOUD_NO_MEMORY)
    log_debug ("%s: holes are not known: the URL %s", http_object_name (o),
               cloud_status_string (status));
  return NULL;
}

void
blob_map_free (struct blob_map *m)
{
  if (m == NULL)
    return;
  for (uint64_t i = 0; m->unit != NULL && i < m->nunits; i++)
    free (m->unit[i]);
  free (m->unit);
  free (m->again);
  azure_url_fini (&m->url);
  pthread_mutex_destroy (&m->asking);
  free (m);
}

static uint64_t
unit_end (const struct blob_map *m, uint64_t index)
{
  return min_u64 ((index + 1) * UNIT_SIZE, m->size);
}

/* ------------------------------------------------------------------ */
/* Making units known */

/* The part of L that lies in the unit INDEX is what that has.  False if
 * there is no memory.
 */
static bool
set_unit (struct blob_map *m, uint64_t index, const struct extent_list *l)
{
  const uint64_t start = index * UNIT_SIZE, end = unit_end (m, index);
  size_t first = 0, last;
  struct unit *u;

  while (first < l->len && l->v[first].offset + l->v[first].count <= start)
    first++;
  for (last = first; last < l->len && l->v[last].offset < end; last++)
    ;
  u = malloc (sizeof *u + (last - first) * sizeof u->v[0]);
  if (u == NULL)
    return false;
  u->n = last - first;
  for (size_t i = 0; i < u->n; i++) {
    const struct extent *e = &l->v[first + i];
    const uint64_t from = max_u64 (e->offset, start);

    u->v[i] =
      (struct extent){ .offset = from,
                       .count = min_u64 (e->offset + e->count, end) - from,
                       .type = e->type };
  }
  atomic_store_explicit (&m->unit[index], u, memory_order_release);
  return true;
}

/* All units that L tells something about; what it leaves out of the first
 * one is data.
 */
static bool
set_units (struct blob_map *m, uint64_t first, uint64_t end,
           struct extent_list *l)
{
  uint64_t index = first;
  int err;

  if (extent_list_next (l) < unit_end (m, first)) {
    /* With its last place, if there is no other. */
    if (l->len == EXTENTS_MAX)
      l->v[l->len - 1] = (struct extent){ .offset = l->v[l->len - 1].offset,
                                          .count = unit_end (m, first) -
                                                   l->v[l->len - 1].offset };
    else if (extent_list_add (l, unit_end (m, first) - extent_list_next (l), 0,
                              &err) == -1)
      return false;
  }
  for (; index < end && unit_end (m, index) <= extent_list_next (l); index++) {
    if (!set_unit (m, index, l))
      return index > first;
  }
  return true;
}

/* ------------------------------------------------------------------ */
/* Asking */

/* Fetch the next answer, of N bytes at TEXT, which has room for
 * PAGE_RANGES_MAX.  0 or an errno.
 */
static int
fetch (struct blob_map *m, const struct extent_list *l, const char *marker,
       uint8_t *text, size_t *n)
{
  struct buffer more = { NULL }, url = { NULL };
  char range[80];
  const char *const header[] = { range };
  struct http_range r = { .object = m->object,
                          .whole = true,
                          .count = PAGE_RANGES_MAX,
                          .optional = true,
                          .header = header,
                          .nheaders = 1 };
  int err = ENOMEM;

  snprintf (range, sizeof range, "x-ms-range: bytes=%" PRIu64 "-%" PRIu64,
            l->start, l->end - 1);
  azure_url_add_pagelist (&more, RANGES_MAX, marker);
  if (!buffer_failed (&more) && azure_url_request (&m->url, buffer_text (&more),
                                                   NULL, &url) == CLOUD_OK) {
    r.url = buffer_text (&url);
    err = http_range_wait (&r, text);
    *n = r.received;
  }
  buffer_fini (&more);
  cloud_secret_fini (&url);
  return err;
}

/* Read one answer into L. */
static enum cloud_status
read_answer (struct blob_map *m, struct extent_list *l, const uint8_t *text,
             size_t n, struct buffer *marker)
{
  struct page_ranges *p = page_ranges_new (m->size, l);
  enum cloud_status status;

  if (p == NULL)
    return CLOUD_NO_MEMORY;
  status = page_ranges_feed (p, text, n);
  buffer_clear (marker);
  if (status == CLOUD_OK)
    status = page_ranges_end (p, marker);
  page_ranges_free (p);
  return status;
}

/* Ask for all of L, answer by answer.  0, ETIMEDOUT or EFBIG if it is too
 * much, or another errno.
 */
static int
ask_all (struct blob_map *m, struct extent_list *l)
{
  CLEANUP_FREE uint8_t *text = malloc (PAGE_RANGES_MAX);
  struct buffer marker = { NULL };
  int err = text != NULL ? 0 : ENOMEM;

  do {
    enum cloud_status status;
    size_t n;

    if (err == 0)
      err =
        fetch (m, l, marker.len > 0 ? buffer_text (&marker) : NULL, text, &n);
    if (err != 0)
      break;
    status = read_answer (m, l, text, n, &marker);
    if (status == CLOUD_OK)
      continue;
    err = status == CLOUD_NO_MEMORY ? ENOMEM : EIO;
    log_debug ("%s: the list of page ranges %s", http_object_name (m->object),
               cloud_status_string (status));
  } while (err == 0 && marker.len > 0 && !extent_list_full (l));
  buffer_fini (&marker);
  return err;
}

/* Ask for the units [FIRST, END).  If that succeeds they are known, or the
 * first of them.  As ask_all.
 */
static int
ask (struct blob_map *m, uint64_t first, uint64_t end)
{
  struct extent_list l;
  int err;

  extent_list_init (&l, first * UNIT_SIZE, unit_end (m, end - 1), false);
  err = ask_all (m, &l);
  if (err == 0 && !set_units (m, first, end, &l))
    err = ENOMEM;
  extent_list_fini (&l);
  return err;
}

static uint64_t
now (void)
{
  return clock_coarse_ns () / CLOCK_MILLISECOND;
}

/* The units [FIRST, END) are data for a while, as nobody knows. */
static void
give_up (struct blob_map *m, uint64_t first, uint64_t end)
{
  const uint64_t again = now () + http_object_timeout (m->object);

  log_debug ("%s: the server does not tell the page ranges from %" PRIu64
             " to %" PRIu64 ": for now, all is data there",
             http_object_name (m->object), first * UNIT_SIZE,
             unit_end (m, end - 1));
  for (; first < end; first++)
    m->again[first] = again;
}

/* With the next, less or more is asked for. */
static void
set_span (struct blob_map *m, uint64_t span)
{
  m->span = span;
  m->good = 0;
}

static struct unit *
known (struct blob_map *m, uint64_t index)
{
  return atomic_load_explicit (&m->unit[index], memory_order_acquire);
}

/* Make INDEX known, if the server tells.  0, or -1 if there is no memory. */
static int
find_out (struct blob_map *m, uint64_t index)
{
  LOCK_SCOPE (&m->asking);
  while (known (m, index) == NULL && m->again[index] <= now ()) {
    uint64_t end = index + 1;
    int err;

    while (end < m->nunits && end - index < m->span && known (m, end) == NULL)
      end++;
    err = ask (m, index, end);
    if (err == ENOMEM)
      return -1;
    if ((err == ETIMEDOUT || err == EFBIG) && end - index > 1)
      set_span (m, max_u64 ((end - index) / 4, 1));
    else if (err != 0)
      give_up (m, index, end);
    else if (++m->good == GOOD_MOST)
      set_span (m, min_u64 (2 * m->span, SPAN_MOST));
  }
  return 0;
}

/* ------------------------------------------------------------------ */

/* The extent of U that OFFSET is in. */
static const struct extent *
find (const struct unit *u, uint64_t offset)
{
  size_t low = 0, high = u->n;

  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;

    if (u->v[middle].offset <= offset)
      low = middle;
    else
      high = middle;
  }
  return &u->v[low];
}

bool
blob_map_is_hole (struct blob_map *m, uint64_t offset, uint64_t *count)
{
  const uint64_t end = offset + *count;
  uint64_t at = offset;
  bool is_hole = false;

  while (at < end) {
    const uint64_t index = at / UNIT_SIZE;
    const struct unit *u = known (m, index);
    const struct extent *e = u != NULL ? find (u, at) : NULL;
    const bool hole = e != NULL && e->type != 0;

    if (at > offset && hole != is_hole)
      break;
    is_hole = hole;
    at = e != NULL ? e->offset + e->count : unit_end (m, index);
  }
  *count = min_u64 (at, end) - offset;
  return is_hole;
}

int
blob_map_extents (struct blob_map *m, uint64_t count, uint64_t offset,
                  struct extent_list *out, int *err)
{
  const uint64_t end = offset + count;

  while (offset < end && !extent_list_full (out)) {
    const uint64_t index = offset / UNIT_SIZE;
    const struct extent *e;
    uint64_t n;

    if (known (m, index) == NULL && find_out (m, index) == -1) {
      *err = ENOMEM;
      return -1;
    }
    e = known (m, index) != NULL ? find (known (m, index), offset) : NULL;
    n = min_u64 (e != NULL ? e->offset + e->count : unit_end (m, index), end) -
        offset;
    if (extent_list_add (out, n, e != NULL ? e->type : 0, err) == -1)
      return -1;
    offset += n;
  }
  return 0;
}
