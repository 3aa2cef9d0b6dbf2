/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack info of VHDXs.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/utf16.h"
#include "info.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-header.h"

#define CREATOR_SIZE 512 /* bytes of UTF-16, behind the signature */

static bool
read_all (const struct info_source *f, void *buf, size_t count, uint64_t offset)
{
  return info_read (f, buf, count, offset) == count;
}

static bool
probe (const struct info_source *f)
{
  char signature[8];

  return read_all (f, signature, sizeof signature, 0) &&
         vhdx_identifier_parse (signature) == VHDX_OK;
}

static void
report_creator (const struct info_source *f, struct report *r)
{
  uint8_t bytes[CREATOR_SIZE];
  char text[2 * CREATOR_SIZE];
  size_t n = 0;

  if (!read_all (f, bytes, sizeof bytes, 8))
    return;
  /* What is behind the end is of no interest. */
  while (n < sizeof bytes && (bytes[n] != 0 || bytes[n + 1] != 0))
    n += 2;
  if (utf16_decode (bytes, n, UTF16_LE, text, sizeof text) == UTF16_OK)
    report_text (r, "creator", text);
}

static bool
read_headers (const struct info_source *f, struct vhdx_headers *h)
{
  uint8_t first[VHDX_HEADER_SIZE], second[VHDX_HEADER_SIZE];

  return read_all (f, first, sizeof first, VHDX_HEADER_OFFSET (0)) &&
         read_all (f, second, sizeof second, VHDX_HEADER_OFFSET (1)) &&
         vhdx_headers_parse (first, second, h) == VHDX_OK;
}

static void
check_headers (const struct info_source *f, const struct vhdx_headers *h)
{
  for (unsigned k = 0; k < 2; k++) {
    if (h->status[k] != VHDX_OK)
      log_error ("%s: header %u: the file %s", f->name, k + 1,
                 vhdx_status_string (h->status[k]));
  }
  if (h->ambiguous)
    log_error ("%s: two headers with the same sequence number differ", f->name);
}

static void
report_headers (const struct info_source *f, struct report *r)
{
  struct vhdx_headers h;
  char id[VHDX_GUID_STRLEN + 1];

  if (!read_headers (f, &h))
    return; /* whoever opens it says why */
  check_headers (f, &h);
  vhdx_guid_format (&h.header[h.current].file_write_id, id);
  report_number (r, "header-sequence", h.header[h.current].sequence);
  report_text (r, "file-write-id", id);
  report_text (r, "log",
               uuid_is_nil (&h.header[h.current].log_id) ? "clean" :
                                                           "to be applied");
}

static void
report (struct info_source *f, struct report *r)
{
  report_creator (f, r);
  report_headers (f, r);
  info_report_image (f, DISK_VHDX, r);
}

const struct info_kind info_vhdx = {
  .name = "vhdx",
  .probe = probe,
  .report = report,
};
