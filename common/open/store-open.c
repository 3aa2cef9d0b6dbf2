/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-open.h.  A new kind of store is one function and one line in
 * the table.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "open/open-url.h"
#include "open/store-open.h"
#include "store/store-file.h"

struct store_source {
  const struct kind *kind; /* of a file */
  struct host_file *file;
  struct image_chain *chain; /* of images */
  char *url;                 /* instead of both */
  enum vhd_size_rule size_rule;

  const struct store_open_kind *other; /* of what is no file; or NULL */
  void *opened;
  char *spec;
};

/* ------------------------------------------------------------------ */
/* Kinds */

static struct store *
raw_store (const struct store_source *s, const struct store_file_options *o)
{
  return store_file_create (s->file, o);
}

/* Are files to be opened for O_DIRECT, too? */
static bool
is_direct (const struct store_open_options *o)
{
  return o->file != NULL && o->file->cache == STORE_FILE_CACHE_DIRECT;
}

static int
open_chain (struct store_source *s, enum image_format_id format,
            const struct store_open_options *o)
{
  struct image_chain_options co = { 0 };

  if (o->image != NULL)
    co = *o->image;
  co.format = format;
  co.no_lock = o->no_lock;
  co.direct = is_direct (o);
  co.alone = false;
  s->chain = image_chain_open (s->file, &co);
  return s->chain != NULL ? 0 : -1;
}

static struct store *
raw_url (const struct store_source *s)
{
  const struct http_client_options co = open_url_options ();
  const struct store_http_options so = STORE_HTTP_DEFAULTS;

  return open_url (s->url, &co, &so);
}

static int
vhd1_open (struct store_source *s, const struct store_open_options *o)
{
  return open_chain (s, IMAGE_FORMAT_VHD1, o);
}

static int
vhdx_open (struct store_source *s, const struct store_open_options *o)
{
  return open_chain (s, IMAGE_FORMAT_VHDX, o);
}

static struct store *
image_url (const struct store_source *s, enum image_format_id format)
{
  const struct http_client_options co = open_url_options ();

  return open_url_image (s->url, &co, format, s->size_rule);
}

static struct store *
vhd1_url (const struct store_source *s)
{
  return image_url (s, IMAGE_FORMAT_VHD1);
}

static struct store *
vhdx_url (const struct store_source *s)
{
  return image_url (s, IMAGE_FORMAT_VHDX);
}

static struct store *
chain_store (const struct store_source *s, const struct store_file_options *o)
{
  return image_chain_store (s->chain, o);
}

static const struct kind {
  const char *prefix; /* without the colon */
  /* What there is to do before a store is made; or NULL. */
  int (*open) (struct store_source *s, const struct store_open_options *o);
  struct store *(*store) (const struct store_source *s,
                          const struct store_file_options *o);
  struct store *(*url) (const struct store_source *s);
} kinds[] = {
  { "raw", NULL, raw_store, raw_url },
  { "vhd1", vhd1_open, chain_store, vhd1_url },
  { "vhdx", vhdx_open, chain_store, vhdx_url },
};

/* ------------------------------------------------------------------ */
/* Texts */

/* Bytes of SPEC before the path, which are before a colon that comes
 * before any slash, with the colon; or 0.  A URL has none.
 */
static size_t
prefix_length (const char *spec)
{
  const size_t n = open_is_url (spec) ? 0 : strcspn (spec, ":/");

  return spec[n] == ':' ? n + 1 : 0;
}

/* What SPEC says, or NULL; the path in *PATH. */
static const struct kind *
look_up (const char *spec, const char **path)
{
  const size_t length = prefix_length (spec);

  *path = spec + length;
  if (length == 0)
    return &kinds[0];
  for (size_t i = 0; i < ARRAY_SIZE (kinds); i++) {
    if (strlen (kinds[i].prefix) == length - 1 &&
        strncmp (kinds[i].prefix, spec, length - 1) == 0)
      return &kinds[i];
  }
  return NULL;
}

static const struct store_open_kind *
look_up_more (const char *spec, const struct store_open_kind *k)
{
  const size_t length = prefix_length (spec);

  for (; length > 0 && k != NULL && k->prefix != NULL; k++) {
    if (strlen (k->prefix) == length - 1 &&
        strncmp (k->prefix, spec, length - 1) == 0)
      return k;
  }
  return NULL;
}

