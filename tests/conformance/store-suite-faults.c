/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a store does when something below it fails, or when there is no
 * memory.  Each operation is repeated with the first, second, third...
 * operation (or allocation) under it failing, until none does.  It must
 * then fail with a reason, or do what it should all the same; nothing
 * outside its range may change, and inside it each sector is as it was
 * or as it should be.
 */

#include <config.h>

#include "conformance/store-suite.h"
#include "support/alloc-fault.h"
#include "support/differ.h"
#include "support/must.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"

#define SIZE (300 * 1024)

enum op {
  READ,
  WRITE,
  WRITE_FUA,
  WRITEV,
  ZERO,
  ZERO_TRIM,
  TRIM,
  EXTENTS,
  FLUSH,
  NOPS
};

static const char *const op_names[NOPS] = {
  "read",          "write", "write fua", "writev", "zero",
  "zero may trim", "trim",  "extents",   "flush",
};

/* One request that is refused somewhere on its way. */
struct attempt {
  struct subject t;
  enum op op;
  uint64_t offset, count;
  uint8_t *before, *after; /* of the whole disk */
  uint8_t *buf;            /* for writing from and reading to */
  struct extent_list l;
  bool allocations; /* these fail, not the store below */
};

static int
do_op (struct attempt *a)
{
  struct store *s = a->t.s;
  int *const err = &a->t.err;
  const struct iovec iov[] = { { a->buf, 100 },
                               { a->buf + 100, a->count - 100 } };

  *err = 0;
  switch (a->op) {
  case READ:
    return store_read (s, a->buf, a->count, a->offset, err);
  case WRITE:
    return store_write (s, a->buf, a->count, a->offset, 0, err);
  case WRITE_FUA:
    return store_write (s, a->buf, a->count, a->offset, STORE_FUA, err);
  case WRITEV:
    return store_writev (s, iov, 2, a->offset, 0, err);
  case ZERO:
    return store_zero (s, a->count, a->offset, 0, err);
  case ZERO_TRIM:
    return store_zero (s, a->count, a->offset, STORE_MAY_TRIM, err);
  case TRIM:
    return store_trim (s, a->count, a->offset, 0, err);
  case EXTENTS:
    return store_extents (s, a->count, a->offset, 0, &a->l, err);
  default:
    return store_flush (s, err);
  }
}

static void
arm (struct attempt *a, uint64_t n)
{
  if (a->allocations)
    alloc_fault_nth (n);
  else
    store_fault_nth (a->t.env.faulty, STORE_OPS_ALL, n);
}

static bool
disarm (struct attempt *a)
{
  bool fired;

  if (a->allocations)
    return alloc_fault_stop ();
  fired = store_fault_fired (a->t.env.faulty);
  store_fault_reset (a->t.env.faulty);
  return fired;
}

/* What each sector of the range should be after the request. */
static void
expected (const struct attempt *a, uint8_t *out)
{
  if (a->op == WRITE || a->op == WRITE_FUA || a->op == WRITEV)
    memcpy (out, a->buf, a->count);
  else if (a->op == ZERO || a->op == ZERO_TRIM)
    memset (out, 0, a->count);
  else
    memcpy (out, a->before + a->offset, a->count);
}

static void
complain (const struct attempt *a, const char *what, uint64_t at)
{
  ck_abort_msg ("%s: %s of %llu at %llu: %s at %llu", a->t.maker->name,
                op_names[a->op], (unsigned long long) a->count,
                (unsigned long long) a->offset, what, (unsigned long long) at);
}

/* SUCCEEDED: each sector is new; else old or new.  A trimmed one may be
 * anything.
 */
static void
check_sectors (struct attempt *a, bool succeeded)
{
  const uint64_t sector = a->t.s->info.sector_size;
  const uint64_t end = a->offset + a->count;
  uint8_t *should = must_malloc (a->count);

  expected (a, should);
  for (uint64_t at = a->offset; at < end && a->op != TRIM;) {
    const uint64_t next = min_u64 (ROUND_DOWN (at, sector) + sector, end);
    const size_t n = next - at;
    const bool is_new =
      memcmp (a->after + at, should + (at - a->offset), n) == 0;
    const bool is_old = memcmp (a->after + at, a->before + at, n) == 0;

    if (!is_new && (succeeded || !is_old))
      complain (a, "neither old nor new", at);
    at = next;
  }
  free (should);
}

static void
check_same (struct attempt *a, uint64_t start, uint64_t end)
{
  start += first_difference (a->after + start, a->before + start, end - start);
  if (start < end)
    complain (a, "a byte outside was changed", start);
}

static void
check_disk (struct attempt *a, bool succeeded)
{
  const uint64_t size = a->t.spec.size, end = a->offset + a->count;

  quick_assert (store_read (a->t.s, a->after, size, 0, &a->t.err) == 0);
  check_same (a, 0, a->offset);
  check_same (a, end, size);
  check_sectors (a, succeeded);
}

/* An image that cannot be changed any more can be so when it is opened
 * again, and lost nothing.
 */
static void
recover (struct attempt *a)
{
  if (!a->t.maker->is_image || store_flush (a->t.s, &a->t.err) == 0)
    return;
  subject_reopen (&a->t);
  check_disk (a, false);
}

