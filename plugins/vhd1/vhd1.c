/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The vhd1 plugin: a VHD in a file or on a block device, with the parents
 * that it may have.  Here are the parameters that only VHDs have; the
 * rest is in glue-image and glue-plugin.
 */

#include <config.h>

#include <stdio.h>

#include "base/align.h"
#include "glue/glue-image.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define MIB (1024 * 1024)

/* Parameters, beside those of glue-image.h.  Each may be given once. */
enum param {
  P_SIZE_FROM,
};

static const struct glue_word param_words[] = {
  { "size-from", P_SIZE_FROM },
  { NULL, -1 },
}, size_from_words[] = {
  { "auto", VHD_SIZE_AUTO },
  { "current", VHD_SIZE_CURRENT },
  { "chs", VHD_SIZE_GEOMETRY },
  { NULL, -1 },
};

static const struct glue_image_format format = {
  .id = IMAGE_FORMAT_VHD1,
  .noun = "VHD",
  .max_size = VHD_MAX_SIZE,
  .max_size_words = "2040 GiB",
  .min_block = 4096,
  .max_block = 256 * MIB,
  .default_type = IMAGE_FIXED,
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
vhd1_get_ready (void)
{
  return glue_image_get_ready (&image, &exports);
}

static void
vhd1_unload (void)
{
  glue_plugin_unload (&exports);
  glue_image_fini (&image);
}

static void *
vhd1_open (int readonly)
{
  return glue_plugin_open (&exports, "", readonly);
}

/* ------------------------------------------------------------------ */
/* Configuration */

static int
vhd1_config (const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);
  int rule = 0, r = glue_image_config (&image, key, value);

  if (r != 0)
    return r == 1 ? 0 : -1;
  if (param == -1) {
    nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  if (glue_param_once (key, param, &given) == -1)
    return -1;
  r = glue_param_word (key, value, size_from_words, &rule);
  image.size_rule = rule;
  return r;
}

static int
check_new (void)
{
  const bool fixed = image.create.type == IMAGE_FIXED;

  if (given & (1u << P_SIZE_FROM))
    nbdkit_error ("size-from= and create= cannot be used together: what is "
                  "made has one size");
  else if (fixed && image.create.block_size != 0)
    nbdkit_error ("block-size= cannot be used with subformat=fixed: a fixed "
                  "VHD has no blocks");
  else if (fixed && !IS_ALIGNED (image.create.size, MIB))
    nbdkit_error ("create= must be whole MiB (multiples of %d bytes): Azure "
                  "takes no VHD of another size",
                  MIB);
  else if (!IS_ALIGNED (image.create.size, VHD_SECTOR_SIZE))
    nbdkit_error ("create= must be whole sectors (multiples of %d bytes)",
                  VHD_SECTOR_SIZE);
  else
    return 0;
  return -1;
}

static int
vhd1_config_complete (void)
{
  if (glue_image_config_complete (&image) == -1)
    return -1;
  return glue_image_is_new (&image) ? check_new () : 0;
}

/* clang-format off */
#define vhd1_config_help                                                       \
  "[file=]<FILENAME>     The VHD to serve.\n"                                  \
  "size-from=<WHICH>     The size that counts: auto, current or chs.\n"        \
  GLUE_IMAGE_HELP
/* clang-format on */

static void
vhd1_dump_plugin (void)
{
  printf ("vhd1_types=fixed,dynamic,differencing\n");
}

static struct nbdkit_plugin plugin = {
  .name = "vhd1",
  .longname = "diskstack vhd1 plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve VHDs: fixed, dynamic and differencing.",
  .unload = vhd1_unload,
  .config = vhd1_config,
  .config_complete = vhd1_config_complete,
  .config_help = vhd1_config_help,
  .magic_config_key = "file",
  .dump_plugin = vhd1_dump_plugin,
  .get_ready = vhd1_get_ready,
  .open = vhd1_open,
  GLUE_PLUGIN_OPS,
};

NBDKIT_REGISTER_PLUGIN (plugin)
