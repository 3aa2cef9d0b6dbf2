/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The stores that the suite is run over: a function that makes one, and
 * a line in the table.
 */

#include <config.h>

#include "conformance/store-suite.h"
#include "pr/pr-store.h"
#include "store/store-align.h"
#include "store/store-latency.h"
#include "store/store-vhd1.h"
#include "support/store-fault.h"
#include "support/store-mem.h"
#include "support/store-sim.h"

static struct store *
mem (const struct store_spec *o, uint32_t align)
{
  struct store_mem_options m = store_mem_defaults (o->size);

  m.info.sector_size = o->sector_size;
  m.info.align = align;
  m.info.read_only = o->read_only;
  return store_mem_create (&m);
}

static struct store *
make_mem (struct store_env *env, const struct store_spec *o)
{
  return mem (o, 1);
}

static struct store *
make_mem_512 (struct store_env *env, const struct store_spec *o)
{
  return mem (o, 512);
}

static struct store *
make_mem_4096 (struct store_env *env, const struct store_spec *o)
{
  return mem (o, 4096);
}

/* Nothing but read and write. */
static struct store *
make_bare (struct store_env *env, const struct store_spec *o)
{
  const struct store_mem_options m = {
    .size = o->size,
    .info = { .sector_size = o->sector_size, .read_only = o->read_only },
  };

  return store_mem_create (&m);
}

/* Zeroing is there, but never works. */
static struct store *
make_cannot_zero (struct store_env *env, const struct store_spec *o)
{
  struct store_mem_options m = store_mem_defaults (o->size);

  m.info.sector_size = o->sector_size;
  m.info.read_only = o->read_only;
  m.info.fua = m.info.fast_zero = false;
  m.zero_unsupported = true;
  return store_mem_create (&m);
}

static struct store *
make_sim (struct store_env *env, const struct store_spec *o)
{
  const struct store_sim_options m = {
    .size = o->size,
    .info = { .sector_size = o->sector_size,
              .read_only = o->read_only,
              .fua = true,
              .trim = true,
              .zero = true,
              .extents = true },
  };

  return store_sim_create_with (&m);
}

static struct store *
make_fault (struct store_env *env, const struct store_spec *o)
{
  return env->faulty = store_fault_create (mem (o, 1));
}

static struct store *
align (struct store_env *env, const struct store_spec *o, uint32_t unit)
{
  struct store *s;

  env->faulty = store_fault_create (mem (o, unit));
  s = store_align_create (env->faulty, NULL);
  if (s == NULL) {
    store_close (env->faulty);
    env->faulty = NULL;
  }
  return s;
}

static struct store *
make_align_512 (struct store_env *env, const struct store_spec *o)
{
  return align (env, o, 512);
}

static struct store *
make_align_4096 (struct store_env *env, const struct store_spec *o)
{
  return align (env, o, 4096);
}

static struct store *
make_align_64k (struct store_env *env, const struct store_spec *o)
{
  return align (env, o, 65536);
}

/* A fixed VHD over faults over memory. */
static struct store *
vhd1 (struct store_env *env, const struct store_spec *o, uint32_t unit)
{
  static const struct store_vhd1_options options = { .name = "disk.vhd" };
  struct store_spec file = *o;
  uint8_t footer[VHD_FOOTER_SIZE];
  struct vhd_footer f;
  struct store *m, *s;

  f = vhd_footer_fixed (o->size, VHD_EPOCH, &(struct uuid){ { 1 } });
  vhd_footer_serialise (&f, footer);
  file.size += sizeof footer;
  m = mem (&file, unit);
  mem_image_write (store_mem_image (m), footer, sizeof footer, o->size);
  env->faulty = store_fault_create (m);
  s = store_vhd1_create (env->faulty, &options);
  if (s == NULL) {
    store_close (env->faulty);
    env->faulty = NULL;
  }
  return s;
}

static struct store *
make_vhd1 (struct store_env *env, const struct store_spec *o)
{
  return vhd1 (env, o, 1);
}

static struct store *
make_vhd1_4096 (struct store_env *env, const struct store_spec *o)
{
  return vhd1 (env, o, 4096);
}

static int
do_not_sleep (uint64_t ns, int *err)
{
  return 0;
}

