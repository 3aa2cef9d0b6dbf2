/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-digest.h.  The only file that includes OpenSSL's headers.
 */

#include <config.h>

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "cloud/cloud-digest.h"

enum cloud_status
cloud_sha256 (const void *bytes, size_t n, uint8_t digest[CLOUD_DIGEST_SIZE])
{
  unsigned size;

  return EVP_Digest (bytes, n, digest, &size, EVP_sha256 (), NULL) == 1 ?
           CLOUD_OK :
           CLOUD_CRYPTO;
}

enum cloud_status
cloud_hmac_sha256 (const void *key, size_t key_size, const void *bytes,
                   size_t n, uint8_t digest[CLOUD_DIGEST_SIZE])
{
  uint8_t result[CLOUD_DIGEST_SIZE];
  unsigned size;

  if (key_size > INT_MAX || HMAC (EVP_sha256 (), key, (int) key_size, bytes, n,
                                  result, &size) == NULL)
    return CLOUD_CRYPTO;
  memcpy (digest, result, sizeof result);
  explicit_bzero (result, sizeof result);
  return CLOUD_OK;
}

void
cloud_digest_hex (const uint8_t digest[CLOUD_DIGEST_SIZE],
                  char hex[CLOUD_HEX_SIZE])
{
  static const char digits[] = "0123456789abcdef";

  for (size_t i = 0; i < CLOUD_DIGEST_SIZE; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  hex[2 * CLOUD_DIGEST_SIZE] = '\0';
}
