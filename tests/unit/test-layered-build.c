/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Building a stack: every rule, which member is named, in which order
 * the rules come, and what a stack that is built says of itself.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "layered/layered.h"
#include "support/alloc-fault.h"
#include "support/layer-mem.h"
#include "support/main.h"
#include "support/nth-fault.h"

enum { MOST = LAYERED_MAX + 1 };

/* A member: sectors, their size, and letters: c read cache, w
 * write-through, b write-back, m with a bound, r read-only, o cannot do
 * no-overwrite.
 */
struct member {
  uint64_t nsectors;
  uint32_t sector_size;
  const char *what;
};

static const struct layered_bottom no_bottom = { .exists = false };

static struct layered_bottom
disk (uint64_t size, bool read_only)
{
  return (struct layered_bottom){ .exists = true,
                                  .size = size,
                                  .info = { .sector_size = 512,
                                            .read_only = read_only } };
}

struct stack {
  struct layered_member v[MOST];
  unsigned n;
};

static void
make (struct stack *st, const struct member *m, unsigned n)
{
  st->n = n;
  for (unsigned i = 0; i < n; i++) {
    const struct layer_info info = {
      .nsectors = m[i].nsectors,
      .sector_size = m[i].sector_size,
      .physical_sector_size = m[i].sector_size,
      .read_only = strchr (m[i].what, 'r') != NULL,
      .no_overwrite = strchr (m[i].what, 'o') == NULL,
    };

    st->v[i] = (struct layered_member){
      .layer = layer_mem_create (&info),
      .read_cache = strchr (m[i].what, 'c') != NULL,
      .write_through = strchr (m[i].what, 'w') != NULL,
      .write_back = strchr (m[i].what, 'b') != NULL,
      .max = strchr (m[i].what, 'm') != NULL ? 1 << 20 : 0,
    };
  }
}

static void
close_members (struct stack *st)
{
  for (unsigned i = 0; i < st->n; i++)
    layer_close (st->v[i].layer);
}

/* Each stack is refused with this status, and this member is named. */
static const struct refused {
  struct member m[4];
  unsigned n;
  bool has_bottom, bottom_read_only, read_only;
  enum layered_status status;
  unsigned which;
} refused[] = {
  { .n = 0, .status = LAYERED_EMPTY },
  /* A read cache needs no-overwrite. */
  { { { 8, 512, "co" } }, 1, .status = LAYERED_READ_CACHE },
  { { { 8, 512, "" }, { 8, 512, "co" } },
    2,
    .status = LAYERED_READ_CACHE,
    .which = 1 },
  /* Sector sizes. */
  { { { 8, 256, "" } }, 1, .status = LAYERED_SECTOR_SIZE },
  { { { 8, 768, "" } }, 1, .status = LAYERED_SECTOR_SIZE },
  { { { 8, 513, "" } }, 1, .status = LAYERED_SECTOR_SIZE },
  { { { 8, 4096, "" }, { 8, 512, "" } }, 2, .status = LAYERED_SECTOR_MISMATCH },
  { { { 8, 512, "" }, { 8, 4096, "" }, { 8, 512, "" } },
    3,
    .status = LAYERED_SECTOR_MISMATCH,
    .which = 1 },
  /* Write-through: from the top, without a gap, and with something
   * below.
   */
  { { { 8, 512, "" }, { 8, 512, "w" }, { 8, 512, "" } },
    3,
    .status = LAYERED_USELESS_WRITE_THROUGH,
    .which = 1 },
  { { { 8, 512, "w" }, { 8, 512, "" }, { 8, 512, "w" } },
    3,
    true,
    .status = LAYERED_USELESS_WRITE_THROUGH,
    .which = 2 },
  { { { 8, 512, "w" } }, 1, .status = LAYERED_USELESS_WRITE_THROUGH },
  { { { 8, 512, "w" }, { 8, 512, "w" } },
    2,
    .status = LAYERED_USELESS_WRITE_THROUGH,
    .which = 1 },
  /* What is written can be written. */
  { { { 8, 512, "r" } }, 1, .status = LAYERED_READ_ONLY },
  { { { 8, 512, "w" }, { 8, 512, "r" } },
    2,
    .status = LAYERED_READ_ONLY,
    .which = 1 },
  { { { 8, 512, "w" } },
    1,
    true,
    true,
    .status = LAYERED_READ_ONLY,
    .which = 1 },
  { .n = 0,
    .has_bottom = true,
    .bottom_read_only = true,
    .status = LAYERED_READ_ONLY },
  /* Write-back: with something below that can be written and holds all of
   * it.
   */
  { { { 8, 512, "b" } }, 1, .status = LAYERED_WRITE_BACK },
  { { { 8, 512, "bw" } }, 1, true, .status = LAYERED_WRITE_BACK },
  { { { 8, 512, "" }, { 8, 512, "b" } },
    2,
    true,
    .status = LAYERED_WRITE_BACK,
    .which = 1 },
  { { { 9, 512, "b" } }, 1, true, .status = LAYERED_WRITE_BACK },
  { { { 8, 512, "b" }, { 7, 512, "" } },
    2,
    true,
    .status = LAYERED_WRITE_BACK },
  { { { 8, 512, "b" }, { 8, 512, "r" } },
    2,
    true,
    .status = LAYERED_READ_ONLY,
    .which = 1 },
  { { { 8, 512, "b" } },
    1,
    true,
    true,
    .status = LAYERED_READ_ONLY,
    .which = 1 },
  /* A bound: for what is also below. */
  { { { 8, 512, "m" } }, 1, true, .status = LAYERED_MAX_USELESS },
  { { { 8, 512, "cm" } }, 1, true, .status = LAYERED_MAX_USELESS },
  { { { 8, 512, "" }, { 8, 512, "m" } },
    2,
    true,
    .status = LAYERED_MAX_USELESS,
    .which = 1 },
  { { { 9, 512, "wm" } }, 1, true, .status = LAYERED_MAX_USELESS },
  /* Of several things that are wrong, the first rule. */
  { { { 8, 256, "cow" } }, 1, .status = LAYERED_READ_CACHE },
  { { { 8, 256, "w" } }, 1, .status = LAYERED_SECTOR_SIZE },
  { { { 8, 4096, "w" }, { 8, 512, "w" } },
    2,
    .status = LAYERED_SECTOR_MISMATCH },
};

