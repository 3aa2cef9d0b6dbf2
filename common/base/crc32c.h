/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC-32C (Castagnoli, reflected, initial value and final xor all
 * ones), as RFC 3720 appendix B.4 and [MS-VHDX] use it.
 */

#ifndef DISKSTACK_CRC32C_H
#define DISKSTACK_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of COUNT bytes at BUF, continuing from CRC, the value that an
 * earlier call returned (0 to start).  Uses the processor's instruction
 * where there is one.  Thread-safe.
 */
extern uint32_t crc32c (uint32_t crc, const void *buf, size_t count);

#endif /* DISKSTACK_CRC32C_H */
