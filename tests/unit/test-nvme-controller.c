/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Controllers that are opened, asked about and closed, and those that
 * cannot be.
 */

#include <config.h>

#include "nvme/store-nvme.h"
#include "unit/nvme-test.h"

START_TEST (information)
{
  struct subject b = { .e = { .nn = 3,
                              .queues = 2,
                              .entries = 64,
                              .volatile_cache = true,
                              .reservations = true,
                              .lba_size = 4096,
                              .nsfeat = 0x11,
                              .npwg = 3,
                              .dlfeat = 9 },
                       .o = { .queue_pairs = 5 } };
  struct nvme_ns_info ni;
  struct nvme_info i;
  uint32_t nsid[4];

  set_up (&b);
  nvme_get_info (b.n, &i);
  ck_assert_str_eq (i.serial, "EMULATED-1");
  ck_assert_str_eq (i.model, "Emulated NVMe");
  ck_assert_str_eq (i.firmware, "1.0");
  ck_assert_uint_eq (i.version, 0x020000);
  ck_assert_uint_eq (i.nn, 3);
  ck_assert_uint_eq (i.queue_pairs, 2);
  ck_assert_uint_eq (i.queue_depth, 64);
  ck_assert (i.volatile_cache && i.write_zeroes && i.deallocate);
  ck_assert (i.reservations);
  nvme_ns_get_info (b.ns, &ni);
  ck_assert_uint_eq (ni.nsid, 1);
  ck_assert_uint_eq (ni.size, 16 << 20);
  ck_assert_uint_eq (ni.lba_size, 4096);
  ck_assert_uint_eq (ni.physical_size, 16384);
  ck_assert (ni.thin && ni.deallocated_zero && ni.write_zeroes_deac);
  ck_assert (ni.has_id && ni.id.b[0] == 1 && ni.id.b[15] == 1);
  ck_assert (!ni.gone);

  ck_assert_int_eq (nvme_list (b.n, 0, nsid, 4, &b.err), 3);
  ck_assert (nsid[0] == 1 && nsid[1] == 2 && nsid[2] == 3);
  ck_assert_int_eq (nvme_list (b.n, 1, nsid, 1, &b.err), 1);
  ck_assert_uint_eq (nsid[0], 2);
  ck_assert_int_eq (nvme_list (b.n, UINT32_MAX, nsid, 1, &b.err), 0);
  tear_down (&b);
}
END_TEST

/* Version 1.0 had no list of namespaces, and no limits. */
START_TEST (old)
{
  struct subject b = { .e = {
                         .version = 0x010000, .nn = 4, .no_limits = true } };
  uint32_t nsid[4];

  set_up (&b);
  nvme_emulated_resize (b.hw, 2, 0);
  ck_assert_int_eq (nvme_list (b.n, 0, nsid, 4, &b.err), 3);
  ck_assert (nsid[0] == 1 && nsid[1] == 3 && nsid[2] == 4);
  ck_assert_int_eq (nvme_list (b.n, 1, nsid, 1, &b.err), 1);
  ck_assert_uint_eq (nsid[0], 3);
  ck_assert_int_eq (nvme_list (b.n, 4, nsid, 1, &b.err), 0);
  round_trip (&b, 65536, 0);
  tear_down (&b);
}
END_TEST

START_TEST (store)
{
  struct subject b = { .e = { .lba_size = 4096, .no_dataset = true } };
  struct store *s, *ro;
  uint8_t buf[4096];

  set_up (&b);
  s = store_nvme_open (b.n, 1, false, &b.err);
  ro = store_nvme_open (b.n, 1, true, &b.err);
  ck_assert_ptr_nonnull (s);
  ck_assert_uint_eq (s->info.sector_size, 4096);
  ck_assert_uint_eq (s->info.align, 4096);
  ck_assert (s->info.fua && s->info.zero && !s->info.trim);
  ck_assert (s->info.has_id && !s->info.read_only && ro->info.read_only);
  ck_assert_str_eq (s->description, "namespace 1 of Emulated NVMe EMULATED-1");
  rng_fill (&b.rng, buf, sizeof buf);
  ck_assert_int_eq (store_write (s, buf, sizeof buf, 8192, STORE_FUA, &b.err),
                    0);
  memset (buf, 0, sizeof buf);
  ck_assert_int_eq (store_read (ro, buf, sizeof buf, 8192, &b.err), 0);
  ck_assert_int_eq (
    memcmp (buf, nvme_emulated_data (b.hw, 1) + 8192, sizeof buf), 0);
  nvme_emulated_resize (b.hw, 1, 8 << 20);
  ck_assert_int_eq (store_refresh (s, &b.err), 0);
  ck_assert_uint_eq (store_size (s), 8 << 20);
  nvme_emulated_resize (b.hw, 1, 0);
  ck_assert_int_eq (store_refresh (s, &b.err), -1);
  ck_assert_int_eq (b.err, ESHUTDOWN);
  store_close (s);
  store_close (ro);
  tear_down (&b);
}
END_TEST

