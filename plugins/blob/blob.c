/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The blob plugin: a file on a web server, of Azure Blob or of S3, or all
 * that is below a URL, or in a container or bucket.
 * Here are its parameters and what they open; the rest is in store-http,
 * glue-url and glue-plugin.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "blob/store-http.h"
#include "glue/glue-params.h"
#include "glue/glue-plugin.h"
#include "glue/glue-url.h"
#include "http/http-name.h"
#include "http/http-place.h"
#include "store/store-vhd1.h"
#include "image/vhd1/image-vhd1.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define KIB UINT64_C (1024)
#define MIB (1024 * KIB)

/* Parameters, beside those of glue-url.h.  Each may be given once. */
enum param {
  P_URL,
  P_BASE_URL,
  P_FORMAT,
  P_FETCH,
  P_RANGE_SIZE,
  P_CACHE_SIZE,
  P_READAHEAD,
};

enum format { FORMAT_AUTO, FORMAT_FLAT, FORMAT_VHD1 };

static const struct glue_word param_words[] = {
  { "url", P_URL },
  { "base-url", P_BASE_URL },
  { "format", P_FORMAT },
  { "fetch", P_FETCH },
  { "range-size", P_RANGE_SIZE },
  { "cache-size", P_CACHE_SIZE },
  { "readahead", P_READAHEAD },
  { NULL, -1 },
}, format_words[] = {
  { "auto", FORMAT_AUTO },
  { "flat", FORMAT_FLAT },
  { "vhd1", FORMAT_VHD1 },
  { NULL, -1 },
};

static unsigned given; /* bits of enum param */
static char *url, *base_url;
static int format;
static struct store_http_options tuning = STORE_HTTP_DEFAULTS;
/* The client is one for all exports, so that they share its connections;
 * after the fork, from the first export on.
 */
static struct glue_url http;

/* ------------------------------------------------------------------ */
/* What is served */

/* Are there several, which clients choose from by name? */
static bool
is_by_name (void)
{
  return base_url != NULL ||
         (url == NULL && http.cloud.o.blob == NULL && http.cloud.o.key == NULL);
}

/* As its name has it. */
static bool
is_named_vhd (const char *name)
{
  const size_t n = strlen (name);

  return n >= 4 && strcasecmp (name + n - 4, ".vhd") == 0;
}

/* Has the file the look of a VHD?  1, with its footer, 0 or -1 after
 * nbdkit_error.
 */
static int
looks_like_vhd (struct store *s, struct vhd_footer *f)
{
  bool from_head;
  int err;

  switch (vhd1_find_footer (s, f, &from_head, &err)) {
  case -1:
    nbdkit_error ("%s: reading the end: %s", s->description, strerror (err));
    return -1;
  case VHD_OK:
    return 1;
  default:
    return 0;
  }
}

/* The file may be wanted as it is, but that is not likely.  0 or -1 after
 * nbdkit_error.
 */
static int
warn_of_vhdx (struct store *s)
{
  static const char signature[] = { 'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e' };
  char start[sizeof signature];
  int err;

  if (store_size (s) < sizeof start)
    return 0;
  if (store_read (s, start, sizeof start, 0, &err) == -1) {
    nbdkit_error ("%s: reading the start: %s", s->description, strerror (err));
    return -1;
  }
  if (memcmp (start, signature, sizeof start) == 0)
    nbdkit_error ("%s: warning: looks like a VHDX, and is served as a raw "
                  "disk: nbdkit-vhdx-plugin(1) serves the disk in it; "
                  "format=flat says that it is wanted so",
                  s->description);
  return 0;
}

static void
refuse_vhd (struct store *s, const struct vhd_footer *f)
{
  if (f->type == VHD_TYPE_FIXED)
    nbdkit_error ("%s: has the footer of a VHD, but is not called so: say "
                  "format=vhd1 if it is one, or format=flat if it is a raw "
                  "disk that happens to end so",
                  s->description);
  else
    nbdkit_error ("%s: has the footer of a VHD that is not a fixed one: "
                  "nbdkit-vhd1-plugin(1) serves such; or say format=flat if it "
                  "is a raw disk that happens to end so",
                  s->description);
}

