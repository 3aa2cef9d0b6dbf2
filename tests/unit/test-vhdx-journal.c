/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-journal: batches of any size are durable when they are said to be,
 * at once if they fit into the ring, else in their order; what the
 * entries say; failures.
 */

#include <config.h>

#include <errno.h>

#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-sim.h"
#include "unit/vhdx-file.h"

#define RING ((uint32_t) MIB)
#define RING_OFFSET MIB
#define PAGES_OFFSET (4 * MIB)
#define NPAGES 560

struct rig {
  struct store *medium;
  struct vhdx_journal j;
  uint64_t version[NPAGES]; /* of each page, as it was said to be durable */
  /* The batch that is being written. */
  uint64_t next;
  unsigned which[NPAGES], n;
};

static uint8_t *
make_page (uint64_t version)
{
  uint8_t *p = must_malloc (IMAGE_PAGE);

  for (unsigned k = 0; k < IMAGE_PAGE; k += 8)
    memcpy (p + k, &version, 8);
  return p;
}

static void
setup (struct rig *r)
{
  int err;

  *r =
    (struct rig){ .medium = store_sim_create_with (&(struct store_sim_options){
                    .size = PAGES_OFFSET + NPAGES * IMAGE_PAGE,
                    .piece_size = 4096,
                  }) };
  ck_assert_int_eq (
    vhdx_journal_start (&r->j, r->medium, RING_OFFSET, RING, VHDX_NAME, &err),
    0);
}

static int
write_batch (struct rig *r, struct rng *rng, unsigned n, uint64_t version,
             int *err)
{
  struct image_page *pages = must_calloc (n + 1, sizeof *pages);
  const unsigned first = (unsigned) rng_below (rng, NPAGES - n + 1);
  int result;

  r->next = version;
  r->n = n;
  for (unsigned k = 0; k < n; k++) {
    /* Not in the order of places. */
    r->which[k] = first + (k * 7 + 3) % n;
    if (n % 7 == 0)
      r->which[k] = first + k;
    pages[k] = (struct image_page){
      .offset = PAGES_OFFSET + (uint64_t) r->which[k] * IMAGE_PAGE,
      .count = IMAGE_PAGE,
      .data = make_page (version),
    };
  }
  result = store_flush (r->j.inner, err);
  if (result == 0)
    result = vhdx_journal_write (&r->j, pages, n, err);
  for (unsigned k = 0; k < n; k++)
    free (pages[k].data);
  free (pages);
  return result;
}

static void
accept (struct rig *r)
{
  for (unsigned k = 0; k < r->n; k++)
    r->version[r->which[k]] = r->next;
  r->n = 0;
}

/* ------------------------------------------------------------------ */
/* Replay */

static int
read_ring (void *opaque, void *buf, uint32_t count, uint32_t offset)
{
  int err;

  return store_read (opaque, buf, count, RING_OFFSET + offset, &err);
}

static int
apply (void *opaque, const struct vhdx_log_change *c)
{
  int err;

  ck_assert_ptr_nonnull (c->page);
  return store_write (opaque, c->page, c->length, c->offset, 0, &err);
}

static struct vhdx_log_active
find (const struct rig *r, struct store *s, struct vhdx_log *log)
{
  struct vhdx_log_active a;

  *log = (struct vhdx_log){
    .length = RING, .id = r->j.id, .read = read_ring, .opaque = s
  };
  log->offset = RING_OFFSET;
  ck_assert_int_eq (vhdx_log_find (log, &a), VHDX_OK);
  ck_assert_int_eq (vhdx_log_check (&a, store_size (s)), VHDX_OK);
  return a;
}

static bool
check_cut (void *opaque, struct store *s, const char *what)
{
  struct rig *r = opaque;
  const bool atomic = r->n <= vhdx_journal_batch (RING);
  struct vhdx_log log;
  const struct vhdx_log_active a = find (r, s, &log);
  CLEANUP_FREE uint64_t *all = must_malloc (NPAGES * IMAGE_PAGE);
  uint64_t expected[NPAGES], version;
  bool before = false;

  ck_assert_int_eq (vhdx_log_replay (&log, &a, apply, s), VHDX_OK);
  memcpy (expected, r->version, sizeof expected);
  for (unsigned k = 0; k < r->n; k++) {
    vhdx_peek (s, &version, sizeof version,
               PAGES_OFFSET + (uint64_t) r->which[k] * IMAGE_PAGE);
    if (version != r->next)
      before = true;
    else if (before && atomic)
      ck_abort_msg ("%s: half a batch", what);
    else if (before)
      ck_abort_msg ("%s: not in order", what);
    else
      expected[r->which[k]] = r->next;
  }
  if (atomic && before)
    memcpy (expected, r->version, sizeof expected);
  vhdx_peek (s, all, NPAGES * IMAGE_PAGE, PAGES_OFFSET);
  for (unsigned k = 0; k < NPAGES; k++) {
    const uint64_t *page = all + (size_t) k * IMAGE_PAGE / 8;

    if (page[0] != expected[k] || memcmp (page, page + 1, IMAGE_PAGE - 8) != 0)
      ck_abort_msg ("%s: page %u", what, k);
  }
  return true;
}

static void
cut_from (struct rig *r, uint64_t p)
{
  const struct store_sim_plan plan = { .which = STORE_SIM_RANDOM |
                                                STORE_SIM_PREFIXES |
                                                STORE_SIM_MISSING |
                                                STORE_SIM_IN_FLIGHT,
                                       .max_each = 2 };
  const uint64_t end = store_sim_position (r->medium);

  /* Near the ends of what is done, and not at each page in place. */
  for (; p <= end; p += p < 5 || end - p < 3 ? 1 : 61)
    store_sim_crash_images (r->medium, p, &plan, check_cut, r);
}

