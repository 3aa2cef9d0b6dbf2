/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Another parent for a differencing image, and another id for its
 * children, of both formats: what the file says then, and that it says one
 * or the other whatever fails, and whenever the power does.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "image/image-options.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-sim.h"

#define SIZE (UINT64_C (3) << 20)
#define BLOCK (UINT64_C (1) << 20)
#define LONG_NAME 3000

enum which { VHD1, VHDX };

static const struct image_create_parent old_parent = {
  .link_id = { { 1, 2, 3 } },
  .timestamp = 1000,
  .relative = "old.vhd",
  .absolute = "/dir/old.vhd",
};

static const struct image_create_parent new_parent = {
  .link_id = { { 4, 5, 6 } },
  .timestamp = 2000,
  .relative = "sub/new.vhd",
  .absolute = "/dir/sub/new.vhd",
};

/* ------------------------------------------------------------------ */
/* Images */

static struct image *
open_file (struct store *file, enum which which, bool read_only)
{
  const struct image_open_options o = { .name = "child",
                                        .read_only = read_only };
  struct store *way = store_fault_borrow (file);
  struct image *i =
    which == VHD1 ? image_vhd1_open (way, &o) : image_vhdx_open (way, &o);

  if (i == NULL)
    store_close (way);
  return i;
}

