/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What controllers say of themselves and of their namespaces.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "nvme/nvme-cap.h"
#include "nvme/nvme-identify.h"
#include "support/main.h"

/* ------------------------------------------------------------------ */
/* CAP */

/* As QEMU has it. */
#define QEMU_CAP UINT64_C (0x4018200f0107ff)

START_TEST (cap_good)
{
  struct nvme_cap c;

  ck_assert_int_eq (nvme_cap_parse (QEMU_CAP, &c), NVME_CAP_OK);
  ck_assert_uint_eq (c.max_entries, 2048);
  ck_assert_uint_eq (c.doorbell_stride, 4);
  ck_assert_uint_eq (c.page_size, 4096);
  ck_assert_uint_eq (c.ready_ms, 7500);
  ck_assert_uint_eq (c.cc, 0);
  ck_assert_uint_eq (nvme_doorbell (&c, 0, 0), 0x1000);
  ck_assert_uint_eq (nvme_doorbell (&c, 3, 1), 0x101c);

  /* DSTRD 2, MPSMIN 1, only "all command sets". */
  ck_assert_int_eq (nvme_cap_parse (UINT64_C (1) | UINT64_C (2) << 32 |
                                      UINT64_C (0x40) << 37 |
                                      UINT64_C (1) << 48 | UINT64_C (4) << 52,
                                    &c),
                    NVME_CAP_OK);
  ck_assert_uint_eq (c.max_entries, 2);
  ck_assert_uint_eq (nvme_doorbell (&c, 1, 1), 0x1000 + 3 * 16);
  ck_assert_uint_eq (c.page_size, 8192);
  ck_assert_uint_eq (c.ready_ms, 500);
  ck_assert_uint_eq (c.cc, NVME_CC_CSS_ALL | NVME_CC_MPS (1));
}
END_TEST

