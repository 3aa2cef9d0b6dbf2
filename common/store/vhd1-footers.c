/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd1-footers.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/vhd1-footers.h"

static int
read_head (struct store *inner, struct vhd1_footers *f, int *err)
{
  uint8_t head[VHD_FOOTER_SIZE];

  if (store_size (inner) < sizeof head) {
    f->head_status = VHD_TOO_SHORT;
    return 0;
  }
  if (store_read_any (inner, head, sizeof head, 0, err) == -1)
    return -1;
  f->head_status = vhd_footer_parse (head, sizeof head, &f->head);
  return 0;
}

int
vhd1_footers_read (struct store *inner, struct vhd1_footers *f, int *err)
{
  const uint64_t file_size = store_size (inner);
  const size_t n = min_u64 (file_size, VHD_FOOTER_SIZE);
  uint8_t tail[VHD_FOOTER_SIZE];

  memset (f, 0, sizeof *f);
  f->head_status = VHD_NO_COOKIE;
  if (n > 0 && store_read_any (inner, tail, n, file_size - n, err) == -1)
    return -1;
  f->end_status = vhd_footer_find (tail, n, &f->end);
  if (f->end_status == VHD_OK && f->end.type == VHD_TYPE_FIXED)
    return 0;
  return read_head (inner, f, err);
}

enum vhd_status
vhd1_footers_choose (const struct vhd1_footers *f,
                     const struct vhd_footer **which)
{
  const bool lost =
    f->end_status == VHD_NO_COOKIE || f->end_status == VHD_BAD_CHECKSUM;

  *which = &f->end;
  if (!lost || f->head_status != VHD_OK || f->head.type == VHD_TYPE_FIXED)
    return f->end_status;
  *which = &f->head;
  return VHD_OK;
}

void
vhd1_footers_detail (enum vhd_status status, const struct vhd_footer *f,
                     uint64_t file_size, char *out, size_t n)
{
  const unsigned long long current = f->current_size, file = file_size;

  out[0] = '\0';
  if (status == VHD_TOO_SHORT)
    snprintf (out, n, " (%llu bytes)", file);
  else if (status == VHD_BAD_VERSION)
    snprintf (out, n, " (%u.%u)", f->version >> 16, f->version & 0xffff);
  else if (status == VHD_BAD_TYPE)
    snprintf (out, n, " (%u)", f->type);
  else if (status == VHD_BAD_SIZE || status == VHD_TOO_LARGE)
    snprintf (out, n, " (%llu)", current);
  else if (status == VHD_TRUNCATED)
    snprintf (out, n, " (%llu bytes with a footer of %u in a file of %llu)",
              current, f->length, file);
}

void
vhd1_footers_mention (const struct vhd_footer *f, const char *name)
{
  if (f->length != VHD_FOOTER_SIZE)
    log_debug ("%s: has an old footer of %u bytes", name, f->length);
  if (f->stale_checksum)
    log_debug ("%s: has a checksum from before it was hidden by Xen", name);
  if (f->saved_state)
    log_debug ("%s: belongs to a virtual machine that is suspended", name);
}
