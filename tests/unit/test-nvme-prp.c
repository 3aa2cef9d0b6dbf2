/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Physical region pages of any number of pages, read back as a controller
 * does it.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "nvme/nvme-prp.h"
#include "support/main.h"
#include "support/must.h"

#define PAGE 4096u
#define PER_PAGE (PAGE / 8)
#define BASE UINT64_C (0x123450000000)

struct memory {
  uint8_t *lists; /* pages from FIRST on */
  unsigned first, n;
};

static uint64_t
iova (const void *opaque, unsigned i)
{
  /* Not in their order. */
  return BASE + (uint64_t) (i ^ 1) * PAGE;
}

static void *
va (const void *opaque, unsigned i)
{
  const struct memory *m = opaque;

  quick_assert (i >= m->first && i < m->first + m->n);
  return m->lists + (size_t) (i - m->first) * PAGE;
}

/* The page with that address: its number. */
static unsigned
page_at (le64 address)
{
  const uint64_t a = le64_get (address);

  quick_assert (a >= BASE && (a - BASE) % PAGE == 0);
  return (unsigned) ((a - BASE) / PAGE) ^ 1;
}

static void
check (unsigned npages)
{
  struct memory m = { .first = npages,
                      .n = nvme_prp_list_pages (npages, PAGE) };
  const struct nvme_prp_pages pages = { iova, va, &m };
  struct nvme_sqe sqe = { 0 };
  const le64 *entry;
  unsigned at = 0;

  m.lists = must_calloc (m.n + 1, PAGE);
  nvme_prp_build (&sqe, npages, PAGE, &pages);
  quick_assert (page_at (sqe.prp1) == 0);
  if (npages == 1)
    quick_assert (le64_get (sqe.prp2) == 0);
  if (npages == 2)
    quick_assert (page_at (sqe.prp2) == 1);
  if (npages > 2) {
    entry = va (&m, page_at (sqe.prp2));
    for (unsigned i = 1; i < npages; i++) {
      if (at == PER_PAGE - 1 && i < npages - 1) {
        entry = va (&m, page_at (entry[at]));
        at = 0;
      }
      quick_assert (page_at (entry[at++]) == i);
    }
    /* And no page was for nothing. */
    quick_assert ((const uint8_t *) entry == m.lists + (m.n - 1) * PAGE);
  }
  quick_assert (bytes_are_zero (m.lists + m.n * PAGE, PAGE));
  free (m.lists);
}

START_TEST (any_number)
{
  for (unsigned n = 1; n < 4 * PER_PAGE; n++)
    check (n);
}
END_TEST

START_TEST (list_pages)
{
  static const unsigned t[][2] = {
    { 1, 0 },   { 2, 0 },    { 3, 1 },    { 513, 1 },
    { 514, 2 }, { 1024, 2 }, { 1025, 3 }, { 1 << 20, 2053 },
  };

  for (unsigned i = 0; i < ARRAY_SIZE (t); i++)
    ck_assert_uint_eq (nvme_prp_list_pages (t[i][0], PAGE), t[i][1]);
}
END_TEST

START_TEST (none)
{
  const struct nvme_prp_pages pages = { iova, va, NULL };
  struct nvme_sqe sqe = { .prp2 = le64_put (1) };

  nvme_prp_build (&sqe, 0, PAGE, &pages);
  ck_assert_uint_eq (le64_get (sqe.prp1), 0);
  ck_assert_uint_eq (le64_get (sqe.prp2), 0);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { any_number, list_pages, none };

  return test_main ("nvme-prp", tests, ARRAY_SIZE (tests));
}
