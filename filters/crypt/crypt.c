/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The crypt filter: the disk below is encrypted.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "crypt-config.h"
#include "glue/glue-filter.h"
#include "luks/luks-header.h"
#include "luks/luks.h"
#include "store/store-crypt.h"
#include "store/store-file.h"

/* Of a header that is a file of its own, as cryptsetup makes them. */
#define HEADER_SIZE (16 * 1024 * 1024)

static const char the_disk[] = "crypt: the disk below";

/* ------------------------------------------------------------------ */
/* Before the server listens */

static int
crypt_get_ready (void *config)
{
  struct crypt_config *c = config;
  const struct host_file_options o = { .path = c->header_path };

  if (c->header_path == NULL)
    return 0;
  if (c->create && access (c->header_path, F_OK) == -1 && errno == ENOENT)
    c->header = host_file_create (&o, HEADER_SIZE);
  else
    c->header = host_file_open (&o);
  return c->header != NULL ? 0 : -1;
}

/* Keys are wherever libraries work with them, and what clients read and
 * write is in buffers of nbdkit: so that nothing of it is in a core file,
 * there is none.
 */
static int
crypt_after_fork (void *config)
{
  const struct crypt_config *c = config;

  secret_lock (&c->key);
  secret_lock (&c->passphrase);
  if (prctl (PR_SET_DUMPABLE, 0) == -1) {
    log_error ("crypt: prctl (PR_SET_DUMPABLE): %m");
    return -1;
  }
  return 0;
}

static bool
crypt_below_read_only (const void *config, bool read_only)
{
  return read_only;
}

/* ------------------------------------------------------------------ */
/* Disks */

static struct crypt_volume *
make_volume (const struct crypt_volume_options *o)
{
  enum xts_status status;
  struct crypt_volume *v = crypt_volume_create (o, &status);

  if (v == NULL)
    log_error ("crypt: the key %s", xts_status_string (status));
  return v;
}

/* Somebody forgot that it is LUKS, and would write noise over the header. */
static int
check_not_luks (struct store *bottom)
{
  uint8_t start[LUKS_HEADER_START];
  struct luks_header h;
  int err;

  if (store_size (bottom) < sizeof start)
    return 0;
  if (store_read_any (bottom, start, sizeof start, 0, &err) == -1) {
    log_error ("crypt: reading the beginning of the disk below: %s",
               strerror (err));
    return -1;
  }
  if (luks_header_parse (start, &h) != LUKS_OK)
    return 0;
  log_error ("crypt: the disk below has a header of LUKS%u, and crypt-key= is "
             "for plain disks: it needs crypt-passphrase= or crypt-key-file=, "
             "or crypt-format=plain if the header is to be ignored",
             h.version);
  return -1;
}

static struct crypt_volume *
open_plain (const struct crypt_config *c, struct store *bottom)
{
  const uint64_t unit = c->seen_sector_size ?
                          c->sector_size :
                          min_u64 (bottom->info.sector_size, XTS_UNIT_MAX);
  const struct crypt_volume_options o = {
    .xts = { .key = c->key.bytes,
             .key_size = c->key.size,
             .unit = (uint32_t) unit,
             .large_sectors = c->large_sectors,
             .iv_offset = c->iv_offset },
    .discard = c->discard,
  };

  if (!c->is_sure && check_not_luks (bottom) == -1)
    return NULL;
  return make_volume (&o);
}

#ifdef HAVE_LIBCRYPTSETUP

/* libcryptsetup has state of its own. */
static pthread_mutex_t luks_lock = PTHREAD_MUTEX_INITIALIZER;

static int
open_header (const struct crypt_config *c, struct store *header,
             const char *name, uint64_t disk_size, struct luks_volume *v)
{
  const unsigned version = c->format == CRYPT_FORMAT_LUKS1 ? 1 :
                           c->format == CRYPT_FORMAT_LUKS2 ? 2 :
                                                             0;
  const struct luks_new n = {
    .version = version,
    .sector_size = (uint32_t) c->sector_size,
    .detached = c->header != NULL,
    .disk_size = disk_size,
    .iter_time = c->iter_time,
  };

  LOCK_SCOPE (&luks_lock);
  return c->create ? luks_create (header, name, &n, &c->passphrase, v) :
                     luks_open (header, name, version, &c->passphrase, v);
}

