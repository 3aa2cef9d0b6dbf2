/* SPDX-License-Identifier: BSD-3-Clause
 *
 * store-crypt: what is below is what XTS makes of the disk, at the offset
 * that the header leaves; the truth about holes and discards; which disks
 * cannot be.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "store/aligned-pool.h"
#include "store/store-crypt.h"
#include "support/main.h"
#include "support/store-mem.h"

#define KIB 1024
#define START (64 * KIB)
#define SIZE (4096 * KIB)

static const uint8_t key[XTS_KEY_SIZE_256] = { 1, 2, 3 };

static const struct crypt_volume_options usual = {
  .xts = { .key = key, .key_size = sizeof key, .unit = 512 },
  .data_offset = START,
};

static struct store *
open_over (const struct crypt_volume_options *o, struct store *inner)
{
  enum xts_status status;
  struct crypt_volume *v = crypt_volume_create (o, &status);
  struct store *s = store_crypt_create (v, inner);

  ck_assert_ptr_nonnull (s);
  crypt_volume_unref (v);
  return s;
}

static struct store *
make_mem (uint64_t size)
{
  struct store_mem_options m = store_mem_defaults (size);

  m.trim_fill = 0;
  return store_mem_create (&m);
}

/* More than one buffer, in one request. */
START_TEST (below)
{
  static uint8_t data[SIZE], expected[SIZE], found[SIZE];
  struct store *mem = make_mem (START + SIZE), *s = open_over (&usual, mem);
  enum xts_status status;
  struct xts *x = xts_create (&usual.xts, &status);
  int err;

  _Static_assert(SIZE > 2 * ALIGNED_POOL_SIZE, "several pieces");
  ck_assert_uint_eq (store_size (s), SIZE);
  for (unsigned i = 0; i < SIZE; i++)
    data[i] = (uint8_t) (i * 7 + i / 251);
  ck_assert_int_eq (store_write (s, data, SIZE, 0, STORE_FUA, &err), 0);
  xts_encrypt (x, expected, data, SIZE, 0);
  ck_assert_int_eq (store_read (mem, found, SIZE, START, &err), 0);
  ck_assert_mem_eq (found, expected, SIZE);
  ck_assert_int_eq (store_read (s, found, SIZE, 0, &err), 0);
  ck_assert_mem_eq (found, data, SIZE);

  memset (data, 0, SIZE);
  ck_assert_int_eq (store_zero (s, SIZE, 0, STORE_MAY_TRIM, &err), 0);
  xts_encrypt (x, expected, data, SIZE, 0);
  ck_assert_int_eq (store_read (mem, found, SIZE, START, &err), 0);
  ck_assert_mem_eq (found, expected, SIZE);
  ck_assert_int_eq (store_zero (s, 512, 0, STORE_FAST_ZERO, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  xts_free (x);
  store_close (s);
}
END_TEST

static uint32_t
type_at (struct store *s, uint64_t offset)
{
  struct extent_list list;
  uint32_t type;
  int err;

  extent_list_init (&list, offset, offset + 4096, true);
  ck_assert_int_eq (store_extents (s, 4096, offset, STORE_REQ_ONE, &list, &err),
                    0);
  ck_assert_uint_eq (list.v[0].offset, offset);
  type = list.v[0].type;
  extent_list_fini (&list);
  return type;
}

/* A hole stays one, but its zeroes are noise here. */
START_TEST (holes)
{
  struct crypt_volume_options o = usual;

  for (int discard = 0; discard <= 1; discard++) {
    struct store *mem = make_mem (START + SIZE), *s;
    uint8_t data[4096];
    int err;

    o.discard = discard;
    s = open_over (&o, mem);
    ck_assert_int_eq (s->info.trim, discard);
    ck_assert_int_eq (type_at (mem, START), EXTENT_HOLE | EXTENT_ZERO);
    ck_assert_int_eq (type_at (s, 0), EXTENT_HOLE);
    ck_assert_int_eq (store_zero (s, SIZE, 0, 0, &err), 0);
    ck_assert_int_eq (type_at (s, 0), 0);
    ck_assert_int_eq (store_trim (s, SIZE, 0, 0, &err), 0);
    ck_assert_int_eq (type_at (s, 0), discard ? EXTENT_HOLE : 0);
    ck_assert_int_eq (store_read (s, data, sizeof data, 0, &err), 0);
    ck_assert_int_eq (data[0] == 0 && memcmp (data, data + 1, 4095) == 0,
                      !discard);
    store_close (s);
  }
}
END_TEST

static bool
fits (const struct crypt_volume_options *o, uint64_t size, uint32_t align)
{
  struct store_mem_options m = store_mem_defaults (size);
  enum xts_status status;
  struct crypt_volume *v = crypt_volume_create (o, &status);
  struct store *s;
  char why[160];
  bool r;

  m.info.align = align;
  s = store_mem_create (&m);
  r = crypt_volume_fits (v, s, why, sizeof why);
  store_close (s);
  crypt_volume_unref (v);
  return r;
}

START_TEST (sizes)
{
  struct crypt_volume_options o = usual;
  struct store *s;

  ck_assert (fits (&o, START + 512, 1));
  ck_assert (!fits (&o, START + 511, 1));
  ck_assert (!fits (&o, START, 1));
  ck_assert (!fits (&o, 0, 1));
  ck_assert (fits (&o, START + SIZE, 4096));
  ck_assert (!fits (&o, START + SIZE, 2 * START));
  o.size = SIZE;
  ck_assert (fits (&o, START + SIZE, 1));
  ck_assert (!fits (&o, START + SIZE - 1, 1));

  /* Whole units; and no more than there should be. */
  s = open_over (&o, make_mem (START + SIZE + 4096));
  ck_assert_uint_eq (store_size (s), SIZE);
  store_close (s);
  o.size = 0;
  o.xts.unit = 4096;
  s = open_over (&o, make_mem (START + SIZE + 4095));
  ck_assert_uint_eq (store_size (s), SIZE);
  ck_assert_uint_eq (s->info.align, 4096);
  store_close (s);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { below, holes, sizes };

  return test_main ("store-crypt", tests, ARRAY_SIZE (tests));
}
