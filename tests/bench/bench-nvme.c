/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a command costs in the NVMe driver: doorbells, interrupts and looks
 * at the queue, and time of the processor.  The controller is emulated, by
 * a thread of its own, and moves no data.
 *
 * bench-nvme                              a table of that
 * bench-nvme CASE N                       N requests of a case of nvme-costs.py
 * bench-nvme ADDRESS DEPTH N [refuse]     N reads of 4K of a real controller,
 *                                         without its shadow doorbells
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/clock.h"
#include "nvme/nvme.h"
#include "support/nvme-emulated.h"
#include "support/nvme-refuse.h"
#include "support/threads.h"
#include "vfio/vfio.h"

#define BLOCK 4096
#define LONG_SPIN 1000000000

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

/* The device is in here, for callgrind too. */
static __attribute__ ((noinline)) void
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

/* What is not copied in place. */
extern void *__real_memcpy (void *to, const void *from, size_t n);
extern void *__wrap_memcpy (void *to, const void *from, size_t n);
static _Thread_local uint64_t copied;

__attribute__ ((noinline)) void *
__wrap_memcpy (void *to, const void *from, size_t n)
{
  copied += n;
  return __real_memcpy (to, from, n);
}

/* And all of the driver. */
static __attribute__ ((noinline)) void
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

static void
open_bench (struct bench *b, struct nvme_hw *hw, unsigned spin_ns)
{
  const struct nvme_options o = { .queue_pairs = 1, .spin_ns = spin_ns };
  int err;

  b->n = hw != NULL ? nvme_open (hw, &o, &err) : NULL;
  b->ns = b->n != NULL ? nvme_ns_open (b->n, 1, &err) : NULL;
  if (b->ns == NULL)
    die ("open");
}

static void
read_all (struct bench *b, unsigned nthreads)
{
  if (nthreads == 1)
    reader (b, 0);
  else
    threads_run (nthreads, reader, b);
}

/* What N threads did. */
static struct nvme_counts
count (struct bench *b, unsigned nthreads)
{
  struct nvme_counts before, c;

  nvme_get_counts (b->n, &before);
  read_all (b, nthreads);
  nvme_get_counts (b->n, &c);
  c.commands -= before.commands;
  c.doorbells -= before.doorbells;
  c.interrupts -= before.interrupts;
  c.polls -= before.polls;
  c.sgls -= before.sgls;
  return c;
}

/* NTHREADS threads, each with requests of BATCH commands. */
static void
run (const char *what, const struct nvme_emulated_options *e, unsigned nthreads,
     unsigned batch, unsigned part)
{
  const clockid_t clock =
    nthreads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
  struct bench b = { .rounds = 200000 / nthreads / batch,
                     .batch = batch,
                     .part = part };
  struct nvme_hw *hw = nvme_emulated_create (e);
  struct nvme_counts c;
  uint64_t start, cpu;

  if (e->no_thread)
    time_writes (hw);
  open_bench (&b, hw, 0);
  device_ns = 0;
  start = clock_ns ();
  cpu = clock_read (clock);
  c = count (&b, nthreads);
  cpu = clock_read (clock) - cpu - device_ns;
  start = clock_ns () - start;
  print (what, nthreads * batch, &c, (double) start / 1e9, (double) cpu / 1e9);
  nvme_close (b.n);
}

static void
print_table (void)
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
}

/* ------------------------------------------------------------------ */
/* One thing at a time, for those who count from outside */

static const struct {
  const char *name;
  struct nvme_emulated_options e;
  unsigned batch, part, spin_ns;
} cases[] = {
  { "4K", { .no_thread = true }, 1, BLOCK, 0 },
  { "32x8K", { .no_thread = true, .mdts = 1 }, 32, 2 * BLOCK, 0 },
  { "256K", { .no_thread = true }, 1, 64 * BLOCK, 0 },
  { "256K-sgl", { .no_thread = true, .sgls = 1 }, 1, 64 * BLOCK, 0 },
  { "4K-polling", { .spin_ns = LONG_SPIN }, 1, BLOCK, LONG_SPIN },
  { "32x8K-polling",
    { .spin_ns = LONG_SPIN, .mdts = 1 },
    32,
    2 * BLOCK,
    LONG_SPIN },
};

static void
run_case (const char *name, unsigned rounds)
{
  struct nvme_emulated_options e;
  struct bench b = { .rounds = rounds };
  struct nvme_hw *hw;
  unsigned i = 0;
  uint64_t before;

  while (i < ARRAY_SIZE (cases) && strcmp (cases[i].name, name) != 0)
    i++;
  if (i == ARRAY_SIZE (cases))
    die (name);
  e = cases[i].e;
  e.lba_size = BLOCK;
  e.null = true;
  hw = nvme_emulated_create (&e);
  if (e.no_thread)
    time_writes (hw);
  b.batch = cases[i].batch;
  b.part = cases[i].part;
  open_bench (&b, hw, cases[i].spin_ns);
  before = copied;
  read_all (&b, 1);
  printf ("%" PRIu64 "\n", copied - before);
  nvme_close (b.n);
}

static void
run_device (const char *address, unsigned depth, unsigned reads, bool refuse)
{
  struct bench b = { .rounds = reads / depth, .batch = 1, .part = BLOCK };
  struct vfio_group *g;
  struct nvme_counts c;
  struct pci_address a;
  struct nvme_hw *hw;
  int err;

  if (pci_address_parse (address, &a) != PCI_ADDRESS_OK)
    die (address);
  g = vfio_group_open ("", &a, &err);
  hw = g != NULL ? vfio_device_open (g, &err) : NULL;
  if (hw == NULL)
    die (address);
  if (refuse)
    nvme_refuse_doorbell_buffers (hw);
  open_bench (&b, hw, 0);
  c = count (&b, depth);
  printf ("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", c.commands, c.doorbells,
          c.interrupts);
  nvme_close (b.n);
}

int
main (int argc, char *argv[])
{
  if (argc == 1)
    print_table ();
  else if (argc == 3)
    run_case (argv[1], (unsigned) atoi (argv[2]));
  else if (argc >= 4)
    run_device (argv[1], (unsigned) atoi (argv[2]), (unsigned) atoi (argv[3]),
                argc > 4);
  else
    die ("which case?");
  return 0;
}