static struct store *
make_latency (struct store_env *env, const struct store_spec *o)
{
  static struct latency_device_options options;
  struct store_latency_options so = { .sleep = do_not_sleep };
  struct store *s;

  so.device = latency_device_create (&options);
  if (so.device == NULL)
    return NULL;
  env->faulty = store_fault_create (mem (o, 1));
  s = store_latency_create (&so, env->faulty);
  if (s == NULL) {
    store_close (env->faulty);
    env->faulty = NULL;
  }
  /* Which has nothing else of its own. */
  env->opaque = so.device;
  return s;
}

static struct store *
make_pr (struct store_env *env, const struct store_spec *o)
{
  struct pr_disk *d = pr_disk_create (NULL);
  struct store *s;

  if (d == NULL)
    return NULL;
  env->faulty = store_fault_create (mem (o, 1));
  s = pr_store_create (d, "", env->faulty);
  if (s == NULL) {
    store_close (env->faulty);
    env->faulty = NULL;
  }
  env->opaque = d;
  return s;
}

const struct store_maker store_makers[] = {
  { "mem", make_mem, .unit = 1 },
  { "mem, align 512", make_mem_512, .unit = 512 },
  { "mem, align 4096 and an odd end", make_mem_4096, .unit = 1 },
  { "bare", make_bare, .unit = 1 },
  { "cannot zero", make_cannot_zero, .unit = 1 },
  { "sim", make_sim, .unit = 1 },
  { "fault", make_fault, .unit = 1 },
  { "align 512", make_align_512, .unit = 512 },
  { "align 512 and an odd end", make_align_512, .unit = 1 },
  { "align 4096", make_align_4096, .unit = 1 },
  { "align 65536", make_align_64k, .unit = 1 },
  { "vhd1", make_vhd1, .unit = 512, .only_512 = true },
  { "vhd1, align 4096 and an odd end", make_vhd1_4096, .unit = 512,
    .only_512 = true },
  { "file", make_file, .unit = 1 },
  { "file, nothing left cached", make_file_none, .unit = 1 },
  { "file, direct", make_file_direct, .unit = 4096 },
  { "file, uring", make_file_uring, .unit = 4096 },
  { "device", make_device, .unit = 4096 },
  { "layered: ram", make_layered_ram, .unit = 1 },
  { "layered: ram over a cache over a disk", make_layered_cache, .unit = 1 },
  { "layered: written through to a shorter disk", make_layered_through,
    .unit = 1 },
#ifdef HAVE_SQLITE
  { "layered: sqlite", make_layered_sqlite, .unit = 1 },
#endif
  { "latency", make_latency, .unit = 1 },
  { "pr", make_pr, .unit = 1 },
#ifdef HAVE_OPENSSL
  { "crypt", make_crypt, .unit = 512 },
  { "crypt, units of 4096 behind a header", make_crypt_4096, .unit = 4096 },
#endif
#ifdef HAVE_LIBCURL
  { "http", make_http, .unit = 1 },
#endif
#ifdef HAVE_LIBNBD
  { "nbd", make_nbd, .unit = 1, .only_512 = true },
  { "nbd, blocks and small requests", make_nbd_blocks, .unit = 512 },
#endif
  { "nvme", make_nvme, .unit = 4096 },
  { "nvme, SGLs", make_nvme_sgl, .unit = 4096 },
  { "nvme, small and bare", make_nvme_bare, .unit = 4096 },
  { "striped: one member", make_striped_1, .unit = 4096 },
  { "striped: two", make_striped_2, .unit = 8192 },
  { "striped: five, odd chunks, labels", make_striped_5, .unit = 61440 },
  { "striped: unequal, align 16384", make_striped_align, .unit = 8192 },
#define IMAGE_VHD1 .unit = 512, .only_512 = true, .is_image = true
#define IMAGE_VHDX .unit = 512, .is_image = true
  { "vhd1 dynamic", make_image_vhd1, IMAGE_VHD1 },
  { "vhd1 dynamic, blocks of 4K", make_image_vhd1_4k, IMAGE_VHD1 },
  { "vhd1 over a shorter parent", make_image_vhd1_child, IMAGE_VHD1 },
  { "vhd1, hiding its parent", make_image_vhd1_hides, IMAGE_VHD1 },
  { "vhdx dynamic", make_image_vhdx, IMAGE_VHDX },
  { "vhdx over a shorter parent", make_image_vhdx_child, IMAGE_VHDX },
  { "vhdx, hiding its parent", make_image_vhdx_hides, IMAGE_VHDX },
};

const unsigned nstore_makers = ARRAY_SIZE (store_makers);
