/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes of a write-through stack that overlap leave the same in the
 * layer and in the store below, whichever comes last.
 */

#include <config.h>

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "layered/store-layered.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/store-fault.h"
#include "support/store-mem.h"

#define SIZE 8192

struct race {
  struct store *s, *bottom, *mem;
  enum store_op_kind second; /* what overtakes the first write */
  bool started;
  sem_t first_is_below, second_is_done;
};

static struct store *
build (struct race *r)
{
  const struct layer_info li = { .nsectors = SIZE / 512,
                                 .sector_size = 512,
                                 .physical_sector_size = 512,
                                 .no_overwrite = true };
  struct layered_member member = { .layer = layer_mem_create (&li),
                                   .write_through = true };
  const struct store_mem_options o = store_mem_defaults (SIZE);
  struct layered_bottom lb = { .exists = true, .size = SIZE };
  enum layered_status status;
  struct layered *ld;
  unsigned which;

  r->mem = store_mem_create (&o);
  r->bottom = store_fault_create (r->mem);
  lb.info = r->bottom->info;
  ld = layered_create (&member, 1, &lb, SIZE, false, &status, &which);
  ck_assert_ptr_nonnull (ld);
  return store_layered_create_owning (ld, r->bottom);
}

/* The first write has been to the layer.  Give the second change time to
 * overtake it: it must not, but need not say so.
 */
static int
hold_first (void *opaque, const struct store_op *op, bool done)
{
  struct race *r = opaque;
  struct timespec ts;

  if (done || r->started)
    return 0;
  r->started = true;
  sem_post (&r->first_is_below);
  clock_gettime (CLOCK_REALTIME, &ts);
  ts.tv_nsec += 200 * 1000 * 1000;
  ts.tv_sec += ts.tv_nsec / 1000000000;
  ts.tv_nsec %= 1000000000;
  sem_timedwait (&r->second_is_done, &ts);
  return 0;
}

static void *
second_change (void *opaque)
{
  struct race *r = opaque;
  char data[1024];
  int err, result = -1;

  memset (data, 2, sizeof data);
  sem_wait (&r->first_is_below);
  if (r->second == STORE_OP_WRITE)
    result = store_write (r->s, data, sizeof data, 512, 0, &err);
  else if (r->second == STORE_OP_ZERO)
    result = store_zero (r->s, sizeof data, 512, 0, &err);
  else
    result = store_trim (r->s, sizeof data, 512, 0, &err);
  sem_post (&r->second_is_done);
  return result == 0 ? r : NULL;
}

START_TEST (same_everywhere)
{
  const enum store_op_kind seconds[] = { STORE_OP_WRITE, STORE_OP_ZERO,
                                         STORE_OP_TRIM };
  struct race r = { .second = seconds[_i] };
  char data[2048], above[SIZE], below[SIZE];
  pthread_t thread;
  void *result;
  int err;

  r.s = build (&r);
  sem_init (&r.first_is_below, 0, 0);
  sem_init (&r.second_is_done, 0, 0);
  store_fault_set_hook (r.bottom, hold_first, &r);
  ck_assert_int_eq (pthread_create (&thread, NULL, second_change, &r), 0);
  memset (data, 1, sizeof data);
  ck_assert_int_eq (store_write (r.s, data, sizeof data, 0, 0, &err), 0);
  ck_assert_int_eq (pthread_join (thread, &result), 0);
  ck_assert_ptr_nonnull (result);

  ck_assert_int_eq (store_read (r.s, above, SIZE, 0, &err), 0);
  ck_assert_int_eq (store_read (r.mem, below, SIZE, 0, &err), 0);
  ck_assert_mem_eq (above, below, SIZE);
  store_close (r.s);
  sem_destroy (&r.first_is_below);
  sem_destroy (&r.second_is_done);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-layered-order");

  tcase_add_loop_test (test_case (suite, "order"), same_everywhere, 0, 3);
  return test_run (suite);
}
