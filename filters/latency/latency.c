/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The latency filter: the disk below, slower.
 */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/align.h"
#include "base/clock.h"
#include "base/log.h"
#include "glue/glue-filter.h"
#include "latency-config.h"
#include "store/store-latency.h"

/* What is wrong with the file is said before the server listens. */
static int
slow_get_ready (void *config)
{
  const struct latency_config *c = config;
  const struct latency_device_options o = latency_config_options (c);
  struct latency_model *m = malloc (sizeof *m);
  int r;

  if (m == NULL) {
    log_error ("latency: out of memory");
    return -1;
  }
  r = latency_device_load (&o, m);
  free (m);
  return r;
}

static bool
slow_below_read_only (const void *config, bool read_only)
{
  return read_only;
}

/* How much later than asked for this machine wakes threads, on average;
 * nanoseconds.  Idle processors take some 50 us.
 */
static _Atomic uint64_t lateness;

#define LATENESS_MAX (CLOCK_MILLISECOND / 4)

static void
learn (uint64_t late)
{
  const uint64_t known = atomic_load_explicit (&lateness, memory_order_relaxed);

  late = min_u64 (late, LATENESS_MAX);
  atomic_store_explicit (&lateness, (known * 7 + late) / 8,
                         memory_order_relaxed);
}

/* nbdkit's sleep ends with the server, or when the client goes.  The
 * kernel may be late by the thread's slack, which is 50 us if nobody asks
 * for less, and by what the processor takes; so much less is slept, if that
 * is a small part of it.
 */
static int
slow_sleep (uint64_t ns, int *err)
{
  const uint64_t began = clock_ns ();
  const uint64_t sleep =
    ns -
    min_u64 (ns / 4, atomic_load_explicit (&lateness, memory_order_relaxed));
  uint64_t took;

  prctl (PR_SET_TIMERSLACK, 1);
  if (nbdkit_nanosleep ((unsigned) (sleep / CLOCK_SECOND),
                        (unsigned) (sleep % CLOCK_SECOND)) == -1) {
    *err = errno ? errno : ESHUTDOWN;
    return -1;
  }
  took = clock_ns () - began;
  learn (took > sleep ? took - sleep : 0);
  return 0;
}

static void *
slow_open_disk (void *config, struct store *bottom, bool read_only)
{
  const struct latency_device_options o = latency_config_options (config);
  struct latency_device *d = latency_device_create (&o);

  if (d == NULL)
    log_error ("latency: %m");
  return d;
}

static void
slow_close_disk (void *disk)
{
  latency_device_free (disk);
}

static struct store *
slow_open_store (void *config, void *disk, struct store *bottom)
{
  const struct latency_config *c = config;
  const struct store_latency_options o = {
    .device = disk,
    .sleep = slow_sleep,
    .no_fast_zero = c->seen_fast_zero && !c->fast_zero,
  };
  struct store *s = store_latency_create (&o, bottom);

  if (s == NULL)
    log_error ("latency: %m");
  return s;
}

static const struct glue_over over = {
  .open_disk = slow_open_disk,
  .close_disk = slow_close_disk,
  .open_store = slow_open_store,
};

static struct glue_filter filter = {
  .config_size = sizeof (struct latency_config),
  .config = latency_config_set,
  .get_ready = slow_get_ready,
  .below_read_only = slow_below_read_only,
  .over = &over,
  .free_config = latency_config_free,
  GLUE_FILTER_STATE_INIT,
};

#define HELP                                                               \
  "latency-read=<TIME>           How long a read takes.\n"                 \
  "latency-write=<TIME>          A write.\n"                               \
  "latency-zero=<TIME>           Zeroing.\n"                               \
  "latency-trim=<TIME>           A discard.\n"                             \
  "latency-flush=<TIME>          A flush.\n"                               \
  "latency-extents=<TIME>        Asking what is allocated.\n"              \
  "latency-cache=<TIME>          Asking to read ahead.\n"                  \
  "latency-open=<TIME>           Connecting.\n"                            \
  "latency-close=<TIME>          Disconnecting.\n"                         \
  "latency-range=<START>-<END>:<OPERATION>=<TIME>\n"                       \
  "                              In a part of the disk; repeatable.\n"     \
  "latency-bandwidth=<SIZE>      Bytes per second, of reads and writes.\n" \
  "latency-read-bandwidth=<SIZE>\n"                                        \
  "latency-write-bandwidth=<SIZE>\n"                                       \
  "latency-queue=serial          One operation after the other.\n"         \
  "latency-profile=<NAME>        hdd-7200, ssd-sata, nvme,\n"              \
  "                              cloud-standard or wan-20ms.\n"            \
  "latency-file=<FILENAME>       Read these from a file, also later.\n"    \
  "latency-seed=<NUMBER>         Other random times.\n"                    \
  "rdelay=<TIME>                 The same as latency-read.\n"              \
  "wdelay=<TIME>                 Writes, zeroes and trims.\n"              \
  "delay-cache=<TIME>            The same as latency-cache.\n"             \
  "delay-close=<TIME>            The same as latency-close.\n"             \
  "delay-extents=<TIME>          The same as latency-extents.\n"           \
  "delay-open=<TIME>             The same as latency-open.\n"              \
  "delay-read=<TIME>             The same as latency-read.\n"              \
  "delay-trim=<TIME>             The same as latency-trim.\n"              \
  "delay-write=<TIME>            The same as latency-write.\n"             \
  "delay-zero=<TIME>             The same as latency-zero.\n"              \
  "delay-fast-zero=false         Fast zeroes fail at once.\n"

GLUE_FILTER (filter, "latency", "diskstack latency",
             "Make the disk below slower.", HELP)