/* Is it to be served as a VHD?  1, 0 or -1 after nbdkit_error.  A footer
 * alone is not enough: that a raw disk ends so may be the doing of a guest.
 */
static int
is_vhd (struct store *s)
{
  struct vhd_footer f;
  int looks;

  if (format != FORMAT_AUTO)
    return format == FORMAT_VHD1;
  if (is_named_vhd (s->description))
    return 1;
  looks = looks_like_vhd (s, &f);
  if (looks == 0)
    return warn_of_vhdx (s);
  if (looks == 1)
    refuse_vhd (s, &f);
  return -1;
}

static struct store *
open_vhd (struct store *s)
{
  const struct store_vhd1_options o = { .name = s->description };
  struct store *disk = store_vhd1_create (s, &o);

  if (disk == NULL && errno == EOPNOTSUPP)
    nbdkit_error ("%s: nbdkit-vhd1-plugin(1) serves VHDs that are not fixed",
                  s->description);
  return disk;
}

/* S, which is owned in any case, as the format says. */
static struct store *
open_format (struct store *s)
{
  const int vhd = is_vhd (s);
  struct store *disk = NULL;

  if (vhd == 0)
    return s;
  if (vhd == 1)
    disk = open_vhd (s);
  if (disk == NULL)
    store_close (s);
  return disk;
}

/* WHERE, which is forgotten; NULL is none. */
static struct store *
open_place (char *where)
{
  struct store *s = open_client_store (&http.client, where, &tuning);
  struct uuid id;
  bool has_id;

  if (s == NULL)
    return NULL;
  has_id = store_http_id (s, &id);
  return store_http_identify (open_format (s), has_id ? &id : NULL);
}

static char *
place_below_base (const char *name)
{
  char *below = http_name_below (base_url, name), *r;

  if (below == NULL && errno == EINVAL)
    nbdkit_error ("export \"%s\" is not the name of a file below base-url=",
                  name);
  else if (below == NULL)
    nbdkit_error ("export \"%s\": %m", name);
  r = below != NULL ? open_client_url (&http.client, below) : NULL;
  open_client_forget (below);
  return r;
}

static struct store *
open_store (const char *name, bool read_only)
{
  const struct open_client *c = &http.client;

  if (glue_url_ensure (&http) == -1)
    return NULL;
  if (base_url != NULL)
    return open_place (place_below_base (name));
  return open_place (url != NULL ? open_client_url (c, url) :
                                   cloud_service_url (c->service, NULL, name));
}

static struct glue_exports exports = GLUE_EXPORTS_INIT (open_store);

static void
close_all (void)
{
  glue_plugin_unload (&exports);
  glue_url_close (&http);
}

/* There are no names yet. */
static int
check_base (void)
{
  struct http_place *place;

  if (base_url == NULL)
    return 0;
  place = http_place_create (base_url);
  http_place_unref (place);
  return place != NULL ? 0 : -1;
}

/* What is wrong is said before the server listens; nothing stays open, as
 * threads do not survive the fork.
 */
static int
blob_get_ready (void)
{
  int r;

  if (is_by_name ()) {
    exports.close_idle = true;
    r = check_base () == -1 ? -1 : glue_url_ensure (&http);
  }
  else
    r = glue_plugin_preopen (&exports, "");
  glue_plugin_unload (&exports);
  glue_url_before_fork (&http);
  return r;
}

static void
blob_unload (void)
{
  close_all ();
  open_client_forget (url);
  open_client_forget (base_url);
  glue_url_fini (&http);
}

static int
add_export (void *list, const char *name)
{
  return nbdkit_add_export (list, name, NULL);
}

/* Of web servers there is no list: no name is told, rather than one that is
 * not there.
 */
static int
blob_list_exports (int readonly, int is_tls, struct nbdkit_exports *list)
{
  const struct open_client *c = &http.client;

  if (!is_by_name ())
    return nbdkit_add_export (list, "", NULL);
  if (base_url != NULL)
    return 0;
  if (glue_url_ensure (&http) == -1)
    return -1;
  return cloud_service_names (c->service, c->client, add_export, list);
}

static void *
blob_open (int readonly)
{
  const char *name = is_by_name () ? nbdkit_export_name () : "";

  return name != NULL ? glue_plugin_open (&exports, name, readonly) : NULL;
}

