/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Many threads in one layer, in the same sectors.  Each sector that is
 * written is full of one word that says who wrote it and where, so a
 * sector that is a mixture of two, or another one, can be told.
 */

#include <config.h>

#include <stdatomic.h>

#include "base/cleanup.h"
#include "conformance/layer-suite.h"
#include "support/must.h"
#include "support/threads.h"

#define SIZE (1024 * 1024)

/* STEPS: of threads that keep what is their own. */
#ifdef __SANITIZE_THREAD__
enum { THREADS = 6, ROUNDS = 15, STEPS = 200 }; /* each takes so much longer */
#else
enum { THREADS = 6, ROUNDS = 60, STEPS = 600 };
#endif

enum role { WRITER, POPULATOR, ZEROER, DISCARDER, FLUSHER, READER };

struct crowd {
  struct layer_subject t;
  const enum role *role; /* of each thread */
  uint64_t seed;
  /* Half of the rounds small, within what a layer may handle in one
   * piece, the others over many.
   */
  uint64_t sector, nsectors;
};

/* What THREAD as ROLE writes to SECTOR; never 0. */
static uint32_t
word_of (enum role role, unsigned thread, uint64_t sector)
{
  return (role + 1) << 24 | thread << 20 | (uint32_t) sector;
}

static enum role
role_of (uint32_t word)
{
  return (enum role) ((word >> 24) - 1);
}

static uint64_t
sector_of (uint32_t word)
{
  return word & 0xfffff;
}

static uint32_t
word_at (const uint8_t *p)
{
  uint32_t word;

  memcpy (&word, p, sizeof word);
  return word;
}

/* Is every byte of WORD one of a word that is written to SECTOR, or zero?
 * Nothing larger is promised to be whole beside a writer.
 */
static bool
is_of_writers (uint32_t word, uint64_t sector)
{
  for (unsigned shift = 0; shift < 32; shift += 8) {
    const uint32_t byte = word >> shift & 0xff;
    /* Whoever it is, these bits are of the sector. */
    const uint32_t mask = shift < 16 ? 0xff : 0x0f;

    if (byte == 0)
      continue;
    if (shift == 24 ? byte > POPULATOR + 1 :
                      (byte & mask) != (sector >> shift & mask))
      return false;
  }
  return true;
}

/* What is read beside writers: each byte from one of them, or zero. */
static void
look (struct crowd *c, uint8_t *buf, uint64_t sector, uint32_t n)
{
  CLEANUP (marker_fini) struct marker m;
  int err = 0;

  memset (buf, 0, (uint64_t) n * c->t.sector_size);
  marker_init (&m, sector, n);
  quick_assert (c->t.l->ops->read (c->t.l, buf, sector, n, &m, &err) == 0);
  for (uint64_t i = 0; i < (uint64_t) n * c->t.sector_size; i += 4) {
    const uint32_t word = word_at (buf + i);

    quick_assert (is_of_writers (word, sector + i / c->t.sector_size));
  }
}

/* Fill BUF for a write of N sectors at SECTOR. */
static void
fill (struct crowd *c, uint8_t *buf, uint64_t sector, uint32_t n,
      enum role role, unsigned thread)
{
  for (uint64_t i = 0; i < (uint64_t) n * c->t.sector_size; i += 4) {
    const uint32_t word = word_of (role, thread, sector + i / c->t.sector_size);

    memcpy (buf + i, &word, sizeof word);
  }
}

static void
act (struct crowd *c, unsigned thread, uint8_t *buf, uint64_t sector,
     uint32_t n)
{
  const enum role role = c->role[thread];
  struct layer *const l = c->t.l;
  uint64_t end;
  int err = 0, r = 0;

  if (role == WRITER || role == POPULATOR)
    fill (c, buf, sector, n, role, thread);
  switch (role) {
  case WRITER:
    r = l->ops->write (l, buf, sector, n, 0, &err);
    break;
  case POPULATOR:
    r = l->ops->write (l, buf, sector, n, LAYER_NO_OVERWRITE, &err);
    break;
  case ZEROER:
    r = l->ops->zero (l, sector, n, 0, &err);
    break;
  case DISCARDER:
    r = l->ops->discard (l, sector, n, &err);
    break;
  case FLUSHER:
    r = l->ops->flush (l, &err);
    l->ops->state (l, sector, sector + n, &end);
    quick_assert (end > sector && end <= sector + n);
    break;
  case READER:
    look (c, buf, sector, n);
    break;
  }
  if (r == -1)
    ck_abort_msg ("%s: role %d: %s", c->t.maker->name, role, strerror (err));
}

