/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nvme-high ADDRESS BITS NSID FILE: write FILE to the beginning of a
 * namespace and read it back, with all memory for DMA in the upper half of
 * the addresses of BITS bits.  The driver takes the lowest that are free, so
 * this takes those of the lower half first.  Then read blocks of it, with one
 * queue, and say what the driver counted; and so once more as if the
 * controller had no shadow doorbells.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "nvme/nvme.h"
#include "support/log-memory.h"
#include "support/must.h"
#include "support/nvme-refuse.h"
#include "support/threads.h"
#include "vfio/vfio-impl.h"

#define THREADS 16
#define READS 125
#define BLOCK 4096
#define SIZE_MOST (64 << 20)

static void
die (const char *what)
{
  fprintf (stderr, "nvme-high: %s\n", what);
  log_memory_print ();
  exit (EXIT_FAILURE);
}

static void
take_below (struct free_ranges *f, uint64_t limit)
{
  while (f->n > 0 && f->range[0].first < limit) {
    const struct free_range r = f->range[0];
    uint64_t first;

    if (!free_ranges_take (f, min_u64 (r.last, limit - 1) - r.first + 1, 1,
                           &first) ||
        first != r.first)
      die ("cannot take the lower half of the addresses");
  }
}

/* What the log says of all memory that was mapped. */
static unsigned
check_addresses (uint64_t limit)
{
  static const char words[] = " bytes for DMA at 0x";
  char *text = log_memory_text ();
  unsigned n = 0;

  for (const char *p = text; (p = strstr (p, words)) != NULL; n++) {
    p += strlen (words);
    if (strtoull (p, NULL, 16) < limit)
      die ("memory for DMA is in the lower half");
  }
  free (text);
  return n;
}

struct world {
  struct nvme *n;
  struct nvme_ns *ns;
  char *data, *back;
  size_t size, part;
};

static void
exchange (void *opaque, unsigned index)
{
  struct world *w = opaque;
  const size_t at = index * w->part;
  const struct iovec out = { w->data + at, w->part };
  const struct iovec in = { w->back + at, w->part };
  int err;

  if (nvme_write (w->ns, &out, 1, at, false, &err) == -1 ||
      nvme_read (w->ns, &in, 1, at, &err) == -1)
    die ("a request failed");
}

static void
read_blocks (void *opaque, unsigned index)
{
  struct world *w = opaque;
  char block[BLOCK];
  const struct iovec iov = { block, BLOCK };
  int err;

  for (unsigned i = 0; i < READS; i++) {
    const size_t offset = (index * READS + i) % (w->size / BLOCK) * BLOCK;

    if (nvme_read (w->ns, &iov, 1, offset, &err) == -1 ||
        memcmp (block, w->data + offset, BLOCK) != 0)
      die ("a block is not what was written");
  }
}

static void
run_and_count (struct world *w, void (*fn) (void *opaque, unsigned index))
{
  struct nvme_counts before, c;

  nvme_get_counts (w->n, &before);
  threads_run (THREADS, fn, w);
  nvme_get_counts (w->n, &c);
  printf ("%" PRIu64 " commands, %" PRIu64 " with SGLs, %" PRIu64
          " doorbells, %" PRIu64 " interrupts\n",
          c.commands - before.commands, c.sgls - before.sgls,
          c.doorbells - before.doorbells, c.interrupts - before.interrupts);
}

static void
read_file (const char *path, struct world *w)
{
  FILE *f = fopen (path, "rb");

  if (f == NULL)
    die (path);
  w->data = must_malloc (SIZE_MOST);
  w->size = fread (w->data, 1, SIZE_MOST, f);
  w->back = must_calloc (1, w->size);
  w->part = w->size / THREADS;
  fclose (f);
}

static void
run (struct world *w, const struct pci_address *a, uint64_t limit,
     uint32_t nsid, bool refuse)
{
  const struct nvme_options o = { .queue_pairs = 1 };
  struct vfio_group *g;
  struct nvme_hw *hw;
  unsigned pieces;
  int err;

  log_memory_clear ();
  g = vfio_group_open ("", a, &err);
  if (g == NULL)
    die ("no group");
  take_below (&g->iova, limit);
  hw = vfio_device_open (g, &err);
  if (hw == NULL)
    die ("no device");
  if (refuse)
    nvme_refuse_doorbell_buffers (hw);
  w->n = nvme_open (hw, &o, &err);
  w->ns = w->n != NULL ? nvme_ns_open (w->n, nsid, &err) : NULL;
  if (w->ns == NULL)
    die ("no namespace");
  run_and_count (w, exchange);
  if (memcmp (w->data, w->back, w->part * THREADS) != 0)
    die ("what was read is not what was written");
  run_and_count (w, read_blocks);
  if (nvme_flush (w->ns, &err) == -1)
    die ("flush");
  pieces = check_addresses (limit);
  if (pieces == 0)
    die ("the log does not say where memory is");
  printf ("%u pieces of memory at 0x%" PRIx64 " and above\n", pieces, limit);
  nvme_close (w->n);
}

int
main (int argc, char *argv[])
{
  struct pci_address a;
  struct world w;

  if (argc != 5 || pci_address_parse (argv[1], &a) != PCI_ADDRESS_OK)
    die ("ADDRESS BITS NSID FILE");
  read_file (argv[4], &w);
  for (int i = 0; i < 2; i++) {
    memset (w.back, 0, w.size);
    run (&w, &a, UINT64_C (1) << (atoi (argv[2]) - 1),
         (uint32_t) atoi (argv[3]), i == 1);
  }
  free (w.data);
  free (w.back);
  return 0;
}
