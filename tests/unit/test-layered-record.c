/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Recording what is read first: each sector once, in order, whole or not
 * at all; and fetching it again.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/read-trace.h"
#include "layered/layered-hydrate.h"
#include "layered/layered-prefetch.h"
#include "layered/layered-record.h"
#include "support/log-memory.h"
#include "support/threads.h"
#include "unit/layered-rig.h"

#define SIZE (UINT64_C (5) * RIG_MIB + 300) /* ends inside of a sector */
#define HEADER "diskstack-read-trace 1 5243180 512\n"

static char folder[200], path[210];

static void
set_up (void)
{
  const char *tmp = getenv ("TMPDIR");

  snprintf (folder, sizeof folder, "%s/diskstack-record-XXXXXX",
            tmp ? tmp : "/tmp");
  ck_assert_ptr_nonnull (mkdtemp (folder));
  snprintf (path, sizeof path, "%s/trace", folder);
  log_memory_clear ();
}

static void
tear_down (void)
{
  unlink (path);
  ck_assert_int_eq (rmdir (folder), 0); /* nothing is left beside it */
}

static void
write_trace (const char *text)
{
  FILE *f = fopen (path, "w");

  ck_assert_ptr_nonnull (f);
  ck_assert_int_ge (fputs (text, f), 0);
  ck_assert_int_eq (fclose (f), 0);
}

/* To free. */
static char *
read_trace (void)
{
  FILE *f = fopen (path, "r");
  struct stat st;
  char *text;

  ck_assert_ptr_nonnull (f);
  ck_assert_int_eq (fstat (fileno (f), &st), 0);
  text = must_calloc (1, st.st_size + 1);
  ck_assert_uint_eq (fread (text, 1, st.st_size, f), st.st_size);
  fclose (f);
  return text;
}

static void
expect_trace (const char *expected)
{
  char *text = read_trace ();

  ck_assert_str_eq (text, expected);
  free (text);
}

static void
record (struct rig *r)
{
  ck_assert_int_eq (layered_record_start (r->ld, path, &r->err), 0);
}

static void
stop (struct rig *r)
{
  ck_assert_int_eq (layered_record_stop (r->ld, &r->err), 0);
}

static void
look (struct rig *r, uint64_t offset, uint64_t count)
{
  uint8_t *buf = must_malloc (count);

  ck_assert_int_eq (store_read (r->client, buf, count, offset, &r->err), 0);
  ck_assert (memcmp (buf, r->disk + offset, count) == 0);
  free (buf);
}

/* ------------------------------------------------------------------ */
/* Recording */

START_TEST (first_touch)
{
  struct rig r;

  rig_build_cache (&r, 1, SIZE, 0);
  look (&r, 3 * RIG_MIB, 4096); /* not yet */
  write_trace ("what was there\n");
  record (&r);
  look (&r, 8192, 4096);
  look (&r, 12288, 4096); /* goes on */
  look (&r, 8192, 8192);  /* known */
  look (&r, 0, 512);
  look (&r, 100, 1);    /* known */
  look (&r, 1000, 100); /* a part of the second sector and the third */
  look (&r, SIZE - 10, 10);
  look (&r, 4096, 16384); /* both sides of what is known */
  ck_assert_int_eq (store_cache (r.client, 100000, RIG_MIB, &r.err), 0);
  ck_assert_int_eq (store_write (r.client, r.disk, 512, 2 * RIG_MIB, 0, &r.err),
                    0);
  expect_trace ("what was there\n");
  stop (&r);
  look (&r, 4 * RIG_MIB, 512); /* not any more */
  expect_trace (HEADER "8192 8192\n0 1536\n"
                       "5242880 300\n4096 4096\n16384 4096\n");
  ck_assert_uint_eq (log_memory_errors (), 0);
  stop (&r); /* does nothing */
  rig_tear_down (&r);
}
END_TEST

