/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fixed VHD of another size: what is in it then, and that it has the old
 * or the new one whatever fails, and whenever the power does.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "store/store-vhd1.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/must.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-sim.h"

#define OLD (UINT64_C (64) << 10)

static const uint64_t sizes[] = {
  OLD + 512, OLD + 1024, OLD + 65536, OLD - 512, OLD - 1024, 512, 2 * OLD + 512,
};

/* The disk has a value in each sector that is never zero. */
static uint8_t
value (uint64_t offset)
{
  return (uint8_t) (1 + offset / 512 % 251);
}

static void
fill (struct store *s)
{
  uint8_t buf[512];
  int err;

  for (uint64_t offset = 0; offset < OLD; offset += 512) {
    memset (buf, value (offset), sizeof buf);
    ck_assert_int_eq (store_write (s, buf, sizeof buf, offset, 0, &err), 0);
  }
}

/* MORE bytes are between the disk and the footer. */
static void
make (struct store *file, uint64_t more)
{
  int err;

  ck_assert_int_eq (store_resize (file, OLD + VHD_FOOTER_SIZE, &err), 0);
  ck_assert_int_eq (store_vhd1_format (file, "disk.vhd"), 0);
  if (more > 0) {
    uint8_t footer[VHD_FOOTER_SIZE];

    ck_assert_int_eq (store_read (file, footer, sizeof footer, OLD, &err), 0);
    ck_assert_int_eq (store_resize (file, OLD + more + VHD_FOOTER_SIZE, &err),
                      0);
    ck_assert_int_eq (
      store_write (file, footer, sizeof footer, OLD + more, 0, &err), 0);
  }
  fill (file);
}

static struct store *
new_file (void)
{
  const struct store_mem_options m = store_mem_defaults (0);

  return store_mem_create (&m);
}

/* Both at once, as far as this can be said of a store. */
static int
append (void *opaque, const void *buf, size_t count, uint64_t offset, int *err)
{
  struct store *s = opaque;

  if (store_resize (s, offset + count, err) == -1)
    return -1;
  return store_write (s, buf, count, offset, 0, err);
}

static struct store *
open_disk (struct store *file)
{
  const struct store_vhd1_options o = { .name = "disk.vhd" };
  struct store *way = store_fault_borrow (file);
  struct store *s = store_vhd1_create (way, &o);

  if (s == NULL)
    store_close (way);
  return s;
}

/* Is the disk of SIZE or, unless that is 0, of OTHER bytes, with what
 * belongs there?
 */
static void
check_disk (struct store *file, uint64_t size, uint64_t other, const char *what)
{
  struct store *s = open_disk (file);
  uint8_t buf[512];
  int err;

  if (s == NULL) {
    log_memory_print ();
    ck_abort_msg ("%s: not opened", what);
  }
  if (store_size (s) != size && store_size (s) != other)
    ck_abort_msg ("%s: the disk has %llu bytes", what,
                  (unsigned long long) store_size (s));
  for (uint64_t offset = 0; offset < store_size (s); offset += 512) {
    const uint8_t expected = offset < OLD ? value (offset) : 0;

    ck_assert_int_eq (store_read (s, buf, sizeof buf, offset, &err), 0);
    for (unsigned k = 0; k < sizeof buf; k++) {
      if (buf[k] != expected)
        ck_abort_msg ("%s: at %llu", what, (unsigned long long) offset + k);
    }
  }
  store_close (s);
}

START_TEST (larger_and_smaller)
{
  const uint64_t size = sizes[_i % ARRAY_SIZE (sizes)];
  const uint64_t more = _i < (int) ARRAY_SIZE (sizes) ? 0 : 3584;
  struct store *file = new_file ();

  make (file, more);
  ck_assert_int_eq (store_vhd1_resize (file, size, "disk.vhd", append, file),
                    0);
  check_disk (file, size, 0, "resized");
  if (more == 0)
    ck_assert_uint_eq (store_size (file), size + VHD_FOOTER_SIZE);
  /* The same again is nothing. */
  ck_assert_int_eq (store_vhd1_resize (file, size, "disk.vhd", append, file),
                    0);
  check_disk (file, size, 0, "resized twice");
  store_close (file);
}
END_TEST

