/* SPDX-License-Identifier: BSD-3-Clause
 *
 * status-server SOCKET: a stack that tells its status, for tests of the
 * command that shows it.  What it tells is made up: the same each time,
 * and more after the request "work".  It ends with its standard input.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/align.h"
#include "layer/layer-ram.h"
#include "layered/layered-status.h"
#include "support/log-memory.h"
#include "support/must.h"
#include "support/store-mem.h"

enum { SECTOR = 512, MIB = 1024 * 1024, SIZE = 256 * MIB };

static void
die (const char *what)
{
  fprintf (stderr, "status-server: %s\n", what);
  log_memory_print ();
  exit (EXIT_FAILURE);
}

static struct layer *
make_layer (void)
{
  const struct layer_ram_options o = { .size = SIZE, .sector_size = SECTOR };
  const struct layer_below nothing = { .export_name = "" };
  struct layer *l = layer_ram_create (&o, &nothing);

  if (l == NULL)
    die ("no layer");
  return l;
}

/* [OFFSET, OFFSET+COUNT) of L, as data or zeroes. */
static void
fill (struct layer *l, uint64_t offset, uint32_t count, bool data)
{
  const uint64_t sector = offset / SECTOR;
  char *buf = must_malloc (count);
  int err;

  memset (buf, 0x5a, count);
  if ((data ? l->ops->write (l, buf, sector, count / SECTOR, 0, &err) :
              l->ops->zero (l, sector, count / SECTOR, 0, &err)) == -1)
    die ("layer");
  free (buf);
}

static struct layered *
make_stack (void)
{
  const struct store_mem_options o = store_mem_defaults (SIZE);
  struct store *below = store_mem_create (&o);
  const struct layered_bottom bottom = { .exists = true,
                                         .size = SIZE,
                                         .info = below->info };
  const struct layered_member m[2] = {
    { .layer = make_layer (), .write_back = true, .max = 100 * MIB },
    { .layer = make_layer (), .read_cache = true },
  };
  enum layered_status why;
  struct layered *ld;
  unsigned which;

  ld = layered_create (m, 2, &bottom, SIZE, true, &why, &which);
  if (ld == NULL)
    die (layered_status_string (why));
  store_close (below);
  for (unsigned i = 0; i < 24; i++)
    fill (m[0].layer, (uint64_t) i * 7 * MIB, i * 40960, true);
  fill (m[0].layer, 180 * MIB, 20 * MIB, false);
  fill (m[1].layer, 0, 100 * MIB, true);
  return ld;
}

/* About what a second brings; N differs from time to time. */
static void
count_some (struct layered *ld, unsigned n)
{
  struct layered_counters *top = &ld->counters[0], *cache = &ld->counters[1];

  count_add (&top->hit, 30 * MIB + n % 3 * MIB);
  count_add (&top->miss, 10 * MIB);
  count_add (&top->written, 12 * MIB);
  count_add (&top->cleaned, 8 * MIB);
  count_add (&top->evicted, 100);
  count_add (&cache->hit, 9 * MIB);
  count_add (&cache->miss, MIB);
  count_add (&cache->populated, MIB);
  count_add (&ld->fetch_counters.requests, 16);
  count_add (&ld->fetch_counters.bytes, MIB);
  count_add (&ld->fetch_counters.shared, 3);
  count_add (&ld->fetch_counters.readahead, MIB / 4);
  for (unsigned i = 0; i < 1000; i++) {
    histogram_add (&ld->latency.read, 20000 + i * i);
    if (i % 4 == 0)
      histogram_add (&ld->latency.write, 50000 + i * 100);
    if (i % 500 == 0)
      histogram_add (&ld->latency.flush, 2000000 + i);
  }
  count_add (&ld->hydration.done, 3 * MIB);
}

struct busy {
  struct layered *ld;
  unsigned n;
};

/* "work": a second has passed. */
static int
work (void *opaque, const char *arguments, struct buffer *out)
{
  struct busy *b = opaque;

  count_some (b->ld, b->n++);
  buffer_puts (out, "done\n");
  return 0;
}

int
main (int argc, char *argv[])
{
  const struct uuid id = { { 0xab, 0xcd, 0xef, 1 } };
  struct busy b = { .ld = make_stack () };
  struct layered_status_disks *status;
  struct control *c;
  char byte;
  int err;

  if (argc < 2)
    die ("usage: status-server SOCKET");
  count_some (b.ld, 0);
  count_add (&b.ld->counters[0].clean_errors, 2);
  count_add (&b.ld->hydration.total, SIZE);
  count_add (&b.ld->hydration.rate, 3 * MIB);
  atomic_store (&b.ld->hydration.active, true);
  c = control_bind (argv[1]);
  if (c == NULL)
    die ("no socket");
  status = layered_status_start (c);
  if (status == NULL || control_add (c, "work", work, &b) == -1 ||
      layered_status_add (status, b.ld, "golden \"image\"", &id) == -1 ||
      control_start (c, &err) == -1)
    die ("no status");
  puts ("ready");
  fflush (stdout);
  while (read (STDIN_FILENO, &byte, 1) > 0)
    ;
  layered_status_remove (status, b.ld);
  layered_status_stop (status);
  control_close (c);
  layered_close (b.ld);
  return EXIT_SUCCESS;
}