/* More than is kept in memory. */
START_TEST (many_ranges)
{
  enum { N = SIZE / 1024 };
  struct read_trace t;
  uint64_t offset, count;
  unsigned order[N];
  struct rig r;
  char *text;

  rig_build_cache (&r, rng_seed ("layered-record"), SIZE, 0);
  for (unsigned i = 0; i < N; i++)
    order[i] = i;
  for (unsigned i = N - 1; i > 0; i--) {
    const unsigned k = rng_below (&r.rng, i + 1), was = order[i];

    order[i] = order[k];
    order[k] = was;
  }
  record (&r);
  for (unsigned i = 0; i < 2 * N; i++)
    look (&r, order[i % N] * 1024, 512);
  stop (&r);
  text = read_trace ();
  ck_assert_uint_gt (strlen (text), 40000);
  ck_assert_int_eq (read_trace_begin (&t, text, strlen (text)), READ_TRACE_OK);
  for (unsigned i = 0; i < N; i++) {
    ck_assert_int_eq (read_trace_next (&t, &offset, &count), READ_TRACE_OK);
    ck_assert_uint_eq (offset, order[i] * 1024);
    ck_assert_uint_eq (count, 512);
  }
  ck_assert_int_eq (read_trace_next (&t, &offset, &count), READ_TRACE_END);
  free (text);
  rig_tear_down (&r);
}
END_TEST

/* As many ranges as there may be, and then no more. */
START_TEST (too_many_ranges)
{
  const uint64_t size = (UINT64_C (2) << 20) * RIG_SECTOR + RIG_MIB;
  const struct layered_bottom lb = { .exists = true,
                                     .size = size,
                                     .info = { .sector_size = RIG_SECTOR } };
  enum layered_status status;
  struct layered *ld;
  struct read_trace t;
  uint64_t offset, count;
  unsigned which;
  char *text;
  int err;

  ld = layered_create (NULL, 0, &lb, size, true, &status, &which);
  ck_assert_ptr_nonnull (ld);
  ck_assert_int_eq (layered_record_start (ld, path, &err), 0);
  for (uint64_t i = 0; i < READ_TRACE_RANGES_MAX + 10; i++)
    layered_record_read (ld, 2 * i, 1);
  ck_assert_int_eq (layered_record_stop (ld, &err), 0);
  text = read_trace ();
  ck_assert_int_eq (read_trace_begin (&t, text, strlen (text)), READ_TRACE_OK);
  for (uint64_t i = 0; i < READ_TRACE_RANGES_MAX; i++)
    quick_assert (read_trace_next (&t, &offset, &count) == READ_TRACE_OK);
  ck_assert_uint_eq (offset,
                     (READ_TRACE_RANGES_MAX - 1) * UINT64_C (2) * RIG_SECTOR);
  ck_assert_int_eq (read_trace_next (&t, &offset, &count), READ_TRACE_END);
  free (text);
  layered_close (ld);
}
END_TEST

static void
read_at_random (void *opaque, unsigned index)
{
  struct rig *r = opaque;
  uint8_t buf[4096];
  struct rng rng;
  int err;

  rng_init (&rng, index + 1);
  for (unsigned i = 0; i < 1500; i++)
    quick_assert (store_read (r->client, buf, sizeof buf,
                              rng_below (&rng, SIZE - sizeof buf), &err) == 0);
}

/* Each sector once, whoever reads. */
START_TEST (many_threads)
{
  const uint64_t n = DIV_ROUND_UP (SIZE, RIG_SECTOR);
  uint8_t *seen = must_calloc (n, 1);
  struct read_trace t;
  uint64_t offset, count;
  struct rig r;
  char *text;

  rig_build_cache (&r, 3, SIZE, 0);
  record (&r);
  threads_run (4, read_at_random, &r);
  stop (&r);
  text = read_trace ();
  ck_assert_int_eq (read_trace_begin (&t, text, strlen (text)), READ_TRACE_OK);
  while (read_trace_next (&t, &offset, &count) == READ_TRACE_OK) {
    for (uint64_t s = offset / RIG_SECTOR;
         s < DIV_ROUND_UP (offset + count, RIG_SECTOR); s++)
      quick_assert (seen[s]++ == 0);
  }
  ck_assert (t.p == t.end);
  for (uint64_t s = 0, end; s < n; s = end) {
    struct layer *l = r.ld->member[0].layer;
    const bool present = l->ops->state (l, s, n, &end) == LAYER_DATA;

    for (uint64_t i = s; i < end; i++)
      quick_assert (seen[i] == present);
  }
  free (text);
  free (seen);
  rig_tear_down (&r);
}
END_TEST

