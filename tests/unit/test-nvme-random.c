/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random requests of several threads, each in a part of the disk that is
 * its own, while the controller goes wrong at random: what is read is what
 * was written last, and what failed is old or new, block by block.
 * RANDOM_SECONDS makes it longer.
 */

#include <config.h>

#include "unit/nvme-test.h"

#define THREADS 4
#define BLOCK 512
#define BLOCKS 1024 /* of a thread */
#define MOST 300    /* of a request */

struct world {
  struct subject b;
  uint64_t seed, end_ns;
  _Atomic unsigned working;
  _Atomic unsigned failed;
};

struct part {
  struct world *w;
  struct rng rng;
  uint64_t offset;
  uint8_t *was, *buf;
};

static bool
read_back (struct part *p, uint64_t block, uint64_t n)
{
  const struct iovec iov = { p->buf, n * BLOCK };
  int err;

  return nvme_read (p->w->b.ns, &iov, 1, p->offset + block * BLOCK, &err) == 0;
}

/* After a failure each block is the old one or NEW (NULL: anything). */
static void
settle (struct part *p, uint64_t block, uint64_t n, const uint8_t *new)
{
  while (!read_back (p, block, n))
    ;
  for (uint64_t i = 0; i < n; i++) {
    uint8_t *old = p->was + (block + i) * BLOCK;
    const uint8_t *now = p->buf + i * BLOCK;

    quick_assert (new == NULL || memcmp (now, old, BLOCK) == 0 ||
                  memcmp (now, new + i *BLOCK, BLOCK) == 0);
    memcpy (old, now, BLOCK);
  }
}

static void
change (struct part *p, uint64_t block, uint64_t n)
{
  const uint64_t offset = p->offset + block * BLOCK;
  struct nvme_ns *ns = p->w->b.ns;
  uint8_t *new = must_calloc (n, BLOCK);
  const struct iovec iov = { new, n *BLOCK };
  const unsigned what = rng_below (&p->rng, 8);
  int r, err;

  if (what == 0)
    r = nvme_trim (ns, n * BLOCK, offset, &err);
  else if (what == 1)
    r = nvme_zero (ns, n * BLOCK, offset, rng_one_in (&p->rng, 2), false, &err);
  else {
    rng_fill (&p->rng, new, n * BLOCK);
    r = nvme_write (ns, &iov, 1, offset, rng_one_in (&p->rng, 4), &err);
  }
  if (r == 0)
    memcpy (p->was + block * BLOCK, new, n * BLOCK);
  else {
    p->w->failed++;
    settle (p, block, n, what == 0 ? NULL : new);
  }
  free (new);
}

static void
work (struct part *p)
{
  while (clock_ns () < p->w->end_ns) {
    const uint64_t n = 1 + rng_below (&p->rng, MOST);
    const uint64_t block = rng_below (&p->rng, BLOCKS - n);
    int err;

    if (rng_one_in (&p->rng, 2))
      change (p, block, n);
    else if (read_back (p, block, n))
      quick_assert (memcmp (p->buf, p->was + block * BLOCK, n * BLOCK) == 0);
    else
      p->w->failed++;
    if (rng_one_in (&p->rng, 50))
      nvme_flush (p->w->b.ns, &err);
  }
}

/* What goes wrong next.  Late commands come back, or are aborted. */
static void
meddle (struct world *w)
{
  static const uint16_t status[] = { NVME_SC_INTERNAL, NVME_SC_NOT_READY,
                                     NVME_SC_WRITE_FAULT, NVME_SC_READ_ERROR };
  const struct timespec ts = { .tv_nsec = 3000000 };
  struct rng rng;

  rng_init (&rng, w->seed);
  while (w->working > 0) {
    struct nvme_emulated_fault f = {
      .kind = (enum nvme_fault) rng_below (&rng, NVME_FAULT_CFS + 1),
      .opcode = NVME_ANY_OPCODE,
      .skip = (unsigned) rng_below (&rng, 40),
      .count = 1 + (unsigned) rng_below (&rng, 2),
      .status = status[rng_below (&rng, ARRAY_SIZE (status))],
    };

    /* What takes a second is rare. */
    if ((f.kind == NVME_FAULT_LOST || f.kind == NVME_FAULT_IGNORED) &&
        !rng_one_in (&rng, 20))
      f.kind = NVME_FAULT_LATE;
    nvme_emulated_fault (w->b.hw, &f);
    nanosleep (&ts, NULL);
    if (!rng_one_in (&rng, 50))
      nvme_emulated_release (w->b.hw);
  }
}

static void
member (void *opaque, unsigned index)
{
  struct world *w = opaque;
  struct part p = { .w = w, .offset = (uint64_t) index * BLOCKS * BLOCK };

  if (index == THREADS) {
    meddle (w);
    return;
  }
  rng_init (&p.rng, w->seed + index);
  p.was = must_calloc (BLOCKS, BLOCK);
  p.buf = must_calloc (MOST, BLOCK);
  work (&p);
  w->working--;
  quick_assert (memcmp (nvme_emulated_data (w->b.hw, 1) + p.offset, p.was,
                        BLOCKS * BLOCK) == 0);
  free (p.was);
  free (p.buf);
}

static const struct nvme_emulated_options shapes[] = {
  { .volatile_cache = true },
  { .mdts = 1, .entries = 8, .doorbell_buffers = true, .dmrsl = 16 },
  { .mpsmin = 1, .vectors = 1, .dstrd = 1, .wzsl = 1 },
  { .sgls = NVME_SGLS_DWORDS, .volatile_cache = true },
};

START_TEST (model)
{
  const char *seconds = getenv ("RANDOM_SECONDS");
  struct world w = { .b = { .e = shapes[_i],
                            .o = { .command_seconds = 1, .queue_pairs = 2 } },
                     .working = THREADS };

  set_up (&w.b);
  w.seed = rng_seed ("nvme-random");
  w.end_ns = clock_ns () +
             (seconds != NULL ? strtoull (seconds, NULL, 0) : 2) * CLOCK_SECOND;
  threads_run (THREADS + 1, member, &w);
  tear_down (&w.b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-random");
  TCase *c = test_case (suite, "nvme-random");

  tcase_add_loop_test (c, model, 0, ARRAY_SIZE (shapes));
  return test_run (suite);
}
