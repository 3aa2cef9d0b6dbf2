/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A driver over an emulated controller, and its first namespace: what the
 * tests of the driver begin with.
 */

#ifndef DISKSTACK_NVME_TEST_H
#define DISKSTACK_NVME_TEST_H

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "base/clock.h"
#include "nvme/nvme-spec.h"
#include "nvme/nvme.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/must.h"
#include "support/nvme-emulated.h"
#include "support/rng.h"
#include "support/threads.h"

struct subject {
  struct nvme_emulated_options e;
  struct nvme_options o;
  struct nvme_emulated_report report;
  struct nvme_hw *hw;
  struct nvme *n;
  struct nvme_ns *ns;
  struct rng rng;
  int err;
};

static inline void
set_up (struct subject *b)
{
  log_memory_clear ();
  b->e.report = &b->report;
  b->hw = nvme_emulated_create (&b->e);
  b->n = nvme_open (b->hw, &b->o, &b->err);
  ck_assert_ptr_nonnull (b->n);
  b->ns = nvme_ns_open (b->n, 1, &b->err);
  ck_assert_ptr_nonnull (b->ns);
  rng_init (&b->rng, 1);
}

static inline void
close_it (struct subject *b)
{
  nvme_close (b->n);
  ck_assert_uint_eq (b->report.errors, 0);
  ck_assert_uint_eq (b->report.dma_leaked, 0);
}

static inline void
tear_down (struct subject *b)
{
  close_it (b);
  ck_assert (b->report.shut_down);
  ck_assert (b->report.disabled);
}

static inline int
write_bytes (struct subject *b, void *buf, size_t count, uint64_t offset)
{
  const struct iovec iov = { buf, count };

  return nvme_write (b->ns, &iov, 1, offset, false, &b->err);
}

static inline int
read_bytes (struct subject *b, void *buf, size_t count, uint64_t offset)
{
  const struct iovec iov = { buf, count };

  return nvme_read (b->ns, &iov, 1, offset, &b->err);
}

/* What is written is there, and comes back. */
static inline void
round_trip (struct subject *b, size_t count, uint64_t offset)
{
  uint8_t *buf = must_malloc (count), *back = must_calloc (1, count);

  rng_fill (&b->rng, buf, count);
  quick_assert (write_bytes (b, buf, count, offset) == 0);
  quick_assert (memcmp (nvme_emulated_data (b->hw, 1) + offset, buf, count) ==
                0);
  quick_assert (read_bytes (b, back, count, offset) == 0);
  quick_assert (memcmp (back, buf, count) == 0);
  free (back);
  free (buf);
}

static inline struct nvme_counts
counts (struct subject *b)
{
  struct nvme_counts c;

  nvme_get_counts (b->n, &c);
  return c;
}

/* Wait, with a limit of a minute, until COND. */
#define WAIT_FOR(cond)                                       \
  do {                                                       \
    const uint64_t limit_ = clock_ns () + 60 * CLOCK_SECOND; \
    while (!(cond)) {                                        \
      const struct timespec ts_ = { .tv_nsec = 1000000 };    \
      quick_assert (clock_ns () < limit_);                   \
      nanosleep (&ts_, NULL);                                \
    }                                                        \
  } while (0)

#endif /* DISKSTACK_NVME_TEST_H */
