/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See disk.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "disk.h"
#include "open/open-url.h"
#include "image/vhd1/image-vhd1.h"
#include "store/store-align.h"
#include "store/store-file.h"
#include "vhd/vhd-footer.h"
#include "vhdx/vhdx-header.h"

/* ------------------------------------------------------------------ */
/* Names */

static const char *const format_names[] = {
  [DISK_RAW] = "raw",
  [DISK_VHD1] = "vhd1",
  [DISK_VHDX] = "vhdx",
};

static const struct suffix {
  const char *suffix;
  enum disk_format format;
} suffixes[] = {
  { ".vhd", DISK_VHD1 },
  { ".avhd", DISK_VHD1 },
  { ".vhdx", DISK_VHDX },
  { ".avhdx", DISK_VHDX },
};

const char *
disk_format_name (enum disk_format format)
{
  return format_names[format];
}

bool
disk_format_parse (const char *name, enum disk_format *format)
{
  for (size_t i = 0; i < ARRAY_SIZE (format_names); i++) {
    if (strcmp (name, format_names[i]) == 0) {
      *format = (enum disk_format) i;
      return true;
    }
  }
  return false;
}

enum disk_format
disk_format_of_path (const char *path)
{
  const char *slash = strrchr (path, '/');
  const char *dot = strrchr (slash != NULL ? slash : path, '.');

  for (size_t i = 0; dot != NULL && i < ARRAY_SIZE (suffixes); i++) {
    if (strcasecmp (dot, suffixes[i].suffix) == 0)
      return suffixes[i].format;
  }
  return DISK_RAW;
}

/* Without what comes after its path. */
static enum disk_format
disk_format_of_url (const char *url)
{
  CLEANUP_FREE char *path = strndup (url, strcspn (url, "?#"));

  return path != NULL ? disk_format_of_path (path) : DISK_RAW;
}

/* Split SPEC, which may have a prefix.  SAID: it has one.  False if it is
 * not a known one.
 */
static bool
split_spec (const char *spec, enum disk_format *format, const char **path,
            bool *said)
{
  const size_t n = strcspn (spec, ":/");
  CLEANUP_FREE char *prefix = NULL;

  *path = spec;
  *said = spec[n] == ':' && !open_is_url (spec);
  if (!*said) {
    *format = open_is_url (spec) ? disk_format_of_url (spec) :
                                   disk_format_of_path (spec);
    return true;
  }
  *path = spec + n + 1;
  prefix = strndup (spec, n);
  return prefix != NULL && disk_format_parse (prefix, format);
}

enum disk_format
disk_format_of_spec (const char *spec)
{
  enum disk_format format;
  const char *path;
  bool said;

  return split_spec (spec, &format, &path, &said) ? format : DISK_RAW;
}

static int
parse_spec (const char *spec, enum disk_format *format, const char **path,
            bool *said)
{
  const size_t n = strcspn (spec, ":");

  if (split_spec (spec, format, path, said))
    return 0;
  log_error ("\"%.*s\" is no kind of disk; a file of that name is \"./%s\"",
             (int) n, spec, spec);
  errno = EINVAL;
  return -1;
}

/* ------------------------------------------------------------------ */
/* Where parents are */

static int
no_memory (void)
{
  errno = ENOMEM;
  log_error ("%m");
  return -1;
}

int
disk_search_add_dir (struct disk_search *s, const char *dir)
{
  const char **p = realloc (s->dir, (s->ndirs + 1) * sizeof *p);

  if (p == NULL)
    return no_memory ();
  s->dir = p;
  s->dir[s->ndirs++] = dir;
  return 0;
}

int
disk_search_add_map (struct disk_search *s, const char *text)
{
  const char *equals = strchr (text, '=');
  char **from = realloc (s->map_from, (s->nmap + 1) * sizeof *from);
  const char **to;

  if (from != NULL)
    s->map_from = from;
  to = realloc (s->map_to, (s->nmap + 1) * sizeof *to);
  if (to != NULL)
    s->map_to = to;
  if (from == NULL || to == NULL)
    return no_memory ();
  if (equals == NULL || equals == text || equals[1] == '\0') {
    log_error ("--parent-map=%s: not of the form FROM=TO", text);
    errno = EINVAL;
    return -1;
  }
  s->map_from[s->nmap] = strndup (text, (size_t) (equals - text));
  if (s->map_from[s->nmap] == NULL)
    return no_memory ();
  s->map_to[s->nmap++] = equals + 1;
  return 0;
}

void
disk_search_fini (struct disk_search *s)
{
  for (unsigned i = 0; i < s->nmap; i++)
    free (s->map_from[i]);
  free (s->map_from);
  free (s->map_to);
  free (s->dir);
  memset (s, 0, sizeof *s);
}

/* ------------------------------------------------------------------ */
/* Opening */

/* What the content looks like, be it by accident. */
static enum disk_format
guess (const struct host_file *f)
{
  const int64_t size = host_file_size (f);
  uint8_t b[VHD_FOOTER_SIZE];
  struct vhd_footer footer;
  ssize_t n;

  n = pread (host_file_fd (f), b, sizeof b, 0);
  if (n >= 8 && memcmp (b, VHDX_SIGNATURE, 8) == 0)
    return DISK_VHDX;
  if (n == VHD_FOOTER_SIZE && vhd_footer_find (b, sizeof b, &footer) == VHD_OK)
    return DISK_VHD1;
  if (size < VHD_FOOTER_SIZE)
    return DISK_RAW;
  n = pread (host_file_fd (f), b, sizeof b, size - VHD_FOOTER_SIZE);
  if (n == VHD_FOOTER_SIZE && vhd_footer_find (b, sizeof b, &footer) == VHD_OK)
    return DISK_VHD1;
  return DISK_RAW;
}

