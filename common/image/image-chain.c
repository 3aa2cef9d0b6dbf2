/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-chain.h.  Invariants:
 *
 * 1. The files of a chain are different ones, each the parent of the one
 *    before it when it was opened.
 * 2. Parents are opened read-only, so nothing of ours can write to them.
 */

#include <config.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "image/image-chain.h"
#include "image/image-find.h"
#include "image/image-link.h"
#include "image/store-image.h"
#include "store/store-align.h"

struct image_chain {
  atomic_uint refs;
  enum image_format_id format;
  bool no_lock, direct, alone;
  enum vhd_size_rule size_rule;
  unsigned n;
  struct host_file *file[IMAGE_CHAIN_MAX + 1];
};

/* ------------------------------------------------------------------ */
/* References and properties */

struct image_chain *
image_chain_ref (struct image_chain *c)
{
  atomic_fetch_add_explicit (&c->refs, 1, memory_order_relaxed);
  return c;
}

void
image_chain_unref (struct image_chain *c)
{
  if (c == NULL ||
      atomic_fetch_sub_explicit (&c->refs, 1, memory_order_acq_rel) != 1)
    return;
  for (unsigned i = 0; i < c->n; i++)
    host_file_unref (c->file[i]);
  free (c);
}

unsigned
image_chain_length (const struct image_chain *c)
{
  return c->n;
}

struct host_file *
image_chain_file (const struct image_chain *c, unsigned depth)
{
  return c->file[depth];
}

/* ------------------------------------------------------------------ */
/* Where parents may be */

/* What the user chose, with real paths. */
struct places {
  struct image_find find;
  char **search, **map_to; /* owned */
};

static void
free_paths (char **paths, unsigned n)
{
  for (unsigned i = 0; paths != NULL && i < n; i++)
    free (paths[i]);
  free (paths);
}

static void
places_fini (struct places *p)
{
  free_paths (p->search, p->find.nsearch);
  free_paths (p->map_to, p->find.nmap);
}

/* The N folders; NULL after log_error.  WHAT names the option. */
static char **
real_folders (const char *const *folders, unsigned n, const char *what)
{
  char **r = calloc (n + 1, sizeof *r);
  struct stat st;

  if (r == NULL)
    log_error ("%m");
  for (unsigned i = 0; r != NULL && i < n; i++) {
    r[i] = realpath (folders[i], NULL);
    if (r[i] != NULL && stat (r[i], &st) == 0 && !S_ISDIR (st.st_mode)) {
      free (r[i]);
      r[i] = NULL;
      errno = ENOTDIR;
    }
    if (r[i] == NULL) {
      log_error ("%s: %s: %m", what, folders[i]);
      free_paths (r, i);
      return NULL;
    }
  }
  return r;
}

static int
places_init (struct places *p, const struct image_chain_options *o)
{
  *p = (struct places){
    .find = { .nsearch = o->nsearch, .map_from = o->map_from, .nmap = o->nmap }
  };
  p->search = real_folders (o->search, o->nsearch, "parent-search=");
  if (p->search != NULL)
    p->map_to = real_folders (o->map_to, o->nmap, "parent-map=");
  if (p->map_to == NULL) {
    places_fini (p);
    return -1;
  }
  p->find.search = (const char *const *) p->search;
  p->find.map_to = (const char *const *) p->map_to;
  return 0;
}

/* ------------------------------------------------------------------ */
/* Finding */

/* The descriptor of the parent of I, whose file is F; -1 after log_error. */
static int
open_parent (const struct image_info *i, const struct host_file *f,
             const struct places *places, const char *given, char **path)
{
  CLEANUP_FREE char *real = image_find_real_path (host_file_fd (f));
  CLEANUP_FREE char *folder = real != NULL ? image_find_folder (real) : NULL;
  CLEANUP (buffer_fini) struct buffer tried = { .max = 65536 };
  struct image_find find = places->find;
  int fd;

  if (given != NULL && *given != '\0') {
    fd = image_find_open (given, path);
    if (fd == -1)
      log_error ("parent=%s: %m", given);
    return fd;
  }
  find.folder = folder;
  fd = image_find_parent (&find, &i->parent, path, &tried);
  if (fd == -1)
    log_error ("%s: its parent is not found; name it with parent=, or a folder "
               "that it is in with parent-search=; tried: %s",
               host_file_path (f),
               tried.len > 0 ? buffer_text (&tried) :
                               "nothing, as the image "
                               "names no file");
  return fd;
}

/* Does the chain have the file of FD already? */
static bool
has_file (const struct image_chain *c, int fd)
{
  struct stat a, b;

  if (fstat (fd, &a) == -1)
    return false;
  for (unsigned i = 0; i < c->n; i++) {
    if (fstat (host_file_fd (c->file[i]), &b) == 0 && a.st_dev == b.st_dev &&
        a.st_ino == b.st_ino)
      return true;
  }
  return false;
}

/* Append the file of FD, which is owned from now on. */
static int
append (struct image_chain *c, int fd, const char *path)
{
  const struct host_file_options ho = {
    .path = path, .fd = fd, .direct = c->direct, .no_lock = c->no_lock
  };
  const char *const child = host_file_path (c->file[c->n - 1]);
  CLEANUP_CLOSE int owned = fd;
  struct host_file *f;

  if (has_file (c, fd)) {
    log_error ("%s: its parent would be %s, which is in the chain already",
               child, path);
    errno = ELOOP;
    return -1;
  }
  if (c->n > IMAGE_CHAIN_MAX) {
    log_error ("%s: has more than %d ancestors", host_file_path (c->file[0]),
               IMAGE_CHAIN_MAX);
    errno = ELOOP;
    return -1;
  }
  f = host_file_open (&ho);
  if (f == NULL)
    return -1;
  steal_fd (&owned);
  c->file[c->n++] = f;
  return 0;
}

