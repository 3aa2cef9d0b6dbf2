/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Applying a log that was left behind: [MS-VHDX] 2.3.3.  Into the file:
 * it is made as long as the log relies on, then the changes are made and
 * flushed, and only then the headers say that there is no log any more;
 * a crash before that leaves all of it to be done again.  Or in memory:
 * the same file as it would be then, by a store over it.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"
#include "store/store-overlay.h"
#include "vhdx/vhdx-log.h"

/* The ring is read in pieces of this size, a divisor of its length. */
#define WINDOW (256u << 10)

struct replay {
  struct image_vhdx *v;
  struct store *overlay; /* NULL: into the file */
  struct vhdx_log log;
  struct vhdx_log_active active;
  uint64_t size; /* that the file must have */
  int err;       /* of what failed in read or apply */

  uint8_t *window;
  uint32_t window_start;
  bool window_full;
};

static int
read_ring (void *opaque, void *buf, uint32_t count, uint32_t offset)
{
  struct replay *r = opaque;
  const uint32_t start = ROUND_DOWN (offset, WINDOW);

  assert (offset - start + count <= WINDOW);
  if (!r->window_full || start != r->window_start) {
    r->window_full = false;
    if (store_read (r->v->inner, r->window, WINDOW, r->log.offset + start,
                    &r->err) == -1)
      return -1;
    r->window_start = start;
    r->window_full = true;
  }
  memcpy (buf, r->window + (offset - start), count);
  return 0;
}

/* Pages may lie behind the end of the file; zeroes there are there. */
static int
measure (void *opaque, const struct vhdx_log_change *c)
{
  struct replay *r = opaque;

  if (c->page != NULL)
    r->size = max_u64 (r->size, c->offset + c->length);
  return 0;
}

static int
apply_to_file (void *opaque, const struct vhdx_log_change *c)
{
  struct replay *r = opaque;
  uint64_t count = c->length;

  if (c->page != NULL)
    return store_write (r->v->inner, c->page, c->length, c->offset, 0, &r->err);
  if (c->offset >= r->size)
    return 0;
  count = min_u64 (count, r->size - c->offset);
  return store_zero (r->v->inner, count, c->offset, 0, &r->err);
}

static int
apply_to_overlay (void *opaque, const struct vhdx_log_change *c)
{
  struct replay *r = opaque;

  if (c->page != NULL)
    return store_overlay_data (r->overlay, c->page, c->offset, &r->err);
  return store_overlay_zero (r->overlay, c->length, c->offset, &r->err);
}

/* What STATUS, which is not VHDX_OK, says; -1. */
static int
report (struct replay *r, enum vhdx_status status)
{
  const char *name = r->v->name;

  if (status == VHDX_LOG_READ || status == VHDX_LOG_APPLY) {
    errno = r->err;
    log_error ("%s: %s: %m", name,
               status == VHDX_LOG_READ ? "reading the log" :
                                         "applying the log");
    errno = r->err;
    return -1;
  }
  if (status == VHDX_LOG_TRUNCATED)
    log_error ("%s: %s: %llu bytes of %llu", name, vhdx_status_string (status),
               (unsigned long long) store_size (r->v->inner),
               (unsigned long long) r->active.head.flushed_offset);
  else
    log_error ("%s: %s (the log of %u bytes at %llu)", name,
               vhdx_status_string (status), r->log.length,
               (unsigned long long) r->log.offset);
  errno = EINVAL;
  return -1;
}

/* Find what is to be done, and how long the file must be for it. */
static int
find (struct replay *r)
{
  enum vhdx_status status = vhdx_log_find (&r->log, &r->active);

  if (status == VHDX_OK)
    status = vhdx_log_check (&r->active, store_size (r->v->inner));
  r->size = max_u64 (store_size (r->v->inner), r->active.head.last_offset);
  if (status == VHDX_OK)
    status = vhdx_log_replay (&r->log, &r->active, measure, r);
  if (status != VHDX_OK)
    return report (r, status);
  r->size = min_u64 (ROUND_UP (r->size, VHDX_MIB), VHDX_SPACE_LIMIT);
  log_debug ("%s: the log has %u entries to apply, up to number %llu",
             r->v->name, r->active.nentries,
             (unsigned long long) r->active.head.sequence);
  return 0;
}

static int
into_file (struct replay *r)
{
  struct image_vhdx *v = r->v;
  struct vhdx_header h = v->header;
  enum vhdx_status status;

  if (r->size > store_size (v->inner) &&
      store_resize (v->inner, r->size, &r->err) == -1)
    return report (r, VHDX_LOG_APPLY);
  status = vhdx_log_replay (&r->log, &r->active, apply_to_file, r);
  if (status != VHDX_OK)
    return report (r, status);
  if (store_flush (v->inner, &r->err) == -1)
    return report (r, VHDX_LOG_APPLY);
  memset (&h.log_id, 0, sizeof h.log_id);
  if (image_vhdx_new_guid (&h.file_write_id, v->name, &r->err) == -1 ||
      image_vhdx_put_headers (v, &h, &r->err) == -1) {
    errno = r->err;
    return -1;
  }
  v->renewed = true;
  return 0;
}

static int
into_memory (struct replay *r)
{
  enum vhdx_status status;

  r->overlay = store_overlay_create (r->v->inner);
  if (r->overlay == NULL) {
    r->err = ENOMEM;
    return report (r, VHDX_LOG_APPLY);
  }
  status = vhdx_log_replay (&r->log, &r->active, apply_to_overlay, r);
  if (status == VHDX_OK &&
      store_overlay_seal (r->overlay, r->size, &r->err) == -1)
    status = VHDX_LOG_APPLY;
  if (status != VHDX_OK) {
    store_overlay_dissolve (r->overlay);
    return report (r, status);
  }
  r->v->inner = r->overlay;
  return 0;
}

int
image_vhdx_replay (struct image_vhdx *v, bool read_only)
{
  struct replay r = { .v = v,
                      .log = { .length = v->header.log_length,
                               .offset = v->header.log_offset,
                               .id = v->header.log_id,
                               .read = read_ring,
                               .opaque = &r } };
  CLEANUP_FREE uint8_t *window = malloc (WINDOW);

  if (window == NULL) {
    r.err = ENOMEM;
    return report (&r, VHDX_LOG_READ);
  }
  r.window = window;
  if (find (&r) == -1)
    return -1;
  return read_only ? into_memory (&r) : into_file (&r);
}