static void
member (void *opaque, unsigned index)
{
  struct crowd *c = opaque;
  const uint64_t half = c->nsectors / 2;
  uint8_t *buf = must_malloc (c->nsectors * c->t.sector_size);
  struct rng rng;

  rng_init (&rng, c->seed + index);
  /* First parts in any order, then all of it, so that everybody has been
   * everywhere.
   */
  for (unsigned i = 0; i < 8; i++) {
    const uint32_t n = (uint32_t) (1 + rng_below (&rng, half));

    act (c, index, buf, c->sector + rng_below (&rng, c->nsectors - n + 1), n);
  }
  act (c, index, buf, c->sector, (uint32_t) c->nsectors);
  free (buf);
}

/* Is the sector at P all one word? */
static bool
is_whole (const struct picture *p, uint64_t s)
{
  const uint8_t *bytes = p->bytes + s * p->sector_size;
  const uint32_t word = word_at (bytes);

  for (uint32_t i = 0; i < p->sector_size; i += sizeof word) {
    if (word_at (bytes + i) != word)
      return false;
  }
  return true;
}

static void
check_outcome (struct crowd *c, bool zeroes, bool writes)
{
  struct picture p;

  picture_take (&p, c->t.l);
  for (uint64_t s = 0; s < p.nsectors; s++) {
    const uint32_t word = word_at (p.bytes + s * p.sector_size);

    if (s < c->sector || s >= c->sector + c->nsectors) {
      quick_assert (p.state[s] == LAYER_ABSENT);
      continue;
    }
    quick_assert (is_whole (&p, s));
    /* Who does not overwrite never wins against who does. */
    if (p.state[s] == LAYER_DATA && !(word == 0 && c->t.maker->stores_zeroes))
      quick_assert (role_of (word) == (writes ? WRITER : POPULATOR) &&
                    sector_of (word) == s && (writes || !zeroes));
    else
      quick_assert (zeroes && p.state[s] != LAYER_ABSENT);
  }
  picture_free (&p);
}

static bool
has_role (const enum role *roles, enum role r)
{
  for (unsigned i = 0; i < THREADS; i++) {
    if (roles[i] == r)
      return true;
  }
  return false;
}

static void
run_crowd (int i, const enum role *roles)
{
  struct crowd c = { .role = roles };
  const struct layer_spec plain = { .quiet = false };
  const bool discards = has_role (roles, DISCARDER);

  layer_subject_open (&c.t, i, SIZE, plain);
  for (unsigned round = 0; round < ROUNDS; round++) {
    c.seed = rng_next (&c.t.rng);
    c.nsectors = round % 2 ? 2 + rng_below (&c.t.rng, 40) :
                             2 + rng_below (&c.t.rng, c.t.nsectors - 2);
    c.sector = rng_below (&c.t.rng, c.t.nsectors - c.nsectors + 1);
    threads_run (THREADS, member, &c);
    if (!discards)
      check_outcome (&c, has_role (roles, ZEROER), has_role (roles, WRITER));
    ck_assert_int_eq (c.t.l->ops->discard (c.t.l, 0, c.t.nsectors, &c.t.err),
                      0);
  }
  layer_subject_close (&c.t);
}

START_TEST (two_writes)
{
  static const enum role roles[THREADS] = { WRITER, WRITER,  WRITER,
                                            READER, FLUSHER, READER };

  run_crowd (_i, roles);
}
END_TEST

START_TEST (populate_against_write)
{
  static const enum role roles[THREADS] = { WRITER,    WRITER, POPULATOR,
                                            POPULATOR, READER, FLUSHER };

  run_crowd (_i, roles);
}
END_TEST

START_TEST (populate_against_zero)
{
  static const enum role roles[THREADS] = { ZEROER,    POPULATOR, POPULATOR,
                                            POPULATOR, READER,    FLUSHER };

  run_crowd (_i, roles);
}
END_TEST

START_TEST (populate_against_populate)
{
  static const enum role roles[THREADS] = { POPULATOR, POPULATOR, POPULATOR,
                                            POPULATOR, READER,    FLUSHER };

  run_crowd (_i, roles);
}
END_TEST

START_TEST (write_against_zero)
{
  static const enum role roles[THREADS] = { WRITER, ZEROER, WRITER,
                                            ZEROER, READER, FLUSHER };

  run_crowd (_i, roles);
}
END_TEST

/* Reads that never see what is in no layer: places that change hands. */
START_TEST (everybody)
{
  static const enum role roles[THREADS] = { WRITER, ZEROER,    DISCARDER,
                                            READER, POPULATOR, FLUSHER };

  run_crowd (_i, roles);
}
END_TEST

