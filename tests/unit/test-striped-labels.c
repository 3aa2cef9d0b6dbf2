/* SPDX-License-Identifier: BSD-3-Clause
 *
 * striped-labels: what is written is read again; sets that are not whole
 * are refused by name; and whatever fails while labels are written, no
 * half of a set passes for a whole one.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "store/striped-labels.h"
#include "stripe/stripe-map.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-part.h"

#define MIB (1024 * 1024)
#define SIZE (3 * MIB)
#define N 3

static struct store *medium; /* faults over memory */
static struct store_striped_member member[N];
static struct store_striped_options o;

static void
set_up (void)
{
  static const char *const names[N] = { "a", "b", "c" };
  const struct store_mem_options m = store_mem_defaults (N * SIZE);

  log_memory_clear ();
  medium = store_fault_create (store_mem_create (&m));
  for (unsigned i = 0; i < N; i++) {
    member[i].store = store_part_create (medium, i * SIZE, SIZE);
    member[i].name = names[i];
  }
  o = (struct store_striped_options){
    .member = member,
    .count = N,
    .chunk = 65536,
    .data_offset = STRIPE_LABEL_DATA_OFFSET,
  };
}

static void
tear_down (void)
{
  for (unsigned i = 0; i < N; i++)
    store_close (member[i].store);
  store_close (medium);
}

static void
said (const char *text)
{
  if (!log_memory_contains (text)) {
    log_memory_print ();
    ck_abort_msg ("'%s' was not said", text);
  }
  log_memory_clear ();
}

static void
swap (unsigned i, unsigned j)
{
  struct store *s = member[i].store;

  member[i].store = member[j].store;
  member[j].store = s;
}

START_TEST (written)
{
  struct stripe_label l, again;

  set_up ();
  ck_assert_int_eq (striped_labels_none (member, N), 0);
  ck_assert_int_eq (striped_labels_write (&o, false), 0);
  ck_assert_int_eq (striped_labels_read (member, N, &l), 0);
  ck_assert_uint_eq (l.count, N);
  ck_assert_uint_eq (l.stripe_size, 65536);
  ck_assert_uint_eq (l.size, N * 2 * MIB);
  ck_assert_uint_eq (l.data_offset, MIB);
  ck_assert_uint_eq (log_memory_errors (), 0);

  ck_assert_int_eq (striped_labels_none (member, N), -1);
  ck_assert_int_eq (errno, EINVAL);
  said ("member 1 (a) has a stripe label: give label=true");
  ck_assert_int_eq (striped_labels_write (&o, false), -1);
  said ("member 1 (a) has a stripe label already");
  ck_assert_int_eq (striped_labels_write (&o, true), 0);
  ck_assert_int_eq (striped_labels_read (member, N, &again), 0);
  ck_assert (!uuid_equal (&l.set, &again.set));
  tear_down ();
}
END_TEST

START_TEST (not_whole)
{
  struct stripe_label l;

  set_up ();
  ck_assert_int_eq (striped_labels_read (member, N, &l), -1);
  said ("member 1 (a) has no stripe label");
  ck_assert_int_eq (striped_labels_write (&o, false), 0);
  swap (0, 2);
  ck_assert_int_eq (striped_labels_read (member, N, &l), -1);
  ck_assert_int_eq (errno, EINVAL);
  said ("member 1 (a) is not in its place: it is number 3 of the set");
  swap (0, 2);
  ck_assert_int_eq (striped_labels_read (member, N - 1, &l), -1);
  said ("number 3 of the set's 3 members is missing");
  ck_assert_int_eq (striped_labels_read (member, STRIPE_MAX_MEMBERS + 1, &l),
                    -1);
  said ("the disk has too many members");
  tear_down ();
}
END_TEST

/* Where there is data, at the last byte of the place, nothing is written. */
START_TEST (in_the_way)
{
  const unsigned writes = STORE_OP_BIT (STORE_OP_WRITE);
  int err = 0;

  set_up ();
  ck_assert_int_eq (store_write (member[2].store, "x", 1, MIB - 1, 0, &err), 0);
  store_fault_reset (medium);
  ck_assert_int_eq (striped_labels_write (&o, false), -1);
  ck_assert_int_eq (errno, EINVAL);
  said ("member 3 (c) has data in its first 1048576 bytes");
  o.size = 65536;
  ck_assert_int_eq (striped_labels_write (&o, true), -1);
  said ("a size of 65536 bytes is not a multiple of 196608");
  ck_assert_uint_eq (store_fault_count (medium, writes), 0);
  tear_down ();
}
END_TEST

/* What lies behind the labels stays. */
START_TEST (data_stays)
{
  static uint8_t data[2 * MIB], back[2 * MIB];
  struct rng rng;
  int err = 0;

  set_up ();
  rng_init (&rng, 1);
  rng_fill (&rng, data, sizeof data);
  ck_assert_int_eq (
    store_write (member[1].store, data, sizeof data, MIB, 0, &err), 0);
  ck_assert_int_eq (striped_labels_write (&o, false), 0);
  ck_assert_int_eq (store_read (member[1].store, back, sizeof back, MIB, &err),
                    0);
  ck_assert_mem_eq (data, back, sizeof data);
  tear_down ();
}
END_TEST

START_TEST (nth_failure)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct stripe_label l;
    int r;

    set_up ();
    store_fault_nth (medium, STORE_OPS_ALL, f.n);
    r = striped_labels_write (&o, false);
    f.fired = store_fault_fired (medium);
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    if (r == -1)
      ck_assert_int_eq (errno, EIO);
    store_fault_reset (medium);
    ck_assert_int_eq (striped_labels_read (member, N, &l), r);
    tear_down ();
  }
  ck_assert_uint_gt (f.n, 2 * N);
}
END_TEST

START_TEST (no_memory)
{
  struct stripe_label l;
  int r;

  set_up ();
  for (unsigned what = 0; what < 3; what++) {
    alloc_fault_nth (1);
    r = what == 0 ? striped_labels_none (member, N) :
        what == 1 ? striped_labels_write (&o, false) :
                    striped_labels_read (member, N, &l);
    ck_assert (alloc_fault_stop ());
    ck_assert_int_eq (r, -1);
    ck_assert_int_eq (errno, ENOMEM);
  }
  tear_down ();
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { written,    not_whole,   in_the_way,
                                 data_stays, nth_failure, no_memory };

  return test_main ("striped-labels", tests, ARRAY_SIZE (tests));
}
