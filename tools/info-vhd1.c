/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack info of VHDs, by their footers.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "info.h"
#include "vhd/vhd-creator.h"
#include "vhd/vhd-footer.h"
#include "vhd/vhd-size.h"

/* The footer that the file ends with. */
static enum vhd_status
read_footer (const struct info_source *f, struct vhd_footer *footer)
{
  const uint64_t size = f->size;
  const uint64_t n = min_u64 (size, VHD_FOOTER_SIZE);
  uint8_t tail[VHD_FOOTER_SIZE];

  return vhd_footer_find (tail, info_read (f, tail, n, size - n), footer);
}

/* The copy that a dynamic or differencing one begins with. */
static enum vhd_status
read_copy (const struct info_source *f, struct vhd_footer *copy)
{
  uint8_t head[VHD_FOOTER_SIZE];

  memset (copy, 0, sizeof *copy);
  return info_read (f, head, sizeof head, 0) < sizeof head ?
           VHD_TOO_SHORT :
           vhd_footer_parse (head, sizeof head, copy);
}

static bool
is_missing (enum vhd_status status)
{
  return status == VHD_TOO_SHORT || status == VHD_NO_COOKIE;
}

static bool
has_copy (const struct vhd_footer *footer)
{
  return footer->type == VHD_TYPE_DYNAMIC ||
         footer->type == VHD_TYPE_DIFFERENCING;
}

/* A fixed one starts with what a guest wrote, so a copy counts only if
 * every check of it succeeds.
 */
static bool
probe (const struct info_source *f)
{
  struct vhd_footer footer;

  return !is_missing (read_footer (f, &footer)) ||
         (read_copy (f, &footer) == VHD_OK && has_copy (&footer));
}

static const char *
subformat (const struct vhd_footer *footer)
{
  switch (footer->type) {
  case VHD_TYPE_FIXED:
    return "fixed";
  case VHD_TYPE_DYNAMIC:
    return "dynamic";
  case VHD_TYPE_DIFFERENCING:
    return "differencing";
  }
  return "unknown";
}

static void
report_footer (struct report *r, const struct vhd_footer *footer)
{
  const struct vhd_geometry *g = &footer->geometry;
  char text[64];

  if (!uuid_is_nil (&footer->id))
    report_uuid (r, "disk-id", &footer->id);
  vhd_creator_format (footer, text, sizeof text);
  report_text (r, "creator", text);
  report_time (r, "created", (int64_t) footer->timestamp + VHD_EPOCH);
  report_bytes (r, "current-size", footer->current_size);
  report_bytes (r, "original-size", footer->original_size);
  snprintf (text, sizeof text, "%" PRIu16 "/%" PRIu8 "/%" PRIu8, g->cylinders,
            g->heads, g->sectors);
  report_text (r, "geometry", text);
  report_bool (r, "saved-state", footer->saved_state != 0);
}

static void
trouble (const struct info_source *f, const char *what)
{
  log_error ("%s: %s", f->name, what);
}

/* The size that is served, and whether all of it is there. */
static void
report_size (const struct info_source *f, struct report *r,
             const struct vhd_footer *footer)
{
  const uint64_t file_size = f->size;
  enum vhd_status status;
  uint64_t size;

  status = vhd_size (footer, VHD_SIZE_AUTO, &size);
  if (status == VHD_OK)
    report_bytes (r, "size", size);
  if (status == VHD_OK && footer->type == VHD_TYPE_FIXED)
    status = vhd_size_fixed (footer, file_size, VHD_SIZE_AUTO, &size);
  if (status != VHD_OK)
    trouble (f, vhd_status_string (status));
}

static void
check_copy (const struct info_source *f, const struct vhd_footer *footer,
            enum vhd_status status)
{
  struct vhd_footer copy;
  const enum vhd_status copy_status = read_copy (f, &copy);
  uint8_t a[VHD_FOOTER_SIZE], b[VHD_FOOTER_SIZE];

  if (copy_status != VHD_OK) {
    log_error ("%s: the copy of the footer at its start: the file %s", f->name,
               vhd_status_string (copy_status));
    return;
  }
  if (status != VHD_OK)
    return; /* that was said */
  vhd_footer_serialise (footer, a);
  vhd_footer_serialise (&copy, b);
  if (memcmp (a, b, sizeof a) != 0)
    trouble (f, "the footer and its copy at the start of the file differ");
}

static void
report (struct info_source *f, struct report *r)
{
  struct vhd_footer footer, copy;
  enum vhd_status status = read_footer (f, &footer);

  /* What is lost is told by the copy. */
  if (status != VHD_OK && read_copy (f, &copy) == VHD_OK && has_copy (&copy))
    footer = copy;
  report_text (r, "subformat", subformat (&footer));
  if (status != VHD_OK)
    log_error ("%s: the file %s", f->name, vhd_status_string (status));
  else
    report_size (f, r, &footer);
  report_footer (r, &footer);
  if (footer.stale_checksum)
    trouble (f, "the checksum of the footer is that of before it was hidden, "
                "as old versions of Xen left it");
  if (has_copy (&footer))
    check_copy (f, &footer, status);
  if (has_copy (&footer) && footer.length != 0)
    info_report_image (f, DISK_VHD1, r);
}

const struct info_kind info_vhd1 = {
  .name = "vhd1",
  .probe = probe,
  .report = report,
};