START_TEST (refuse)
{
  const struct refused *r = &refused[_i];
  const struct layered_bottom bottom =
    r->has_bottom ? disk (4096, r->bottom_read_only) : no_bottom;
  enum layered_status status = LAYERED_OK;
  unsigned which = 99;
  struct stack st;

  make (&st, r->m, r->n);
  ck_assert_ptr_null (
    layered_create (st.v, st.n, &bottom, 0, r->read_only, &status, &which));
  ck_assert_int_eq (status, r->status);
  ck_assert_uint_eq (which, r->which);
  close_members (&st); /* still ours */
}
END_TEST

START_TEST (too_many)
{
  struct member m[MOST];
  enum layered_status status;
  struct layered *ld;
  unsigned which;
  struct stack st;

  for (unsigned i = 0; i < MOST; i++)
    m[i] = (struct member){ 8, 512, "" };
  make (&st, m, MOST);
  ck_assert_ptr_null (
    layered_create (st.v, MOST, &no_bottom, 0, false, &status, &which));
  ck_assert_int_eq (status, LAYERED_TOO_MANY);
  ck_assert_uint_eq (which, LAYERED_MAX);
  ld =
    layered_create (st.v, LAYERED_MAX, &no_bottom, 0, false, &status, &which);
  ck_assert_ptr_nonnull (ld);
  layered_close (ld);
  layer_close (st.v[LAYERED_MAX].layer);
}
END_TEST

