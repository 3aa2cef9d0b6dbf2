/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-striped: what can be made a disk and what it then is; what its
 * members are asked for; what it tells when they fail.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "store/store-file.h"
#include "store/store-striped.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-trace.h"
#include "support/temp-dir.h"

#define CHUNK 4096
#define ROWS 16
#define SIZE (ROWS * CHUNK) /* of a member */
#define MOST 4

static struct store_striped_member member[MOST];
static struct store *fault[MOST];
static struct trace *trace[MOST];
static struct store_striped_options o;

/* N members: a trace over faults over memory. */
static void
set_up (unsigned n)
{
  log_memory_clear ();
  o = (struct store_striped_options){ .member = member,
                                      .count = n,
                                      .chunk = CHUNK };
  for (unsigned i = 0; i < n; i++) {
    static const char *const names[MOST] = { "a", "b", "c", "d" };
    const struct store_mem_options m = store_mem_defaults (SIZE);

    fault[i] = store_fault_create (store_mem_create (&m));
    member[i].store = store_trace_create (fault[i], &trace[i]);
    member[i].name = names[i];
  }
}

static void
tear_down (struct store *s)
{
  store_close (s);
  for (unsigned i = 0; i < o.count; i++) {
    if (s == NULL)
      store_close (member[i].store);
    trace_free (trace[i]);
  }
}

static struct store *
create (void)
{
  struct store *s = store_striped_create (&o);

  ck_assert_ptr_nonnull (s);
  for (unsigned i = 0; i < o.count; i++)
    trace_clear (trace[i]);
  return s;
}

static void
refused (int error, const char *why)
{
  errno = 0;
  ck_assert_ptr_null (store_striped_create (&o));
  ck_assert_int_eq (errno, error);
  if (!log_memory_contains (why)) {
    log_memory_print ();
    ck_abort_msg ("'%s' was not said", why);
  }
  tear_down (NULL);
}

/* A member in place of number I. */
static void
replace (unsigned i, uint64_t size, uint32_t sector_size)
{
  struct store_mem_options m = store_mem_defaults (size);

  m.info.sector_size = sector_size;
  store_close (member[i].store);
  member[i].store = store_mem_create (&m);
}

START_TEST (refuses)
{
  set_up (0);
  refused (EINVAL, "the disk has no members");
  set_up (2);
  o.chunk = 0;
  refused (EINVAL, "a stripe size of 0 bytes is not a multiple of the "
                   "members' sector size, 512");
  set_up (2);
  o.chunk = 513;
  refused (EINVAL, "a stripe size of 513 bytes");
  set_up (2);
  o.chunk = SIZE + 512;
  refused (EINVAL, "the smallest member has room for 65536 bytes, which is "
                   "less than one stripe of 66048");
  set_up (2);
  o.data_offset = SIZE;
  refused (EINVAL, "the smallest member has room for 0 bytes");
  set_up (3);
  replace (2, SIZE + 512, 512);
  refused (EINVAL, "member 3 (c) has 66048 bytes, and member 1 (a) has 65536");
  set_up (2);
  replace (1, SIZE, 4096);
  o.allow_unequal = true;
  refused (EINVAL, "member 2 (b) has sectors of 4096 bytes, and member 1 (a) "
                   "of 512");
  set_up (2);
  o.size = 2 * SIZE + 2 * CHUNK;
  refused (EINVAL, "have room for 131072 bytes, not for 139264");
  set_up (2);
  o.size = CHUNK;
  refused (EINVAL, "a size of 4096 bytes is not a multiple of 8192");
}
END_TEST

START_TEST (sizes)
{
  struct store *s;

  set_up (3);
  s = create ();
  ck_assert_uint_eq (store_size (s), 3 * SIZE);
  ck_assert_str_eq (s->description, "striped over 3, 4096 bytes each in turn");
  tear_down (s);

  set_up (3);
  o.size = 3 * CHUNK;
  s = create ();
  ck_assert_uint_eq (store_size (s), 3 * CHUNK);
  tear_down (s);

  /* Whole chunks of what is behind a label, of the smallest. */
  set_up (2);
  replace (1, SIZE - 512, 512);
  o.allow_unequal = true;
  o.data_offset = 8192;
  s = create ();
  ck_assert_uint_eq (store_size (s), 2 * (SIZE - 8192 - CHUNK));
  tear_down (s);
}
END_TEST

