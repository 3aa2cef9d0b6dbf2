/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See utf8.h.
 */

#include <config.h>

#include "base/utf8.h"

size_t
utf8_length (const char *text)
{
  const unsigned char *p = (const unsigned char *) text;
  const unsigned char c = p[0];
  const unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  const size_t n = c < 0x80               ? 1 :
                   c >= 0xc2 && c <= 0xdf ? 2 :
                   c >= 0xe0 && c <= 0xef ? 3 :
                   c >= 0xf0 && c <= 0xf4 ? 4 :
                                            0;

  if (n < 2)
    return n;
  if (p[1] < low || p[1] > high)
    return 0;
  for (size_t i = 2; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
  }
  return n;
}
