/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-file.h.  Here a file store is made: options are checked, the
 * medium is asked what it is, and nothing is changed by asking.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/align.h"
#include "base/log.h"
#include "store/store-file-impl.h"

/* Sizes that the medium names are used if they are sane. */
#define MAX_SECTOR_SIZE (64 * 1024)
#define MAX_PREFERRED (32 * 1024 * 1024)
#define DEFAULT_BLOCK 4096

static void
file_close (struct store *s)
{
  struct store_file *f = to_file (s);

  if (f->cache == STORE_FILE_CACHE_NONE)
    page_evict_fini (&f->evict);
  file_close_channels (f);
  aligned_pool_free (f->pool);
  host_file_unlock (f->file, !f->store.info.read_only);
  host_file_unref (f->file);
  free (f);
}

static const struct store_ops file_ops = {
  .name = "file",
  .close = file_close,
  .read = file_read,
  .write = file_write,
  .readv = file_readv,
  .writev = file_writev,
  .flush = file_flush,
  .trim = file_trim,
  .zero = file_zero,
  .extents = file_extents,
  .cache = file_cache,
  .uncache = file_uncache,
  .resize = file_resize,
  .refresh = file_refresh,
};

/* X if it is a power of two from MIN to MAX, else DFLT. */
static uint32_t
sane_block (uint64_t x, uint32_t min, uint32_t max, uint32_t dflt)
{
  return is_power_of_2 (x) && x >= min && x <= max ? (uint32_t) x : dflt;
}

/* Each durable write would end in a flush of its own, where flushes can be
 * shared.  (Through the page cache one would write out what others have
 * left there, too.)
 */
static void
share_flushes_without_fua (struct store_file *f, bool fua)
{
  if (!fua && f->cache == STORE_FILE_CACHE_DIRECT)
    set_missing (f, MISSING_DSYNC);
}

static void
probe_device (struct store_file *f, struct store_info *info)
{
  struct host_device *d = &f->device;

  host_device_probe (f->fd, d);
  info->sector_size = sane_block (d->logical_size, 512, MAX_SECTOR_SIZE, 512);
  info->physical_sector_size =
    sane_block (d->physical_size, 512, MAX_SECTOR_SIZE, info->sector_size);
  info->preferred =
    sane_block (d->optimal_size, DEFAULT_BLOCK, MAX_PREFERRED, DEFAULT_BLOCK);
  info->rotational = d->rotational;
  info->trim = d->discard_unit > 0;
  info->fast_zero = d->write_zeroes;
  share_flushes_without_fua (f, d->fua);
  log_debug ("%s: sectors %u, physical %u, optimal %u, misaligned by %u; "
             "rotational %d, fua %d; discards in units of %" PRIu64
             " bytes, %" PRIu64 " at once; zeroes by itself %d",
             host_file_path (f->file), d->logical_size, d->physical_size,
             d->optimal_size, d->misaligned, d->rotational, d->fua,
             d->discard_unit, d->discard_step, d->write_zeroes);
}

static void
probe_regular (struct store_file *f, const struct stat *st,
               struct store_info *info)
{
  struct statfs fs;

  info->sector_size = 512;
  info->physical_sector_size =
    sane_block (st->st_blksize, 512, MAX_SECTOR_SIZE, DEFAULT_BLOCK);
  info->preferred =
    sane_block (st->st_blksize, 512, MAX_PREFERRED, DEFAULT_BLOCK);
  info->rotational = host_device_is_rotational (st->st_dev);
  info->trim = info->fast_zero = true;
  info->extents = lseek (f->fd, 0, SEEK_HOLE) >= 0 || errno == ENXIO;

  share_flushes_without_fua (f, host_device_has_fua (st->st_dev));
  /* A file system in user space may take the flag for advice. */
  if (fstatfs (f->fd, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC)
    set_missing (f, MISSING_DSYNC);
}

static int
probe (struct store_file *f, const struct store_file_options *o,
       struct store_info *info)
{
  struct stat st;