static struct store *
bare (const struct store_info *info)
{
  const struct store_mem_options m = { .size = SIZE, .info = *info };

  return store_mem_create (&m);
}

START_TEST (info)
{
  static const struct uuid id = { { 7 } };
  struct store *s;

  set_up (2);
  s = create ();
  ck_assert (s->info.fua && s->info.trim && s->info.zero && s->info.fast_zero &&
             s->info.extents && s->info.cache && !s->info.read_only &&
             !s->info.has_id);
  tear_down (s);

  set_up (2);
  store_close (member[1].store);
  member[1].store = bare (&(struct store_info){ .read_only = true,
                                                .rotational = true,
                                                .physical_sector_size = 8192,
                                                .preferred = 65536 });
  o.id = &id;
  s = create ();
  ck_assert (!s->info.fua && s->info.trim && !s->info.zero &&
             !s->info.fast_zero && s->info.extents && s->info.read_only &&
             s->info.rotational && s->info.has_id);
  ck_assert (uuid_equal (&s->info.id, &id));
  ck_assert_uint_eq (s->info.physical_sector_size, 8192);
  ck_assert_uint_eq (s->info.preferred, 65536);
  tear_down (s);
}
END_TEST

/* One operation reached member I, for just this. */
static void
saw (unsigned i, enum store_op_kind kind, uint64_t offset, uint64_t count,
     unsigned flags)
{
  struct trace_entry e;

  ck_assert_uint_eq (trace_len (trace[i]), 1);
  e = trace_get (trace[i], 0);
  ck_assert_int_eq (e.op.kind, kind);
  ck_assert_uint_eq (e.op.offset, offset);
  ck_assert_uint_eq (e.op.count, count);
  ck_assert_uint_eq (e.op.flags, flags);
  trace_clear (trace[i]);
}

/* A range of the disk from the middle of chunk 1 to that of chunk 8. */
#define FROM (CHUNK + 512)
#define COUNT (7 * CHUNK)

START_TEST (merges)
{
  struct store *s;
  int err = 0;

  set_up (3);
  o.data_offset = CHUNK;
  s = create ();
  ck_assert_int_eq (store_trim (s, COUNT, FROM, STORE_FUA, &err), 0);
  saw (0, STORE_OP_TRIM, 2 * CHUNK, 2 * CHUNK, STORE_FUA);
  saw (1, STORE_OP_TRIM, CHUNK + 512, 3 * CHUNK - 512, STORE_FUA);
  saw (2, STORE_OP_TRIM, CHUNK, 2 * CHUNK + 512, STORE_FUA);
  ck_assert_int_eq (store_zero (s, COUNT, FROM, STORE_MAY_TRIM, &err), 0);
  saw (0, STORE_OP_ZERO, 2 * CHUNK, 2 * CHUNK, STORE_MAY_TRIM);
  saw (1, STORE_OP_ZERO, CHUNK + 512, 3 * CHUNK - 512, STORE_MAY_TRIM);
  saw (2, STORE_OP_ZERO, CHUNK, 2 * CHUNK + 512, STORE_MAY_TRIM);
  ck_assert_int_eq (store_cache (s, CHUNK, FROM, &err), 0);
  saw (1, STORE_OP_CACHE, CHUNK + 512, CHUNK - 512, 0);
  saw (2, STORE_OP_CACHE, CHUNK, 512, 0);
  ck_assert_uint_eq (trace_len (trace[0]), 0);
  ck_assert_int_eq (store_flush (s, &err), 0);
  for (unsigned i = 0; i < 3; i++)
    saw (i, STORE_OP_FLUSH, 0, 0, 0);
  tear_down (s);
}
END_TEST

/* Extents come back in the order of the disk, and a short answer of one
 * member ends it.
 */