/* The request, with one fault after the other; ends with a run in which
 * there was none, so the disk is then as it should be.
 */
static void
attempt (struct attempt *a)
{
  struct nth_fault f = NTH_FAULT_INIT;
  int r;

  while (nth_fault_next (&f)) {
    quick_assert (
      store_read (a->t.s, a->before, a->t.spec.size, 0, &a->t.err) == 0);
    extent_list_init (&a->l, a->offset, a->offset + a->count, false);
    if (a->t.maker->is_image)
      quick_assert (store_flush (a->t.s, &a->t.err) == 0);
    arm (a, f.n);
    r = do_op (a);
    f.fired = disarm (a);
    if (r == -1 && !f.fired)
      complain (a, "failed without a fault", 0);
    if (r == -1 && a->t.err <= 0)
      complain (a, "failed without a reason", 0);
    /* A change that did not reach the disk has not succeeded. */
    if (r == 0 && f.fired && !a->allocations && a->op == WRITE_FUA)
      complain (a, "succeeded although something failed", 0);
    extent_list_fini (&a->l);
    check_disk (a, r == 0);
    if (r == -1)
      recover (a);
    if (a->op != READ)
      rng_fill (&a->t.rng, a->buf, a->count);
  }
}

static void
open_attempt (struct attempt *a)
{
  a->before = must_malloc (a->t.spec.size);
  a->after = must_malloc (a->t.spec.size);
  a->buf = must_malloc (a->t.spec.size);
  write_random (&a->t, 0, ROUND_DOWN (a->t.spec.size / 2, a->t.unit), 0);
}

static void
close_attempt (struct attempt *a)
{
  free (a->before);
  free (a->after);
  free (a->buf);
  subject_close (&a->t);
}

static void
attempts (struct attempt *a)
{
  open_attempt (a);
  for (unsigned i = 0; i < 40; i++) {
    if (!nth_fault_case (i))
      continue;
    random_range (&a->t, SIZE / 3, &a->offset, &a->count);
    if (a->count < 200)
      a->count = min_u64 (max_u64 (200, a->t.unit), a->t.spec.size - a->offset);
    if (a->count <= 100)
      continue;
    rng_fill (&a->t.rng, a->buf, a->count);
    for (a->op = 0; a->op < NOPS; a->op++)
      attempt (a);
  }
  close_attempt (a);
}

START_TEST (faults_below)
{
  struct attempt a = { .allocations = false };

  if (!subject_open (&a.t, _i, SIZE))
    return;
  if (a.t.env.faulty == NULL)
    subject_close (&a.t);
  else
    attempts (&a);
}
END_TEST

START_TEST (no_memory)
{
  struct attempt a = { .allocations = true };

  if (subject_open (&a.t, _i, SIZE))
    attempts (&a);
}
END_TEST

/* The medium refuses everything from some time on, then works again. */
START_TEST (dead_medium)
{
  struct attempt a = { .allocations = false };

  if (!subject_open (&a.t, _i, SIZE))
    return;
  if (a.t.env.faulty == NULL) {
    subject_close (&a.t);
    return;
  }
  open_attempt (&a);
  quick_assert (store_flush (a.t.s, &a.t.err) == 0);
  a.offset = max_u64 (4096, a.t.unit);
  a.count = 2 * max_u64 (4096, a.t.unit);
  rng_fill (&a.t.rng, a.buf, a.count);
  quick_assert (store_read (a.t.s, a.before, a.t.spec.size, 0, &a.t.err) == 0);
  store_fault_all (a.t.env.faulty, STORE_OPS_ALL, ESHUTDOWN);
  for (a.op = 0; a.op < NOPS; a.op++) {
    extent_list_init (&a.l, a.offset, a.offset + a.count, false);
    if (do_op (&a) == 0)
      ck_assert (a.op == TRIM || a.op == EXTENTS || a.t.maker->is_image);
    /* Once an image has failed to make something durable it fails. */
    else if (!a.t.maker->is_image || a.t.err != EIO)
      ck_assert_int_eq (a.t.err, ESHUTDOWN);
    extent_list_fini (&a.l);
  }
  store_fault_reset (a.t.env.faulty);
  if (a.t.maker->is_image)
    subject_reopen (&a.t);
  check_disk (&a, false);
  a.op = WRITE;
  ck_assert_int_eq (do_op (&a), 0);
  close_attempt (&a);
}
END_TEST

/* Making the store fails cleanly, too. */
START_TEST (create_no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct subject t;
    bool opened;

    errno = 0;
    alloc_fault_nth (f.n);
    opened = subject_open (&t, _i, SIZE);
    f.fired = alloc_fault_stop ();
    if (opened)
      subject_close (&t);
    else if (f.fired)
      ck_assert_int_eq (errno, ENOMEM);
  }
}
END_TEST

void
store_suite_faults (Suite *suite)
{
  TCase *c = test_case (suite, "faults");

  tcase_add_loop_test (c, faults_below, 0, NSUBJECTS);
  tcase_add_loop_test (c, no_memory, 0, NSUBJECTS);
  tcase_add_loop_test (c, dead_medium, 0, NSUBJECTS);
  tcase_add_loop_test (c, create_no_memory, 0, NSUBJECTS);
}
