/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-vhd1.h.  Every request goes on as it is, since the disk
 * begins where the file does; store.c has checked that it is inside the
 * disk.
 *
 * If the inner store wants a large alignment (O_DIRECT) and the disk
 * ends inside one of its units, the unit with the end of the disk has to
 * be read, changed and written back with the footer in it: a store-align
 * is put between.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/align.h"
#include "base/log.h"
#include "store/store-align.h"
#include "store/store-vhd1.h"
#include "store/vhd1-footers.h"
#include "vhd/vhd-creator.h"

struct store_vhd1 {
  struct store store;
  struct store *inner;
};

/* ------------------------------------------------------------------ */
/* Requests */

static struct store *
to_inner (struct store *s)
{
  return container_of (s, struct store_vhd1, store)->inner;
}

static void
vhd1_close (struct store *s)
{
  store_close (to_inner (s));
  free (container_of (s, struct store_vhd1, store));
}

static int
vhd1_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  return store_read (to_inner (s), buf, count, offset, err);
}

static int
vhd1_write (struct store *s, const void *buf, size_t count, uint64_t offset,
            unsigned flags, int *err)
{
  return store_write (to_inner (s), buf, count, offset, flags, err);
}

static int
vhd1_readv (struct store *s, const struct iovec *iov, int niov, size_t count,
            uint64_t offset, int *err)
{
  return store_readv (to_inner (s), iov, niov, offset, err);
}

static int
vhd1_writev (struct store *s, const struct iovec *iov, int niov, size_t count,
             uint64_t offset, unsigned flags, int *err)
{
  return store_writev (to_inner (s), iov, niov, offset, flags, err);
}

static int
vhd1_flush (struct store *s, int *err)
{
  return store_flush (to_inner (s), err);
}

static int
vhd1_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  return store_trim (to_inner (s), count, offset, flags, err);
}

static int
vhd1_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
           int *err)
{
  return store_zero (to_inner (s), count, offset, flags, err);
}

static int
vhd1_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              struct extent_list *out, int *err)
{
  return store_extents (to_inner (s), count, offset, flags, out, err);
}

static int
vhd1_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  return store_cache (to_inner (s), count, offset, err);
}

static void
vhd1_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  store_uncache (to_inner (s), count, offset);
}

static const struct store_ops vhd1_ops = {
  .name = "vhd1",
  .close = vhd1_close,
  .read = vhd1_read,
  .write = vhd1_write,
  .readv = vhd1_readv,
  .writev = vhd1_writev,
  .flush = vhd1_flush,
  .trim = vhd1_trim,
  .zero = vhd1_zero,
  .extents = vhd1_extents,
  .cache = vhd1_cache,
  .uncache = vhd1_uncache,
};

/* ------------------------------------------------------------------ */
/* The footer */

/* Find the footer and the size of the disk.  VHD_OK, or what is wrong
 * with the file; if it cannot be read, -1 with *err.
 */
static int
examine (struct store *inner, enum vhd_size_rule rule, struct vhd_footer *f,
         uint64_t *size, int *err)
{
  const struct vhd_footer *which;
  struct vhd1_footers footers;
  enum vhd_status status;

  if (vhd1_footers_read (inner, &footers, err) == -1)
    return -1;
  status = vhd1_footers_choose (&footers, &which);
  *f = *which;
  if (status != VHD_OK)
    return status;
  return vhd_size_fixed (f, store_size (inner), rule, size);
}

static void
refuse (enum vhd_status status, const struct vhd_footer *f, uint64_t file_size,
        const char *name)
{
  char detail[128];

  vhd1_footers_detail (status, f, file_size, detail, sizeof detail);
  log_error ("%s: %s%s", name, vhd_status_string (status), detail);
  errno =
    status == VHD_DYNAMIC || status == VHD_DIFFERENCING ? EOPNOTSUPP : EINVAL;
}

/* ------------------------------------------------------------------ */
/* Opening */

static int
describe (struct store *s, const struct vhd_footer *f, const char *name)
{
  const char *slash = strrchr (name, '/');
  char creator[80], id[UUID_STRLEN + 1];

  vhd_creator_format (f, creator, sizeof creator);
  uuid_format (&f->id, id);
  return store_describe (s, "%s: fixed VHD by %s%s%s", slash ? slash + 1 : name,
                         creator, s->info.has_id ? ", disk-id=" : "",
                         s->info.has_id ? id : "");
}

/* Sectors of a VHD have 512 bytes, whatever the medium below it has. */
static struct store *
create (struct store *inner, const struct vhd_footer *f, uint64_t size,
        const char *name)
{
  const bool needs_align = !IS_ALIGNED (size, inner->info.align);
  struct store_info info = inner->info;
  struct store_vhd1 *v = calloc (1, sizeof *v);

  if (v == NULL)
    return NULL;
  info.sector_size = VHD_SECTOR_SIZE;
  info.has_id = !uuid_is_nil (&f->id);
  info.id = f->id;
  if (needs_align)
    info.align = 1;
  store_init (&v->store, &vhd1_ops, &info, size);
  if (describe (&v->store, f, name) == 0)
    v->inner = needs_align ? store_align_create (inner, NULL) : inner;
  if (v->inner == NULL) {
    free (v->store.description);
    free (v);
    errno = ENOMEM;
    return NULL;
  }
  return &v->store;
}

struct store *
store_vhd1_create (struct store *inner, const struct store_vhd1_options *o)
{
  struct vhd_footer f;
  uint64_t size;
  int status, err;
  struct store *s;

  status = examine (inner, o->size_rule, &f, &size, &err);
  if (status == -1) {
    errno = err;
    log_error ("%s: reading the VHD footer: %m", o->name);
    return NULL;
  }
  if (status != VHD_OK) {
    refuse (status, &f, store_size (inner), o->name);
    return NULL;
  }
  vhd1_footers_mention (&f, o->name);
  s = create (inner, &f, size, o->name);
  if (s == NULL)
    log_error ("%s: %m", o->name);
  return s;
}

int
store_vhd1_format (struct store *inner, const char *name)
{
  const uint64_t file_size = store_size (inner);
  const uint64_t size = file_size - VHD_FOOTER_SIZE;
  uint8_t bytes[VHD_FOOTER_SIZE];
  struct vhd_footer f;
  struct uuid id;
  int err;

  if (file_size < VHD_FOOTER_SIZE || !IS_ALIGNED (size, VHD_SECTOR_SIZE) ||
      size > VHD_MAX_SIZE) {
    log_error ("%s: %llu bytes cannot be made a VHD", name,
               (unsigned long long) file_size);
    errno = EINVAL;
    return -1;
  }
  if (uuid_random (&id) == -1) {
    log_error ("%s: random numbers: %m", name);
    return -1;
  }
  f = vhd_footer_fixed (size, time (NULL), &id);
  vhd_footer_serialise (&f, bytes);
  if (store_write (inner, bytes, sizeof bytes, size, STORE_FUA, &err) == -1) {
    errno = err;
    log_error ("%s: writing the VHD footer: %m", name);
    return -1;
  }
  return 0;
}