START_TEST (extents)
{
  struct extent_list l;
  uint8_t buf[CHUNK];
  struct store *s;
  int err = 0;

  set_up (2);
  s = create ();
  memset (buf, 1, sizeof buf);
  ck_assert_int_eq (store_write (s, buf, CHUNK, 3 * CHUNK, 0, &err), 0);
  ck_assert_int_eq (store_write (s, buf, CHUNK, 4 * CHUNK, 0, &err), 0);
  extent_list_init (&l, CHUNK + 512, 12 * CHUNK, false);
  ck_assert_int_eq (
    store_extents (s, 11 * CHUNK - 512, CHUNK + 512, 0, &l, &err), 0);
  ck_assert_uint_eq (l.len, 3);
  ck_assert_uint_eq (l.v[0].count, 2 * CHUNK - 512);
  ck_assert_uint_eq (l.v[0].type, EXTENT_HOLE | EXTENT_ZERO);
  ck_assert_uint_eq (l.v[1].offset, 3 * CHUNK);
  ck_assert_uint_eq (l.v[1].count, 2 * CHUNK);
  ck_assert_uint_eq (l.v[1].type, 0);
  ck_assert_uint_eq (extent_list_next (&l), 12 * CHUNK);
  extent_list_fini (&l);
  for (unsigned i = 0; i < 2; i++) {
    ck_assert_uint_eq (trace_len (trace[i]), 1 + 1);
    trace_clear (trace[i]);
  }

  extent_list_init (&l, 0, 12 * CHUNK, true);
  ck_assert_int_eq (store_extents (s, 12 * CHUNK, 0, STORE_REQ_ONE, &l, &err),
                    0);
  ck_assert_uint_eq (l.len, 1);
  ck_assert_uint_ge (l.v[0].count, CHUNK);
  ck_assert_uint_le (l.v[0].count, 3 * CHUNK);
  extent_list_fini (&l);
  tear_down (s);
}
END_TEST

