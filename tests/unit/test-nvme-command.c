/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands as bytes, and what the status of their completions means.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-status.h"
#include "support/main.h"

static uint32_t
word (const struct nvme_sqe *sqe, unsigned i)
{
  le32 w;

  memcpy (&w, (const char *) sqe + i * 4, 4);
  return le32_get (w);
}

START_TEST (blocks)
{
  const struct nvme_sqe sqe = nvme_command_blocks (
    NVME_CMD_WRITE, 5, UINT64_C (0x123456789a), 65536, NVME_CDW12_FUA);

  ck_assert_uint_eq (word (&sqe, 0), NVME_CMD_WRITE);
  ck_assert_uint_eq (word (&sqe, 1), 5);
  ck_assert_uint_eq (word (&sqe, 10), 0x3456789a);
  ck_assert_uint_eq (word (&sqe, 11), 0x12);
  ck_assert_uint_eq (word (&sqe, 12), 0x4000ffff);
}
END_TEST

START_TEST (block)
{
  struct nvme_sqe sqe = nvme_command_blocks (NVME_CMD_READ, 1, 0, 512, 0);

  nvme_command_set_block (&sqe, UINT64_C (0x123456789a000), 262144);
  ck_assert_uint_eq (word (&sqe, 0), 0x4000 | NVME_CMD_READ);
  ck_assert_uint_eq (word (&sqe, 6), 0x6789a000);
  ck_assert_uint_eq (word (&sqe, 7), 0x12345);
  ck_assert_uint_eq (word (&sqe, 8), 262144);
  ck_assert_uint_eq (word (&sqe, 9), 0);
}
END_TEST

START_TEST (others)
{
  struct nvme_sqe sqe = nvme_command_deallocate (1, 256);

  ck_assert_uint_eq (word (&sqe, 10), 255);
  ck_assert_uint_eq (word (&sqe, 11), 4);
  sqe = nvme_command_flush (7);
  ck_assert_uint_eq (word (&sqe, 0), 0);
  ck_assert_uint_eq (word (&sqe, 1), 7);
  sqe = nvme_command_get_log (2, UINT32_MAX, 4096);
  ck_assert_uint_eq (word (&sqe, 10), 0x03ff0002);
  sqe = nvme_command_create_cq (3, 256, 4, 0x1000);
  ck_assert_uint_eq (word (&sqe, 10), 0x00ff0003);
  ck_assert_uint_eq (word (&sqe, 11), 0x00040003);
  sqe = nvme_command_create_cq (3, 256, -1, 0x1000);
  ck_assert_uint_eq (word (&sqe, 11), 1);
  sqe = nvme_command_create_sq (3, 2, 0x1000);
  ck_assert_uint_eq (word (&sqe, 10), 0x00010003);
  ck_assert_uint_eq (word (&sqe, 11), 0x00030001);
  ck_assert_uint_eq (word (&sqe, 6), 0x1000);
  sqe = nvme_command_abort (2, 0xabcd);
  ck_assert_uint_eq (word (&sqe, 10), 0xabcd0002);
}
END_TEST

START_TEST (status)
{
  static const struct {
    uint16_t status;
    int err;
    bool retry;
  } t[] = {
    { 0, 0, false },
    { NVME_SC_INVALID_FIELD, EINVAL, false },
    { NVME_SC_INTERNAL, EIO, true },
    { NVME_SC_INTERNAL | NVME_STATUS_DNR, EIO, false },
    { NVME_SC_ABORT_REQUESTED, ETIMEDOUT, true },
    { NVME_SC_RESERVATION | NVME_STATUS_DNR, EPERM, false },
    /* "More" and the retry delay do not matter. */
    { NVME_SC_CAPACITY | 0x3800, ENOSPC, false },
    { NVME_SC_DEVICE_GONE, ESHUTDOWN, false },
    { NVME_SC_RESET, EIO, true },
    { 0x7ff, EIO, false },
  };

  for (unsigned i = 0; i < ARRAY_SIZE (t); i++) {
    ck_assert_int_eq (nvme_status_errno (t[i].status), t[i].err);
    ck_assert (nvme_status_is_retryable (t[i].status) == t[i].retry);
    ck_assert_str_ne (nvme_status_string (t[i].status), "");
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { blocks, block, others, status };

  return test_main ("nvme-command", tests, ARRAY_SIZE (tests));
}
