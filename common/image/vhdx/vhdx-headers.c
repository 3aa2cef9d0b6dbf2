/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The two headers of a VHDX, while it is open for writing: ids, and the
 * beginning and end of a session of the log.
 *
 * A new header goes to the place of the older one and is flushed, so that
 * one of the two is always whole; then the other one is replaced too:
 * should the newer one be lost one day, the older one must not name a log
 * that is long gone.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/vhdx-impl.h"

int
image_vhdx_new_guid (struct uuid *u, const char *name, int *err)
{
  uint8_t byte;

  if (uuid_random (u) == -1) {
    *err = errno;
    log_error ("%s: random numbers: %m", name);
    return -1;
  }
  /* The version is in the third group, which is little-endian here. */
  byte = u->b[6];
  u->b[6] = u->b[7];
  u->b[7] = byte;
  return 0;
}

/* In place of the older one. */
static int
put_header (struct image_vhdx *v, const struct vhdx_header *h, int *err)
{
  struct vhdx_header next = *h;
  uint8_t bytes[VHDX_HEADER_SIZE];

  if (v->header.sequence == UINT64_MAX) {
    log_error ("%s: the sequence numbers of the headers are used up", v->name);
    *err = EIO;
    return -1;
  }
  next.sequence = v->header.sequence + 1;
  vhdx_header_serialise (&next, bytes);
  if (store_write (v->inner, bytes, sizeof bytes,
                   VHDX_HEADER_OFFSET (1 - v->current), 0, err) == -1 ||
      store_flush (v->inner, err) == -1) {
    errno = *err;
    log_error ("%s: writing a header: %m", v->name);
    return -1;
  }
  v->header = next;
  v->current = 1 - v->current;
  return 0;
}

int
image_vhdx_put_headers (struct image_vhdx *v, const struct vhdx_header *h,
                        int *err)
{
  const struct vhdx_header copy = *h;

  if (put_header (v, &copy, err) == -1)
    return -1;
  return put_header (v, &copy, err);
}

int
image_vhdx_renew (struct image_vhdx *v, bool data, int *err)
{
  LOCK_SCOPE (&v->header_lock);
  struct vhdx_header h = v->header;

  if (v->renewed && (v->data_renewed || !data))
    return 0;
  if (!v->renewed && image_vhdx_new_guid (&h.file_write_id, v->name, err) == -1)
    return -1;
  if (data && image_vhdx_new_guid (&h.data_write_id, v->name, err) == -1)
    return -1;
  if (image_vhdx_put_headers (v, &h, err) == -1)
    return -1;
  v->renewed = true;
  v->data_renewed |= data;
  return 0;
}

int
image_vhdx_renew_as (struct image_vhdx *v, const struct uuid *data_write_id,
                     int *err)
{
  LOCK_SCOPE (&v->header_lock);
  struct vhdx_header h = v->header;

  if (!v->renewed && image_vhdx_new_guid (&h.file_write_id, v->name, err) == -1)
    return -1;
  h.data_write_id = *data_write_id;
  if (image_vhdx_put_headers (v, &h, err) == -1)
    return -1;
  v->renewed = v->data_renewed = true;
  return 0;
}

int
image_vhdx_begin (struct image_vhdx *v, int *err)
{
  LOCK_SCOPE (&v->header_lock);
  struct vhdx_header h = v->header;

  if (v->in_session)
    return 0;
  if (vhdx_journal_start (&v->journal, v->inner, h.log_offset, h.log_length,
                          v->name, err) == -1)
    return -1;
  if (!v->renewed && image_vhdx_new_guid (&h.file_write_id, v->name, err) == -1)
    return -1;
  /* A header that names a log without an entry would be of a file that
   * cannot be opened: the first entry is durable now.
   */
  h.log_id = v->journal.id;
  h.log_version = 0;
  if (image_vhdx_put_headers (v, &h, err) == -1)
    return -1;
  v->renewed = v->in_session = true;
  return 0;
}

int
image_vhdx_end (struct image_vhdx *v, int *err)
{
  LOCK_SCOPE (&v->header_lock);
  struct vhdx_header h = v->header;

  if (!v->in_session)
    return 0;
  if (store_flush (v->inner, err) == -1) {
    errno = *err;
    log_error ("%s: flushing: %m", v->name);
    return -1;
  }
  memset (&h.log_id, 0, sizeof h.log_id);
  if (image_vhdx_put_headers (v, &h, err) == -1)
    return -1;
  v->in_session = false;
  return 0;
}
