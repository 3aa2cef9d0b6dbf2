/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Pages of a pool: each belongs to one, those that are side by side are
 * found if there are any, and what is given back is there again.
 */

#include <config.h>

#include "nvme/nvme-memory.h"
#include "unit/nvme-test.h"

#define MOST 300

struct model {
  struct nvme_pool pool;
  bool taken[MOST];
  unsigned npages, ntaken;
};

static bool
has_run (const struct model *m, unsigned n)
{
  unsigned run = 0;

  for (unsigned i = 0; i < m->npages && run < n; i++)
    run = m->taken[i] ? 0 : run + 1;
  return run == n;
}

static void
get (struct model *m, unsigned n, bool run, uint16_t *pages)
{
  for (unsigned i = 0; i < n; i++) {
    quick_assert (pages[i] < m->npages && !m->taken[pages[i]]);
    quick_assert (!run || pages[i] == pages[0] + i);
    m->taken[pages[i]] = true;
  }
  m->ntaken += n;
}

START_TEST (random_requests)
{
  static const unsigned sizes[] = { 1, 32, 63, 64, 65, 200, MOST };
  struct model m = { .npages = sizes[_i] };
  struct nvme_hw *hw = nvme_emulated_create (&(struct nvme_emulated_options){
    .no_thread = true,
  });
  uint16_t held[MOST][MOST], n[MOST] = { 0 };
  struct rng rng;
  int err;

  rng_init (&rng, rng_seed ("nvme-memory"));
  ck_assert_int_eq (nvme_pool_init (&m.pool, hw, m.npages, 4096, &err), 0);
  for (unsigned i = 0; i < 20000; i++) {
    const unsigned who = (unsigned) rng_below (&rng, MOST);
    const unsigned want = 1 + (unsigned) rng_below (&rng, m.npages);
    const bool run = rng_one_in (&rng, 2);

    if (n[who] > 0) {
      nvme_pool_put (&m.pool, n[who], held[who]);
      for (unsigned k = 0; k < n[who]; k++)
        m.taken[held[who][k]] = false;
      m.ntaken -= n[who];
      n[who] = 0;
    }
    else if (run) {
      const bool can = has_run (&m, want);

      quick_assert (nvme_pool_get_run (&m.pool, want, held[who]) == can);
      n[who] = can ? (uint16_t) want : 0;
      get (&m, n[who], true, held[who]);
    }
    else {
      const bool can = m.npages - m.ntaken >= want;

      quick_assert (nvme_pool_get (&m.pool, want, held[who]) == can);
      n[who] = can ? (uint16_t) want : 0;
      get (&m, n[who], false, held[who]);
    }
    quick_assert (m.pool.nfree == m.npages - m.ntaken);
  }
  nvme_pool_fini (&m.pool, hw);
  hw->ops->close (hw);
}
END_TEST

/* The addresses of pages that are side by side are, too. */
START_TEST (addresses)
{
  struct nvme_hw *hw = nvme_emulated_create (&(struct nvme_emulated_options){
    .no_thread = true,
  });
  struct nvme_pool pool;
  uint16_t pages[8];
  int err;

  ck_assert_int_eq (nvme_pool_init (&pool, hw, 8, 65536, &err), 0);
  ck_assert (nvme_pool_get_run (&pool, 8, pages));
  for (unsigned i = 0; i < 8; i++) {
    ck_assert_uint_eq (nvme_pool_iova (&pool, pages[i]),
                       pool.memory.iova + i * 65536);
    ck_assert_ptr_eq (nvme_pool_va (&pool, pages[i]),
                      (char *) pool.memory.va + i * 65536);
  }
  ck_assert (!nvme_pool_get (&pool, 1, pages));
  nvme_pool_fini (&pool, hw);
  hw->ops->close (hw);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-memory");
  TCase *c = test_case (suite, "nvme-memory");

  tcase_add_loop_test (c, random_requests, 0, 7);
  tcase_add_test (c, addresses);
  return test_run (suite);
}