START_TEST (namespace_refused)
{
  static const struct {
    struct nvme_emulated_options e;
    uint32_t nsid;
    const char *text;
  } t[] = {
    { { .metadata = 8 }, 1, "has metadata" },
    { { .lba_size = 256 }, 1, "the size of its blocks" },
    { { 0 }, 2, "cannot identify namespace 2" },
  };
  struct subject b = { .e = t[_i].e };

  b.e.report = &b.report;
  b.hw = nvme_emulated_create (&b.e);
  b.n = nvme_open (b.hw, NULL, &b.err);
  ck_assert_ptr_nonnull (b.n);
  ck_assert_ptr_null (nvme_ns_open (b.n, t[_i].nsid, &b.err));
  ck_assert_int_gt (b.err, 0);
  ck_assert (log_memory_contains (t[_i].text));
  tear_down (&b);
}
END_TEST

/* Each admin command of the bring-up fails, or is not answered. */
START_TEST (bring_up_fails)
{
  const unsigned n = (unsigned) _i / 2;
  struct subject b = { .o = { .command_seconds = 1, .queue_pairs = 2 },
                       .e = { .doorbell_buffers = true } };
  struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                   .admin = true,
                                   .opcode = NVME_ANY_OPCODE,
                                   .skip = n,
                                   .count = 1,
                                   .status = NVME_SC_INTERNAL };

  if (_i % 2 == 1)
    f.kind = NVME_FAULT_IGNORED;
  b.e.report = &b.report;
  b.hw = nvme_emulated_create (&b.e);
  nvme_emulated_fault (b.hw, &f);
  b.n = nvme_open (b.hw, &b.o, &b.err);
  if (b.n != NULL) {
    tear_down (&b);
    return;
  }
  ck_assert_int_gt (b.err, 0);
  ck_assert_uint_ge (log_memory_errors (), 1);
  b.hw->ops->close (b.hw);
  ck_assert (b.report.disabled);
  ck_assert_uint_eq (b.report.errors, 0);
  ck_assert_uint_eq (b.report.dma_leaked, 0);
}
END_TEST

static void
refuse (struct subject *b, int err, const char *text)
{
  ck_assert_ptr_null (nvme_open (b->hw, NULL, &b->err));
  ck_assert_int_eq (b->err, err);
  ck_assert (log_memory_contains (text));
  b->hw->ops->close (b->hw);
  ck_assert_uint_eq (b->report.errors, 0);
  ck_assert_uint_eq (b->report.dma_leaked, 0);
}

START_TEST (never_ready)
{
  struct subject b = { .e.report = &b.report };

  b.hw = nvme_emulated_create (&b.e);
  nvme_emulated_never_ready (b.hw, true);
  refuse (&b, ETIMEDOUT, "does not become ready");
}
END_TEST

START_TEST (gone_at_once)
{
  struct subject b = { .e.report = &b.report };

  b.hw = nvme_emulated_create (&b.e);
  nvme_emulated_remove (b.hw);
  refuse (&b, ESHUTDOWN, "the device is gone");
}
END_TEST

/* It was left running by somebody else. */
START_TEST (left_enabled)
{
  struct subject b = { .e.report = &b.report };

  b.hw = nvme_emulated_create (&b.e);
  b.hw->ops->write32 (b.hw, NVME_REG_CC, NVME_CC_EN);
  b.n = nvme_open (b.hw, NULL, &b.err);
  ck_assert_ptr_nonnull (b.n);
  ck_assert_uint_ge (nvme_emulated_counts (b.hw).resets, 1);
  tear_down (&b);
}
END_TEST

/* What another system has enabled a moment ago must become ready before it
 * is disabled.
 */