/* Each thread keeps its own sectors, which are neighbours of others'. */
struct neighbours {
  struct layer_subject t;
  uint64_t seed;
};

static void
keep_own (void *opaque, unsigned index)
{
  struct neighbours *b = opaque;
  struct layer *const l = b->t.l;
  const uint32_t size = b->t.sector_size;
  uint8_t *mine = must_calloc (b->t.nsectors, size);
  uint8_t *back = must_malloc (size);
  struct rng rng;

  rng_init (&rng, b->seed + index);
  for (unsigned i = 0; i < STEPS; i++) {
    const uint64_t n = b->t.nsectors / THREADS;
    const uint64_t s = rng_below (&rng, n) * THREADS + index;
    uint8_t *const m = mine + s * size;
    CLEANUP (marker_fini) struct marker marker;
    int err = 0;

    if (rng_one_in (&rng, 4)) {
      quick_assert (l->ops->zero (l, s, 1, 0, &err) == 0);
      memset (m, 0, size);
    }
    else {
      rng_fill (&rng, m, size);
      quick_assert (l->ops->write (l, m, s, 1,
                                   rng_one_in (&rng, 30) ? LAYER_FUA : 0,
                                   &err) == 0);
    }
    marker_init (&marker, s, 1);
    quick_assert (l->ops->read (l, back, s, 1, &marker, &err) == 0);
    quick_assert (marker_full (&marker) && memcmp (back, m, size) == 0);
  }
  free (back);
  free (mine);
}

START_TEST (neighbours)
{
  struct neighbours b;
  const struct layer_spec plain = { .quiet = false };

  layer_subject_open (&b.t, _i, SIZE, plain);
  b.seed = rng_next (&b.t.rng);
  threads_run (THREADS, keep_own, &b);
  layer_subject_close (&b.t);
}
END_TEST

/* Each thread keeps its own clusters, in and out of which it writes, and
 * whose marks it knows.
 */
static void
keep_marks (void *opaque, unsigned index)
{
  const struct neighbours *b = opaque;
  struct layer *l = b->t.l;
  const uint64_t n = LAYER_CLUSTER / b->t.sector_size;
  const uint64_t nmine = b->t.nsectors / n / THREADS;
  uint8_t *const buf = must_malloc (LAYER_CLUSTER);
  bool marked[64] = { false };
  struct rng rng;

  rng_init (&rng, b->seed + index);
  rng_fill (&rng, buf, LAYER_CLUSTER);
  for (unsigned i = 0; i < 2 * STEPS; i++) {
    const uint64_t mine = rng_below (&rng, min_u64 (nmine, 64));
    const uint64_t c = mine * THREADS + index;
    const uint64_t len = rng_one_in (&rng, 2) ? n : 1 + rng_below (&rng, n);
    const unsigned flags = rng_one_in (&rng, 2) ? LAYER_DIRTY : 0;
    int err = 0, r;

    switch (rng_below (&rng, 6)) {
    case 0:
      r = l->ops->zero (l, c * n, len, flags, &err);
      marked[mine] |= flags != 0;
      break;
    case 1:
      r = l->ops->set_clean (l, c, &err);
      marked[mine] = false;
      break;
    case 2:
      r = l->ops->discard (l, c * n, len, &err);
      marked[mine] &= len < n;
      break;
    case 3:
      r = rng_one_in (&rng, 10) ? l->ops->flush (l, &err) : 0;
      break;
    default:
      r = l->ops->write (l, buf, c * n, (uint32_t) len, flags, &err);
      marked[mine] |= flags != 0;
    }
    quick_assert (r == 0);
    quick_assert ((l->ops->next_dirty (l, c, c + 1) == c) == marked[mine]);
  }
  free (buf);
}

START_TEST (marks_of_neighbours)
{
  struct neighbours b;
  const struct layer_spec plain = { .quiet = false };

  layer_subject_open (&b.t, _i, SIZE, plain);
  b.seed = rng_next (&b.t.rng);
  if (b.t.l->info.keeps_dirty)
    threads_run (THREADS, keep_marks, &b);
  layer_subject_close (&b.t);
}
END_TEST

void
layer_suite_threads (Suite *suite)
{
  TCase *c = test_case (suite, "threads");

  tcase_add_loop_test (c, two_writes, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, populate_against_write, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, populate_against_zero, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, populate_against_populate, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, write_against_zero, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, everybody, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, neighbours, 0, NLAYER_SUBJECTS);
  tcase_add_loop_test (c, marks_of_neighbours, 0, NLAYER_SUBJECTS);
}