static struct image *
must_open (struct store *file, enum which which, bool read_only)
{
  struct image *i = open_file (file, which, read_only);

  if (i == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (i);
  return i;
}

static void
must_write (struct image *i, uint64_t offset, uint8_t value)
{
  uint8_t buf[512];
  int err;

  memset (buf, value, sizeof buf);
  ck_assert_int_eq (image_write (i, buf, sizeof buf, offset, 0, &err), 0);
}

/* Make the empty FILE a child with something in it. */
static void
make_child (struct store *file, enum which which, bool parent)
{
  const struct image_create_options o = {
    .name = "child",
    .type = parent ? IMAGE_DIFFERENCING : IMAGE_DYNAMIC,
    .size = SIZE,
    .block_size = BLOCK,
    .parent = parent ? &old_parent : NULL,
  };
  struct image *i;

  ck_assert_int_eq (which == VHD1 ? image_vhd1_format (file, &o) :
                                    image_vhdx_format (file, &o),
                    0);
  i = must_open (file, which, false);
  must_write (i, 0, 7);
  must_write (i, BLOCK + 512, 8);
  image_close (i);
}

static struct store *
new_file (enum which which, bool parent)
{
  const struct store_mem_options m = store_mem_defaults (0);
  struct store *file = store_mem_create (&m);

  make_child (file, which, parent);
  return file;
}

static bool
reads (struct image *i, uint64_t offset, uint8_t value)
{
  uint8_t buf[512];
  int err;

  if (image_read (i, buf, sizeof buf, offset, NULL, NULL, &err) == -1)
    return false;
  for (unsigned k = 0; k < sizeof buf; k++) {
    if (buf[k] != value)
      return false;
  }
  return true;
}

static bool
has_data (struct image *i)
{
  return reads (i, 0, 7) && reads (i, 512, 0) && reads (i, BLOCK, 0) &&
         reads (i, BLOCK + 512, 8) && reads (i, 2 * BLOCK, 0);
}

/* PATH as the image has it, of the kind: with backslashes. */
static bool
has_path (const struct image_parent *p, enum image_path_kind kind,
          const char *path)
{
  for (unsigned k = 0; k < p->npaths; k++) {
    char text[2 * LONG_NAME];

    ck_assert_uint_lt (strlen (p->path[k].path), sizeof text);
    strcpy (text, p->path[k].path);
    for (char *c = text; *c != '\0'; c++)
      *c = *c == '\\' ? '/' : *c;
    if (p->path[k].kind == kind &&
        strcmp (strncmp (text, "./", 2) == 0 ? text + 2 : text, path) == 0)
      return true;
  }
  return false;
}

/* Does I name P, by its id and all paths? */
static bool
names (const struct image *i, const struct image_create_parent *p)
{
  const struct image_parent *is = &image_info (i)->parent;

  return uuid_equal (&is->id, &p->link_id) &&
         (image_info (i)->format[3] == 'x' || is->timestamp == p->timestamp) &&
         has_path (is, IMAGE_PATH_RELATIVE, p->relative) &&
         has_path (is, IMAGE_PATH_ABSOLUTE, p->absolute);
}

/* ------------------------------------------------------------------ */
/* What is said */

static void
check_names (struct store *file, enum which which,
             const struct image_create_parent *p)
{
  for (unsigned read_only = 0; read_only < 2; read_only++) {
    struct image *i = must_open (file, which, read_only);

    ck_assert (names (i, p) && has_data (i));
    image_close (i);
  }
}

START_TEST (another_parent)
{
  struct store *file = new_file (_i, true);
  struct image *i = must_open (file, _i, false);
  int err;

  must_write (i, 2 * BLOCK, 9);
  ck_assert_int_eq (image_set_parent (i, &new_parent, &err), 0);
  ck_assert (names (i, &new_parent));
  ck_assert (!names (i, &old_parent));
  must_write (i, 2 * BLOCK, 0);
  ck_assert (has_data (i));
  image_close (i);
  check_names (file, _i, &new_parent);

  i = must_open (file, _i, false);
  ck_assert_int_eq (image_set_parent (i, &old_parent, &err), 0);
  ck_assert_int_eq (image_set_parent (i, &new_parent, &err), 0);
  ck_assert_int_eq (image_set_parent (i, &old_parent, &err), 0);
  image_close (i);
  check_names (file, _i, &old_parent);
  store_close (file);
}
END_TEST

/* Longer than the place where the old paths are, and then short again. */
START_TEST (long_paths)
{
  struct store *file = new_file (_i, true);
  struct image *i = must_open (file, _i, false);
  struct image_create_parent p = new_parent;
  char relative[LONG_NAME], absolute[LONG_NAME];
  uint64_t size;
  int err;

  memset (relative, 'r', sizeof relative);
  memset (absolute, 'a', sizeof absolute);
  for (unsigned k = 0; k < LONG_NAME; k += 100)
    relative[k + 50] = absolute[k] = '/';
  relative[sizeof relative - 1] = absolute[sizeof absolute - 1] = '\0';
  p.relative = relative;
  p.absolute = absolute;
  ck_assert_int_eq (image_set_parent (i, &p, &err), 0);
  ck_assert (names (i, &p));
  must_write (i, 2 * BLOCK, 9);
  must_write (i, 2 * BLOCK, 0);
  image_close (i);
  check_names (file, _i, &p);
  size = store_size (file);

  i = must_open (file, _i, false);
  ck_assert_int_eq (image_set_parent (i, &old_parent, &err), 0);
  image_close (i);
  check_names (file, _i, &old_parent);
  /* It does not grow with each. */
  for (unsigned k = 0; k < 20; k++) {
    i = must_open (file, _i, false);
    ck_assert_int_eq (image_set_parent (i, k % 2 ? &old_parent : &p, &err), 0);
    image_close (i);
  }
  ck_assert_uint_le (store_size (file), size + 65536);
  check_names (file, _i, &old_parent);
  store_close (file);
}
END_TEST

/* Without paths, those that there are stay. */
START_TEST (only_ids)
{
  struct store *file = new_file (_i, true);
  struct image *i = must_open (file, _i, false);
  struct image_create_parent p = { .link_id = { { 9 } },
                                   .timestamp = 5,
                                   .has_other_id = true,
                                   .other_id = { { 8 } } };
  const struct image_parent *is = &image_info (i)->parent;
  unsigned npaths = is->npaths;
  int err;

  ck_assert_int_eq (image_set_parent (i, &p, &err), 0);
  image_close (i);
  i = must_open (file, _i, true);
  is = &image_info (i)->parent;
  ck_assert (uuid_equal (&is->id, &p.link_id));
  ck_assert_uint_eq (is->npaths, npaths);
  ck_assert (has_path (is, IMAGE_PATH_RELATIVE, old_parent.relative));
  ck_assert (has_path (is, IMAGE_PATH_ABSOLUTE, old_parent.absolute));
  ck_assert_int_eq (is->has_other_id, _i == VHDX);
  if (_i == VHDX)
    ck_assert (uuid_equal (&is->other_id, &p.other_id));
  image_close (i);

  i = must_open (file, _i, false);
  p.has_other_id = false;
  ck_assert_int_eq (image_set_parent (i, &p, &err), 0);
  ck_assert (!image_info (i)->parent.has_other_id);
  image_close (i);
  store_close (file);
}
END_TEST

START_TEST (refused)
{
  struct store *file = new_file (_i, false);
  struct image *i = must_open (file, _i, false);
  const struct uuid id = { { 1 } };
  int err;

  ck_assert_int_eq (image_set_parent (i, &new_parent, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  image_close (i);
  store_close (file);

  file = new_file (_i, true);
  i = must_open (file, _i, true);
  ck_assert_int_eq (image_set_parent (i, &new_parent, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (image_set_link_id (i, &id, &err), -1);
  ck_assert_int_eq (err, EPERM);
  image_close (i);
  check_names (file, _i, &old_parent);
  store_close (file);
}
END_TEST

static struct uuid
own_id (struct store *file, enum which which)
{
  struct image *i = must_open (file, which, true);
  const struct uuid id = image_info (i)->own_link_id;

  image_close (i);
  return id;
}

START_TEST (own_ids)
{
  struct store *file = new_file (_i, true);
  const struct uuid first = own_id (file, _i), next = { { 0xaa, 1 } };
  struct image *i = must_open (file, _i, false);
  struct uuid id;
  int err;

  /* The one that it has. */
  ck_assert_int_eq (image_set_link_id (i, &first, &err), 0);
  must_write (i, 2 * BLOCK, 9);
  ck_assert_int_eq (image_set_parent (i, &new_parent, &err), 0);
  image_close (i);
  id = own_id (file, _i);
  ck_assert (uuid_equal (&id, &first));

  /* Another one, that stays. */
  i = must_open (file, _i, false);
  ck_assert_int_eq (image_set_link_id (i, &next, &err), 0);
  id = own_id (file, _i); /* it is durable */
  ck_assert_int_eq (uuid_equal (&id, &next), _i == VHDX);
  ck_assert_int_eq (uuid_equal (&image_info (i)->own_link_id, &next),
                    _i == VHDX);
  must_write (i, 2 * BLOCK, 10);
  image_close (i);
  id = own_id (file, _i);
  ck_assert_int_eq (uuid_equal (&id, &next), _i == VHDX);

  /* Whoever says nothing gets a new one. */
  i = must_open (file, _i, false);
  must_write (i, 2 * BLOCK, 11);
  image_close (i);
  id = own_id (file, _i);
  ck_assert_int_eq (uuid_equal (&id, &next), 0);
  ck_assert_int_eq (uuid_equal (&id, &first), _i == VHD1);

  /* After a change, too. */
  i = must_open (file, _i, false);
  must_write (i, 2 * BLOCK, 12);
  ck_assert_int_eq (image_set_link_id (i, &next, &err), 0);
  must_write (i, 2 * BLOCK, 13);
  image_close (i);
  id = own_id (file, _i);
  ck_assert_int_eq (uuid_equal (&id, &next), _i == VHDX);
  store_close (file);
}
END_TEST

/* ------------------------------------------------------------------ */
/* What fails */

/* The old one or the new one; never anything else. */
static void
check_either (struct store *file, enum which which, bool must_be_new,
              const char *what)
{
  struct image *i;
  bool is_new;

  log_memory_clear ();
  for (unsigned read_only = 2; read_only-- > 0;) {
    i = open_file (file, which, read_only);
    if (i == NULL) {
      log_memory_print ();
      ck_abort_msg ("%s: not opened", what);
    }
    is_new = names (i, &new_parent);
    if (!is_new && !names (i, &old_parent))
      ck_abort_msg ("%s: neither the old nor the new parent", what);
    if (!is_new && must_be_new)
      ck_abort_msg ("%s: the old parent", what);
    if (!has_data (i))
      ck_abort_msg ("%s: the data is lost", what);
    image_close (i);
  }
}

START_TEST (faults)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *file = new_file (_i, true), *way = store_fault_borrow (file);
    const struct image_open_options o = { .name = "child" };
    struct image *i =
      _i == VHD1 ? image_vhd1_open (way, &o) : image_vhdx_open (way, &o);
    int err = 0, r;

    ck_assert_ptr_nonnull (i);
    store_fault_nth (way, STORE_OPS_ALL, f.n);
    r = image_set_parent (i, &new_parent, &err);
    f.fired = store_fault_fired (way);
    ck_assert_int_eq (r, f.fired ? -1 : 0);
    ck_assert (r == 0 || err == EIO);
    store_fault_reset (way);
    image_close (i);
    check_either (file, _i, r == 0, "a fault");
    store_close (file);
  }
  ck_assert_uint_gt (f.n, 5);
}
END_TEST

START_TEST (no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct store *file = new_file (_i, true);
    struct image *i = must_open (file, _i, false);
    int err = 0, r;

    alloc_fault_nth (f.n);
    r = image_set_parent (i, &new_parent, &err);
    f.fired = alloc_fault_stop ();
    ck_assert (r == 0 || (r == -1 && f.fired && err == ENOMEM));
    image_close (i);
    check_either (file, _i, r == 0, "no memory");
    store_close (file);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* The power */

struct cut {
  enum which which;
  bool done;
};

static bool
check_crash (void *opaque, struct store *image, const char *what)
{
  const struct cut *c = opaque;

  check_either (image, c->which, c->done, what);
  return true;
}

START_TEST (power_cuts)
{
  struct store *medium = store_sim_create (0);
  const struct store_sim_plan plan = {
    .which = STORE_SIM_EVERYTHING | STORE_SIM_IN_FLIGHT, .max_each = 12
  };
  struct cut c = { .which = _i };
  struct image *i;
  uint64_t end, all;
  int err;

  make_child (medium, _i, true);
  store_sim_settle (medium);
  i = must_open (medium, _i, false);
  ck_assert_int_eq (image_set_parent (i, &new_parent, &err), 0);
  end = store_sim_position (medium);
  image_close (i);
  all = store_sim_position (medium);
  for (uint64_t k = 0; k <= all; k++) {
    /* The last step of it may be in flight still. */
    c.done = k > end;
    store_sim_crash_images (medium, k, &plan, check_crash, &c);
  }
  store_close (medium);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-relink");
  TCase *c = test_case (suite, "image-relink");

  tcase_add_loop_test (c, another_parent, 0, 2);
  tcase_add_loop_test (c, long_paths, 0, 2);
  tcase_add_loop_test (c, only_ids, 0, 2);
  tcase_add_loop_test (c, refused, 0, 2);
  tcase_add_loop_test (c, own_ids, 0, 2);
  tcase_add_loop_test (c, faults, 0, 2);
  tcase_add_loop_test (c, no_memory, 0, 2);
  tcase_add_loop_test (c, power_cuts, 0, 2);
  return test_run (suite);
}
