/* SPDX-License-Identifier: BSD-3-Clause
 *
 * layer-sqlite: a flush and a checkpoint at the same time, one of them
 * held in the middle, while clients go on; then the power fails.  Each
 * test is one order of events that a work load meets once in a million.
 */

#include <config.h>

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/store-fault.h"
#include "support/store-sim.h"

enum { SECTOR = 512, CLUSTER_SECTORS = SDB_CLUSTER / SECTOR, CLUSTERS = 64 };

static const struct layer_below nothing = { .exists = false,
                                            .export_name = "" };

static const struct layer_sqlite_options options = {
  .name = "overlap.dbhd",
  .size = (uint64_t) CLUSTERS * SDB_CLUSTER,
  .sector_size = SECTOR,
  .log_length = LOG_LENGTH_MIN,
};

struct scene {
  struct store *medium, *faulty;
  struct layer *l;
  /* The first operation that this says is held until release. */
  bool (*is_it) (const struct store_op *op);
  _Atomic bool armed;
  sem_t held, release;
  pthread_t thread;
  int result;
};

static int
hold (void *opaque, const struct store_op *op, bool done)
{
  struct scene *s = opaque;

  if (!done && s->is_it (op) && atomic_exchange (&s->armed, false)) {
    sem_post (&s->held);
    sem_wait (&s->release);
  }
  return 0;
}

static bool
is_batch (const struct store_op *op)
{
  return op->kind == STORE_OP_WRITE && (op->flags & STORE_FUA);
}

static bool
is_place (const struct store_op *op)
{
  return op->kind == STORE_OP_WRITE && !(op->flags & STORE_FUA);
}

static bool
is_sync (const struct store_op *op)
{
  return op->kind == STORE_OP_FLUSH;
}