START_TEST (cap_bad)
{
  static const struct {
    uint64_t reg;
    enum nvme_cap_status status;
  } t[] = {
    { UINT64_MAX, NVME_CAP_GONE },
    { QEMU_CAP & ~UINT64_C (0xffff), NVME_CAP_QUEUES },
    { QEMU_CAP | UINT64_C (5) << 48, NVME_CAP_PAGES },
    { (QEMU_CAP & ~(UINT64_C (0xf) << 52)) | UINT64_C (1) << 48,
      NVME_CAP_PAGES },
    { QEMU_CAP & ~(UINT64_C (0xff) << 37), NVME_CAP_COMMANDS },
  };
  struct nvme_cap c;

  for (unsigned i = 0; i < ARRAY_SIZE (t); i++) {
    ck_assert_int_eq (nvme_cap_parse (t[i].reg, &c), t[i].status);
    ck_assert_str_ne (nvme_cap_status_string (t[i].status), "unknown");
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Controller */

static struct nvme_identify_controller
good_controller (void)
{
  struct nvme_identify_controller id;

  memset (&id, 0, sizeof id);
  memcpy (id.sn, "  S/N 1             ", sizeof id.sn);
  memset (id.mn, 'x', sizeof id.mn);
  memcpy (id.fr, "\x01\xff\n.1\0\0\0", sizeof id.fr);
  id.mdts = 5;
  id.aerl = 255;
  id.sqes = 0x66;
  id.cqes = 0x44;
  id.nn = le32_put (7);
  id.vwc = 7;
  return id;
}

START_TEST (controller)
{
  struct nvme_identify_controller id = good_controller ();
  struct nvme_controller_data c;

  ck_assert_int_eq (nvme_identify_controller (&id, 8192, &c), NVME_IDENTIFY_OK);
  ck_assert_str_eq (c.serial, "S/N 1");
  ck_assert_uint_eq (strlen (c.model), 40);
  ck_assert_str_eq (c.firmware, "???.1");
  ck_assert_uint_eq (c.max_transfer, 8192 << 5);
  ck_assert_uint_eq (c.nn, 7);
  ck_assert (c.volatile_cache);
  id.mdts = 0;
  ck_assert_int_eq (nvme_identify_controller (&id, 8192, &c), NVME_IDENTIFY_OK);
  ck_assert (c.max_transfer == UINT64_MAX);
  id.mdts = 255;
  nvme_identify_controller (&id, 8192, &c);
  ck_assert (c.max_transfer == UINT64_MAX);
  id.sqes = 0x77;
  ck_assert_int_eq (nvme_identify_controller (&id, 8192, &c),
                    NVME_IDENTIFY_ENTRIES);
}
END_TEST

/* None, of any alignment, of words, reserved; other bits do not matter. */
START_TEST (sgl)
{
  static const bool expected[] = { false, true, true, false };
  struct nvme_identify_controller id = good_controller ();
  struct nvme_controller_data c;

  for (unsigned i = 0; i < 4; i++) {
    id.sgls = le32_put (i);
    nvme_identify_controller (&id, 4096, &c);
    ck_assert (c.sgl == expected[i]);
    id.sgls = le32_put (i | UINT32_C (0xfffffffc));
    nvme_identify_controller (&id, 4096, &c);
    ck_assert (c.sgl == expected[i]);
  }
}
END_TEST

START_TEST (limits)
{
  struct nvme_identify_limits id;
  struct nvme_limits_data l;

  nvme_identify_limits (NULL, 4096, &l);
  ck_assert (l.write_zeroes == UINT64_MAX && l.command_blocks == UINT64_MAX);
  ck_assert (l.range_blocks == UINT32_MAX && l.ranges == NVME_RANGES_MAX);
  memset (&id, 0, sizeof id);
  nvme_identify_limits (&id, 4096, &l);
  ck_assert (l.write_zeroes == UINT64_MAX && l.ranges == NVME_RANGES_MAX);
  id.wzsl = 1;
  id.dmrl = 2;
  id.dmrsl = le32_put (3);
  id.dmsl = le64_put (4);
  nvme_identify_limits (&id, 4096, &l);
  ck_assert (l.write_zeroes == 8192 && l.ranges == 2);
  ck_assert (l.range_blocks == 3 && l.command_blocks == 4);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Namespace */

static struct nvme_identify_namespace
good_namespace (void)
{
  struct nvme_identify_namespace id;

  memset (&id, 0, sizeof id);
  id.nsze = le64_put (1000);
  id.nlbaf = 1;
  id.flbas = 1;
  id.lbaf[1].lbads = 12;
  return id;
}

START_TEST (plain_namespace)
{
  const struct nvme_identify_namespace id = good_namespace ();
  struct nvme_namespace_data ns;

  ck_assert_int_eq (nvme_identify_namespace (&id, &ns), NVME_IDENTIFY_OK);
  ck_assert_uint_eq (ns.size, 4096000);
  ck_assert_uint_eq (ns.lba_size, 4096);
  ck_assert_uint_eq (ns.physical_size, 4096);
  ck_assert_uint_eq (ns.optimal, 0);
  ck_assert (!ns.thin && !ns.deallocated_zero && !ns.write_zeroes_deac);
  ck_assert (!ns.has_id && !ns.write_protected);
}
END_TEST

START_TEST (rich_namespace)
{
  struct nvme_identify_namespace id = good_namespace ();
  struct nvme_namespace_data ns;

  id.nsfeat = NVME_NSFEAT_THIN | NVME_NSFEAT_OPTPERF;
  id.npwg = le16_put (3);
  id.noiob = le16_put (32);
  id.dlfeat = 9;
  id.nsattr = 1;
  memset (id.eui64, 0xee, sizeof id.eui64);
  ck_assert_int_eq (nvme_identify_namespace (&id, &ns), NVME_IDENTIFY_OK);
  ck_assert_uint_eq (ns.physical_size, 16384);
  ck_assert_uint_eq (ns.optimal, 32 * 4096);
  ck_assert (ns.thin && ns.deallocated_zero && ns.write_zeroes_deac);
  ck_assert (ns.write_protected);
  ck_assert (ns.has_id && ns.id[7] == 0xee && ns.id[8] == 0);
  id.nows = le16_put (15);
  id.npwg = le16_put (2); /* 12K */
  memset (id.nguid, 0x99, sizeof id.nguid);
  ck_assert_int_eq (nvme_identify_namespace (&id, &ns), NVME_IDENTIFY_OK);
  ck_assert_uint_eq (ns.physical_size, 4096);
  ck_assert_uint_eq (ns.optimal, 16 * 4096);
  ck_assert (ns.id[0] == 0x99 && ns.id[15] == 0x99);
}
END_TEST

/* The 17th format is in two more bits. */
START_TEST (many_formats)
{
  struct nvme_identify_namespace id = good_namespace ();
  struct nvme_namespace_data ns;

  id.flbas = 0x20 | 3;
  id.nlbaf = 40;
  id.lbaf[19].lbads = 9;
  ck_assert_int_eq (nvme_identify_namespace (&id, &ns), NVME_IDENTIFY_OK);
  ck_assert_uint_eq (ns.lba_size, 512);
  id.flbas = 0x40 | 15;
  ck_assert_int_eq (nvme_identify_namespace (&id, &ns), NVME_IDENTIFY_FORMAT);
}
END_TEST

static void
expect (const struct nvme_identify_namespace *id,
        enum nvme_identify_status status)
{
  struct nvme_namespace_data ns;

  ck_assert_int_eq (nvme_identify_namespace (id, &ns), status);
  ck_assert_str_ne (nvme_identify_status_string (status), "unknown");
}

START_TEST (bad_namespaces)
{
  struct nvme_identify_namespace id = good_namespace ();

  id.nsze = le64_put (0);
  expect (&id, NVME_IDENTIFY_INACTIVE);
  id = good_namespace ();
  id.flbas = 2;
  expect (&id, NVME_IDENTIFY_FORMAT);
  id.nlbaf = 2;
  expect (&id, NVME_IDENTIFY_BLOCK);
  id.lbaf[2].lbads = 17;
  expect (&id, NVME_IDENTIFY_BLOCK);
  id = good_namespace ();
  id.lbaf[1].ms = le16_put (8);
  expect (&id, NVME_IDENTIFY_METADATA);
  id = good_namespace ();
  id.nsze = le64_put (UINT64_C (1) << 51);
  expect (&id, NVME_IDENTIFY_SIZE);
  id.nsze = le64_put (UINT64_MAX);
  expect (&id, NVME_IDENTIFY_SIZE);
}
END_TEST

/* Lists of identities, good and cut off. */
START_TEST (descriptors)
{
  static const uint8_t uuid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
  uint8_t list[NVME_DATA_SIZE] = { 2, 16 };
  struct nvme_namespace_data ns = { 0 };

  nvme_identify_descriptors (list, &ns);
  ck_assert (!ns.has_id);
  list[20] = NVME_NIDT_UUID;
  list[21] = 15; /* which is not its length */
  nvme_identify_descriptors (list, &ns);
  ck_assert (!ns.has_id);
  list[21] = 16;
  nvme_identify_descriptors (list, &ns);
  ck_assert (!ns.has_id); /* nil */
  memcpy (list + 24, uuid, sizeof uuid);
  nvme_identify_descriptors (list, &ns);
  ck_assert (ns.has_id);
  ck_assert_mem_eq (ns.id, uuid, sizeof uuid);
  /* One that goes on beyond the end. */
  ns = (struct nvme_namespace_data){ 0 };
  memset (list, 0, sizeof list);
  for (size_t at = 0; at + 4 < sizeof list; at += 259) {
    list[at] = 9;
    list[at + 1] = 255;
  }
  list[15 * 259] = NVME_NIDT_UUID;
  list[15 * 259 + 1] = 16;
  list[15 * 259 + 4] = 1;
  nvme_identify_descriptors (list, &ns);
  ck_assert (ns.has_id);
  ns = (struct nvme_namespace_data){ 0 };
  list[15 * 259 + 1] = 200;
  nvme_identify_descriptors (list, &ns);
  list[15 * 259 + 204] = NVME_NIDT_UUID;
  list[15 * 259 + 205] = 16;
  nvme_identify_descriptors (list, &ns);
  ck_assert (!ns.has_id);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    cap_good,       cap_bad,         controller,     sgl,
    limits,         plain_namespace, rich_namespace, many_formats,
    bad_namespaces, descriptors,
  };

  return test_main ("nvme-identify", tests, ARRAY_SIZE (tests));
}
