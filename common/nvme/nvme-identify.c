/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-identify.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/checked.h"
#include "nvme/nvme-identify.h"

/* IN, of N bytes and padded with blanks, as a string. */
static void
copy_text (char *out, const char *in, size_t n)
{
  size_t skip = 0;

  while (n > 0 && (in[n - 1] == ' ' || in[n - 1] == '\0'))
    n--;
  while (skip < n && in[skip] == ' ')
    skip++;
  for (size_t i = skip; i < n; i++) {
    const unsigned char c = (unsigned char) in[i];

    *out++ = c >= 0x20 && c < 0x7f ? in[i] : '?';
  }
  *out = '\0';
}

/* 2^N units of UNIT bytes; 0 is no limit. */
static uint64_t
limit_of (uint8_t n, uint32_t unit)
{
  return n == 0 || n > 40 ? UINT64_MAX : (uint64_t) unit << n;
}

/* The smallest and the largest size of an entry are exponents in one byte. */
static bool
entries_fit (uint8_t sizes, unsigned want)
{
  return (sizes & 0xf) <= want && want <= sizes >> 4;
}

static bool
has_sgl (uint32_t sgls)
{
  return (sgls & NVME_SGLS_MASK) == NVME_SGLS_ANY ||
         (sgls & NVME_SGLS_MASK) == NVME_SGLS_DWORDS;
}

enum nvme_identify_status
nvme_identify_controller (const struct nvme_identify_controller *id,
                          uint32_t smallest_page,
                          struct nvme_controller_data *c)
{
  memset (c, 0, sizeof *c);
  copy_text (c->serial, id->sn, sizeof id->sn);
  copy_text (c->model, id->mn, sizeof id->mn);
  copy_text (c->firmware, id->fr, sizeof id->fr);
  c->max_transfer = limit_of (id->mdts, smallest_page);
  c->nn = le32_get (id->nn);
  c->oaes = le32_get (id->oaes);
  c->shutdown_us = le32_get (id->rtd3e);
  c->oncs = le16_get (id->oncs);
  c->oacs = le16_get (id->oacs);
  c->long_host_id = le32_get (id->ctratt) & NVME_CTRATT_HOST_ID_128;
  c->volatile_cache = id->vwc & NVME_VWC_PRESENT;
  c->sgl = has_sgl (le32_get (id->sgls));
  if (!entries_fit (id->sqes, 6) || !entries_fit (id->cqes, 4))
    return NVME_IDENTIFY_ENTRIES;
  return NVME_IDENTIFY_OK;
}

void
nvme_identify_limits (const struct nvme_identify_limits *id,
                      uint32_t smallest_page, struct nvme_limits_data *l)
{
  *l = (struct nvme_limits_data){
    .write_zeroes = UINT64_MAX,
    .command_blocks = UINT64_MAX,
    .range_blocks = UINT32_MAX,
    .ranges = NVME_RANGES_MAX,
  };
  if (id == NULL)
    return;
  l->write_zeroes = limit_of (id->wzsl, smallest_page);
  if (id->dmrl > 0)
    l->ranges = id->dmrl;
  if (le32_get (id->dmrsl) > 0)
    l->range_blocks = le32_get (id->dmrsl);
  if (le64_get (id->dmsl) > 0)
    l->command_blocks = le64_get (id->dmsl);
}

/* N blocks of SIZE bytes, at most 1 GiB, or 0. */
static uint32_t
blocks_in_bytes (uint32_t n, uint32_t size)
{
  const uint64_t bytes = (uint64_t) n * size;

  return bytes <= UINT32_C (1) << 30 ? (uint32_t) bytes : 0;
}

static void
set_preferences (const struct nvme_identify_namespace *id,
                 struct nvme_namespace_data *ns)
{
  const uint32_t size = ns->lba_size;
  uint32_t npwg = 0;

