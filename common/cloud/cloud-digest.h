/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SHA-256 and HMAC-SHA256, by libcrypto.  Fails only if that has no
 * memory, or was configured without them.
 */

#ifndef DISKSTACK_CLOUD_DIGEST_H
#define DISKSTACK_CLOUD_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "cloud/cloud-status.h"

#define CLOUD_DIGEST_SIZE 32

/* Characters of a digest in hexadecimal, and a zero byte. */
#define CLOUD_HEX_SIZE (2 * CLOUD_DIGEST_SIZE + 1)

/* The digest of N bytes.  CLOUD_OK or CLOUD_CRYPTO. */
extern enum cloud_status cloud_sha256 (const void *bytes, size_t n,
                                       uint8_t digest[CLOUD_DIGEST_SIZE]);

/* The HMAC (RFC 2104) of N bytes under a key of KEY_SIZE.  CLOUD_OK or
 * CLOUD_CRYPTO.  KEY and DIGEST may be the same memory.
 */
extern enum cloud_status cloud_hmac_sha256 (const void *key, size_t key_size,
                                            const void *bytes, size_t n,
                                            uint8_t digest[CLOUD_DIGEST_SIZE]);

/* In hexadecimal, lower case, as a string. */
extern void cloud_digest_hex (const uint8_t digest[CLOUD_DIGEST_SIZE],
                              char hex[CLOUD_HEX_SIZE]);

#endif /* DISKSTACK_CLOUD_DIGEST_H */
