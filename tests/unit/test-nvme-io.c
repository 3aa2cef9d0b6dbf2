/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands of namespaces, over an emulated controller of every shape.
 */

#include <config.h>

#include "unit/nvme-test.h"

static const struct nvme_emulated_options shapes[] = {
  { 0 },
  { .lba_size = 4096 },
  { .dstrd = 3, .entries = 2 },
  { .entries = 16, .mdts = 1, .queues = 1 },
  { .mpsmin = 1, .mdts = 3, .vectors = 1 },
  { .mpsmin = 4, .lba_size = 4096, .vectors = 3 },
  { .no_vectors = true, .mdts = 5 },
  { .doorbell_buffers = true },
  { .doorbell_buffers = true, .entries = 4, .mdts = 1, .dstrd = 2 },
  { .no_thread = true },
  { .sgls = NVME_SGLS_ANY },
  { .sgls = NVME_SGLS_DWORDS, .mpsmin = 1, .mdts = 4, .lba_size = 4096 },
};

START_TEST (shape)
{
  struct subject b = { .e = shapes[_i] };

  set_up (&b);
  for (size_t count = 4096; count <= 4 << 20; count *= 4)
    round_trip (&b, count, 4096);
  round_trip (&b, 3 << 20, 12288);
  for (unsigned i = 0; i < 100; i++)
    round_trip (&b, 4096 * (1 + rng_below (&b.rng, 40)),
                4096 * rng_below (&b.rng, 2048));
  tear_down (&b);
}
END_TEST

static void
many (void *opaque, unsigned index)
{
  struct subject b = *(struct subject *) opaque;

  rng_init (&b.rng, index + 1);
  for (unsigned i = 0; i < 60; i++)
    round_trip (&b, 4096 * (1 + rng_below (&b.rng, 32)),
                (uint64_t) index << 20 | 4096 * rng_below (&b.rng, 200));
}

START_TEST (threads)
{
  struct subject b = { .e = shapes[_i], .o = { .queue_pairs = 3 } };

  set_up (&b);
  threads_run (9, many, &b);
  tear_down (&b);
}
END_TEST

/* More at once than there is memory for. */
static void
large (void *opaque, unsigned index)
{
  struct subject b = *(struct subject *) opaque;

  rng_init (&b.rng, index + 1);
  for (unsigned i = 0; i < 5; i++)
    round_trip (&b, 3 << 20, (uint64_t) index * (3 << 20));
}

START_TEST (large_requests)
{
  struct subject b = { .e = { .size = 32 << 20 }, .o = { .queue_pairs = 1 } };

  set_up (&b);
  threads_run (8, large, &b);
  tear_down (&b);
}
END_TEST

START_TEST (vectors_of_memory)
{
  struct subject b = { .e = { .mdts = 1 } };
  uint8_t buf[32768], back[32768] = { 0 };
  struct iovec iov[] = { { buf, 1 },
                         { buf + 1, 0 },
                         { buf + 1, 8000 },
                         { buf + 8001, 4095 },
                         { buf + 12096, sizeof buf - 12096 } };

  set_up (&b);
  rng_fill (&b.rng, buf, sizeof buf);
  ck_assert_int_eq (nvme_write (b.ns, iov, 5, 1024, false, &b.err), 0);
  for (unsigned i = 0; i < 5; i++)
    iov[i].iov_base = back + ((uint8_t *) iov[i].iov_base - buf);
  ck_assert_int_eq (nvme_read (b.ns, iov, 5, 1024, &b.err), 0);
  ck_assert_int_eq (memcmp (buf, back, sizeof buf), 0);
  ck_assert_uint_eq (nvme_emulated_counts (b.hw).largest, 8192);
  tear_down (&b);
}
END_TEST

/* What needs more than the two addresses of a command is one SGL block, if
 * the controller has such and its memory is not in pieces.
 */
static const struct {
  uint32_t sgls;
  bool used;
} announced[] = {
  { 0, false },
  { NVME_SGLS_ANY, true },
  { NVME_SGLS_DWORDS, true },
  { NVME_SGLS_ANY | 1u << 16 | 1u << 20, true }, /* and other kinds */
  { NVME_SGLS_MASK, false },                     /* reserved */
  { 1u << 16, false },
};