/* ------------------------------------------------------------------ */
/* Configuration */

/* Itself, or where to read it. */
static int
set_url (const char *value, char **r)
{
  return nbdkit_read_password (value, r);
}

static int
set_power (const char *key, const char *value, uint64_t min, uint64_t max,
           uint32_t *r)
{
  uint64_t n;

  if (glue_param_size (key, value, &n) == -1)
    return -1;
  if (!is_power_of_2 (n) || n < min || n > max) {
    nbdkit_error ("%s=%s: must be a power of two from %" PRIu64 " to %" PRIu64
                  " bytes",
                  key, value, min, max);
    return -1;
  }
  *r = n;
  return 0;
}

static int
set_readahead (const char *value)
{
  const int64_t n = nbdkit_parse_size (value);

  tuning.readahead = n;
  return n == -1 ? -1 : 0;
}

static int
set (enum param param, const char *key, const char *value)
{
  switch (param) {
  case P_URL:
    return set_url (value, &url);
  case P_BASE_URL:
    return set_url (value, &base_url);
  case P_FORMAT:
    return glue_param_word (key, value, format_words, &format);
  case P_FETCH:
    tuning.fetch_less = false;
    return set_power (key, value, 512, MIB, &tuning.fetch);
  case P_RANGE_SIZE:
    return set_power (key, value, 4 * KIB, 64 * MIB, &tuning.range);
  case P_CACHE_SIZE:
    return glue_param_size (key, value, &tuning.cache_size);
  case P_READAHEAD:
    return set_readahead (value);
  }
  return -1;
}

static int
blob_config (const char *key, const char *value)
{
  const int param = glue_find_word (param_words, key);
  const int r = glue_url_config (&http, key, value, true);

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
blob_config_complete (void)
{
  const bool has_place = cloud_options_have_place (&http.cloud.o);

  if (url == NULL && base_url == NULL && !has_place)
    nbdkit_error ("give the URL to serve, or base-url=, container= or bucket=");
  else if ((url != NULL) + (base_url != NULL) + has_place > 1)
    nbdkit_error ("only one of url=, base-url=, container= and bucket= may be "
                  "given");
  else if (tuning.range < tuning.fetch)
    nbdkit_error ("range-size= must not be less than fetch=, which is %" PRIu32,
                  tuning.fetch);
  else if (tuning.cache_size < 16 * (uint64_t) tuning.fetch ||
           tuning.cache_size > 1024 * 1024 * MIB)
    nbdkit_error ("cache-size= must be from 16 times fetch=, which is %" PRIu32
                  ", to 1T",
                  tuning.fetch);
  else
    return glue_url_config_complete (&http);
  return -1;
}

/* clang-format off */
#define blob_config_help                                                       \
  "[url=]<URL>           The file to serve; +FILE, - and -FD read the URL.\n"  \
  "base-url=<URL>        Serve what is below by its name; forms as url=.\n"    \
  "format=auto|flat|vhd1 What it is: a raw disk or a fixed VHD.\n"             \
  "fetch=<SIZE>          Ask the server for at least so much.\n"               \
  "range-size=<SIZE>     And for at most so much in one request.\n"            \
  "cache-size=<SIZE>     Keep so much in memory, for each export.\n"           \
  "readahead=<SIZE>      Read at most so far ahead; 0 for not at all.\n"       \
  GLUE_CLOUD_PLACE_HELP                                                        \
  GLUE_URL_HELP
/* clang-format on */

static void
blob_dump_plugin (void)
{
  printf ("blob_formats=flat,vhd1\n");
}

static struct nbdkit_plugin plugin = {
  .name = "blob",
  .longname = "diskstack blob plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve files on web servers, Azure and S3, read-only.",
  .unload = blob_unload,
  .config = blob_config,
  .config_complete = blob_config_complete,
  .config_help = blob_config_help,
  .magic_config_key = "url",
  .dump_plugin = blob_dump_plugin,
  .get_ready = blob_get_ready,
  .list_exports = blob_list_exports,
  .open = blob_open,
  GLUE_PLUGIN_OPS,
};

NBDKIT_REGISTER_PLUGIN (plugin)