/* At the beginning of the disk, or in a file of its own. */
static int
find_header (const struct crypt_config *c, struct store *bottom,
             struct luks_volume *v)
{
  const struct store_file_options o = { .read_only = !c->create };
  struct store *file;
  int r;

  if (c->header == NULL)
    return open_header (c, bottom, the_disk, store_size (bottom), v);
  file = store_file_create (c->header, &o);
  if (file == NULL)
    return -1;
  r = open_header (c, file, c->header_path, store_size (bottom), v);
  store_close (file);
  return r;
}

static struct crypt_volume *
open_luks (const struct crypt_config *c, struct store *bottom)
{
  struct crypt_volume_options o = { .discard = c->discard };
  struct crypt_volume *volume;
  struct luks_volume v;

  if (find_header (c, bottom, &v) == -1)
    return NULL;
  o.xts = (struct xts_options){ .key = v.key.bytes,
                                .key_size = v.key.size,
                                .unit = v.sector_size,
                                .iv_offset = v.iv_offset };
  o.data_offset = v.data_offset;
  volume = make_volume (&o);
  luks_volume_fini (&v);
  return volume;
}

#else

static struct crypt_volume *
open_luks (const struct crypt_config *c, struct store *bottom)
{
  return NULL;
}

#endif

static void *
crypt_open_disk (void *config, struct store *bottom, bool read_only)
{
  const struct crypt_config *c = config;

  return c->format == CRYPT_FORMAT_PLAIN ? open_plain (c, bottom) :
                                           open_luks (c, bottom);
}

static void
crypt_close_disk (void *disk)
{
  crypt_volume_unref (disk);
}

static struct store *
crypt_open_store (void *config, void *disk, struct store *bottom)
{
  char why[160];
  struct store *s;

  if (!crypt_volume_fits (disk, bottom, why, sizeof why)) {
    log_error ("%s %s", the_disk, why);
    return NULL;
  }
  s = store_crypt_create (disk, bottom);
  if (s == NULL)
    log_error ("crypt: out of memory");
  return s;
}

static const struct glue_over over = {
  .open_disk = crypt_open_disk,
  .close_disk = crypt_close_disk,
  .open_store = crypt_open_store,
};

static struct glue_filter filter = {
  .config_size = sizeof (struct crypt_config),
  .config = crypt_config_set,
  .config_complete = crypt_config_complete,
  .get_ready = crypt_get_ready,
  .after_fork = crypt_after_fork,
  .below_read_only = crypt_below_read_only,
  .over = &over,
  .free_config = crypt_config_free,
  GLUE_FILTER_STATE_INIT,
};

#define HELP                                                                \
  "crypt-create=true              Make a new LUKS header.\n"                \
  "crypt-discard=true             Pass discards to the disk below.\n"       \
  "crypt-format=<FORMAT>          auto, plain, luks, luks1 or luks2.\n"     \
  "crypt-header=<FILENAME>        The LUKS header is in this file.\n"       \
  "crypt-iter-time=<SECONDS>      How long a new key slot takes to open.\n" \
  "crypt-iv-large-sectors=true    Number sectors by their own size.\n"      \
  "crypt-iv-offset=<NUMBER>       The number of the first sector.\n"        \
  "crypt-key=-|+<FILENAME>|-<FD>  The key of a plain disk.\n"               \
  "crypt-key-file=<FILENAME>      What is in this file opens LUKS.\n"       \
  "crypt-passphrase=-|+<FILENAME>|-<FD>\n"                                  \
  "                               The passphrase of LUKS.\n"                \
  "crypt-sector-size=<SIZE>       512, 1024, 2048 or 4096.\n"

GLUE_FILTER (filter, "crypt", "diskstack encryption",
             "Encrypt what is on the disk below.", HELP)
