/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a layer does with one request at a time, beside one of which we
 * know that it is right.
 */

#include <config.h>

#include "conformance/layer-suite.h"

#define SIZE (1536 * 1024)

static const struct layer_spec plain = { .quiet = false };

static void
do_one (struct layer_subject *t, enum layer_op_kind kind, uint64_t sector,
        uint64_t n)
{
  const struct layer_op o = {
    .kind = kind, .sector = sector, .nsectors = n, .buf = t->buf
  };

  rng_fill (&t->rng, t->buf, n * t->sector_size);
  layer_subject_do (t, &o);
}

START_TEST (info)
{
  struct layer_subject t;
  const struct layer_info *i;

  layer_subject_open (&t, _i, SIZE, plain);
  i = &t.l->info;
  ck_assert_uint_eq (i->nsectors, t.nsectors);
  ck_assert_uint_eq (i->sector_size, t.sector_size);
  ck_assert (is_power_of_2 (i->physical_sector_size));
  ck_assert_uint_ge (i->physical_sector_size, i->sector_size);
  ck_assert (!i->read_only);
  ck_assert (i->no_overwrite);
  ck_assert_int_eq (t.l->ops->set_dirty != NULL, i->keeps_dirty);
  ck_assert_int_eq (t.l->ops->set_clean != NULL, i->keeps_dirty);
  ck_assert_int_eq (t.l->ops->next_dirty != NULL, i->keeps_dirty);
  ck_assert_ptr_nonnull (t.l->ops->name);
  layer_subject_check_all (&t); /* a new layer has nothing */
  layer_subject_close (&t);
}
END_TEST

/* From every state to every state, for the first and the last sector and
 * for ranges that begin and end beside the borders of clusters.
 */
START_TEST (transitions)
{
  static const enum layer_op_kind ops[] = {
    LAYER_OP_WRITE,       LAYER_OP_ZERO,       LAYER_OP_DISCARD,
    LAYER_OP_WRITE_DIRTY, LAYER_OP_ZERO_DIRTY, LAYER_OP_POPULATE
  };
  struct layer_subject t;
  uint64_t cluster;

  layer_subject_open (&t, _i, SIZE, plain);
  cluster = 65536 / t.sector_size;
  const struct {
    uint64_t sector, n;
  } ranges[] = {
    { 0, 1 },
    { t.nsectors - 1, 1 },
    { cluster - 1, 2 },
    { cluster, cluster },
    { 2 * cluster + 1, cluster },
    { 3 * cluster - 1, 18 * cluster + 2 },
    { t.nsectors - cluster - 1, cluster + 1 },
    { 0, t.nsectors },
  };

  for (unsigned r = 0; r < ARRAY_SIZE (ranges); r++) {
    for (unsigned from = 0; from < ARRAY_SIZE (ops); from++) {
      for (unsigned to = 0; to < ARRAY_SIZE (ops); to++) {
        do_one (&t, LAYER_OP_DISCARD, 0, t.nsectors);
        do_one (&t, ops[from], ranges[r].sector, ranges[r].n);
        do_one (&t, ops[to], ranges[r].sector, ranges[r].n);
        layer_subject_check_all (&t);
      }
    }
  }
  layer_subject_close (&t);
}
END_TEST

/* Only what is absent takes the content, wherever that is. */
START_TEST (no_overwrite)
{
  struct layer_subject t;

  layer_subject_open (&t, _i, SIZE, plain);
  for (uint64_t s = 0; s + 4 < t.nsectors; s += 7) {
    do_one (&t, s % 2 ? LAYER_OP_WRITE : LAYER_OP_ZERO, s, 1 + s % 3);
    if (s % 5 == 0)
      do_one (&t, LAYER_OP_FLUSH, 0, 0);
  }
  do_one (&t, LAYER_OP_POPULATE, 3, t.nsectors - 3);
  layer_subject_check_all (&t);
  do_one (&t, LAYER_OP_POPULATE, 0, t.nsectors);
  layer_subject_check_all (&t);
  layer_subject_close (&t);
}
END_TEST

START_TEST (random_operations)
{
  struct layer_subject t;

  layer_subject_open (&t, _i, SIZE, plain);
  for (unsigned i = 0; i < 40; i++) {
    layer_subject_random (&t, 15);
    layer_subject_check_all (&t);
  }
  layer_subject_close (&t);
}
END_TEST

/* A read of a part marks and fills that part alone. */
START_TEST (partial_reads)
{
  struct layer_subject t;

  layer_subject_open (&t, _i, SIZE, plain);
  layer_subject_random (&t, 60);
  for (unsigned i = 0; i < 300; i++) {
    struct picture p;
    struct layer_op o;
    struct marker m;

    layer_subject_choose (&t, &o);
    picture_take (&p, t.oracle);
    marker_init (&m, o.sector, (uint32_t) o.nsectors);
    memset (t.buf, 0, o.nsectors * t.sector_size);
    ck_assert_int_eq (
      t.l->ops->read (t.l, t.buf, o.sector, (uint32_t) o.nsectors, &m, &t.err),
      0);
    quick_assert (memcmp (t.buf, p.bytes + o.sector * t.sector_size,
                          o.nsectors * t.sector_size) == 0);
    for (uint64_t s = 0; s < o.nsectors; s++) {
      uint64_t at = o.sector + s;
      uint32_t n;

      quick_assert ((marker_next_unset (&m, &at, &n) && at == o.sector + s) ==
                    (p.state[o.sector + s] == LAYER_ABSENT));
    }
    marker_fini (&m);
    picture_free (&p);
  }
  layer_subject_close (&t);
}
END_TEST

