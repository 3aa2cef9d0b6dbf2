/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See base64.h.
 */

#include <config.h>

#include <stdint.h>
#include <string.h>

#include "base/base64.h"

static const char alphabet[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode (const void *bytes, size_t n, char *out)
{
  const uint8_t *p = bytes;

  for (; n > 0; out += 4) {
    const size_t k = n < 3 ? n : 3;
    const uint32_t v = (uint32_t) p[0] << 16 |
                       (k > 1 ? (uint32_t) p[1] << 8 : 0) | (k > 2 ? p[2] : 0);

    out[0] = alphabet[v >> 18];
    out[1] = alphabet[v >> 12 & 63];
    out[2] = k > 1 ? alphabet[v >> 6 & 63] : '=';
    out[3] = k > 2 ? alphabet[v & 63] : '=';
    p += k;
    n -= k;
  }
  *out = '\0';
}

static bool
value_of (char c, uint32_t *v)
{
  const char *p = c != '\0' ? strchr (alphabet, c) : NULL;

  if (p == NULL)
    return false;
  *v = (uint32_t) (p - alphabet);
  return true;
}

/* Four characters, of which the last PADDING are "=". */
static bool
decode_group (const char *text, size_t padding, uint8_t *bytes)
{
  uint32_t v = 0, digit;

  for (size_t i = 0; i < 4; i++) {
    if (i < 4 - padding && !value_of (text[i], &digit))
      return false;
    v = v << 6 | (i < 4 - padding ? digit : 0);
  }
  bytes[0] = v >> 16;
  bytes[1] = v >> 8 & 255;
  bytes[2] = v & 255;
  /* What the padding cuts off is zero, or two texts would mean the same. */
  return (padding == 0 || bytes[2] == 0) && (padding < 2 || bytes[1] == 0);
}

bool
base64_decode (const char *text, size_t n, void *out, size_t max, size_t *len)
{
  uint8_t *p = out, group[3];
  size_t padding = 0;

  *len = 0;
  if (n % 4 != 0)
    return false;
  while (padding < 2 && padding < n && text[n - 1 - padding] == '=')
    padding++;
  for (size_t i = 0; i < n; i += 4) {
    const size_t pad = i + 4 == n ? padding : 0;

    if (!decode_group (text + i, pad, group) || max - *len < 3 - pad)
      return false;
    memcpy (p + *len, group, 3 - pad);
    *len += 3 - pad;
  }
  return true;
}