char *
store_open_absolute (const char *spec)
{
  const char *path;
  CLEANUP_FREE char *folder = NULL;
  char *r;

  if (look_up (spec, &path) == NULL || *path == '/' || open_is_url (path))
    return strdup (spec);
  folder = getcwd (NULL, 0);
  if (folder == NULL ||
      asprintf (&r, "%.*s%s/%s", (int) (path - spec), spec, folder, path) == -1)
    return NULL;
  return r;
}

/* ------------------------------------------------------------------ */
/* Sources */

/* What is at the URL must be there, and good. */
static int
open_source_url (struct store_source *s, const char *url,
                 const struct store_open_options *o)
{
  struct store *probe;

  if (o->image != NULL)
    s->size_rule = o->image->size_rule;
  s->url = strdup (url);
  if (s->url == NULL) {
    log_error ("open: %m");
    return -1;
  }
  probe = s->kind->url (s);
  if (probe == NULL)
    return -1;
  store_close (probe);
  return 0;
}

static int
open_source_file (struct store_source *s, const char *path,
                  const struct store_open_options *o)
{
  const struct host_file_options fo = { .path = path,
                                        .direct = is_direct (o),
                                        .no_lock = o->no_lock };

  s->file = host_file_open (&fo);
  if (s->file == NULL)
    return -1;
  return s->kind->open != NULL ? s->kind->open (s, o) : 0;
}

static struct store_source *
open_kind (const struct kind *kind, const char *path,
           const struct store_open_options *o)
{
  struct store_source *s = calloc (1, sizeof *s);

  if (s == NULL) {
    log_error ("open: %m");
    return NULL;
  }
  s->kind = kind;
  if ((open_is_url (path) ? open_source_url (s, path, o) :
                            open_source_file (s, path, o)) == 0)
    return s;
  store_source_unref (s);
  return NULL;
}

static struct store_source *
open_other (const struct store_open_kind *other, const char *spec)
{
  struct store_source *s = calloc (1, sizeof *s);

  if (s == NULL || (s->spec = strdup (spec)) == NULL) {
    free (s);
    errno = ENOMEM;
    log_error ("open: %s: %m", spec);
    return NULL;
  }
  s->other = other;
  s->opened = other->open (spec);
  if (s->opened != NULL)
    return s;
  store_source_unref (s);
  return NULL;
}

struct store_source *
store_source_open (const char *spec, const struct store_open_options *o)
{
  const char *path;
  const struct kind *kind = look_up (spec, &path);
  const struct store_open_kind *other = look_up_more (spec, o->more);

  if (kind != NULL)
    return open_kind (kind, path, o);
  if (other != NULL)
    return open_other (other, spec);
  log_error ("open: \"%.*s\" is no kind of disk; a file of that name is "
             "\"./%s\"",
             (int) prefix_length (spec), spec, spec);
  errno = EINVAL;
  return NULL;
}

struct host_file *
store_source_file (const struct store_source *s)
{
  return s->file;
}

bool
store_source_is_writable (const struct store_source *s)
{
  if (s->other != NULL)
    return s->other->is_writable (s->opened);
  return s->url == NULL && host_file_is_writable (s->file);
}

bool
store_source_same (const struct store_source *a, const struct store_source *b)
{
  struct stat st, tt;

  if (a->other != NULL || b->other != NULL)
    return a->other == b->other && strcmp (a->spec, b->spec) == 0;
  if (a->url != NULL || b->url != NULL)
    return a->url != NULL && b->url != NULL && strcmp (a->url, b->url) == 0;
  return fstat (host_file_fd (a->file), &st) == 0 &&
         fstat (host_file_fd (b->file), &tt) == 0 && st.st_dev == tt.st_dev &&
         st.st_ino == tt.st_ino;
}

struct store *
store_source_store (struct store_source *s, const struct store_open_options *o)
{
  struct store_file_options so = { 0 };

  if (o->file != NULL)
    so = *o->file;
  so.read_only = o->read_only;
  if (s->other != NULL)
    return s->other->store (s->opened, o->read_only);
  return s->url != NULL ? s->kind->url (s) : s->kind->store (s, &so);
}

void
store_source_unref (struct store_source *s)
{
  const int saved = errno;

  if (s == NULL)
    return;
  image_chain_unref (s->chain);
  host_file_unref (s->file);
  free (s->url);
  if (s->opened != NULL)
    s->other->unref (s->opened);
  free (s->spec);
  free (s);
  errno = saved;
}

struct store *
store_open (const char *spec, const struct store_open_options *o)
{
  struct store_source *source = store_source_open (spec, o);
  struct store *s = source != NULL ? store_source_store (source, o) : NULL;

  store_source_unref (source);
  return s;
}
