/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking a VHDX: its log, which is applied in memory, as it would be
 * when the file is opened to be read.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-check-impl.h"
#include "store/store-overlay.h"
#include "vhdx/vhdx-log.h"

/* Pieces in which the ring is read, a divisor of its length. */
#define WINDOW (256u << 10)

struct replaying {
  struct vhdx_checking *v;
  uint64_t size; /* that the file must get */
  int err;
  uint8_t *window;
  uint64_t window_start; /* IMAGE_NOWHERE: nothing was read */
};

static int
read_ring (void *opaque, void *buf, uint32_t count, uint32_t offset)
{
  struct replaying *r = opaque;
  const uint32_t start = ROUND_DOWN (offset, WINDOW);

  if (start != r->window_start) {
    r->window_start = IMAGE_NOWHERE;
    if (image_check_read (&r->v->k, r->v->file, r->window, WINDOW,
                          r->v->header.log_offset + start, "the log",
                          &r->err) == -1)
      return -1;
    r->window_start = start;
  }
  memcpy (buf, r->window + (offset - start), count);
  return 0;
}

static int
apply (void *opaque, const struct vhdx_log_change *c)
{
  struct replaying *r = opaque;

  /* Zeroes behind the end are there anyway. */
  if (c->page == NULL)
    return store_overlay_zero (r->v->inner, c->length, c->offset, &r->err);
  r->size = max_u64 (r->size, c->offset + c->length);
  return store_overlay_data (r->v->inner, c->page, c->offset, &r->err);
}

static int
tell_bad_log (struct vhdx_checking *v, enum vhdx_status status,
              const struct vhdx_log_active *a)
{
  if (status == VHDX_LOG_TRUNCATED)
    image_check_found (&v->k, IMAGE_FATAL, "log-truncated", IMAGE_NOWHERE,
                       false,
                       "the file %s: %" PRIu64 " bytes, but it had %" PRIu64,
                       vhdx_status_string (status), store_size (v->file),
                       a->head.flushed_offset);
  else
    image_check_found (&v->k, IMAGE_FATAL, "log", v->header.log_offset, false,
                       "the file %s", vhdx_status_string (status));
  return 1;
}

static int
find_log (struct replaying *r, const struct vhdx_log *log,
          struct vhdx_log_active *a, int *err)
{
  struct vhdx_checking *v = r->v;
  enum vhdx_status status = vhdx_log_find (log, a);

  if (status == VHDX_LOG_READ) {
    *err = r->err;
    return -1;
  }
  if (status == VHDX_OK)
    status = vhdx_log_check (a, store_size (v->file));
  if (status != VHDX_OK)
    return tell_bad_log (v, status, a);
  image_check_found (
    &v->k, IMAGE_WARNING, "log-dirty", v->header.log_offset, true,
    "the log was not applied yet: %" PRIu32 " entries, up to number %" PRIu64,
    a->nentries, a->head.sequence);
  return 0;
}

/* Into the overlay that v->inner is. */
static int
replay (struct replaying *r, int *err)
{
  struct vhdx_checking *v = r->v;
  const struct vhdx_log log = {
    .length = v->header.log_length,
    .offset = v->header.log_offset,
    .id = v->header.log_id,
    .read = read_ring,
    .opaque = r,
  };
  struct vhdx_log_active a;
  enum vhdx_status status;
  const int found = find_log (r, &log, &a, err);

  if (found != 0)
    return found;
  r->size = max_u64 (r->size, a.head.last_offset);
  status = vhdx_log_replay (&log, &a, apply, r);
  *err = r->err;
  if (status == VHDX_LOG_APPLY) {
    errno = *err;
    log_error ("%s: applying the log in memory: %m", v->k.name);
  }
  if (status == VHDX_LOG_APPLY || status == VHDX_LOG_READ)
    return -1;
  return status == VHDX_OK ? 0 : tell_bad_log (v, status, &a);
}

static int
cover (struct replaying *r, bool dirty, int *err)
{
  struct vhdx_checking *v = r->v;
  struct store *overlay = store_overlay_create (v->file);
  int result = 0;

  if (overlay == NULL) {
    *err = errno;
    log_error ("%s: %m", v->k.name);
    return -1;
  }
  v->inner = overlay;
  if (dirty)
    result = replay (r, err);
  if (result != 0)
    return result;
  r->size = min_u64 (ROUND_UP (r->size, VHDX_MIB),
                     ROUND_DOWN ((uint64_t) INT64_MAX, VHDX_MIB));
  if (store_overlay_seal (overlay, r->size, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: applying the log in memory: %m", v->k.name);
  return -1;
}

int
vhdx_check_log (struct vhdx_checking *v, int *err)
{
  const bool dirty = !uuid_is_nil (&v->header.log_id);
  struct replaying r = { .v = v,
                         .size = store_size (v->file),
                         .window_start = IMAGE_NOWHERE };
  CLEANUP_FREE uint8_t *window = NULL;

  if (!dirty && IS_ALIGNED (r.size, VHDX_MIB))
    return 0;
  window = malloc (WINDOW);
  if (window == NULL) {
    log_error ("%s: out of memory", v->k.name);
    *err = ENOMEM;
    return -1;
  }
  r.window = window;
  return cover (&r, dirty, err);
}
