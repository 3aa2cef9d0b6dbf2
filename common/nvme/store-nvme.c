/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-nvme.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "base/align.h"
#include "base/log.h"
#include "nvme/store-nvme.h"

struct store_nvme {
  struct store store;
  struct nvme_ns *ns;
};

static struct nvme_ns *
to_ns (struct store *s)
{
  return container_of (s, struct store_nvme, store)->ns;
}

/* The namespace stays the controller's. */
static void
ns_close (struct store *s)
{
  free (container_of (s, struct store_nvme, store));
}

/* Clients know no timeouts. */
static int
told (int r, int *err)
{
  if (r == -1 && *err == ETIMEDOUT)
    *err = EIO;
  return r;
}

static int
ns_readv (struct store *s, const struct iovec *iov, int niov, size_t count,
          uint64_t offset, int *err)
{
  return told (nvme_read (to_ns (s), iov, niov, offset, err), err);
}

static int
ns_writev (struct store *s, const struct iovec *iov, int niov, size_t count,
           uint64_t offset, unsigned flags, int *err)
{
  return told (
    nvme_write (to_ns (s), iov, niov, offset, flags & STORE_FUA, err), err);
}

static int
ns_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  const struct iovec iov = { buf, count };

  return ns_readv (s, &iov, 1, count, offset, err);
}

static int
ns_write (struct store *s, const void *buf, size_t count, uint64_t offset,
          unsigned flags, int *err)
{
  const struct iovec iov = { (void *) buf, count };

  return ns_writev (s, &iov, 1, count, offset, flags, err);
}

static int
ns_flush (struct store *s, int *err)
{
  return told (nvme_flush (to_ns (s), err), err);
}

static int
ns_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
         int *err)
{
  if (told (nvme_trim (to_ns (s), count, offset, err), err) == -1)
    return -1;
  return flags & STORE_FUA ? ns_flush (s, err) : 0;
}

static int
ns_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
         int *err)
{
  return told (nvme_zero (to_ns (s), count, offset, flags & STORE_MAY_TRIM,
                          flags & STORE_FUA, err),
               err);
}

static int
ns_refresh (struct store *s, uint64_t *size, int *err)
{
  struct nvme_ns_info info;

  if (nvme_ns_refresh (to_ns (s), err) == -1)
    return -1;
  nvme_ns_get_info (to_ns (s), &info);
  *size = info.size;
  return 0;
}

static const struct store_ops ns_ops = {
  .name = "nvme",
  .close = ns_close,
  .read = ns_read,
  .write = ns_write,
  .readv = ns_readv,
  .writev = ns_writev,
  .flush = ns_flush,
  .trim = ns_trim,
  .zero = ns_zero,
  .refresh = ns_refresh,
};

static struct store_info
store_info_of (const struct nvme_info *c, const struct nvme_ns_info *ns,
               bool read_only)
{
  return (struct store_info){
    .sector_size = ns->lba_size,
    .physical_sector_size = ns->physical_size,
    .align = ns->lba_size,
    .preferred = is_power_of_2 (ns->optimal) ? ns->optimal : 0,
    .read_only = read_only || ns->write_protected,
    .fua = true,
    .trim = c->deallocate,
    .zero = c->write_zeroes,
    .fast_zero = c->write_zeroes,
    .shared_flush = true,
    .has_id = ns->has_id,
    .id = ns->id,
  };
}

struct store *
store_nvme_open (struct nvme *n, uint32_t nsid, bool read_only, int *err)
{
  struct store_nvme *s;
  struct nvme_info c;
  struct nvme_ns_info info;
  struct store_info si;
  struct nvme_ns *ns = nvme_ns_open (n, nsid, err);

  if (ns == NULL)
    return NULL;
  s = calloc (1, sizeof *s);
  if (s == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  nvme_get_info (n, &c);
  nvme_ns_get_info (ns, &info);
  si = store_info_of (&c, &info, read_only);
  s->ns = ns;
  store_init (&s->store, &ns_ops, &si, info.size);
  if (store_describe (&s->store, "namespace %u of %s %s", nsid, c.model,
                      c.serial) == -1) {
    store_close (&s->store);
    *err = ENOMEM;
    return NULL;
  }
  return &s->store;
}