/* ------------------------------------------------------------------ */
/* Opening one file */

static int
open_link (const struct image_chain *c, unsigned depth,
           const struct store_file_options *o, struct image_link *l)
{
  return image_link_open (c->file[depth], c->format, c->size_rule, o, l);
}

/* Is PARENT that of the file before it, which is CHILD? */
static int
check_link (const struct image_link *child, const struct image_link *parent)
{
  if (child->image == NULL || !image_info (child->image)->parent.exists) {
    log_error ("%s: has no parent any more: it was changed meanwhile",
               child->name);
    errno = ESTALE;
    return -1;
  }
  return image_link_check (child, parent);
}

/* Find all files, from the first on, which is open as LINK. */
static int
find_rest (struct image_chain *c, struct image_link *link,
           const struct image_chain_options *o, const struct places *places)
{
  const struct store_file_options so = { .read_only = true };
  const char *given = o->parent;

  while (link->image != NULL && image_info (link->image)->parent.exists) {
    CLEANUP_FREE char *path = NULL;
    struct image_link parent;
    const int fd = open_parent (image_info (link->image), c->file[c->n - 1],
                                places, given, &path);

    if (fd == -1 || append (c, fd, path) == -1 ||
        open_link (c, c->n - 1, &so, &parent) == -1)
      return -1;
    if (check_link (link, &parent) == -1) {
      image_link_close (&parent);
      return -1;
    }
    image_link_close (link);
    *link = parent;
    given = NULL;
  }
  return 0;
}

static int
find_all (struct image_chain *c, const struct image_chain_options *o)
{
  const struct store_file_options so = { .read_only = true };
  struct image_link link;
  struct places places;
  int r = -1;

  if (places_init (&places, o) == -1)
    return -1;
  if (open_link (c, 0, &so, &link) == 0) {
    r = c->alone ? 0 : find_rest (c, &link, o, &places);
    image_link_close (&link);
  }
  places_fini (&places);
  return r;
}

struct image_chain *
image_chain_open (struct host_file *file, const struct image_chain_options *o)
{
  struct image_chain *c = calloc (1, sizeof *c);
  int saved;

  if (c == NULL) {
    log_error ("%s: %m", host_file_path (file));
    return NULL;
  }
  c->refs = 1;
  c->format = o->format;
  c->no_lock = o->no_lock;
  c->direct = o->direct;
  c->alone = o->alone;
  c->size_rule = o->size_rule;
  c->file[c->n++] = host_file_ref (file);
  if (find_all (c, o) == 0)
    return c;
  saved = errno;
  image_chain_unref (c);
  errno = saved;
  return NULL;
}

/* ------------------------------------------------------------------ */
/* Stores */

/* PARENT, which is owned, or one over it that takes the sectors of the
 * image; NULL with errno.
 */
static struct store *
fit_parent (struct store *parent, const struct image *image)
{
  struct store *s;

  if (parent == NULL || parent->info.align <= image_info (image)->sector_size)
    return parent;
  s = store_align_create (parent, NULL);
  if (s == NULL)
    store_close (parent);
  return s;
}

/* The store of LINK over PARENT.  Both are owned either way. */
static struct store *
store_of (struct image_link *link, struct store *parent)
{
  const bool has_parent = parent != NULL;
  struct store *s = link->fixed;

  if (s != NULL)
    return s;
  parent = fit_parent (parent, link->image);
  if (parent != NULL || !has_parent)
    s = store_image_create (link->image, parent);
  if (s != NULL)
    return s;
  log_error ("%s: %m", link->name);
  image_link_close (link);
  store_close (parent);
  errno = ENOMEM;
  return NULL;
}

/* Open the file at DEPTH for the chain.  It must still have a parent, or
 * none.
 */
static int
reopen_link (const struct image_chain *c, unsigned depth,
             const struct store_file_options *o, struct image_link *link)
{
  const struct store_file_options ro = { .read_only = true,
                                         .cache = o->cache,
                                         .fadvise = o->fadvise };

  if (open_link (c, depth, depth == 0 ? o : &ro, link) == -1)
    return -1;
  if (depth + 1 < c->n || link->image == NULL ||
      !image_info (link->image)->parent.exists)
    return 0;
  log_error ("%s: has a parent, which was not opened with it", link->name);
  image_link_close (link);
  errno = c->alone ? EINVAL : ESTALE;
  return -1;
}

struct store *
image_chain_store (struct image_chain *c, const struct store_file_options *o)
{
  struct image_link link, below = { .name = NULL };
  struct store *s = NULL;

  for (unsigned depth = c->n; depth-- > 0; below = link) {
    if (reopen_link (c, depth, o, &link) == -1) {
      store_close (s);
      return NULL;
    }
    if (s != NULL && check_link (&link, &below) == -1) {
      image_link_close (&link);
      store_close (s);
      return NULL;
    }
    s = store_of (&link, s);
    if (s == NULL)
      return NULL;
  }
  return s;
}

struct image *
image_chain_image (struct image_chain *c, const struct store_file_options *o)
{
  struct image_link link;

  if (open_link (c, 0, o, &link) == -1)
    return NULL;
  if (link.image == NULL) {
    log_error ("%s: is a fixed VHD, which has no blocks", link.name);
    image_link_close (&link);
    errno = EINVAL;
    return NULL;
  }
  return link.image;
}