static void
cut_everywhere (struct rig *r)
{
  cut_from (r, 0);
}

START_TEST (batches)
{
  static const unsigned sizes[] = { 1, 2, 126, 127, 200, 243, 1,   249, 250,
                                    1, 3, 250, 251, 500, 501, 560, 0,   1 };
  struct rng rng;
  struct rig r;
  int err;

  rng_init (&rng, rng_seed ("batches"));
  setup (&r);
  for (unsigned k = 0; k < 40; k++) {
    const unsigned n =
      k < ARRAY_SIZE (sizes) ? sizes[k] : 1 + (unsigned) rng_below (&rng, 300);

    ck_assert_int_eq (store_flush (r.medium, &err), 0);
    store_sim_settle (r.medium);
    ck_assert_int_eq (write_batch (&r, &rng, n, k + 1, &err), 0);
    cut_everywhere (&r);
    accept (&r);
  }
  store_close (r.medium);
}
END_TEST

/* Small ones, many times around. */
START_TEST (around)
{
  struct rng rng;
  struct rig r;
  int err;

  rng_init (&rng, rng_seed ("around"));
  setup (&r);
  for (unsigned k = 0; k < 1000; k++) {
    const bool cut = rng_one_in (&rng, 30);

    ck_assert_int_eq (store_flush (r.medium, &err), 0);
    if (cut)
      store_sim_settle (r.medium);
    ck_assert_int_eq (
      write_batch (&r, &rng, 1 + (unsigned) rng_below (&rng, 9), k + 1, &err),
      0);
    if (cut)
      cut_everywhere (&r);
    accept (&r);
  }
  store_close (r.medium);
}
END_TEST

/* A file that grew since it was flushed last is not said to be that long
 * for certain.
 */
START_TEST (offsets)
{
  struct vhdx_log log;
  struct vhdx_log_active a;
  struct rng rng;
  struct rig r;
  uint64_t flushed, sequence;
  CLEANUP_FREE uint8_t *page = make_page (1);
  int err;

  rng_init (&rng, 1);
  setup (&r);
  a = find (&r, r.medium, &log);
  ck_assert_uint_eq (a.nentries, 1);
  ck_assert_uint_eq (a.head.ndescriptors, 0);
  ck_assert_uint_gt (a.head.sequence, UINT32_MAX);
  flushed = store_size (r.medium);
  sequence = a.head.sequence;
  ck_assert_int_eq (store_resize (r.medium, flushed + MIB, &err), 0);
  ck_assert_int_eq (
    vhdx_journal_write (&r.j,
                        &(struct image_page){ .offset = PAGES_OFFSET,
                                              .count = IMAGE_PAGE,
                                              .data = page },
                        1, &err),
    0);
  a = find (&r, r.medium, &log);
  ck_assert_uint_eq (a.head.flushed_offset, flushed);
  ck_assert_uint_eq (a.head.last_offset, flushed + MIB);
  ck_assert_uint_eq (a.head.sequence, sequence + 1);
  ck_assert_uint_eq (a.tail.offset, a.head.offset);
  ck_assert_int_eq (vhdx_journal_forget (&r.j, &err), 0);
  a = find (&r, r.medium, &log);
  ck_assert_uint_eq (a.head.ndescriptors, 0);
  ck_assert_uint_eq (a.head.flushed_offset, flushed + MIB);
  ck_assert_uint_eq (a.tail.offset, a.head.offset);
  store_close (r.medium);
}
END_TEST

START_TEST (sequence_numbers_end)
{
  struct rng rng;
  struct rig r;
  int err;

  rng_init (&rng, 1);
  setup (&r);
  r.j.sequence = UINT64_MAX - 1;
  ck_assert_int_eq (write_batch (&r, &rng, 1, 1, &err), 0);
  log_memory_clear ();
  ck_assert_int_eq (write_batch (&r, &rng, 1, 2, &err), -1);
  ck_assert_int_eq (err, EOVERFLOW);
  ck_assert (log_memory_contains ("sequence numbers of the log"));
  store_close (r.medium);
}
END_TEST

/* After a failure all that was said to be durable is. */
START_TEST (failures)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *way;
    struct rng rng;
    struct rig r;
    int err;

    rng_init (&rng, 3);
    setup (&r);
    store_sim_settle (r.medium);
    way = store_fault_borrow (r.medium);
    r.j.inner = way;
    ck_assert_int_eq (write_batch (&r, &rng, 5, 1, &err), 0);
    accept (&r);
    ck_assert_int_eq (store_flush (r.medium, &err), 0);
    store_sim_settle (r.medium);
    store_fault_nth (way, STORE_OPS_ALL, f.n);
    log_memory_clear ();
    if (write_batch (&r, &rng, 255, 2, &err) == -1) {
      ck_assert_int_eq (err, EIO);
      ck_assert (f.n == 1 || log_memory_errors () == 1);
    }
    else
      accept (&r);
    f.fired = store_fault_fired (way);
    cut_from (&r, store_sim_position (r.medium));
    store_close (way);
    store_close (r.medium);
    /* Pages in place are all the same. */
    if (f.n == 10)
      f.n = 245;
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { batches, around, offsets, sequence_numbers_end,
                                 failures };

  return test_main ("vhdx-journal", tests, ARRAY_SIZE (tests));
}