/* All members are asked, although some fail; the first one is named. */
START_TEST (errors)
{
  static uint8_t buf[3 * CHUNK];
  struct store *s;
  int err = 0;

  set_up (3);
  s = create ();
  store_fault_all (fault[1], STORE_OPS_ALL, ENOSPC);
  store_fault_all (fault[2], STORE_OPS_ALL, EIO);
  ck_assert_int_eq (store_write (s, buf, sizeof buf, 0, 0, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  ck_assert (log_memory_contains ("striped: write of 12288 bytes at 0: "
                                  "member 2 (b): No space left on device"));
  ck_assert_uint_eq (log_memory_errors (), 1);
  for (unsigned i = 0; i < 3; i++)
    ck_assert_uint_eq (trace_len (trace[i]), 1);
  ck_assert_int_eq (store_flush (s, &err), -1);
  ck_assert_int_eq (err, ENOSPC);
  for (unsigned i = 0; i < 3; i++)
    ck_assert_uint_eq (trace_len (trace[i]), 2);
  ck_assert_int_eq (store_read (s, buf, CHUNK, 2 * CHUNK, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (log_memory_contains ("read of 4096 bytes at 8192: member 3 (c)"));
  ck_assert_int_eq (store_read (s, buf, CHUNK, 3 * CHUNK, &err), 0);
  tear_down (s);
}
END_TEST

/* A fast zero that some members refuse is done; one that all refuse is
 * refused, and nothing was done.
 */
START_TEST (fast_zero)
{
  static uint8_t buf[3 * CHUNK], back[3 * CHUNK];
  const unsigned zeroes = STORE_OP_BIT (STORE_OP_ZERO);
  struct store *s;
  int err = 0;

  set_up (3);
  s = create ();
  memset (buf, 5, sizeof buf);
  ck_assert_int_eq (store_write (s, buf, sizeof buf, 0, 0, &err), 0);
  for (unsigned i = 0; i < 3; i++)
    store_fault_all (fault[i], zeroes, EOPNOTSUPP);
  ck_assert_int_eq (store_zero (s, sizeof buf, 0, STORE_FAST_ZERO, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_int_eq (store_read (s, back, sizeof back, 0, &err), 0);
  ck_assert_mem_eq (buf, back, sizeof buf);
  store_fault_reset (fault[0]);
  ck_assert_int_eq (store_zero (s, sizeof buf, 0, STORE_FAST_ZERO, &err), 0);
  ck_assert_int_eq (store_read (s, back, sizeof back, 0, &err), 0);
  memset (buf, 0, sizeof buf);
  ck_assert_mem_eq (buf, back, sizeof buf);
  ck_assert_uint_eq (log_memory_errors (), 0);
  tear_down (s);
}
END_TEST

START_TEST (shrunk)
{
  uint8_t buf[CHUNK];
  struct store *s;
  int err = 0;

  set_up (2);
  replace (1, SIZE, 512);
  s = create ();
  ck_assert_int_eq (store_resize (s, 4 * SIZE, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_int_eq (store_resize (member[1].store, 2 * SIZE, &err), 0);
  ck_assert_uint_eq (store_size (s), 2 * SIZE);
  ck_assert_int_eq (store_resize (member[1].store, SIZE - 512, &err), 0);
  ck_assert_int_eq (store_read (s, buf, CHUNK, CHUNK, &err), 0);
  ck_assert_int_eq (store_read (s, buf, CHUNK, 2 * SIZE - CHUNK, &err), -1);
  ck_assert_int_eq (err, EIO);
  ck_assert (log_memory_contains ("member 2 (b) has become smaller"));
  tear_down (s);
}
END_TEST

/* Nobody goes on until all members have been asked. */
static int
meet (void *opaque, const struct store_op *op, bool done)
{
  if (!done)
    pthread_barrier_wait (opaque);
  return 0;
}

START_TEST (parallel)
{
  static uint8_t buf[4 * CHUNK];
  pthread_barrier_t barrier;
  struct store *s;
  int err = 0;

  set_up (4);
  s = create ();
  pthread_barrier_init (&barrier, NULL, 4);
  for (unsigned i = 0; i < 4; i++)
    store_fault_set_hook (fault[i], meet, &barrier);
  for (unsigned i = 0; i < 20; i++) {
    ck_assert_int_eq (store_write (s, buf, sizeof buf, 0, 0, &err), 0);
    ck_assert_int_eq (store_read (s, buf, sizeof buf, 0, &err), 0);
    ck_assert_int_eq (store_flush (s, &err), 0);
  }
  tear_down (s);
  pthread_barrier_destroy (&barrier);
}
END_TEST

/* Chunks that follow each other on a member are one operation on those
 * that take vectors.
 */
START_TEST (vectors)
{
  static uint8_t buf[2 * SIZE], back[2 * SIZE];
  static const struct store_file_options rw = { .read_only = false };
  struct temp_dir dir;
  struct store *s;
  struct rng rng;
  int err = 0;

  temp_dir_create (&dir);
  set_up (2);
  for (unsigned i = 0; i < 2; i++) {
    const struct host_file_options ho = { .path = member[i].name };
    struct host_file *f = host_file_create (&ho, SIZE);

    store_close (member[i].store);
    trace_free (trace[i]);
    member[i].store =
      store_trace_create (store_file_create (f, &rw), &trace[i]);
    host_file_unref (f);
  }
  s = create ();
  rng_init (&rng, 1);
  rng_fill (&rng, buf, sizeof buf);
  ck_assert_int_eq (store_write (s, buf, sizeof buf, 0, 0, &err), 0);
  for (unsigned i = 0; i < 2; i++)
    saw (i, STORE_OP_WRITE, 0, SIZE, 0);
  ck_assert_int_eq (store_read (s, back, sizeof back, 0, &err), 0);
  ck_assert_mem_eq (buf, back, sizeof buf);
  for (unsigned i = 0; i < 2; i++)
    saw (i, STORE_OP_READ, 0, SIZE, 0);
  tear_down (s);
  temp_dir_remove (&dir);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    refuses, sizes,     info,   merges,   extents,
    errors,  fast_zero, shrunk, parallel, vectors
  };

  return test_main ("store-striped", tests, ARRAY_SIZE (tests));
}