/* Stacks that are fine: how far is written, and how large the disk is. */
static const struct accepted {
  struct member m[4];
  unsigned n;
  bool has_bottom;
  uint64_t bottom_size;
  bool bottom_read_only, read_only;
  unsigned nwritten;
  bool writes_bottom, reaches_bottom;
  uint64_t size, nsectors;
} accepted[] = {
  { { { 8, 512, "" } }, 1, .nwritten = 1, .size = 4096, .nsectors = 8 },
  { { { 8, 512, "c" } },
    1,
    true,
    4096,
    true,
    .nwritten = 1,
    .size = 4096,
    .nsectors = 8 },
  { { { 8, 512, "w" }, { 6, 512, "wc" }, { 9, 512, "r" } },
    3,
    true,
    5000,
    .read_only = true,
    .nwritten = 3,
    .size = 4096,
    .nsectors = 8 },
  { { { 8, 512, "w" }, { 8, 512, "w" } },
    2,
    true,
    4096,
    .nwritten = 2,
    .writes_bottom = true,
    .size = 4096,
    .nsectors = 8 },
  { { { 2, 4096, "" }, { 3, 4096, "r" } },
    2,
    true,
    5000,
    .nwritten = 1,
    .size = 8192,
    .nsectors = 2 },
  { { { 8, 512, "cm" } },
    1,
    true,
    4096,
    .read_only = true,
    .nwritten = 1,
    .size = 4096,
    .nsectors = 8 },
  { { { 8, 512, "b" } },
    1,
    true,
    4096,
    .nwritten = 1,
    .reaches_bottom = true,
    .size = 4096,
    .nsectors = 8 },
  { { { 8, 512, "wm" }, { 8, 512, "bcm" }, { 8, 512, "w" }, { 8, 512, "b" } },
    4,
    true,
    4000,
    .nwritten = 2,
    .reaches_bottom = true,
    .size = 4096,
    .nsectors = 8 },
  { { { 8, 512, "b" }, { 8, 512, "" }, { 8, 512, "cm" } },
    3,
    true,
    4096,
    .nwritten = 1,
    .size = 4096,
    .nsectors = 8 },
  { .n = 0,
    .has_bottom = true,
    .bottom_size = 5000,
    .writes_bottom = true,
    .size = 5000,
    .nsectors = 10 },
};

START_TEST (accept)
{
  const struct accepted *a = &accepted[_i];
  const struct layered_bottom bottom =
    a->has_bottom ? disk (a->bottom_size, a->bottom_read_only) : no_bottom;
  enum layered_status status;
  struct layered *ld;
  unsigned which;
  struct stack st;

  make (&st, a->m, a->n);
  ld = layered_create (st.v, st.n, &bottom, 0, a->read_only, &status, &which);
  ck_assert_ptr_nonnull (ld);
  ck_assert_int_eq (status, LAYERED_OK);
  ck_assert_uint_eq (ld->nwritten, a->nwritten);
  ck_assert (ld->writes_bottom == a->writes_bottom);
  ck_assert (ld->reaches_bottom == (a->writes_bottom || a->reaches_bottom));
  ck_assert_uint_eq (ld->size, a->size);
  ck_assert_uint_eq (ld->nsectors, a->nsectors);
  layered_close (ld);
}
END_TEST

/* An end inside the last sector. */
START_TEST (size)
{
  static const struct {
    uint64_t asked, is;
  } t[] = {
    { 0, 4096 }, { 4000, 4000 }, { 3585, 3585 }, { 3584, 4096 }, { 5000, 4096 }
  };

  for (size_t i = 0; i < ARRAY_SIZE (t); i++) {
    const struct member m = { 8, 512, "" };
    enum layered_status status;
    struct layered *ld;
    unsigned which;
    struct stack st;

    make (&st, &m, 1);
    ld =
      layered_create (st.v, 1, &no_bottom, t[i].asked, false, &status, &which);
    ck_assert_ptr_nonnull (ld);
    ck_assert_uint_eq (ld->size, t[i].is);
    layered_close (ld);
  }
}
END_TEST

START_TEST (strings)
{
  for (int s = LAYERED_OK; s <= LAYERED_NO_MEMORY; s++) {
    ck_assert_ptr_nonnull (layered_status_string ((enum layered_status) s));
    for (int t = LAYERED_OK; t < s; t++)
      ck_assert_str_ne (layered_status_string ((enum layered_status) s),
                        layered_status_string ((enum layered_status) t));
  }
}
END_TEST

START_TEST (no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    const struct member m[] = { { 8, 512, "cbm" }, { 8, 512, "cwm" } };
    const struct layered_bottom bottom = disk (4096, false);
    enum layered_status status;
    struct layered *ld;
    unsigned which;
    struct stack st;

    make (&st, m, ARRAY_SIZE (m));
    alloc_fault_nth (f.n);
    ld = layered_create (st.v, st.n, &bottom, 0, false, &status, &which);
    f.fired = alloc_fault_stop ();
    ck_assert ((ld == NULL) == f.fired);
    if (ld == NULL) {
      ck_assert_int_eq (status, LAYERED_NO_MEMORY);
      close_members (&st);
    }
    layered_close (ld);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("layered-build");
  TCase *c = test_case (suite, "layered-build");

  tcase_add_loop_test (c, refuse, 0, ARRAY_SIZE (refused));
  tcase_add_test (c, too_many);
  tcase_add_loop_test (c, accept, 0, ARRAY_SIZE (accepted));
  tcase_add_test (c, size);
  tcase_add_test (c, strings);
  tcase_add_test (c, no_memory);
  return test_run (suite);
}
