/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nvme-high ADDRESS BITS NSID FILE: write FILE to the beginning of a
 * namespace and read it back, with all memory for DMA in the upper half of
 * the addresses of BITS bits.  The driver takes the lowest that are free, so
 * this takes those of the lower half first.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "nvme/nvme.h"
#include "support/log-memory.h"
#include "support/must.h"
#include "support/threads.h"
#include "vfio/vfio-impl.h"

#define THREADS 4

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
  struct nvme_ns *ns;
  char *data, *back;
  size_t part;
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

static char *
read_file (const char *path, size_t *size)
{
  FILE *f = fopen (path, "rb");
  char *data = must_malloc (64 << 20);

  if (f == NULL)
    die (path);
  *size = fread (data, 1, 64 << 20, f);
  fclose (f);
  return data;
}

int
main (int argc, char *argv[])
{
  struct pci_address a;
  struct vfio_group *g;
  struct nvme_hw *hw;
  struct nvme *n;
  struct world w;
  uint64_t limit;
  unsigned pieces;
  size_t size;
  int err;

  if (argc != 5 || pci_address_parse (argv[1], &a) != PCI_ADDRESS_OK)
    die ("ADDRESS BITS NSID FILE");
  limit = UINT64_C (1) << (atoi (argv[2]) - 1);
  w.data = read_file (argv[4], &size);
  w.back = must_calloc (1, size);
  w.part = size / THREADS;
  g = vfio_group_open ("", &a, &err);
  if (g == NULL)
    die ("no group");
  take_below (&g->iova, limit);
  hw = vfio_device_open (g, &err);
  n = hw != NULL ? nvme_open (hw, NULL, &err) : NULL;
  w.ns = n != NULL ? nvme_ns_open (n, (uint32_t) atoi (argv[3]), &err) : NULL;
  if (w.ns == NULL)
    die ("no namespace");
  threads_run (THREADS, exchange, &w);
  if (memcmp (w.data, w.back, w.part * THREADS) != 0)
    die ("what was read is not what was written");
  pieces = check_addresses (limit);
  if (pieces == 0)
    die ("the log does not say where memory is");
  printf ("%u pieces of memory at 0x%" PRIx64 " and above\n", pieces, limit);
  if (nvme_flush (w.ns, &err) == -1)
    die ("flush");
  nvme_close (n);
  free (w.data);
  free (w.back);
  return 0;
}
