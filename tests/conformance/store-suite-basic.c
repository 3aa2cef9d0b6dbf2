/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a store does with one request at a time, beside a flat array.
 */

#include <config.h>

#include "conformance/store-suite.h"

#define SIZE (1024 * 1024)

START_TEST (info)
{
  struct subject t;
  const struct store_info *i;

  if (!subject_open (&t, _i, SIZE))
    return;
  i = &t.s->info;
  ck_assert_uint_eq (store_size (t.s), t.spec.size);
  ck_assert (is_power_of_2 (i->sector_size) && i->sector_size >= 512);
  ck_assert_uint_eq (i->sector_size, t.spec.sector_size);
  ck_assert (is_power_of_2 (i->physical_sector_size));
  ck_assert_uint_ge (i->physical_sector_size, i->sector_size);
  ck_assert (is_power_of_2 (i->align));
  ck_assert (is_power_of_2 (i->preferred));
  ck_assert (!i->read_only);
  ck_assert (!i->fast_zero || i->zero);
  ck_assert_ptr_nonnull (t.s->ops->name);
  check_all (&t); /* a new disk is zeroes */
  subject_close (&t);
}
END_TEST

/* Writes of every length at every offset that the store takes. */
START_TEST (read_back)
{
  struct subject t;
  uint64_t offset, count;

  if (!subject_open (&t, _i, SIZE))
    return;
  for (unsigned i = 0; i < 400; i++) {
    random_range (&t, SIZE / 2, &offset, &count);
    write_random (&t, offset, count, 0);
    check_range_of (&t, offset, count);
    random_range (&t, SIZE / 2, &offset, &count);
    check_range_of (&t, offset, count);
  }
  check_all (&t);
  write_random (&t, 0, t.spec.size, 0);
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* Cut the range at random, with empty pieces among the others. */
static int
random_vector (struct subject *t, uint8_t *p, uint64_t count, struct iovec *iov,
               int most)
{
  int n = 0;

  while (n < most - 1 && count > 0) {
    uint64_t k = rng_below (&t->rng, count + 1);

    if (rng_one_in (&t->rng, 4))
      k = 0;
    else if (rng_one_in (&t->rng, 2))
      k = min_u64 (count, ROUND_UP (k, 512));
    iov[n++] = (struct iovec){ .iov_base = p, .iov_len = k };
    p += k;
    count -= k;
  }
  iov[n++] = (struct iovec){ .iov_base = p, .iov_len = count };
  return n;
}

START_TEST (vectors)
{
  static uint8_t buf[SIZE];
  struct subject t;
  struct iovec iov[20];
  uint64_t offset, count;
  int n;

  if (!subject_open (&t, _i, SIZE))
    return;
  for (unsigned i = 0; i < 200; i++) {
    random_range (&t, 100000, &offset, &count);
    rng_fill (&t.rng, t.oracle + offset, count);
    n = random_vector (&t, t.oracle + offset, count, iov, 20);
    quick_assert (
      store_writev (t.s, iov, n, offset, i % 5 ? 0 : STORE_FUA, &t.err) == 0);
    check_range_of (&t, offset, count);
    random_range (&t, 100000, &offset, &count);
    n = random_vector (&t, buf, count, iov, 20);
    quick_assert (store_readv (t.s, iov, n, offset, &t.err) == 0);
    quick_assert (memcmp (buf, t.oracle + offset, count) == 0);
  }
  ck_assert_int_eq (store_writev (t.s, NULL, 0, 0, 0, &t.err), 0);
  ck_assert_int_eq (store_readv (t.s, NULL, 0, 0, &t.err), 0);
  check_all (&t);
  subject_close (&t);
}
END_TEST

START_TEST (fua_and_flush)
{
  struct subject t;
  uint64_t offset, count;

  if (!subject_open (&t, _i, SIZE))
    return;
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  for (unsigned i = 0; i < 30; i++) {
    random_range (&t, 100000, &offset, &count);
    write_random (&t, offset, count, STORE_FUA);
    if (i % 3 == 0)
      ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  }
  check_all (&t);
  ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* Every combination of flags makes zeroes, or refuses to be fast and
 * leaves everything as it was.
 */
START_TEST (zero)
{
  struct subject t;
  uint64_t offset, count;
  int r;

  if (!subject_open (&t, _i, SIZE))
    return;
  for (unsigned i = 0; i < 160; i++) {
    const unsigned flags = i % 8; /* FUA, MAY_TRIM, FAST_ZERO */

    if (i % 16 == 0)
      write_random (&t, 0, t.spec.size, 0);
    random_range (&t, SIZE / 2, &offset, &count);
    r = store_zero (t.s, count, offset, flags, &t.err);
    if (r == -1) {
      quick_assert (t.err == EOPNOTSUPP);
      quick_assert (flags & STORE_FAST_ZERO);
      quick_assert (!t.s->info.fast_zero);
    }
    else
      memset (t.oracle + offset, 0, count);
    if (i % 8 == 7)
      check_all (&t);
    /* Over what was zeroed one can write. */
    random_range (&t, 5000, &offset, &count);
    write_random (&t, offset, count, 0);
  }
  ck_assert_int_eq (store_zero (t.s, t.spec.size, 0, STORE_MAY_TRIM, &t.err),
                    0);
  memset (t.oracle, 0, t.spec.size);
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* What is trimmed is anything, but then stays what it is. */
START_TEST (trim)
{
  struct subject t;
  uint64_t offset, count;

  if (!subject_open (&t, _i, SIZE))
    return;
  write_random (&t, 0, t.spec.size, 0);
  for (unsigned i = 0; i < 60; i++) {
    random_range (&t, SIZE / 4, &offset, &count);
    ck_assert_int_eq (
      store_trim (t.s, count, offset, i % 2 ? STORE_FUA : 0, &t.err), 0);
    adopt (&t, offset, count);
    check_all (&t); /* and nothing else changed */
    random_range (&t, 5000, &offset, &count);
    write_random (&t, offset, count, 0);
    if (i % 5 == 0)
      ck_assert_int_eq (store_flush (t.s, &t.err), 0);
  }
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* An answer starts where it was asked, has no gaps, does not reach
 * beyond the question, and calls nothing zero that is not.
 */
static void
check_extents (struct subject *t, uint64_t offset, uint64_t count,
               unsigned flags)
{
  struct extent_list l;
  uint64_t next = offset;

  extent_list_init (&l, offset, offset + count, flags & STORE_REQ_ONE);
  quick_assert (store_extents (t->s, count, offset, flags, &l, &t->err) == 0);
  quick_assert (l.len >= 1);
  quick_assert (!(flags & STORE_REQ_ONE) || l.len == 1);
  for (size_t i = 0; i < l.len; i++) {
    const struct extent *e = &l.v[i];

    quick_assert (e->offset == next);
    quick_assert (e->count > 0);
    quick_assert ((e->type & ~(EXTENT_HOLE | EXTENT_ZERO)) == 0);
    next += e->count;
    quick_assert (next <= offset + count);
    for (uint64_t k = 0; (e->type & EXTENT_ZERO) && k < e->count; k++)
      quick_assert (t->oracle[e->offset + k] == 0);
  }
  extent_list_fini (&l);
}

START_TEST (extents)
{
  struct subject t;
  uint64_t offset, count, whole;

  if (!subject_open (&t, _i, SIZE))
    return;
  whole = t.spec.size;
  check_extents (&t, 0, whole, 0);
  for (unsigned i = 0; i < 150; i++) {
    random_range (&t, 50000, &offset, &count);
    if (i % 3 == 0) {
      quick_assert (store_zero (t.s, count, offset, STORE_MAY_TRIM, &t.err) ==
                    0);
      memset (t.oracle + offset, 0, count);
    }
    else if (i % 7 == 0) {
      quick_assert (store_trim (t.s, count, offset, 0, &t.err) == 0);
      adopt (&t, offset, count);
    }
    else
      write_random (&t, offset, count, 0);
    random_range (&t, SIZE, &offset, &count);
    /* The end of a question is aligned to nothing. */
    count = 1 + rng_below (&t.rng, count);
    check_extents (&t, offset, count, i % 4 == 0 ? STORE_REQ_ONE : 0);
  }
  check_extents (&t, 0, whole, 0);
  check_extents (&t, 0, whole, STORE_REQ_ONE);
  check_all (&t);
  subject_close (&t);
}
END_TEST

START_TEST (cache)
{
  struct subject t;
  uint64_t offset, count;

  if (!subject_open (&t, _i, SIZE))
    return;
  write_random (&t, 0, t.spec.size, 0);
  for (unsigned i = 0; i < 20; i++) {
    random_range (&t, SIZE, &offset, &count);
    ck_assert_int_eq (store_cache (t.s, count, offset, &t.err), 0);
    random_range (&t, SIZE, &offset, &count);
    store_uncache (t.s, count, offset); /* of what is durable or is not */
  }
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* Make the disk SIZE long, and the oracle.  False: an image stores
 * something beyond.
 */
static bool
resize_to (struct subject *t, uint64_t size)
{
  const uint64_t old = t->spec.size;

  if (t->maker->is_image && size < old) {
    ck_assert_int_eq (
      store_zero (t->s, old - size, size, STORE_MAY_TRIM, &t->err), 0);
    memset (t->oracle + size, 0, old - size);
    if (store_resize (t->s, size, &t->err) == -1) {
      ck_assert_int_eq (t->err, EBUSY);
      return false;
    }
  }
  else
    ck_assert_int_eq (store_resize (t->s, size, &t->err), 0);
  ck_assert_uint_eq (store_size (t->s), size);
  t->oracle = realloc (t->oracle, max_u64 (size, 1));
  ck_assert_ptr_nonnull (t->oracle);
  if (size > t->spec.size)
    memset (t->oracle + t->spec.size, 0, size - t->spec.size);
  t->spec.size = size;
  return true;
}

START_TEST (resize)
{
  struct subject t;
  char byte;
  uint64_t size;

  if (!subject_open (&t, _i, SIZE))
    return;
  size = t.spec.size;
  write_random (&t, 0, size, 0);
  if (store_resize (t.s, size, &t.err) == -1) {
    ck_assert_int_eq (t.err, EOPNOTSUPP);
    check_all (&t);
    subject_close (&t);
    return;
  }
  for (unsigned i = 0; i < 20; i++) {
    const uint64_t least = t.maker->is_image ? t.unit : t.maker->unit;
    const uint64_t unit = max_u64 (least, t.unit > 1 ? 512 : 1);
    const uint64_t next = ROUND_UP (1 + rng_below (&t.rng, 2 * size), unit);
    const bool done = resize_to (&t, next);

    check_all (&t); /* what was cut off does not come back */
    if (!done)
      continue;
    ck_assert_int_eq (store_read (t.s, &byte, 1, next, &t.err), -1);
    ck_assert_int_eq (t.err, EINVAL);
    ck_assert_int_eq (store_write (t.s, &byte, 1, next, 0, &t.err), -1);
    ck_assert_int_eq (t.err, ENOSPC);
    write_random (&t, 0, next, 0);
    check_all (&t);
  }
  ck_assert_int_eq (store_resize (t.s, UINT64_C (1) << 63, &t.err), -1);
  ck_assert_int_eq (store_resize (t.s, UINT64_MAX, &t.err), -1);
  ck_assert_uint_eq (store_size (t.s), t.spec.size);
  check_all (&t);
  subject_close (&t);
}
END_TEST

/* Everything mixed. */
START_TEST (model)
{
  struct subject t;
  uint64_t offset, count;

  if (!subject_open (&t, _i, SIZE))
    return;
  for (unsigned i = 0; i < 1500; i++) {
    const unsigned flags = rng_below (&t.rng, 4); /* FUA, MAY_TRIM */

    random_range (&t, rng_one_in (&t.rng, 20) ? SIZE : 20000, &offset, &count);
    switch (rng_below (&t.rng, 10)) {
    case 0:
      quick_assert (store_zero (t.s, count, offset, flags, &t.err) == 0);
      memset (t.oracle + offset, 0, count);
      break;
    case 1:
      quick_assert (
        store_trim (t.s, count, offset, flags & STORE_FUA, &t.err) == 0);
      adopt (&t, offset, count);
      break;
    case 2:
      quick_assert (store_flush (t.s, &t.err) == 0);
      break;
    case 3:
      check_extents (&t, offset, count, flags & 1 ? STORE_REQ_ONE : 0);
      break;
    case 4:
    case 5:
    case 6:
      check_range_of (&t, offset, count);
      break;
    default:
      write_random (&t, offset, count, flags & STORE_FUA);
      break;
    }
  }
  check_all (&t);
  subject_close (&t);
}
END_TEST

void
store_suite_basic (Suite *suite)
{
  TCase *c = test_case (suite, "basic");
  const TTest *const tests[] = {
    info, read_back, vectors, fua_and_flush, zero,
    trim, extents,   cache,   resize,        model,
  };

  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_loop_test (c, tests[i], 0, NSUBJECTS);
}
