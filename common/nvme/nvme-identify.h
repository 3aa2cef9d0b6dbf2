/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a controller says of itself and of its namespaces, checked: no
 * number is larger afterwards than the driver can do with, and strings are
 * printable.  Pure.
 */

#ifndef DISKSTACK_NVME_IDENTIFY_H
#define DISKSTACK_NVME_IDENTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "nvme/nvme-spec.h"

enum nvme_identify_status {
  NVME_IDENTIFY_OK,
  NVME_IDENTIFY_ENTRIES,  /* queue entries of another size */
  NVME_IDENTIFY_INACTIVE, /* no such namespace: NSZE is 0 */
  NVME_IDENTIFY_FORMAT,   /* it is in a format that is not in the list */
  NVME_IDENTIFY_METADATA,
  NVME_IDENTIFY_BLOCK, /* a block size other than 2^9 ... 2^16 */
  NVME_IDENTIFY_SIZE,  /* more bytes than a disk can have */
};
extern const char *
nvme_identify_status_string (enum nvme_identify_status status);

struct nvme_controller_data {
  char serial[21], model[41], firmware[9]; /* trimmed, printable */
  uint64_t max_transfer;                   /* bytes; UINT64_MAX: no limit */
  uint32_t nn, oaes;
  uint32_t shutdown_us; /* RTD3E, or 0 */
  uint16_t oncs, oacs;
  bool volatile_cache, long_host_id; /* of 128 bits */
  bool sgl;                          /* I/O commands take SGLs of whole words */
};

/* SMALLEST_PAGE: of the register CAP. */
extern enum nvme_identify_status
nvme_identify_controller (const struct nvme_identify_controller *id,
                          uint32_t smallest_page,
                          struct nvme_controller_data *c);

/* Limits of what is not a transfer, in blocks and none of them 0; UINT_MAX
 * of their type if there is none.
 */
struct nvme_limits_data {
  uint64_t write_zeroes; /* bytes */
  uint64_t command_blocks;
  uint32_t range_blocks;
  unsigned ranges; /* at most NVME_RANGES_MAX */
};

/* ID: NULL if the controller does not say. */
extern void nvme_identify_limits (const struct nvme_identify_limits *id,
                                  uint32_t smallest_page,
                                  struct nvme_limits_data *l);

struct nvme_namespace_data {
  uint64_t size; /* bytes, at most INT64_MAX, a multiple of lba_size */
  uint32_t lba_size, physical_size, optimal; /* as struct nvme_ns_info */
  bool thin, deallocated_zero, write_zeroes_deac, write_protected;
  uint8_t rescap;
  bool has_id;
  uint8_t id[16];
};

extern enum nvme_identify_status
nvme_identify_namespace (const struct nvme_identify_namespace *id,
                         struct nvme_namespace_data *ns);

/* The UUID in a list of descriptors (Base 5.17.2.3), if there is one, as
 * the identity of NS.
 */
extern void nvme_identify_descriptors (const uint8_t list[NVME_DATA_SIZE],
                                       struct nvme_namespace_data *ns);

#endif /* DISKSTACK_NVME_IDENTIFY_H */