START_TEST (cannot_record)
{
  struct rlimit was, limit;
  struct rig r;
  int stopped;

  rig_build_cache (&r, 4, SIZE, 0);
  ck_assert_int_eq (layered_record_start (r.ld, "/nowhere/trace", &r.err), -1);
  ck_assert_int_eq (r.err, ENOENT);
  ck_assert (log_memory_contains ("record: /nowhere/trace"));

  write_trace ("what was there\n");
  record (&r);
  ck_assert_int_eq (layered_record_start (r.ld, path, &r.err), -1);
  ck_assert_int_eq (r.err, EINVAL);

  /* The file system is full at some time; reading goes on.  libcheck
   * writes to files, too.
   */
  log_memory_clear ();
  signal (SIGXFSZ, SIG_IGN);
  ck_assert_int_eq (getrlimit (RLIMIT_FSIZE, &was), 0);
  limit = (struct rlimit){ 1000, was.rlim_max };
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  for (unsigned odd = 0; odd < 2; odd++) {
    for (uint64_t s = odd; s < SIZE / RIG_SECTOR; s += 2)
      layered_record_read (r.ld, s, 1);
  }
  stopped = layered_record_stop (r.ld, &r.err);
  setrlimit (RLIMIT_FSIZE, &was);
  ck_assert_int_eq (stopped, -1);
  ck_assert_int_eq (r.err, EFBIG);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains (": write: File too large"));
  expect_trace ("what was there\n");
  rig_tear_down (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Prefetch */

static void
prefetch (struct rig *r)
{
  ck_assert_int_eq (layered_prefetch_start (r->ld, path, &r->err), 0);
}

/* Entry I of the trace is a read of this. */
static void
expect_read (struct rig *r, size_t i, uint64_t offset, uint64_t count)
{
  const struct trace_entry e = trace_get (r->trace, i);

  ck_assert_int_eq (e.op.kind, STORE_OP_READ);
  ck_assert_uint_eq (e.op.offset, offset);
  ck_assert_uint_eq (e.op.count, count);
}

START_TEST (the_same_ranges)
{
  struct rig r;

  rig_build_cache (&r, 5, SIZE, 0);
  record (&r);
  look (&r, 4 * RIG_MIB, 8192);
  look (&r, SIZE - 100, 100);
  look (&r, 512, 512);
  look (&r, 2 * RIG_MIB, RIG_MIB + 4096);
  stop (&r);
  rig_tear_down (&r);

  rig_build_cache (&r, 5, SIZE, 0);
  prefetch (&r);
  rig_wait (&r.ld->prefetch.active, false);
  ck_assert (r.ld->prefetch.finished);
  layered_prefetch_stop (r.ld);
  layered_prefetch_stop (r.ld); /* does nothing */
  ck_assert_uint_eq (r.ld->prefetch.done, r.ld->prefetch.total);
  ck_assert_uint_eq (r.ld->prefetch.total, 8192 + 300 + 512 + RIG_MIB + 4096);
  expect_read (&r, 0, 4 * RIG_MIB, 8192);
  expect_read (&r, 1, SIZE - 300, 300);
  expect_read (&r, 2, 512, 512);
  ck_assert_uint_eq (rig_traced (&r, RIG_READ), r.ld->prefetch.total);

  /* They need nothing from below. */
  store_fault_all (r.client_bottom, STORE_OPS_ALL, EIO);
  look (&r, 4 * RIG_MIB, 8192);
  look (&r, SIZE - 100, 100);
  look (&r, 512, 512);
  look (&r, 2 * RIG_MIB, RIG_MIB + 4096);
  rig_tear_down (&r);
}
END_TEST

/* Hydration waits until all of the trace is there. */
START_TEST (before_hydration)
{
  const struct store_fault_plan slow = { .kinds = RIG_READ, .delay = 2000 };
  struct rig r;

  write_trace (HEADER "4194304 8192\n1024 512\n3145728 512\n2048 512\n");
  rig_build_cache (&r, 6, SIZE, 0);
  store_fault_set (r.faulty, &slow);
  prefetch (&r);
  ck_assert_int_eq (layered_hydrate_start (r.ld, 0, &r.err), 0);
  rig_wait (&r.ld->hydration.finished, true);
  layered_hydrate_stop (r.ld);
  layered_prefetch_stop (r.ld);
  expect_read (&r, 0, 4194304, 8192);
  expect_read (&r, 1, 1024, 512);
  expect_read (&r, 2, 3145728, 512);
  expect_read (&r, 3, 2048, 512);
  ck_assert_uint_eq (rig_traced (&r, RIG_READ), SIZE);
  rig_check (&r);
  rig_tear_down (&r);
}
END_TEST

START_TEST (errors_below)
{
  const struct store_fault_plan bad = { .kinds = RIG_READ,
                                        .nth = 1,
                                        .persistent = true,
                                        .on_range = true,
                                        .offset = 1024,
                                        .count = 512 };
  struct rig r;

  write_trace (HEADER "0 512\n1024 512\n2048 512\n");
  rig_build_cache (&r, 7, SIZE, 0);
  store_fault_set (r.faulty, &bad);
  prefetch (&r);
  rig_wait (&r.ld->prefetch.active, false);
  layered_prefetch_stop (r.ld);
  ck_assert (r.ld->prefetch.finished);
  ck_assert_uint_eq (trace_len (r.trace), 3);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("prefetch: offset=1024 count=512: Input"));
  rig_tear_down (&r);
}
END_TEST