static struct layer *
open_layer (struct store *file)
{
  struct layer *l = layer_sqlite_open (file, &options, &nothing);

  if (l == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (l);
  sqlite_ckpt_stop (to_sqlite (l));
  return l;
}

static void
open_scene (struct scene *s)
{
  const struct store_sim_options sim = {
    .info = { .fua = true, .trim = true, .zero = true }, .trim_fill = 0xdb
  };

  memset (s, 0, sizeof *s);
  sem_init (&s->held, 0, 0);
  sem_init (&s->release, 0, 0);
  s->medium = store_sim_create_with (&sim);
  ck_assert_int_eq (layer_sqlite_format (s->medium, &options, &nothing), 0);
  s->faulty = store_fault_borrow (s->medium);
  s->l = open_layer (s->faulty);
}

static void
close_scene (struct scene *s)
{
  layer_close (s->l);
  store_close (s->medium);
  sem_destroy (&s->held);
  sem_destroy (&s->release);
}

/* What the client does; sectors are full of BYTE. */

static void
write_with (struct scene *s, uint64_t sector, uint32_t n, uint8_t byte,
            unsigned flags)
{
  CLEANUP_FREE char *buf = malloc ((size_t) n * SECTOR);
  int err;

  memset (buf, byte, (size_t) n * SECTOR);
  ck_assert_int_eq (s->l->ops->write (s->l, buf, sector, n, flags, &err), 0);
}

static void
write_sectors (struct scene *s, uint64_t sector, uint32_t n, uint8_t byte)
{
  write_with (s, sector, n, byte, 0);
}

static void
write_dirty (struct scene *s, uint64_t sector, uint32_t n, uint8_t byte)
{
  write_with (s, sector, n, byte, LAYER_DIRTY);
}

static void
zero_sectors (struct scene *s, uint64_t sector, uint64_t n)
{
  int err;

  ck_assert_int_eq (s->l->ops->zero (s->l, sector, n, 0, &err), 0);
}

static void
flush (struct scene *s)
{
  int err;

  ck_assert_int_eq (s->l->ops->flush (s->l, &err), 0);
}

static void
checkpoint (struct scene *s)
{
  int err;

  ck_assert_int_eq (layer_sqlite_checkpoint (s->l, &err), 0);
}

/* In another thread, up to the operation that is held. */

static void *
flush_thread (void *opaque)
{
  struct scene *s = opaque;
  int err;

  s->result = s->l->ops->flush (s->l, &err);
  return NULL;
}

static void *
checkpoint_thread (void *opaque)
{
  struct scene *s = opaque;
  int err;

  s->result = layer_sqlite_checkpoint (s->l, &err);
  return NULL;
}

static void
start (struct scene *s, void *(*fn) (void *),
       bool (*is_it) (const struct store_op *))
{
  s->is_it = is_it;
  s->armed = true;
  store_fault_set_hook (s->faulty, hold, s);
  ck_assert_int_eq (pthread_create (&s->thread, NULL, fn, s), 0);
  sem_wait (&s->held);
}

static void
finish (struct scene *s)
{
  sem_post (&s->release);
  pthread_join (s->thread, NULL);
  ck_assert_int_eq (s->result, 0);
}

/* After a power cut. */

struct after {
  struct store *image;
  struct layer *l;
};

static bool
pick (void *opaque, const struct store_sim_piece *p)
{
  return *(const bool *) opaque;
}

/* With all that was pending on the medium, or nothing of it. */
static void
cut_power (struct scene *s, bool all, struct after *a)
{
  a->image = store_sim_crash (s->medium, store_sim_position (s->medium), false,
                              pick, &all);
  a->l = open_layer (store_fault_borrow (a->image));
}

static void
close_after (struct after *a)
{
  layer_close (a->l);
  store_close (a->image);
}

/* The byte that SECTOR is full of, 0 if it is zero, -1 if absent. */
static int
sector_after (struct after *a, uint64_t sector)
{
  CLEANUP (marker_fini) struct marker m;
  uint8_t buf[SECTOR];
  int err;

  marker_init (&m, sector, 1);
  ck_assert_int_eq (a->l->ops->read (a->l, buf, sector, 1, &m, &err), 0);
  if (!marker_full (&m))
    return -1;
  for (unsigned i = 1; i < SECTOR; i++)
    ck_assert_uint_eq (buf[i], buf[0]);
  return buf[0];
}

enum { A = 3 * CLUSTER_SECTORS, B = 40 * CLUSTER_SECTORS };

/* A batch says that A is at a place.  Before it is written, A is zeroed,
 * and a checkpoint comes and goes; the place must not be given to B,
 * since recovery begins before that batch.
 */
START_TEST (place_in_batch_under_way)
{
  struct scene s;
  struct after a;

  open_scene (&s);
  write_sectors (&s, 0, 1, 9);
  flush (&s); /* makes the log */
  write_sectors (&s, A, CLUSTER_SECTORS, 1);
  start (&s, flush_thread, is_batch);
  zero_sectors (&s, A, CLUSTER_SECTORS);
  checkpoint (&s);
  checkpoint (&s);
  write_sectors (&s, B, CLUSTER_SECTORS, 2);
  finish (&s);

  for (unsigned all = 0; all < 2; all++) {
    int is;

    cut_power (&s, all, &a);
    is = sector_after (&a, A + 5);
    ck_assert (is == 1 || is == 0);
    is = sector_after (&a, B + 5);
    ck_assert (is == -1 || is == 2);
    close_after (&a);
  }
  close_scene (&s);
}
END_TEST

/* It is given to somebody some time: when no batch can have it. */
START_TEST (place_comes_back)
{
  struct scene s;
  uint64_t end;

  open_scene (&s);
  write_sectors (&s, A, CLUSTER_SECTORS, 1);
  start (&s, flush_thread, is_batch);
  zero_sectors (&s, A, CLUSTER_SECTORS);
  checkpoint (&s);
  finish (&s);
  checkpoint (&s);
  end = to_sqlite (s.l)->space.end;
  write_sectors (&s, B, CLUSTER_SECTORS, 2);
  ck_assert_uint_eq (to_sqlite (s.l)->space.end, end);
  close_scene (&s);
}
END_TEST

/* A batch has the map of A.  Before it is written, a checkpoint puts a
 * newer block of A in its place; when the log is replayed the batch will
 * take it away again, so the next flush must log it.
 */
START_TEST (block_newer_than_batch_under_way)
{
  struct scene s;
  struct after a;

  open_scene (&s);
  write_sectors (&s, 0, 1, 9);
  flush (&s);
  write_sectors (&s, A, CLUSTER_SECTORS / 2, 1);
  start (&s, flush_thread, is_batch);
  write_sectors (&s, A + CLUSTER_SECTORS - 1, 1, 2);
  checkpoint (&s);
  finish (&s);
  flush (&s);

  for (unsigned all = 0; all < 2; all++) {
    cut_power (&s, all, &a);
    ck_assert_int_eq (sector_after (&a, A), 1);
    ck_assert_int_eq (sector_after (&a, A + CLUSTER_SECTORS - 1), 2);
    close_after (&a);
  }
  close_scene (&s);
}
END_TEST

/* A checkpoint has put a block in its place and is about to sync it.  A
 * batch that says that it is there must not be written before.
 */
START_TEST (block_not_synced)
{
  struct scene s;
  struct after a;

  open_scene (&s);
  write_sectors (&s, A, CLUSTER_SECTORS / 2, 1);
  write_sectors (&s, A + CLUSTER_SECTORS - 1, 1, 2);
  flush (&s);
  start (&s, checkpoint_thread, is_sync);
  zero_sectors (&s, A, 1); /* the map of A changes */
  flush (&s);

  for (unsigned all = 0; all < 2; all++) {
    cut_power (&s, all, &a);
    ck_assert_int_eq (sector_after (&a, A), 0);
    ck_assert_int_eq (sector_after (&a, A + 1), 1);
    ck_assert_int_eq (sector_after (&a, A + CLUSTER_SECTORS - 1), 2);
    close_after (&a);
  }
  finish (&s);
  close_scene (&s);
}
END_TEST

/* SECTOR may be as the dirty writes left it only if the cluster is marked. */
static void
check_mark_after (struct after *a, uint64_t sector, int old)
{
  const uint64_t c = sector / CLUSTER_SECTORS;

  if (sector_after (a, sector) != old)
    ck_assert_uint_eq (a->l->ops->next_dirty (a->l, c, c + 1), c);
}

/* The mark of A is in a batch that is under way: until that is written
 * nothing may overwrite what A has in its place.
 */
START_TEST (mark_in_batch_under_way)
{
  struct scene s;
  struct after a;

  open_scene (&s);
  write_sectors (&s, A, CLUSTER_SECTORS, 1);
  flush (&s);
  checkpoint (&s);
  write_dirty (&s, A, 1, 2);
  start (&s, flush_thread, is_batch);
  write_dirty (&s, A + 10, CLUSTER_SECTORS - 10, 3);
  for (unsigned i = 0; i < 4; i++) {
    cut_power (&s, i % 2, &a);
    check_mark_after (&a, A, 1);
    check_mark_after (&a, A + 50, 1);
    close_after (&a);
    if (i == 1)
      checkpoint (&s);
  }
  finish (&s);
  flush (&s);
  write_dirty (&s, A + 10, CLUSTER_SECTORS - 10, 4); /* in place now */
  for (unsigned all = 0; all < 2; all++) {
    cut_power (&s, all, &a);
    ck_assert_int_eq (sector_after (&a, A), 2);
    check_mark_after (&a, A + 50, 1);
    close_after (&a);
  }
  close_scene (&s);
}
END_TEST

/* A checkpoint commits the mark of A, but recovery then finds a batch that
 * was written before A had one.
 */
START_TEST (mark_undone_by_batch)
{
  struct scene s;
  struct after a;

  open_scene (&s);
  write_sectors (&s, A, CLUSTER_SECTORS, 1);
  write_sectors (&s, B, 1, 2);
  flush (&s);
  checkpoint (&s);
  write_sectors (&s, B, 1, 3);
  flush (&s);
  zero_sectors (&s, A, 1);
  start (&s, checkpoint_thread, is_place); /* of B */
  flush (&s);
  write_dirty (&s, A + 5, 1, 4);
  finish (&s);
  write_dirty (&s, A + 10, CLUSTER_SECTORS - 10, 5);

  for (unsigned all = 0; all < 2; all++) {
    cut_power (&s, all, &a);
    ck_assert_int_eq (sector_after (&a, A), 0);
    ck_assert_int_eq (sector_after (&a, B), 3);
    check_mark_after (&a, A + 5, 1);
    check_mark_after (&a, A + 50, 1);
    close_after (&a);
  }
  close_scene (&s);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layer-sqlite-overlap");
  TCase *c = test_case (suite, "overlap");

  tcase_add_test (c, place_in_batch_under_way);
  tcase_add_test (c, place_comes_back);
  tcase_add_test (c, block_newer_than_batch_under_way);
  tcase_add_test (c, block_not_synced);
  tcase_add_test (c, mark_in_batch_under_way);
  tcase_add_test (c, mark_undone_by_batch);
  return test_run (suite);
}
