/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a command costs in the NVMe driver: doorbells, interrupts and looks
 * at the queue, and time of the processor.  The controller is emulated, by
 * a thread of its own, and moves no data.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "nvme/nvme.h"
#include "support/nvme-emulated.h"
#include "support/threads.h"

#define BLOCK 4096

struct bench {
  struct nvme *n;
  struct nvme_ns *ns;
  unsigned rounds;
  unsigned batch; /* commands in a request */
  unsigned part;  /* bytes of a command */
};

static void
die (const char *what)
{
  fprintf (stderr, "bench-nvme: %s failed\n", what);
  exit (EXIT_FAILURE);
}

/* Of a controller without a thread: the time that it takes itself. */
static struct nvme_hw_ops timed_ops;
static void (*real_write32) (struct nvme_hw *hw, uint32_t offset,
                             uint32_t value);
static uint64_t device_ns;

static void
timed_write32 (struct nvme_hw *hw, uint32_t offset, uint32_t value)
{
  const uint64_t start = clock_read (CLOCK_THREAD_CPUTIME_ID);

  real_write32 (hw, offset, value);
  device_ns += clock_read (CLOCK_THREAD_CPUTIME_ID) - start;
}

static void
time_writes (struct nvme_hw *hw)
{
  timed_ops = *hw->ops;
  real_write32 = timed_ops.write32;
  timed_ops.write32 = timed_write32;
  hw->ops = &timed_ops;
}

static void
reader (void *opaque, unsigned index)
{
  const struct bench *b = opaque;
  char *buf = malloc ((size_t) b->batch * b->part);
  const struct iovec iov = { buf, (size_t) b->batch * b->part };
  int err;

  for (unsigned i = 0; i < b->rounds; i++) {
    if (buf == NULL ||
        nvme_read (b->ns, &iov, 1, (uint64_t) index << 18, &err) == -1)
      die ("read");
  }
  free (buf);
}

static void
print (const char *what, unsigned depth, const struct nvme_counts *c,
       double seconds, double cpu)
{
  const double n = (double) c->commands;

  printf ("%-28s %5u %9.2f %10.2f %8.1f %9.0f %9.0f\n", what, depth,
          (double) c->doorbells / n, (double) c->interrupts / n,
          (double) c->polls / n, n / seconds, cpu / n * 1e9);
}

/* NTHREADS threads, each with requests of BATCH commands. */
static void
run (const char *what, const struct nvme_emulated_options *e, unsigned nthreads,
     unsigned batch, unsigned part)
{
  const struct nvme_options o = { .queue_pairs = 1 };
  struct bench b = { .rounds = 200000 / nthreads / batch,
                     .batch = batch,
                     .part = part };
  struct nvme_hw *hw = nvme_emulated_create (e);
  struct nvme_counts before, after;
  uint64_t start, cpu;
  int err;

  if (e->no_thread)
    time_writes (hw);
  b.n = nvme_open (hw, &o, &err);
  if (b.n == NULL || (b.ns = nvme_ns_open (b.n, 1, &err)) == NULL)
    die ("open");
  nvme_get_counts (b.n, &before);
  device_ns = 0;
  start = clock_ns ();
  cpu = clock_read (nthreads == 1 ? CLOCK_THREAD_CPUTIME_ID :
                                    CLOCK_PROCESS_CPUTIME_ID);
  if (nthreads == 1)
    reader (&b, 0);
  else
    threads_run (nthreads, reader, &b);
  cpu = clock_read (nthreads == 1 ? CLOCK_THREAD_CPUTIME_ID :
                                    CLOCK_PROCESS_CPUTIME_ID) -
        cpu - device_ns;
  start = clock_ns () - start;
  nvme_get_counts (b.n, &after);
  after.commands -= before.commands;
  after.doorbells -= before.doorbells;
  after.interrupts -= before.interrupts;
  after.polls -= before.polls;
  print (what, nthreads * batch, &after, (double) start / 1e9,
         (double) cpu / 1e9);
  nvme_close (b.n);
}

int
main (void)
{
  struct nvme_emulated_options device = { .lba_size = BLOCK,
                                          .null = true,
                                          .spin_ns = 50000 };
  static const unsigned depths[] = { 1, 8, 32 };

  printf ("%-28s %5s %9s %10s %8s %9s %9s\n", "for each command", "depth",
          "doorbells", "interrupts", "polls", "per s", "CPU ns");
  for (unsigned i = 0; i < 3; i++)
    run ("4K, a thread each", &device, depths[i], 1, BLOCK);
  device.doorbell_buffers = true;
  for (unsigned i = 0; i < 3; i++)
    run ("the same, shadow doorbells", &device, depths[i], 1, BLOCK);
  device.doorbell_buffers = false;
  device.mdts = 1;
  for (unsigned i = 0; i < 3; i++)
    run ("8K, parts of one request", &device, 1, depths[i], 2 * BLOCK);
  /* Nothing is waited for: what the driver does, less what the device did. */
  device.mdts = 0;
  device.no_thread = true;
  run ("4K, done in the doorbell", &device, 1, 1, BLOCK);
  device.mdts = 1;
  run ("8K, done in the doorbell", &device, 1, 32, 2 * BLOCK);
  return 0;
}
