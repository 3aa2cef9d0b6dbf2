/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sparse-memory.h.
 */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/align.h"
#include "layer/sparse-memory.h"

#define PAGE 4096
#define UNIT SPARSE_MEMORY_UNIT
#define PIECE SPARSE_MEMORY_PIECE
#define UNIT_PAGES (UNIT / PAGE)

/* As many pages as this are asked for at once instead of being faulted in
 * one by one.
 */
#define POPULATE_MIN 8

/* What must be there before a unit to be called in order: half of this
 * many pages, as requests in flight overtake each other.
 */
#define ORDER_PAGES 128

/* A run of large units is a mapping of its own to the kernel, which has
 * 65530 for a process.
 */
#define LARGE_RUNS_MAX 8192

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

int
sparse_memory_init (struct sparse_memory *m, uint64_t size, uint64_t max)
{
  m->size = size;
  m->max = max;
  m->npieces = DIV_ROUND_UP (size, PIECE);
  m->piece = calloc (m->npieces, sizeof *m->piece);
  m->resident = presence_create (DIV_ROUND_UP (size, PAGE));
  m->large = presence_create (DIV_ROUND_UP (size, UNIT));
  return m->piece == NULL || m->resident == NULL || m->large == NULL ? -1 : 0;
}

static uint64_t
piece_length (const struct sparse_memory *m, size_t i)
{
  return min_u64 (PIECE, ROUND_UP (m->size, PAGE) - i * PIECE);
}

void
sparse_memory_fini (struct sparse_memory *m)
{
  for (size_t i = 0; m->piece != NULL && i < m->npieces; i++) {
    char *p = atomic_load (&m->piece[i]);

    if (p != NULL)
      munmap (p, piece_length (m, i));
  }
  free (m->piece);
  presence_free (m->resident);
  presence_free (m->large);
}

uint64_t
sparse_memory_used (const struct sparse_memory *m)
{
  return atomic_load (&m->npages) * PAGE + presence_memory (m->resident) +
         presence_memory (m->large);
}

char *
sparse_memory_at (const struct sparse_memory *m, uint64_t offset)
{
  char *p =
    atomic_load_explicit (&m->piece[offset / PIECE], memory_order_acquire);

  return p == NULL ? NULL : p + offset % PIECE;
}

/* Reserve LENGTH bytes at a multiple of UNIT. */
static char *
reserve (uint64_t length)
{
  const uint64_t more = length + UNIT;
  char *p = mmap (NULL, more, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  uint64_t before;

  if (p == MAP_FAILED)
    return NULL;
  before = ROUND_UP ((uintptr_t) p, UNIT) - (uintptr_t) p;
  if (before > 0)
    munmap (p, before);
  munmap (p + before + length, more - before - length);
  /* Small pages, or max would mean nothing, but for the units. */
  madvise (p + before, length, MADV_NOHUGEPAGE);
  return p + before;
}

static char *
memory_for_write (struct sparse_memory *m, uint64_t offset)
{
  const size_t i = offset / PIECE;
  char *p = atomic_load_explicit (&m->piece[i], memory_order_acquire);
  char *expected = NULL;

  if (p == NULL) {
    p = reserve (piece_length (m, i));
    if (p == NULL)
      return NULL;
    if (!atomic_compare_exchange_strong (&m->piece[i], &expected, p)) {
      munmap (p, piece_length (m, i));
      p = expected;
    }
  }
  return p + offset % PIECE;
}

/* Count the pages [FIRST, FIRST+N), of which FRESH are not counted yet. */
static int
charge (struct sparse_memory *m, uint64_t first, uint64_t n, uint64_t fresh,
        uint64_t other, int *err)
{
  atomic_fetch_add (&m->npages, fresh);
  if (m->max != 0 && sparse_memory_used (m) + other > m->max) {
    atomic_fetch_sub (&m->npages, fresh);
    *err = ENOSPC;
    return -1;
  }
  if (presence_set (m->resident, first, n) == -1) {
    /* What was set stays charged: more than is used, never less. */
    *err = ENOMEM;
    return -1;
  }
  return 0;
}

char *
sparse_memory_take (struct sparse_memory *m, uint64_t offset, uint64_t count,
                    uint64_t other, int *err)
{
  const uint64_t first = offset / PAGE;
  const uint64_t n = DIV_ROUND_UP (offset + count, PAGE) - first;
  const uint64_t fresh = n - presence_count (m->resident, first, n);
  char *p = memory_for_write (m, offset);

  if (p == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  if (fresh == 0)
    return p;
  if (charge (m, first, n, fresh, other, err) == -1)
    return NULL;
  /* Only speed is lost if it fails. */
  if (fresh >= POPULATE_MIN)
    madvise (p - offset % PAGE, n * PAGE, MADV_POPULATE_WRITE);
  return p;
}

bool
sparse_memory_wants_unit (const struct sparse_memory *m, uint64_t unit)
{
  const uint64_t first = unit / PAGE;

  return unit > 0 && unit + UNIT <= m->size &&
         !presence_any (m->resident, first, UNIT_PAGES) &&
         presence_count (m->resident, first - ORDER_PAGES, ORDER_PAGES) >=
           ORDER_PAGES / 2;
}

void
sparse_memory_take_unit (struct sparse_memory *m, uint64_t unit, uint64_t other)
{
  const uint64_t i = unit / UNIT;
  char *p;
  int err;

  if (!presence_test (m->large, i - 1) &&
      atomic_fetch_add (&m->nlarge, 1) >= LARGE_RUNS_MAX) {
    atomic_fetch_sub (&m->nlarge, 1);
    return;
  }
  p = memory_for_write (m, unit);
  if (p == NULL || presence_set (m->large, i, 1) == -1 ||
      charge (m, unit / PAGE, UNIT_PAGES, UNIT_PAGES, other, &err) == -1)
    return;
  madvise (p, UNIT, MADV_HUGEPAGE);
  madvise (p, UNIT, MADV_POPULATE_WRITE);
}

void
sparse_memory_drop (struct sparse_memory *m, uint64_t start, uint64_t end)
{
  uint64_t page = start / PAGE;
  const uint64_t last = DIV_ROUND_UP (end, PAGE);

  while ((page = presence_find (m->resident, page, last, true)) < last) {
    uint64_t lo = max_u64 (page * PAGE, start), hi, run_end;

    presence_run (m->resident, page, last, &run_end);
    hi = min_u64 (run_end * PAGE, end);
    hi = min_u64 (hi, ROUND_DOWN (lo, PIECE) + PIECE);
    page = DIV_ROUND_UP (hi, PAGE);
    if (!IS_ALIGNED (lo, PAGE)) {
      const uint64_t n = min_u64 (hi, ROUND_UP (lo, PAGE)) - lo;

      memset (sparse_memory_at (m, lo), 0, n);
      lo += n;
    }
    if (!IS_ALIGNED (hi, PAGE) && hi > lo && hi < m->size) {
      const uint64_t n = hi % PAGE;

      memset (sparse_memory_at (m, hi - n), 0, n);
      hi -= n;
    }
    if (hi > lo &&
        madvise (sparse_memory_at (m, lo), hi - lo, MADV_DONTNEED) == 0) {
      const uint64_t n = DIV_ROUND_UP (hi, PAGE) - lo / PAGE;

      if (presence_clear (m->resident, lo / PAGE, n) == 0)
        atomic_fetch_sub (&m->npages, n);
    }
  }
}
