/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-locator.h.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/utf16.h"
#include "base/utf8.h"
#include "vhd/vhd-geometry.h"
#include "vhd/vhd-locator.h"

static const char *const codes[] = {
  [VHD_PLATFORM_NONE] = "",     [VHD_PLATFORM_W2RU] = "W2ru",
  [VHD_PLATFORM_WI2R] = "Wi2r", [VHD_PLATFORM_W2KU] = "W2ku",
  [VHD_PLATFORM_WI2K] = "Wi2k", [VHD_PLATFORM_MACX] = "MacX",
  [VHD_PLATFORM_MAC] = "Mac ",  [VHD_PLATFORM_UNKNOWN] = "",
};

enum vhd_platform
vhd_locator_platform (const struct vhd_locator *l)
{
  static const char none[sizeof l->platform];

  if (memcmp (l->platform, none, sizeof none) == 0)
    return VHD_PLATFORM_NONE;
  for (unsigned i = VHD_PLATFORM_W2RU; i < VHD_PLATFORM_UNKNOWN; i++) {
    if (memcmp (l->platform, codes[i], sizeof l->platform) == 0)
      return (enum vhd_platform) i;
  }
  return VHD_PLATFORM_UNKNOWN;
}

const char *
vhd_platform_code (enum vhd_platform platform)
{
  return codes[platform];
}

/* Windows writes bytes, Virtual PC sectors. */
uint64_t
vhd_locator_space (const struct vhd_locator *l)
{
  const uint64_t space = l->space < VHD_SECTOR_SIZE ?
                           (uint64_t) l->space * VHD_SECTOR_SIZE :
                           l->space;

  return max_u64 (space, l->length);
}

/* ------------------------------------------------------------------ */
/* Paths */

static enum vhd_status
from_utf16_status (enum utf16_status status)
{
  switch (status) {
  case UTF16_OK:
    return VHD_OK;
  case UTF16_ODD:
    return VHD_PATH_ODD;
  case UTF16_UNPAIRED:
    return VHD_PATH_UNPAIRED;
  case UTF16_ZERO:
    return VHD_PATH_ZERO;
  case UTF16_TOO_LONG:
    return VHD_PATH_TOO_LONG;
  case UTF16_BAD_UTF8:
    break;
  }
  return VHD_PATH_BAD_UTF8;
}

static bool
is_utf8 (const char *p)
{
  for (size_t length; *p != '\0'; p += length) {
    length = utf8_length (p);
    if (length == 0)
      return false;
  }
  return true;
}

/* The bytes without zeroes at the end, of which no others are allowed. */
static enum vhd_status
copy_bytes (const void *p, size_t count, char *out, size_t n)
{
  const char *bytes = p;

  while (count > 0 && bytes[count - 1] == '\0')
    count--;
  if (memchr (bytes, '\0', count) != NULL)
    return VHD_PATH_ZERO;
  if (count >= n)
    return VHD_PATH_TOO_LONG;
  memcpy (out, bytes, count);
  out[count] = '\0';
  return VHD_OK;
}

/* Which 8-bit code it was is not known: that of western Europe unless it
 * is UTF-8 by itself.
 */
static enum vhd_status
decode_8bit (const void *p, size_t count, char *out, size_t n)
{
  enum vhd_status status = copy_bytes (p, count, out, n);
  const uint8_t *bytes = p;
  size_t used = 0;

  if (status != VHD_OK || is_utf8 (out))
    return status;
  for (size_t i = 0; i < count && bytes[i] != 0; i++) {
    if (n - used < 3)
      return VHD_PATH_TOO_LONG;
    if (bytes[i] >= 0x80)
      out[used++] = (char) (0xc0 | bytes[i] >> 6);
    out[used++] =
      (char) (bytes[i] < 0x80 ? bytes[i] : 0x80 | (bytes[i] & 0x3f));
  }
  out[used] = '\0';
  return VHD_OK;
}

static enum vhd_status
decode_url (const void *p, size_t count, char *out, size_t n)
{
  const enum vhd_status status = copy_bytes (p, count, out, n);

  return status == VHD_OK && !is_utf8 (out) ? VHD_PATH_BAD_UTF8 : status;
}