START_TEST (left_rising)
{
  struct subject b = { .e = { .enabled_before = true, .rise_ms = 200 } };

  set_up (&b);
  round_trip (&b, 4096, 0);
  tear_down (&b);
}
END_TEST

START_TEST (shut_down_for_ever)
{
  struct subject b = { .e.no_shutdown = true };

  set_up (&b);
  close_it (&b);
  ck_assert (log_memory_contains ("does not shut down"));
  ck_assert (b.report.disabled);
}
END_TEST

/* The machine has fewer interrupts to give than the device has vectors. */
START_TEST (few_vectors)
{
  static const unsigned had[] = { 0, 1, 2, 5 }, pairs[] = { 1, 1, 1, 3 };
  struct subject b = { .e = { .few_vectors = true, .vectors_had = had[_i] },
                       .o.queue_pairs = 8 };
  struct nvme_info info;

  set_up (&b);
  nvme_get_info (b.n, &info);
  ck_assert_uint_eq (info.queue_pairs, pairs[_i]);
  round_trip (&b, 1 << 20, 0);
  tear_down (&b);
}
END_TEST

/* Doorbells that are not there would be lost. */
START_TEST (few_registers)
{
  struct subject b = { .e = { .bar_size = 0x1000 + 4 * 4096 - 1,
                              .dstrd = 10 } };

  b.hw = nvme_emulated_create (&b.e);
  ck_assert_ptr_null (nvme_open (b.hw, NULL, &b.err));
  ck_assert_int_eq (b.err, EOPNOTSUPP);
  ck_assert (log_memory_contains ("no room for doorbells"));
  b.hw->ops->close (b.hw);
}
END_TEST

/* What the controller cannot do at the moment it is asked again. */
START_TEST (admin_again)
{
  struct subject b = { 0 };
  struct nvme_emulated_fault f = { .kind = NVME_FAULT_STATUS,
                                   .admin = true,
                                   .opcode = NVME_ADMIN_IDENTIFY,
                                   .count = 2,
                                   .status = NVME_SC_INTERRUPTED };
  uint8_t id[NVME_DATA_SIZE];

  set_up (&b);
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (nvme_identify (b.n, NVME_CNS_CONTROLLER, 0, id, &b.err), 0);
  f.count = 3;
  nvme_emulated_fault (b.hw, &f);
  ck_assert_int_eq (nvme_identify (b.n, NVME_CNS_CONTROLLER, 0, id, &b.err),
                    -1);
  ck_assert_int_eq (b.err, EIO);
  tear_down (&b);
}
END_TEST

/* A namespace may have nothing but a UUID. */
START_TEST (only_a_uuid)
{
  struct subject b = { .e.uuid_only = true };
  struct nvme_ns_info info;

  set_up (&b);
  nvme_ns_get_info (b.ns, &info);
  ck_assert (info.has_id && info.id.b[0] == 1 && info.id.b[15] == 1);
  tear_down (&b);
}
END_TEST

START_TEST (logs)
{
  struct subject b = { 0 };
  uint8_t log[NVME_SMART_SIZE];

  set_up (&b);
  nvme_emulated_warn (b.hw, 4);
  ck_assert_int_eq (
    nvme_get_log (b.n, NVME_LOG_SMART, NVME_NSID_ALL, log, sizeof log, &b.err),
    0);
  ck_assert_uint_eq (log[0], 4);
  ck_assert_int_eq (nvme_get_log (b.n, NVME_LOG_SMART, 1, log, 3, &b.err), -1);
  ck_assert_int_eq (b.err, EINVAL);
  tear_down (&b);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nvme-controller");
  TCase *c = test_case (suite, "nvme-controller");

  tcase_add_test (c, information);
  tcase_add_test (c, old);
  tcase_add_test (c, store);
  tcase_add_loop_test (c, namespace_refused, 0, 3);
  tcase_add_loop_test (c, bring_up_fails, 0, 20);
  tcase_add_test (c, never_ready);
  tcase_add_test (c, gone_at_once);
  tcase_add_test (c, left_enabled);
  tcase_add_test (c, logs);
  tcase_add_test (c, left_rising);
  tcase_add_test (c, shut_down_for_ever);
  tcase_add_loop_test (c, few_vectors, 0, 4);
  tcase_add_test (c, few_registers);
  tcase_add_test (c, admin_again);
  tcase_add_test (c, only_a_uuid);
  return test_run (suite);
}