START_TEST (reopen)
{
  struct layer_subject t;

  layer_subject_open (&t, _i, SIZE, plain);
  for (unsigned i = 0; i < 12 && t.maker->persistent; i++) {
    layer_subject_random (&t, 25);
    layer_subject_reopen (&t);
    layer_subject_check_all (&t);
  }
  layer_subject_close (&t);
}
END_TEST

/* Which clusters are marked is remembered for each, over flushes and, if
 * anything is, when the layer is opened again.
 */
START_TEST (marks)
{
  struct layer_subject t;
  uint64_t n;

  layer_subject_open (&t, _i, SIZE, plain);
  n = LAYER_CLUSTER / t.sector_size;
  do_one (&t, LAYER_OP_WRITE, 0, t.nsectors);
  do_one (&t, LAYER_OP_FLUSH, 0, 0);
  do_one (&t, LAYER_OP_WRITE_DIRTY, 2 * n - 1, 2); /* over a border */
  do_one (&t, LAYER_OP_WRITE_DIRTY, 5 * n, n);     /* all of one */
  do_one (&t, LAYER_OP_WRITE_DIRTY, 7 * n, n - 1); /* most of one */
  do_one (&t, LAYER_OP_ZERO_DIRTY, t.nsectors - 1, 1);
  layer_subject_check_all (&t);
  do_one (&t, LAYER_OP_FLUSH, 0, 0);
  do_one (&t, LAYER_OP_SET_CLEAN, 2 * n, 1);
  do_one (&t, LAYER_OP_SET_CLEAN, 3 * n, 1); /* was not marked */
  do_one (&t, LAYER_OP_DISCARD, 5 * n, n);
  do_one (&t, LAYER_OP_DISCARD, 7 * n, n - 1);
  layer_subject_check_all (&t);
  do_one (&t, LAYER_OP_SET_CLEAN, 1 * n, 1);
  do_one (&t, LAYER_OP_WRITE_DIRTY, n, 20); /* again */
  layer_subject_check_all (&t);
  if (t.maker->persistent)
    layer_subject_reopen (&t);
  layer_subject_check_all (&t);
  do_one (&t, LAYER_OP_ZERO, 0, t.nsectors); /* keeps them */
  layer_subject_check_all (&t);
  if (t.maker->persistent)
    layer_subject_reopen (&t);
  layer_subject_check_all (&t);
  do_one (&t, LAYER_OP_ZERO_DIRTY, 0, t.nsectors);
  do_one (&t, LAYER_OP_DISCARD, 3 * n, 19 * n);
  layer_subject_check_all (&t);
  layer_subject_close (&t);
}
END_TEST

static uint64_t
used_after_flush (struct layer_subject *t)
{
  do_one (t, LAYER_OP_FLUSH, 0, 0);
  if (t->l->ops->reclaim != NULL)
    ck_assert_int_eq (t->l->ops->reclaim (t->l, &t->err), 0);
  return t->l->ops->used (t->l);
}

/* It grows by what is written, and falls by what is discarded, but for
 * some bookkeeping.
 */
START_TEST (used)
{
  struct layer_subject t;
  uint64_t empty, full, slack;

  layer_subject_open (&t, _i, 8 * SIZE, plain);
  slack = 512 * 1024 + t.maker->block_size;
  if (t.l->ops->used != NULL) {
    empty = used_after_flush (&t);
    do_one (&t, LAYER_OP_WRITE, 0, t.nsectors);
    full = used_after_flush (&t);
    ck_assert_uint_ge (full, empty + t.nsectors * t.sector_size);
    ck_assert_uint_le (full, empty + t.nsectors * t.sector_size + slack);
    for (unsigned i = 0; i < 20; i++)
      do_one (&t, LAYER_OP_WRITE_DIRTY, i * 7, t.nsectors / 2);
    ck_assert_uint_le (used_after_flush (&t), full + slack);
    do_one (&t, LAYER_OP_DISCARD, 0, t.nsectors / 2);
    ck_assert_uint_le (used_after_flush (&t),
                       full - t.nsectors * t.sector_size / 2 + slack);
    do_one (&t, LAYER_OP_DISCARD, 0, t.nsectors);
    ck_assert_uint_le (used_after_flush (&t), empty + slack);
  }
  layer_subject_close (&t);
}
END_TEST

void
layer_suite_basic (Suite *suite)
{
  TCase *c = test_case (suite, "basic");

  tcase_add_loop_test (c, info, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, transitions, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, no_overwrite, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, random_operations, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, partial_reads, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, marks, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, used, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, reopen, 0, NLAYER_SUBJECTS);
}