/* A file that nothing is said of, and that has not the look of a raw disk:
 * whoever is mistaken would lose the disk in it.
 */
static int
check_raw (const struct host_file *f)
{
  const enum disk_format looks = guess (f);
  const char *path = host_file_path (f), *name = disk_format_name (looks);

  if (looks == DISK_RAW)
    return 0;
  log_error ("%s: has the content of a %s, but not its suffix: call it "
             "\"%s:%s\" if it is one, or \"raw:%s\" if it is a raw disk that "
             "happens to look so",
             path, looks == DISK_VHDX ? "VHDX" : "VHD", name, path, path);
  errno = EINVAL;
  return -1;
}

int
disk_open_file (struct disk *d, struct host_file *f, enum disk_format format,
                const struct disk_options *o)
{
  const struct disk_search none = { .ndirs = 0 };
  const struct disk_search *s = o->search != NULL ? o->search : &none;
  const struct image_chain_options co = {
    .format = disk_image_format (format),
    .alone = o->alone,
    .search = s->dir,
    .nsearch = s->ndirs,
    .map_from = (const char *const *) s->map_from,
    .map_to = s->map_to,
    .nmap = s->nmap,
  };

  *d = (struct disk){ .format = format, .file = host_file_ref (f) };
  if (format == DISK_RAW)
    return 0;
  d->chain = image_chain_open (f, &co);
  if (d->chain != NULL)
    return 0;
  disk_close (d);
  return -1;
}

static int
open_at_url (struct disk *d, const char *url, enum disk_format format,
             const struct disk_options *o)
{
  if (!o->url) {
    log_error ("a URL cannot be used here: it takes a file");
    errno = EINVAL;
    return -1;
  }
  d->format = format;
  d->url = url;
  return 0;
}

int
disk_open (struct disk *d, const char *spec, const struct disk_options *o)
{
  struct host_file_options ho = { .path = NULL };
  enum disk_format format;
  struct host_file *f;
  bool said;
  int r = -1;

  memset (d, 0, sizeof *d);
  if (parse_spec (spec, &format, &ho.path, &said) == -1)
    return -1;
  if (open_is_url (ho.path))
    return open_at_url (d, ho.path, format, o);
  f = host_file_open (&ho);
  if (f == NULL)
    return -1;
  if (format != DISK_RAW || said || check_raw (f) == 0)
    r = disk_open_file (d, f, format, o);
  host_file_unref (f);
  return r;
}

struct host_file *
disk_open_any (const char *spec, enum disk_format *format)
{
  struct host_file_options ho = { .path = NULL };
  struct host_file *f;
  bool said;

  if (parse_spec (spec, format, &ho.path, &said) == -1)
    return NULL;
  f = host_file_open (&ho);
  if (f != NULL && *format == DISK_RAW && !said)
    *format = guess (f);
  return f;
}

void
disk_close (struct disk *d)
{
  const int saved = errno;

  if (d->chain != NULL)
    image_chain_unref (d->chain);
  host_file_unref (d->file);
  memset (d, 0, sizeof *d);
  errno = saved;
}

/* ------------------------------------------------------------------ */
/* What is made of it */

static struct store *
file_store (const struct disk *d, bool read_only)
{
  const struct store_file_options o = { .read_only = read_only };

  return store_file_create (d->file, &o);
}

static struct store *
url_store (const struct disk *d)
{
  const struct http_client_options co = open_url_options ();
  const struct store_http_options so = STORE_HTTP_DEFAULTS;

  if (d->format == DISK_RAW)
    return open_url (d->url, &co, &so);
  return open_url_image (d->url, &co, disk_image_format (d->format),
                         VHD_SIZE_AUTO);
}

static struct store *
any_store (const struct disk *d, bool read_only)
{
  const struct store_file_options o = { .read_only = read_only };

  if (d->url != NULL)
    return url_store (d);
  return d->format == DISK_RAW ? file_store (d, read_only) :
                                 image_chain_store (d->chain, &o);
}

struct store *
disk_store (const struct disk *d, bool read_only)
{
  struct store *s = any_store (d, read_only);
  struct store *any;

  if (s == NULL || s->info.align == 1)
    return s;
  any = store_align_create (s, NULL);
  if (any == NULL) {
    log_error ("%s: %m", d->url != NULL ? "the URL" : disk_path (d));
    store_close (s);
  }
  return any;
}

struct image *
disk_image (const struct disk *d, bool read_only)
{
  const struct store_file_options o = { .read_only = read_only };

  return image_chain_image (d->chain, &o);
}

int
disk_is_flat (const struct disk *d)
{
  struct vhd_footer f = { .type = 0 };
  struct store *s;
  bool from_head;
  int r, err;

  if (d->format != DISK_VHD1)
    return d->format == DISK_RAW;
  s = file_store (d, true);
  if (s == NULL)
    return -1;
  r = vhd1_find_footer (s, &f, &from_head, &err);
  store_close (s);
  if (r == VHD_OK)
    return f.type == VHD_TYPE_FIXED;
  if (r == -1)
    errno = err;
  else
    errno = EINVAL;
  log_error ("%s: %s", disk_path (d),
             r == -1 ? strerror (err) :
                       vhd_status_string ((enum vhd_status) r));
  return -1;
}
