/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The vhdx plugin: a VHDX in a file or on a block device, with the parents
 * that it may have.  Here are the parameters that only VHDXs have; the
 * rest is in glue-image and glue-plugin.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/align.h"
#include "glue/glue-image.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define MIB UINT64_C (0x100000)

/* Parameters, beside those of glue-image.h.  Each may be given once. */
enum param {
  P_SECTOR_SIZE,
  P_PHYSICAL_SECTOR_SIZE,
};

static const struct glue_word param_words[] = {
  { "sector-size", P_SECTOR_SIZE },
  { "physical-sector-size", P_PHYSICAL_SECTOR_SIZE },
  { NULL, -1 },
}, sector_size_words[] = {
  { "512", 512 },
  { "4096", 4096 },
  { NULL, -1 },
};

static const struct glue_image_format format = {
  .id = IMAGE_FORMAT_VHDX,
  .noun = "VHDX",
  .max_size = 64 * MIB * MIB,
  .max_size_words = "64 TiB",
  .min_block = MIB,
  .max_block = 256 * MIB,
  .default_type = IMAGE_DYNAMIC,
};

static struct glue_image image = GLUE_IMAGE_INIT (&format);
static unsigned given; /* bits of enum param */

/* ------------------------------------------------------------------ */
/* What is served */

static struct store *
open_store (const char *name, bool read_only)
{
  return glue_image_store (&image, read_only);
}

static struct glue_exports exports = GLUE_EXPORTS_INIT (open_store);

/* Still in the user's directory, as the user and with the terminal. */
static int
vhdx_get_ready (void)
{
  return glue_image_get_ready (&image, &exports);
}

static void
vhdx_unload (void)
{
  glue_plugin_unload (&exports);
  glue_image_fini (&image);
}

static void *
vhdx_open (int readonly)
{
  return glue_plugin_open (&exports, "", readonly);
}

/* ------------------------------------------------------------------ */
/* Configuration */

static int
set (enum param param, const char *key, const char *value)
{
  int n = 0;

  if (glue_param_word (key, value, sector_size_words, &n) == -1)
    return -1;
  if (param == P_SECTOR_SIZE)
    image.create.sector_size = n;
  else
    image.create.physical_sector_size = n;
  return 0;
}

static int
vhdx_config (const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);
  const int r = glue_image_config (&image, key, value);

  if (r != 0)
    return r == 1 ? 0 : -1;
  if (param == -1) {
    nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  if (glue_param_once (key, param, &given) == -1)
    return -1;
  return set (param, key, value);
}

static int
check_sectors (void)
{
  const uint32_t sector =
    image.create.sector_size != 0 ? image.create.sector_size : 512;

  if (IS_ALIGNED (image.create.size, sector))
    return 0;
  nbdkit_error (
    "create= must be whole sectors (multiples of %" PRIu32 " bytes)", sector);
  return -1;
}

static int
vhdx_config_complete (void)
{
  if (glue_image_config_complete (&image) == -1 ||
      glue_image_only_new (&image, "sector-size",
                           image.create.sector_size != 0) == -1 ||
      glue_image_only_new (&image, "physical-sector-size",
                           image.create.physical_sector_size != 0) == -1)
    return -1;
  return check_sectors ();
}

/* clang-format off */
#define vhdx_config_help                                                       \
  "[file=]<FILENAME>     The VHDX to serve.\n"                                 \
  "sector-size=512|4096  Of a new one: the sectors of the disk.\n"             \
  "physical-sector-size=512|4096\n"                                            \
  "                      Of a new one: those of the medium, for guests.\n"     \
  GLUE_IMAGE_HELP
/* clang-format on */

static void
vhdx_dump_plugin (void)
{
  printf ("vhdx_types=fixed,dynamic,differencing\n");
}

static struct nbdkit_plugin plugin = {
  .name = "vhdx",
  .longname = "diskstack vhdx plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve VHDXs: fixed, dynamic and differencing.",
  .unload = vhdx_unload,
  .config = vhdx_config,
  .config_complete = vhdx_config_complete,
  .config_help = vhdx_config_help,
  .magic_config_key = "file",
  .dump_plugin = vhdx_dump_plugin,
  .get_ready = vhdx_get_ready,
  .open = vhdx_open,
  GLUE_PLUGIN_OPS,
};

NBDKIT_REGISTER_PLUGIN (plugin)