  if (fstat (f->fd, &st) == -1) {
    log_error ("fstat: %s: %m", host_file_path (f->file));
    return -1;
  }
  *info = (struct store_info){
    .align = 1,
    .read_only = o->read_only,
    .fua = true,
    .zero = true,
    .cache = o->cache == STORE_FILE_CACHE_DEFAULT,
    .shared_flush = true,
  };
  if (f->is_device)
    probe_device (f, info);
  else
    probe_regular (f, &st, info);
  return 0;
}

/* A sector size that was asked for is a promise to clients, and is kept
 * towards the medium, too.
 */
static int
apply_sector_size (struct store_file *f, uint32_t sector_size,
                   struct store_info *info)
{
  if (sector_size == 0)
    return 0;
  if (sane_block (sector_size, 512, MAX_SECTOR_SIZE, 0) == 0) {
    log_error ("%s: sector size %u is not a power of two from 512 to %d",
               host_file_path (f->file), sector_size, MAX_SECTOR_SIZE);
    errno = EINVAL;
    return -1;
  }
  info->sector_size = info->align = sector_size;
  info->physical_sector_size =
    max_u64 (info->physical_sector_size, sector_size);
  info->preferred = max_u64 (info->preferred, sector_size);
  return 0;
}

static int
find_size (struct store_file *f, const struct store_file_options *o,
           uint64_t *size)
{
  const char *path = host_file_path (f->file);
  const int64_t file_size = host_file_size (f->file);

  if (file_size == -1) {
    log_error ("%s: cannot find its size: %m", path);
    return -1;
  }
  *size = o->size != 0 ? o->size : (uint64_t) file_size;
  f->whole = o->size == 0;
  if (*size > (uint64_t) file_size) {
    log_error ("%s: is only %llu bytes long, size=%llu is more", path,
               (unsigned long long) file_size, (unsigned long long) *size);
    errno = EINVAL;
    return -1;
  }
  if (o->sector_size != 0 && !IS_ALIGNED (*size, o->sector_size)) {
    log_error ("%s: its size of %llu bytes is not a multiple of the sector "
               "size %u",
               path, (unsigned long long) *size, o->sector_size);
    errno = EINVAL;
    return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* O_DIRECT */

/* What does O_DIRECT want?  False if it is not to be had here. */
static bool
find_direct_align (struct store_file *f)
{
  f->direct_align = f->memory_align =
    f->is_device ? f->device.logical_size : DEFAULT_BLOCK;
#if defined HAVE_STATX && defined STATX_DIOALIGN
  struct statx stx;

  if (statx (f->direct_fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
      (stx.stx_mask & STATX_DIOALIGN)) {
    f->direct_align = max_u64 (stx.stx_dio_offset_align, 512);
    f->memory_align = max_u64 (stx.stx_dio_mem_align, 1);
    if (stx.stx_dio_offset_align == 0)
      return false;
  }
#endif
  return is_power_of_2 (f->direct_align) &&
         f->direct_align <= MAX_SECTOR_SIZE &&
         is_power_of_2 (f->memory_align) &&
         f->memory_align <= ALIGNED_POOL_SIZE;
}

/* Read something, to see at once whether it works. */
static bool
try_direct (struct store_file *f, uint64_t size)
{
  void *buf;
  ssize_t r;

  if (size < f->direct_align)
    return true;
  buf = aligned_pool_get (f->pool);
  r = pread (f->direct_fd, buf, f->direct_align, 0);
  aligned_pool_put (f->pool, buf);
  return r != -1 || errno != EINVAL;
}

static int
set_up_direct (struct store_file *f, uint64_t size, struct store_info *info)
{
  const char *path = host_file_path (f->file);

  f->direct_fd = host_file_direct_fd (f->file);
  if (f->direct_fd == -1) {
    log_error ("%s: was not opened for O_DIRECT", path);
    errno = EINVAL;
    return -1;
  }
  if (!find_direct_align (f)) {
    log_error ("%s: its file system has no O_DIRECT for it", path);
    errno = EOPNOTSUPP;
    return -1;
  }
  f->pool = aligned_pool_create (max_u64 (f->direct_align, f->memory_align));
  if (f->pool == NULL) {
    log_error ("%s: %m", path);
    return -1;
  }
  if (!try_direct (f, size)) {
    log_error ("%s: O_DIRECT does not work with blocks of %u bytes", path,
               f->direct_align);
    errno = EOPNOTSUPP;
    return -1;
  }
  info->align = max_u64 (info->align, f->direct_align);
  info->preferred = max_u64 (info->preferred, info->align);
  return 0;
}

/* ------------------------------------------------------------------ */

static void
advise (struct store_file *f, int fadvise)
{
  const int r = posix_fadvise (f->fd, 0, 0, fadvise);

  if (r != 0)
    log_debug ("posix_fadvise: %s: %s", host_file_path (f->file), strerror (r));
}

/* For clients, who need not know where it is. */
static int
describe (struct store_file *f)
{
  const char *path = host_file_path (f->file);
  const char *slash = strrchr (path, '/');

  return store_describe (&f->store, "%s: %s", slash ? slash + 1 : path,
                         f->is_device ? "block device" : "regular file");
}

static int
complete (struct store_file *f, const struct store_file_options *o)
{
  struct store_info info;
  uint64_t size;

  if (find_size (f, o, &size) == -1 || probe (f, o, &info) == -1 ||
      apply_sector_size (f, o->sector_size, &info) == -1 ||
      (f->cache == STORE_FILE_CACHE_DIRECT &&
       set_up_direct (f, size, &info) == -1))
    return -1;
  store_init (&f->store, &file_ops, &info, size);
  atomic_init (&f->told_size, size);
  if (describe (f) == -1) {
    log_error ("%s: %m", host_file_path (f->file));
    return -1;
  }
  return 0;
}

struct store *
store_file_create (struct host_file *file, const struct store_file_options *o)
{
  struct store_file *f;

  if (!o->read_only && !host_file_is_writable (file)) {
    log_error ("%s: cannot be opened for writing", host_file_path (file));
    errno = EACCES;
    return NULL;
  }
  f = calloc (1, sizeof *f);
  if (f == NULL) {
    log_error ("%s: %m", host_file_path (file));
    return NULL;
  }
  /* Before anything is looked at: it must not change afterwards. */
  if (host_file_lock (file, !o->read_only) == -1) {
    free (f);
    return NULL;
  }
  f->file = file;
  f->fd = host_file_fd (file);
  f->cache = o->cache;
  f->engine = o->engine;
  f->engine_min = o->engine_min;
  f->is_device = host_file_is_block_device (file);
  f->direct_fd = -1;
  if (complete (f, o) == -1) {
    const int saved = errno;

    host_file_unlock (file, !o->read_only);
    aligned_pool_free (f->pool);
    free (f);
    errno = saved;
    return NULL;
  }
  host_file_ref (file);
  advise (f, o->fadvise);
  if (f->cache == STORE_FILE_CACHE_NONE)
    page_evict_init (&f->evict, f->fd);
  return &f->store;
}
