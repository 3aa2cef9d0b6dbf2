/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An NVMe controller that answers anything: what it says of itself, its
 * registers and its completions.  First the parsers alone; then the whole
 * driver over an emulated controller whose answers are changed by the
 * input.  Whatever it says, no memory is touched that is not the driver's,
 * each request ends, and what it says is in bounds.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "nvme/nvme-cap.h"
#include "nvme/nvme-identify.h"
#include "nvme/nvme.h"
#include "support/log-memory.h"
#include "support/nvme-emulated.h"

const char fuzz_name[] = "nvme";

/* ------------------------------------------------------------------ */
/* The parsers */

/* The input, cut off or filled up with zeroes. */
static void
take (void *out, size_t n, const uint8_t *data, size_t size)
{
  memset (out, 0, n);
  if (size > 0)
    memcpy (out, data, min_u64 (n, size));
}

static void
check_text (const char *s, size_t size)
{
  fuzz_assert (strnlen (s, size) < size);
  for (; *s != '\0'; s++)
    fuzz_assert (*s >= 0x20 && *s < 0x7f);
}

static void
parse_cap (const uint8_t *data, size_t size)
{
  enum nvme_cap_status status;
  struct nvme_cap c;
  le64 reg;

  take (&reg, sizeof reg, data, size);
  status = nvme_cap_parse (le64_get (reg), &c);
  fuzz_assert (nvme_cap_status_string (status) != NULL);
  if (status == NVME_CAP_OK) {
    fuzz_assert (c.max_entries >= 2 && c.max_entries <= 65536);
    fuzz_assert (c.page_size >= 4096 && c.page_size <= 65536);
    fuzz_assert (c.doorbell_stride >= 4 && c.ready_ms >= 500);
  }
}

static void
parse_identify (const uint8_t *data, size_t size)
{
  static struct nvme_identify_controller c;
  static struct nvme_identify_limits l;
  static struct nvme_identify_namespace n;
  struct nvme_controller_data cd;
  struct nvme_limits_data ld;
  struct nvme_namespace_data nd;

  take (&c, sizeof c, data, size);
  nvme_identify_controller (&c, 4096, &cd);
  check_text (cd.serial, sizeof cd.serial);
  check_text (cd.model, sizeof cd.model);
  check_text (cd.firmware, sizeof cd.firmware);
  fuzz_assert (cd.max_transfer >= 8192);
  take (&l, sizeof l, data, size);
  nvme_identify_limits (&l, 4096, &ld);
  fuzz_assert (ld.ranges >= 1 && ld.ranges <= NVME_RANGES_MAX);
  fuzz_assert (ld.range_blocks >= 1 && ld.command_blocks >= 1);
  take (&n, sizeof n, data, size);
  if (nvme_identify_namespace (&n, &nd) == NVME_IDENTIFY_OK) {
    fuzz_assert (nd.size > 0 && nd.size <= INT64_MAX);
    fuzz_assert (nd.lba_size >= 512 && nd.size % nd.lba_size == 0);
    fuzz_assert (is_power_of_2 (nd.physical_size));
  }
}

/* ------------------------------------------------------------------ */
/* The driver */

struct input {
  const uint8_t *data;
  size_t size;
};

/* 0 when there are no more. */
static uint8_t
next (struct input *in)
{
  if (in->size == 0)
    return 0;
  in->size--;
  return *in->data++;
}

static uint32_t
next_32 (struct input *in)
{
  uint32_t v = 0;

  for (unsigned i = 0; i < 4; i++)
    v = v << 8 | next (in);
  return v;
}

static uint32_t
change_register (void *opaque, uint32_t offset, uint32_t value)
{
  struct input *in = opaque;

  switch (next (in)) {
  case 0xfd:
    return value | NVME_CSTS_CFS;
  case 0xfe:
    return value ^ (next_32 (in) & ~NVME_CSTS_RDY);
  case 0xff:
    return UINT32_MAX;
  default:
    return value;
  }
}

static void
change_data (void *opaque, void *buf, size_t count)
{
  struct input *in = opaque;

  for (unsigned n = next (in) % 16; n > 0; n--) {
    const uint32_t at = next_32 (in);

    ((uint8_t *) buf)[(at >> 8) % count] = (uint8_t) at;
  }
}

static void
change_completion (void *opaque, uint32_t *words)
{
  struct input *in = opaque;
  const uint8_t how = next (in);

  if (how >= 0xe0)
    words[how % 4] ^= next_32 (in);
}

static void
use_namespace (struct nvme *n, struct nvme_ns *ns)
{
  static uint8_t buf[192 * 1024];
  struct nvme_ns_info info;
  struct iovec iov = { buf, sizeof buf };
  int err;

  nvme_ns_get_info (ns, &info);
  fuzz_assert (info.size > 0 && info.lba_size >= 512);
  iov.iov_len = ROUND_DOWN (sizeof buf, info.lba_size);
  nvme_write (ns, &iov, 1, 0, true, &err);
  nvme_read (ns, &iov, 1, info.lba_size, &err);
  nvme_zero (ns, 8 * (uint64_t) info.lba_size, 0, true, false, &err);
  nvme_trim (ns, 1000 * (uint64_t) info.lba_size, 0, &err);
  nvme_flush (ns, &err);
  nvme_ns_refresh (ns, &err);
  nvme_read (ns, &iov, 1, 0, &err);
}

static void
use_driver (struct input *in)
{
  const struct nvme_emulated_mutator m = { change_register, change_data,
                                           change_completion, in };
  const struct nvme_options o = { .queue_pairs = 1,
                                  .queue_depth = 8,
                                  .command_seconds = 1 };
  const uint8_t how = next (in);
  struct nvme_emulated_report report = { 0 };
  const struct nvme_emulated_options e = {
    .no_thread = true,
    .size = 1024 * 1024,
    .volatile_cache = how & 1,
    .doorbell_buffers = how & 2,
    .mdts = how >> 2 & 3,
    .lba_size = how & 16 ? 4096 : 512,
    .sgls = how >> 5 & 1,
    .dstrd = how >> 6,
    .mutator = &m,
    .report = &report,
  };
  struct nvme_hw *hw = nvme_emulated_create (&e);
  struct nvme_info info;
  uint32_t nsid[16];
  struct nvme_ns *ns;
  struct nvme *n;
  int err, found;

  n = nvme_open (hw, &o, &err);
  if (n == NULL) {
    hw->ops->close (hw);
  }
  else {
    nvme_get_info (n, &info);
    check_text (info.serial, sizeof info.serial);
    found = nvme_list (n, 0, nsid, ARRAY_SIZE (nsid), &err);
    fuzz_assert (found <= (int) ARRAY_SIZE (nsid));
    ns = nvme_ns_open (n, 1, &err);
    if (ns != NULL)
      use_namespace (n, ns);
    nvme_close (n);
  }
  fuzz_assert (report.dma_errors == 0 && report.dma_leaked == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct input in = { data, size };

  log_memory_clear ();
  parse_cap (data, size);
  parse_identify (data, size);
  use_driver (&in);
  return 0;
}
