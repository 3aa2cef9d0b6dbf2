/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See utf16.h.
 */

#include <config.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/utf16.h"
#include "base/utf8.h"

#define BYTE_ORDER_MARK 0xfeff
#define BYTE_ORDER_MARK_UTF8 "\xef\xbb\xbf"

static bool
is_high (uint32_t c)
{
  return c >= 0xd800 && c <= 0xdbff;
}

static bool
is_low (uint32_t c)
{
  return c >= 0xdc00 && c <= 0xdfff;
}

static uint32_t
get_unit (const uint8_t *p, enum utf16_order order)
{
  return order == UTF16_LE ? p[0] | (uint32_t) p[1] << 8 :
                             p[1] | (uint32_t) p[0] << 8;
}

static void
put_unit (uint8_t *p, uint32_t c, enum utf16_order order)
{
  p[order == UTF16_LE ? 0 : 1] = c & 0xff;
  p[order == UTF16_LE ? 1 : 0] = c >> 8 & 0xff;
}

/* The character that P begins with and how many of the COUNT bytes it
 * takes.
 */
static enum utf16_status
get_character (const uint8_t *p, size_t count, enum utf16_order order,
               uint32_t *c, size_t *length)
{
  uint32_t low;

  *c = get_unit (p, order);
  *length = 2;
  if (*c == 0)
    return UTF16_ZERO;
  if (is_low (*c))
    return UTF16_UNPAIRED;
  if (!is_high (*c))
    return UTF16_OK;
  low = count >= 4 ? get_unit (p + 2, order) : 0;
  if (!is_low (low))
    return UTF16_UNPAIRED;
  *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
  *length = 4;
  return UTF16_OK;
}

static size_t
to_utf8 (uint32_t c, uint8_t out[4])
{
  if (c < 0x80) {
    out[0] = (uint8_t) c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (uint8_t) (0xc0 | c >> 6);
    out[1] = (uint8_t) (0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (uint8_t) (0xe0 | c >> 12);
    out[1] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
    out[2] = (uint8_t) (0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (uint8_t) (0xf0 | c >> 18);
  out[1] = (uint8_t) (0x80 | (c >> 12 & 0x3f));
  out[2] = (uint8_t) (0x80 | (c >> 6 & 0x3f));
  out[3] = (uint8_t) (0x80 | (c & 0x3f));
  return 4;
}

static enum utf16_status
decode (const uint8_t *p, size_t count, enum utf16_order order, char *out,
        size_t n)
{
  enum utf16_status status;
  size_t length;

  for (; count > 0; p += length, count -= length) {
    uint8_t bytes[4];
    uint32_t c;
    size_t k;

    status = get_character (p, count, order, &c, &length);
    if (status != UTF16_OK)
      return status;
    k = to_utf8 (c, bytes);
    if (k >= n)
      return UTF16_TOO_LONG;
    memcpy (out, bytes, k);
    out += k;
    n -= k;
  }
  *out = '\0';
  return UTF16_OK;
}

enum utf16_status
utf16_decode (const void *p, size_t count, enum utf16_order order, char *out,
              size_t n)
{
  const uint8_t *bytes = p;
  enum utf16_status status;

  *out = '\0';
  if (count % 2 != 0)
    return UTF16_ODD;
  if (count > 0 && get_unit (bytes, order) == BYTE_ORDER_MARK) {
    bytes += 2;
    count -= 2;
  }
  while (count > 0 && get_unit (bytes + count - 2, order) == 0)
    count -= 2;
  status = decode (bytes, count, order, out, n);
  if (status != UTF16_OK)
    *out = '\0';
  return status;
}

static uint32_t
from_utf8 (const char *p, size_t length)
{
  static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
  uint32_t c = (uint8_t) p[0] & masks[length];

  for (size_t i = 1; i < length; i++)
    c = c << 6 | ((uint8_t) p[i] & 0x3f);
  return c;
}

enum utf16_status
utf16_encode (const char *text, enum utf16_order order, void *out, size_t n,
              size_t *count)
{
  uint8_t *p = out;
  size_t length, used = 0;

  *count = 0;
  if (strncmp (text, BYTE_ORDER_MARK_UTF8, 3) == 0) {
    if (n < 2)
      return UTF16_TOO_LONG;
    put_unit (p, BYTE_ORDER_MARK, order);
    used = 2;
  }
  for (; *text != '\0'; text += length) {
    uint32_t c;
    size_t k;

    length = utf8_length (text);
    if (length == 0)
      return UTF16_BAD_UTF8;
    c = from_utf8 (text, length);
    k = c < 0x10000 ? 2 : 4;
    if (k > n - used)
      return UTF16_TOO_LONG;
    if (k == 4) {
      put_unit (p + used, 0xd800 + ((c - 0x10000) >> 10), order);
      put_unit (p + used + 2, 0xdc00 + ((c - 0x10000) & 0x3ff), order);
    }
    else
      put_unit (p + used, c, order);
    used += k;
  }
  *count = used;
  return UTF16_OK;
}