/* A footer of 511 bytes becomes one of 512. */
START_TEST (old_footer)
{
  const uint64_t size = sizes[_i];
  struct store *file = new_file ();
  int err;

  make (file, 0);
  ck_assert_int_eq (store_resize (file, OLD + 511, &err), 0);
  ck_assert_int_eq (store_vhd1_resize (file, size, "disk.vhd", append, file),
                    0);
  check_disk (file, size, 0, "resized");
  ck_assert_uint_eq (store_size (file), size + VHD_FOOTER_SIZE);
  store_close (file);
}
END_TEST

static void
refuse (struct store *file, uint64_t size, const char *message)
{
  log_memory_clear ();
  ck_assert_int_eq (store_vhd1_resize (file, size, "disk.vhd", append, file),
                    -1);
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains (message));
}

START_TEST (refused)
{
  struct store *file = new_file ();
  uint8_t footer[VHD_FOOTER_SIZE];
  struct vhd_footer f;
  int err;

  make (file, 0);
  refuse (file, 1000, "not whole sectors");
  refuse (file, 0, "not whole sectors");
  refuse (file, VHD_MAX_SIZE + 512, "the most is");
  check_disk (file, OLD, 0, "refused");

  ck_assert_int_eq (store_read (file, footer, sizeof footer, OLD, &err), 0);
  ck_assert_int_eq (vhd_footer_parse (footer, sizeof footer, &f), VHD_OK);
  f.saved_state = 1;
  vhd_footer_serialise (&f, footer);
  ck_assert_int_eq (store_write (file, footer, sizeof footer, OLD, 0, &err), 0);
  refuse (file, 2 * OLD, "suspended");
  memset (footer, 0x5a, sizeof footer);
  ck_assert_int_eq (store_write (file, footer, sizeof footer, OLD, 0, &err), 0);
  refuse (file, 2 * OLD, "no VHD footer");
  store_close (file);
}
END_TEST

START_TEST (faults)
{
  const uint64_t size = sizes[_i];
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *file = new_file (), *way;
    int r;

    make (file, 0);
    way = store_fault_borrow (file);
    store_fault_nth (way, STORE_OPS_ALL, f.n);
    /* Not through WAY: what appends does both or nothing. */
    r = store_vhd1_resize (way, size, "disk.vhd", append, file);
    f.fired = store_fault_fired (way);
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    check_disk (file, size, f.fired ? OLD : 0, "a fault");
    store_close (way);
    store_close (file);
  }
}
END_TEST

struct cut {
  uint64_t size, other;
};

static bool
check_crash (void *opaque, struct store *image, const char *what)
{
  const struct cut *c = opaque;

  check_disk (image, c->size, c->other, what);
  return true;
}

/* So that both are durable at once, which is all that can be asked of it
 * here.
 */
static int
append_at_once (void *opaque, const void *buf, size_t count, uint64_t offset,
                int *err)
{
  const int r = append (opaque, buf, count, offset, err);

  store_sim_settle (opaque);
  return r;
}

START_TEST (power_cuts)
{
  const struct store_sim_plan plan = { .which = STORE_SIM_EVERYTHING |
                                                STORE_SIM_IN_FLIGHT };
  struct store *medium = store_sim_create (0);
  struct cut c = { sizes[_i], OLD };

  make (medium, 0);
  store_sim_settle (medium);
  ck_assert_int_eq (
    store_vhd1_resize (medium, c.size, "disk.vhd", append_at_once, medium), 0);
  for (uint64_t k = 0; k <= store_sim_position (medium); k++)
    store_sim_crash_images (medium, k, &plan, check_crash, &c);
  store_close (medium);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-vhd1-resize");
  TCase *c = test_case (suite, "store-vhd1-resize");

  tcase_add_loop_test (c, larger_and_smaller, 0, 2 * ARRAY_SIZE (sizes));
  tcase_add_loop_test (c, old_footer, 0, ARRAY_SIZE (sizes));
  tcase_add_test (c, refused);
  tcase_add_loop_test (c, faults, 0, ARRAY_SIZE (sizes));
  tcase_add_loop_test (c, power_cuts, 0, ARRAY_SIZE (sizes));
  return test_run (suite);
}
