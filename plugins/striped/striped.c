/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The striped plugin: a disk over several others.  Here are its parameters
 * and what they open; the rest is in store-striped and glue-plugin.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "glue/glue-host-file.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"
#include "open/store-open-nbd.h"
#include "store/striped-labels.h"
#include "stripe/stripe-map.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define DEFAULT_STRIPE_SIZE (128 * 1024)

/* Parameters.  Each but the first may be given once. */
enum param {
  P_DISK,
  P_STRIPE_SIZE,
  P_SIZE,
  P_ALLOW_UNEQUAL,
  P_LABEL,
};

enum label {
  LABEL_UNSAID, /* there must not be any */
  LABEL_FALSE,  /* what is there is data */
  LABEL_TRUE,
  LABEL_CREATE,
  LABEL_OVERWRITE,
};

static const struct glue_word param_words[] = {
  { "disk", P_DISK },
  { "stripe-size", P_STRIPE_SIZE },
  { "size", P_SIZE },
  { "allow-unequal", P_ALLOW_UNEQUAL },
  { "label", P_LABEL },
  { NULL, -1 },
}, label_words[] = {
  { "true", LABEL_TRUE },
  { "false", LABEL_FALSE },
  { "create", LABEL_CREATE },
  { "overwrite", LABEL_OVERWRITE },
  { NULL, -1 },
}, bool_words[] = {
  { "true", true },
  { "false", false },
  { NULL, -1 },
};

static struct disk {
  char *spec; /* absolute */
  struct store_source *source;
} disks[STRIPE_MAX_MEMBERS];

/* Disks that are no files. */
#ifdef HAVE_LIBNBD
static const struct store_open_kind *const more = store_open_nbd;
#else
static const struct store_open_kind *const more = NULL;
#endif

static struct glue_host_file use = GLUE_HOST_FILE_INIT; /* of all files */
static unsigned ndisks;
static unsigned given; /* bits of enum param */
static uint64_t stripe_size, size;
static int allow_unequal;
static int label;

/* ------------------------------------------------------------------ */
/* Members */

static void
close_members (struct store_striped_member *m)
{
  for (unsigned i = 0; i < ndisks; i++)
    store_close (m[i].store);
}

/* All of them into M, or none. */
static int
open_members (struct store_striped_member *m, bool read_only)
{
  const struct store_file_options file = glue_host_file_use (&use);
  const struct store_open_options o = { .read_only = read_only, .file = &file };

  for (unsigned i = 0; i < ndisks; i++)
    m[i] = (struct store_striped_member){ .name = disks[i].spec };
  for (unsigned i = 0; i < ndisks; i++) {
    m[i].store = store_source_store (disks[i].source, &o);
    if (m[i].store == NULL) {
      close_members (m);
      return -1;
    }
  }
  return 0;
}

static int
open_sources (void)
{
  const struct store_open_options o = { .read_only = true,
                                        .no_lock = use.no_lock,
                                        .file = &use.options,
                                        .more = more };

  for (unsigned i = 0; i < ndisks; i++) {
    disks[i].source = store_source_open (disks[i].spec, &o);
    if (disks[i].source == NULL)
      return -1;
    for (unsigned j = 0; j < i; j++) {
      if (store_source_same (disks[i].source, disks[j].source)) {
        nbdkit_error ("disk=%s: is the same as disk %u", disks[i].spec, j + 1);
        return -1;
      }
    }
  }
  return 0;
}

/* The disk is if all of them are. */
static bool
are_writable (void)
{
  for (unsigned i = 0; i < ndisks; i++) {
    if (!store_source_is_writable (disks[i].source))
      return false;
  }
  return true;
}

/* ------------------------------------------------------------------ */
/* What is served */

static struct store_striped_options
options (struct store_striped_member *m)
{
  return (struct store_striped_options){
    .member = m,
    .count = ndisks,
    .chunk = stripe_size != 0 ? stripe_size : DEFAULT_STRIPE_SIZE,
    .size = size,
    .allow_unequal = allow_unequal,
  };
}

/* The parameters may only say what the label says. */
static int
check_label (const struct stripe_label *l)
{
  if (stripe_size != 0 && stripe_size != l->stripe_size)
    nbdkit_error ("stripe-size=%llu: the labels say %llu",
                  (unsigned long long) stripe_size,
                  (unsigned long long) l->stripe_size);
  else if (size != 0 && size != l->size)
    nbdkit_error ("size=%llu: the labels say %llu", (unsigned long long) size,
                  (unsigned long long) l->size);
  else
    return 0;
  return -1;
}

static struct store *
open_labelled (struct store_striped_member *m)
{
  struct store_striped_options o = options (m);
  struct stripe_label l;

  if (striped_labels_read (m, ndisks, &l) == -1 || check_label (&l) == -1)
    return NULL;
  o.chunk = l.stripe_size;
  o.size = l.size;
  o.data_offset = l.data_offset;
  o.allow_unequal = true;
  o.id = &l.set;
  return store_striped_create (&o);
}

