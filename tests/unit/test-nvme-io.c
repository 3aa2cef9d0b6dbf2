/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands of namespaces, over an emulated controller of every shape.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "nvme/nvme.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/must.h"
#include "support/nvme-emulated.h"
#include "support/rng.h"
#include "support/threads.h"

/* A controller, and its first namespace. */
struct bench {
  struct nvme_emulated_options e;
  struct nvme_options o;
  struct nvme_emulated_report report;
  struct nvme_hw *hw;
  struct nvme *n;
  struct nvme_ns *ns;
  struct rng rng;
};

static void
set_up (struct bench *b)
{
  int err;

  b->e.report = &b->report;
  b->hw = nvme_emulated_create (&b->e);
  b->n = nvme_open (b->hw, &b->o, &err);
  ck_assert_ptr_nonnull (b->n);
  b->ns = nvme_ns_open (b->n, 1, &err);
  ck_assert_ptr_nonnull (b->ns);
  rng_init (&b->rng, 1);
}

static void
tear_down (struct bench *b)
{
  nvme_close (b->n);
  ck_assert_uint_eq (b->report.errors, 0);
  ck_assert (b->report.shut_down);
  ck_assert (b->report.disabled);
  ck_assert_uint_eq (b->report.dma_leaked, 0);
}

static int
write_bytes (struct bench *b, void *buf, size_t count, uint64_t offset)
{
  const struct iovec iov = { buf, count };
  int err;

  return nvme_write (b->ns, &iov, 1, offset, false, &err);
}

static int
read_bytes (struct bench *b, void *buf, size_t count, uint64_t offset)
{
  const struct iovec iov = { buf, count };
  int err;

  return nvme_read (b->ns, &iov, 1, offset, &err);
}

/* What is written is there, and comes back. */
static void
round_trip (struct bench *b, size_t count, uint64_t offset)
{
  uint8_t *buf = must_malloc (count), *back = must_calloc (1, count);

  rng_fill (&b->rng, buf, count);
  ck_assert_int_eq (write_bytes (b, buf, count, offset), 0);
  quick_assert (memcmp (nvme_emulated_data (b->hw, 1) + offset, buf, count) ==
                0);
  ck_assert_int_eq (read_bytes (b, back, count, offset), 0);
  quick_assert (memcmp (back, buf, count) == 0);
  free (back);
  free (buf);
}

static const struct nvme_emulated_options shapes[] = {
  { 0 },
  { .lba_size = 4096 },
  { .dstrd = 3, .entries = 2 },
  { .entries = 16, .mdts = 1, .queues = 1 },
  { .mpsmin = 1, .mdts = 3, .vectors = 1 },
  { .mpsmin = 4, .lba_size = 4096, .vectors = 3 },
  { .no_vectors = true, .mdts = 5 },
  { .doorbell_buffers = true },
  { .doorbell_buffers = true, .entries = 4, .mdts = 1, .dstrd = 2 },
  { .no_thread = true },
};

START_TEST (shape)
{
  struct bench b = { .e = shapes[_i] };

  set_up (&b);
  round_trip (&b, 4096, 0);
  round_trip (&b, 4096, 8192);
  for (size_t count = 4096; count <= 4 << 20; count *= 4)
    round_trip (&b, count, 4096);
  round_trip (&b, 3 << 20, 12288);
  for (unsigned i = 0; i < 300; i++)
    round_trip (&b, 4096 * (1 + rng_below (&b.rng, 40)),
                4096 * rng_below (&b.rng, 2048));
  tear_down (&b);
}
END_TEST

static void
many (void *opaque, unsigned index)
{
  struct bench b = *(struct bench *) opaque;

  rng_init (&b.rng, index + 1);
  for (unsigned i = 0; i < 200; i++)
    round_trip (&b, 4096 * (1 + rng_below (&b.rng, 32)),
                (uint64_t) index << 20 | 4096 * rng_below (&b.rng, 200));
}

START_TEST (threads)
{
  struct bench b = { .e = shapes[_i], .o = { .queue_pairs = 3 } };

  set_up (&b);
  threads_run (9, many, &b);
  tear_down (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-io");
  TCase *c = test_case (suite, "nvme-io");

  tcase_add_loop_test (c, shape, 0, ARRAY_SIZE (shapes));
  tcase_add_loop_test (c, threads, 0, ARRAY_SIZE (shapes));
  return test_run (suite);
}