START_TEST (sgl)
{
  struct subject b = { .e = { .sgls = announced[_i].sgls } };
  const bool used = announced[_i].used;
  struct nvme_emulated_counts c;

  set_up (&b);
  round_trip (&b, 512, 0);
  round_trip (&b, 8192, 512);
  ck_assert_uint_eq (nvme_emulated_counts (b.hw).sgls, 0);
  round_trip (&b, 8704, 0);
  round_trip (&b, 1 << 20, 4096);
  c = nvme_emulated_counts (b.hw);
  ck_assert_uint_eq (c.sgls, used ? 10 : 0);
  ck_assert_uint_eq (c.prp_lists, used ? 0 : 10);
  ck_assert_uint_eq (counts (&b).sgls, c.sgls);
  tear_down (&b);
}
END_TEST

/* Of many at once in a pool that is full of holes some are in pieces. */
static void
odd_sizes (void *opaque, unsigned index)
{
  struct subject b = *(struct subject *) opaque;

  rng_init (&b.rng, index + 1);
  for (unsigned i = 0; i < 100; i++)
    round_trip (&b, 512 * (1 + rng_below (&b.rng, 2000)),
                (uint64_t) index << 20);
}

START_TEST (sgl_or_prp)
{
  struct subject b = { .e = { .sgls = NVME_SGLS_DWORDS },
                       .o = { .queue_pairs = 1 } };

  set_up (&b);
  threads_run (8, odd_sizes, &b);
  ck_assert_uint_gt (nvme_emulated_counts (b.hw).sgls, 0);
  ck_assert_uint_gt (nvme_emulated_counts (b.hw).prp_lists, 0);
  tear_down (&b);
}
END_TEST

START_TEST (refused)
{
  struct subject b = { 0 };
  uint8_t buf[1024] = { 1 };
  const struct iovec odd = { buf, 1000 };

  set_up (&b);
  ck_assert_int_eq (read_bytes (&b, buf, 512, 100), -1);
  ck_assert_int_eq (b.err, EINVAL);
  ck_assert_int_eq (nvme_write (b.ns, &odd, 1, 0, false, &b.err), -1);
  ck_assert_int_eq (b.err, EINVAL);
  ck_assert_int_eq (nvme_zero (b.ns, 100, 0, false, false, &b.err), -1);
  ck_assert_int_eq (b.err, EINVAL);
  ck_assert_int_eq (nvme_trim (b.ns, 512, 1, &b.err), -1);
  ck_assert_int_eq (b.err, EINVAL);
  /* Which only the controller knows. */
  ck_assert_int_eq (read_bytes (&b, buf, 512, UINT64_C (1) << 40), -1);
  ck_assert_int_eq (b.err, EINVAL);
  ck_assert (log_memory_contains ("LBA out of range"));
  ck_assert_int_eq (read_bytes (&b, buf, 0, 512), 0);
  tear_down (&b);
}
END_TEST

START_TEST (flush_and_fua)
{
  struct subject b = { .e = { .volatile_cache = _i != 0 } };
  uint8_t buf[512] = { 1 };
  const struct iovec iov = { buf, sizeof buf };

  set_up (&b);
  ck_assert_int_eq (nvme_write (b.ns, &iov, 1, 0, true, &b.err), 0);
  ck_assert_int_eq (nvme_flush (b.ns, &b.err), 0);
  ck_assert_int_eq (nvme_zero (b.ns, 512, 512, false, true, &b.err), 0);
  ck_assert_uint_eq (nvme_emulated_counts (b.hw).fua, 2);
  ck_assert_uint_eq (nvme_emulated_counts (b.hw).flushes, _i);
  tear_down (&b);
}
END_TEST