START_TEST (gives_up)
{
  char text[2000] = HEADER;
  struct rig r;

  for (unsigned i = 0; i < 40; i++)
    sprintf (text + strlen (text), "%u 512\n", 1024 * i);
  write_trace (text);
  rig_build_cache (&r, 8, SIZE, 0);
  store_fault_all (r.faulty, RIG_READ, EIO);
  prefetch (&r);
  rig_wait (&r.ld->prefetch.active, false);
  layered_prefetch_stop (r.ld);
  ck_assert (!r.ld->prefetch.finished);
  ck_assert_uint_eq (trace_len (r.trace), 16);
  ck_assert_uint_eq (log_memory_errors (), 1);
  rig_tear_down (&r);
}
END_TEST

/* No more than the cache can take. */
START_TEST (bounded)
{
  struct rig r;

  write_trace (HEADER "0 1048576\n1048576 524288\n2097152 524288\n");
  rig_build_cache (&r, 9, SIZE, 2 * RIG_MIB);
  prefetch (&r);
  rig_wait (&r.ld->prefetch.active, false);
  layered_prefetch_stop (r.ld);
  ck_assert (!r.ld->prefetch.finished);
  ck_assert_uint_eq (rig_traced (&r, RIG_READ), 1048576 + 524288);
  rig_tear_down (&r);
}
END_TEST

static void
refuse (struct rig *r, int expected, const char *message)
{
  log_memory_clear ();
  ck_assert_int_eq (layered_prefetch_start (r->ld, path, &r->err), -1);
  ck_assert_int_eq (r->err, expected);
  ck_assert_uint_eq (log_memory_errors (), 1);
  if (!log_memory_contains (message))
    log_memory_print ();
  ck_assert (log_memory_contains (message));
  ck_assert (!r->ld->prefetch.active);
}

START_TEST (refusals)
{
  struct store *own;
  struct rig r;

  rig_build_cache (&r, 10, SIZE, 0);
  refuse (&r, ENOENT, "No such file");
  write_trace ("diskstack-read-trace 1 5243181 512\n");
  refuse (&r, EINVAL, "is of a disk of 5243181 bytes, this one has 5243180");
  write_trace (HEADER "0 512\n512 100\n");
  refuse (&r, EINVAL, "line 3: the file has a range that is not whole");
  write_trace ("");
  refuse (&r, EINVAL, "line 1: the file is no read trace");
  unlink (path);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  refuse (&r, EINVAL, "not a regular file");
  unlink (path);
  write_trace (HEADER);
  ck_assert_int_eq (truncate (path, INT64_C (1) << 30), 0);
  refuse (&r, EINVAL, "too large");
  write_trace (HEADER "0 512\n");
  own = r.ld->own_bottom;
  r.ld->own_bottom = NULL;
  refuse (&r, EINVAL, "no disk below");
  r.ld->own_bottom = own;
  ck_assert_uint_eq (trace_len (r.trace), 0);
  prefetch (&r);
  ck_assert_int_eq (layered_prefetch_start (r.ld, path, &r.err), -1);
  ck_assert_int_eq (r.err, EINVAL);
  layered_prefetch_stop (r.ld);
  rig_tear_down (&r);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    first_touch,   many_ranges,     too_many_ranges,  many_threads,
    cannot_record, the_same_ranges, before_hydration, errors_below,
    gives_up,      bounded,         refusals,
  };
  Suite *suite = suite_create ("layered-record");
  TCase *c = test_case (suite, "layered-record");

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