  ns->optimal = blocks_in_bytes (le16_get (id->noiob), size);
  if (id->nsfeat & NVME_NSFEAT_OPTPERF) {
    npwg = blocks_in_bytes (le16_get (id->npwg) + UINT32_C (1), size);
    if (le16_get (id->nows) > 0)
      ns->optimal = blocks_in_bytes (le16_get (id->nows) + UINT32_C (1), size);
  }
  ns->physical_size = is_power_of_2 (npwg) ? npwg : size;
}

static void
set_id (const struct nvme_identify_namespace *id,
        struct nvme_namespace_data *ns)
{
  if (!bytes_are_zero (id->nguid, sizeof id->nguid))
    memcpy (ns->id, id->nguid, sizeof id->nguid);
  else
    memcpy (ns->id, id->eui64, sizeof id->eui64);
  ns->has_id = !bytes_are_zero (ns->id, sizeof ns->id);
}

enum nvme_identify_status
nvme_identify_namespace (const struct nvme_identify_namespace *id,
                         struct nvme_namespace_data *ns)
{
  const struct nvme_lba_format *f;
  unsigned format = id->flbas & 0xf;

  memset (ns, 0, sizeof *ns);
  /* With more than 16 formats there are two more bits (NVM 1.0). */
  if (id->nlbaf >= 16)
    format |= (id->flbas >> 5 & 3u) << 4;
  f = &id->lbaf[format];
  if (le64_get (id->nsze) == 0)
    return NVME_IDENTIFY_INACTIVE;
  if (format > id->nlbaf)
    return NVME_IDENTIFY_FORMAT;
  if (f->lbads < 9 || f->lbads > 16)
    return NVME_IDENTIFY_BLOCK;
  if (le16_get (f->ms) != 0)
    return NVME_IDENTIFY_METADATA;
  ns->lba_size = UINT32_C (1) << f->lbads;
  if (!checked_mul (le64_get (id->nsze), ns->lba_size, &ns->size) ||
      ns->size > INT64_MAX)
    return NVME_IDENTIFY_SIZE;
  ns->thin = id->nsfeat & NVME_NSFEAT_THIN;
  ns->deallocated_zero =
    (id->dlfeat & NVME_DLFEAT_READ_MASK) == NVME_DLFEAT_READ_ZERO;
  ns->write_zeroes_deac = id->dlfeat & NVME_DLFEAT_WRITE_ZEROES_DEAC;
  ns->rescap = id->rescap;
  ns->write_protected = id->nsattr & NVME_NSATTR_WRITE_PROTECTED;
  set_preferences (id, ns);
  set_id (id, ns);
  return NVME_IDENTIFY_OK;
}

void
nvme_identify_descriptors (const uint8_t list[NVME_DATA_SIZE],
                           struct nvme_namespace_data *ns)
{
  struct nvme_id_descriptor d;

  for (size_t at = 0; at + sizeof d <= NVME_DATA_SIZE;
       at += sizeof d + d.nidl) {
    memcpy (&d, list + at, sizeof d);
    if (d.nidl == 0)
      return;
    if (d.nidt == NVME_NIDT_UUID && d.nidl == sizeof ns->id &&
        at + sizeof d + d.nidl <= NVME_DATA_SIZE) {
      memcpy (ns->id, list + at + sizeof d, sizeof ns->id);
      ns->has_id = !bytes_are_zero (ns->id, sizeof ns->id);
      return;
    }
  }
}

const char *
nvme_identify_status_string (enum nvme_identify_status status)
{
  switch (status) {
  case NVME_IDENTIFY_OK:
    return "no error";
  case NVME_IDENTIFY_ENTRIES:
    return "its queue entries are not of 64 and 16 bytes";
  case NVME_IDENTIFY_INACTIVE:
    return "there is no such namespace, or it is not attached";
  case NVME_IDENTIFY_FORMAT:
    return "its LBA format is not one of its formats";
  case NVME_IDENTIFY_METADATA:
    return "its LBA format has metadata, which is not supported";
  case NVME_IDENTIFY_BLOCK:
    return "the size of its blocks is not supported";
  case NVME_IDENTIFY_SIZE:
    return "it is larger than a disk can be";
  }
  return "unknown";
}