START_TEST (zero)
{
  struct subject b = { .e = { .size = 80 << 20,
                              .wzsl = 2,
                              .dlfeat = 9,
                              .no_write_zeroes = _i == 1 } };
  uint8_t *data;

  set_up (&b);
  data = nvme_emulated_data (b.hw, 1);
  memset (data, 1, 1 << 20);
  if (_i == 1) {
    ck_assert_int_eq (nvme_zero (b.ns, 512, 0, true, false, &b.err), -1);
    ck_assert_int_eq (b.err, EOPNOTSUPP);
  }
  else {
    ck_assert_int_eq (nvme_zero (b.ns, 100 * 512, 512, true, false, &b.err), 0);
    ck_assert (data[511] == 1 && data[101 * 512] == 1);
    ck_assert (bytes_are_zero (data + 512, 100 * 512));
    ck_assert_uint_eq (nvme_emulated_counts (b.hw).zeroes, 4);
  }
  tear_down (&b);
}
END_TEST

/* 65536 blocks are the most. */
START_TEST (zero_much)
{
  struct subject b = { .e = { .size = 80 << 20 } };

  set_up (&b);
  memset (nvme_emulated_data (b.hw, 1), 1, 80 << 20);
  ck_assert_int_eq (nvme_zero (b.ns, 80 << 20, 0, false, false, &b.err), 0);
  ck_assert (bytes_are_zero (nvme_emulated_data (b.hw, 1), 80 << 20));
  ck_assert_uint_eq (nvme_emulated_counts (b.hw).zeroes, 3);
  tear_down (&b);
}
END_TEST

static const struct {
  struct nvme_emulated_options e;
  unsigned commands, ranges; /* of 1000 blocks */
} limits[] = {
  { { 0 }, 1, 1 },
  { { .no_limits = true }, 1, 1 },
  { { .no_dataset = true }, 0, 0 },
  { { .dmrsl = 100 }, 1, 10 },
  { { .dmrsl = 100, .dmrl = 3 }, 4, 10 },
  { { .dmsl = 400 }, 3, 3 },
  { { .dmsl = 250, .dmrsl = 100 }, 4, 12 },
  { { .dmrsl = 1 }, 4, 1000 },
};

START_TEST (trim)
{
  struct subject b = { .e = limits[_i].e };
  struct nvme_emulated_counts c;
  uint8_t *data;

  set_up (&b);
  data = nvme_emulated_data (b.hw, 1);
  memset (data, 1, 2000 * 512);
  ck_assert_int_eq (nvme_trim (b.ns, 1000 * 512, 512, &b.err), 0);
  c = nvme_emulated_counts (b.hw);
  ck_assert_uint_eq (c.deallocates, limits[_i].commands);
  ck_assert_uint_eq (c.ranges, limits[_i].ranges);
  ck_assert (data[511] == 1 && data[1001 * 512] == 1);
  ck_assert (bytes_are_zero (data + 512, 1000 * 512) ==
             (limits[_i].commands > 0));
  tear_down (&b);
}
END_TEST

START_TEST (write_protected)
{
  struct subject b = { .e = { .nsattr = 1 } };
  uint8_t buf[512] = { 0 };

  set_up (&b);
  ck_assert_int_eq (write_bytes (&b, buf, 512, 0), -1);
  ck_assert_int_eq (b.err, EPERM);
  ck_assert_int_eq (nvme_trim (b.ns, 512, 0, &b.err), -1);
  ck_assert_int_eq (b.err, EPERM);
  ck_assert_int_eq (nvme_zero (b.ns, 512, 0, true, false, &b.err), -1);
  ck_assert_int_eq (b.err, EPERM);
  tear_down (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-io");
  TCase *c = test_case (suite, "nvme-io");

  tcase_add_loop_test (c, shape, 0, ARRAY_SIZE (shapes));
  tcase_add_loop_test (c, threads, 0, ARRAY_SIZE (shapes));
  tcase_add_test (c, large_requests);
  tcase_add_test (c, vectors_of_memory);
  tcase_add_loop_test (c, sgl, 0, ARRAY_SIZE (announced));
  tcase_add_test (c, sgl_or_prp);
  tcase_add_test (c, refused);
  tcase_add_loop_test (c, flush_and_fua, 0, 2);
  tcase_add_loop_test (c, zero, 0, 2);
  tcase_add_test (c, zero_much);
  tcase_add_loop_test (c, trim, 0, ARRAY_SIZE (limits));
  tcase_add_test (c, write_protected);
  return test_run (suite);
}
