/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The end of the file of a dynamic or differencing VHD: its footer, which
 * moves when the file grows and when it is cut.
 *
 * There is a sound footer at the end of the file at all times, as far as
 * the medium allows: a new one is durable before an old one, or the end
 * of the file that it was at, goes.  In between the file ends in the old
 * one, in the new one, or in neither; then the copy at its start counts,
 * which is only changed while the end is sound.
 *
 * When the file is left, the footer is right behind the last block: QEMU
 * puts the next one there, whatever there is, and does not clear its data.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "base/log.h"
#include "image/vhd1/vhd1-impl.h"

static uint64_t
footer_at (const struct vhd1 *v)
{
  return atomic_load_explicit (&v->footer_at, memory_order_relaxed);
}

int
vhd1_flush (struct image *i, const char *what, int *err)
{
  if (store_flush (i->inner, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: flushing %s: %m", i->name, what);
  return -1;
}

static int
write_copy (struct image *i, uint64_t at, const char *what, int *err)
{
  uint8_t bytes[VHD_FOOTER_SIZE];

  vhd_footer_serialise (&to_vhd1 (i)->footer, bytes);
  if (image_inner_write (i, bytes, sizeof bytes, at, what, err) == -1)
    return -1;
  return vhd1_flush (i, what, err);
}

int
vhd1_write_head (struct image *i, int *err)
{
  return write_copy (i, 0, "the copy of the footer", err);
}

int
vhd1_write_footer (struct image *i, uint64_t at, int *err)
{
  return write_copy (i, at, "the footer", err);
}

static int
set_length (struct image *i, uint64_t length, int *err)
{
  if (store_resize (i->inner, length, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: making the file %llu bytes: %m", i->name,
             (unsigned long long) length);
  return -1;
}

/* Between where the footer was and where it is, [OLD, AT), nothing but
 * zeroes: the old one goes, and what an attempt left that failed.  LENGTH
 * is what the file had.
 */
static int
clear_old (struct image *i, uint64_t old, uint64_t at, uint64_t length,
           int *err)
{
  const uint64_t start = ROUND_DOWN (old, i->inner->info.align);
  const uint64_t end = min_u64 (ROUND_UP (length, VHD_SECTOR_SIZE), at);

  if (old >= length || start >= end ||
      store_zero (i->inner, end - start, start, STORE_MAY_TRIM, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: clearing the old footer at offset %llu: %m", i->name,
             (unsigned long long) start);
  return -1;
}

int
vhd1_move_end (struct image *i, uint64_t at, int *err)
{
  struct vhd1 *v = to_vhd1 (i);
  const uint64_t length = store_size (i->inner), end = at + VHD_FOOTER_SIZE;
  int ignored;

  if (end > length && set_length (i, end, err) == -1)
    return -1;
  if (vhd1_write_footer (i, at, err) == -1) {
    if (end > length) /* as it was, with the old one in the end */
      store_resize (i->inner, length, &ignored);
    return -1;
  }
  if (end < length && set_length (i, end, err) == -1)
    return -1;
  if (clear_old (i, footer_at (v), at, length, err) == -1)
    return -1;
  atomic_store_explicit (&v->footer_at, at, memory_order_relaxed);
  return vhd1_flush (i, "the end of the file", err);
}

int
vhd1_grow (struct image *i, uint64_t end, uint64_t *reserved, int *err)
{
  *reserved = 0; /* the footer comes behind END */
  return vhd1_move_end (i, end, err);
}

int
vhd1_close_clean (struct image *i, uint64_t used, int *err)
{
  const struct vhd1 *v = to_vhd1 (i);

  if (used == footer_at (v) || (!v->changed && vhd1_footer_fits (v, used)))
    return 0;
  return vhd1_move_end (i, used, err);
}
