/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The checksum of headers, region tables and log entries, all of which
 * have it in the same place: CRC-32C of the whole structure, those four
 * bytes taken as zero.
 */

#ifndef DISKSTACK_VHDX_CHECKSUM_H
#define DISKSTACK_VHDX_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define VHDX_CHECKSUM_OFFSET 4
#define VHDX_CHECKSUM_SIZE 4

/* Of the LENGTH bytes at P, LENGTH >= 8. */
extern uint32_t vhdx_checksum (const void *p, size_t length);

#endif /* DISKSTACK_VHDX_CHECKSUM_H */