static struct store *
open_plain (struct store_striped_member *m)
{
  const struct store_striped_options o = options (m);

  if (label == LABEL_UNSAID && striped_labels_none (m, ndisks) == -1)
    return NULL;
  return store_striped_create (&o);
}

static struct store *
open_store (const char *name, bool read_only)
{
  struct store_striped_member m[STRIPE_MAX_MEMBERS];
  struct store *s;

  if (open_members (m, read_only || !are_writable ()) == -1)
    return NULL;
  s = label == LABEL_UNSAID || label == LABEL_FALSE ? open_plain (m) :
                                                      open_labelled (m);
  if (s == NULL)
    close_members (m);
  return s;
}

static struct glue_exports exports = GLUE_EXPORTS_INIT (open_store);

static int
write_labels (void)
{
  struct store_striped_member m[STRIPE_MAX_MEMBERS];
  struct store_striped_options o = options (m);
  int r;

  if (!are_writable ()) {
    nbdkit_error ("label=%s: not all disks can be written",
                  label == LABEL_CREATE ? "create" : "overwrite");
    return -1;
  }
  if (open_members (m, false) == -1)
    return -1;
  o.data_offset = STRIPE_LABEL_DATA_OFFSET;
  r = striped_labels_write (&o, label == LABEL_OVERWRITE);
  close_members (m);
  return r;
}

/* Still in the user's directory, as the user and with the terminal. */
static int
striped_get_ready (void)
{
  if (open_sources () == -1)
    return -1;
  if ((label == LABEL_CREATE || label == LABEL_OVERWRITE) &&
      write_labels () == -1)
    return -1;
  return glue_plugin_preopen (&exports, "");
}

static void
striped_unload (void)
{
  glue_plugin_unload (&exports);
  for (unsigned i = 0; i < ndisks; i++) {
    store_source_unref (disks[i].source);
    free (disks[i].spec);
  }
}

static void *
striped_open (int readonly)
{
  return glue_plugin_open (&exports, "", readonly);
}

/* ------------------------------------------------------------------ */
/* Configuration */

static int
add_disk (const char *value)
{
  if (ndisks == STRIPE_MAX_MEMBERS) {
    nbdkit_error ("disk=%s: there may be at most %d disks", value,
                  STRIPE_MAX_MEMBERS);
    return -1;
  }
  disks[ndisks].spec = store_open_absolute (value);
  if (disks[ndisks].spec == NULL) {
    nbdkit_error ("disk=%s: %m", value);
    return -1;
  }
  ndisks++;
  return 0;
}

static int
set (enum param param, const char *key, const char *value)
{
  switch (param) {
  case P_DISK:
    return add_disk (value);
  case P_STRIPE_SIZE:
    return glue_param_size (key, value, &stripe_size);
  case P_SIZE:
    return glue_param_size (key, value, &size);
  case P_ALLOW_UNEQUAL:
    return glue_param_word (key, value, bool_words, &allow_unequal);
  case P_LABEL:
    return glue_param_word (key, value, label_words, &label);
  }
  return -1;
}

static int
striped_config (const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);
  const int r = glue_host_file_config_use (&use, key, value);

  if (r != 0)
    return r == 1 ? 0 : -1;
  if (param == -1) {
    nbdkit_error ("unknown parameter '%s'", key);
    return -1;
  }
  if (param != P_DISK && glue_param_once (key, param, &given) == -1)
    return -1;
  return set (param, key, value);
}

static int
striped_config_complete (void)
{
  if (ndisks > 0)
    return glue_host_file_config_complete (&use);
  nbdkit_error ("give the disks to stripe over, in the order of the stripes");
  return -1;
}

/* clang-format off */
#define striped_config_help                                                   \
  "[disk=]<DISK>         One disk to stripe over; repeat it, in order.\n"     \
  "stripe-size=<SIZE>    Bytes on each disk before the next one.\n"           \
  "size=<SIZE>           Serve only so much, from the start.\n"               \
  "allow-unequal=true    Use disks as far as the smallest of them goes.\n"    \
  "label=<MODE>          Labels on the disks: true, false, create, overwrite.\n"\
  GLUE_HOST_FILE_HELP
/* clang-format on */

static void
striped_dump_plugin (void)
{
  printf ("striped_nbd=%s\n", more != NULL ? "yes" : "no");
}

static struct nbdkit_plugin plugin = {
  .name = "striped",
  .longname = "diskstack striped plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve a disk that is striped over others (RAID-0).",
  .unload = striped_unload,
  .config = striped_config,
  .config_complete = striped_config_complete,
  .config_help = striped_config_help,
  .magic_config_key = "disk",
  .dump_plugin = striped_dump_plugin,
  .get_ready = striped_get_ready,
  .open = striped_open,
  GLUE_PLUGIN_OPS,
};

NBDKIT_REGISTER_PLUGIN (plugin)