static enum vhd_status
decode (enum vhd_platform platform, const void *p, size_t count, char *out,
        size_t n)
{
  switch (platform) {
  case VHD_PLATFORM_W2RU:
  case VHD_PLATFORM_W2KU:
    return from_utf16_status (utf16_decode (p, count, UTF16_LE, out, n));
  case VHD_PLATFORM_WI2R:
  case VHD_PLATFORM_WI2K:
    return decode_8bit (p, count, out, n);
  case VHD_PLATFORM_MACX:
    return decode_url (p, count, out, n);
  case VHD_PLATFORM_NONE:
  case VHD_PLATFORM_MAC:
  case VHD_PLATFORM_UNKNOWN:
    break;
  }
  return VHD_PATH_UNKNOWN;
}

/* STATUS, unless OUT is empty; OUT is if there is another STATUS. */
static enum vhd_status
finish (enum vhd_status status, char *out)
{
  if (status != VHD_OK)
    out[0] = '\0';
  return status == VHD_OK && out[0] == '\0' ? VHD_PATH_EMPTY : status;
}

enum vhd_status
vhd_locator_decode (enum vhd_platform platform, const void *p, size_t count,
                    char *out, size_t n)
{
  out[0] = '\0';
  return finish (decode (platform, p, count, out, n), out);
}

enum vhd_status
vhd_locator_encode (enum vhd_platform platform, const char *path, void *out,
                    size_t n, size_t *count)
{
  *count = 0;
  if (platform == VHD_PLATFORM_W2RU || platform == VHD_PLATFORM_W2KU)
    return from_utf16_status (utf16_encode (path, UTF16_LE, out, n, count));
  if (platform != VHD_PLATFORM_MACX)
    return VHD_PATH_UNKNOWN;
  if (!is_utf8 (path))
    return VHD_PATH_BAD_UTF8;
  if (strlen (path) > n)
    return VHD_PATH_TOO_LONG;
  *count = strlen (path);
  memcpy (out, path, *count);
  return VHD_OK;
}

/* Zeroes follow the name; behind them there may be anything. */
enum vhd_status
vhd_parent_name_decode (const struct vhd_header *h, char *out, size_t n)
{
  size_t count = 0;

  while (count < sizeof h->parent_name &&
         (h->parent_name[count] | h->parent_name[count + 1]) != 0)
    count += 2;
  return finish (
    from_utf16_status (utf16_decode (h->parent_name, count, UTF16_BE, out, n)),
    out);
}

enum vhd_status
vhd_parent_name_encode (struct vhd_header *h, const char *name)
{
  const size_t max = sizeof h->parent_name - 2; /* so that it ends */
  const char *slash = strrchr (name, '/');
  enum utf16_status status;
  size_t count;

  memset (h->parent_name, 0, sizeof h->parent_name);
  status = utf16_encode (name, UTF16_BE, h->parent_name, max, &count);
  if (status != UTF16_OK)
    memset (h->parent_name, 0, sizeof h->parent_name);
  if (status == UTF16_TOO_LONG && slash != NULL && slash[1] != '\0')
    return vhd_parent_name_encode (h, slash + 1);
  return from_utf16_status (status);
}

/* ------------------------------------------------------------------ */
/* URLs */

static bool
begins_with (const char *text, const char *with)
{
  return strncmp (text, with, strlen (with)) == 0;
}

/* What may be in a path as it is (RFC 3986), but for the colon, which
 * would make a scheme of what is before it.
 */
static bool
is_plain (char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || strchr ("-._~/!$&'()*+,;=@", c) != NULL;
}

static enum vhd_status
escape (const char *path, char *out, size_t n)
{
  static const char digits[] = "0123456789ABCDEF";

  for (; *path != '\0'; path++) {
    const uint8_t c = (uint8_t) *path;
    const size_t k = is_plain (*path) ? 1 : 3;

    if (n <= k)
      return VHD_PATH_TOO_LONG;
    if (k == 1)
      *out = *path;
    else {
      out[0] = '%';
      out[1] = digits[c >> 4];
      out[2] = digits[c & 15];
    }
    out += k;
    n -= k;
  }
  *out = '\0';
  return VHD_OK;
}

enum vhd_status
vhd_url_from_path (const char *path, char *out, size_t n)
{
  const char *prefix =
    path[0] == '/' || begins_with (path, "./") || begins_with (path, "../") ?
      "file://" :
      "file://./";
  const size_t k = strlen (prefix);

  out[0] = '\0';
  if (path[0] == '\0')
    return VHD_PATH_EMPTY;
  if (!is_utf8 (path))
    return VHD_PATH_BAD_UTF8;
  if (n <= k)
    return VHD_PATH_TOO_LONG;
  memcpy (out, prefix, k);
  return finish (escape (path, out + k, n - k), out);
}
