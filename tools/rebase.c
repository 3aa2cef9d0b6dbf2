/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack rebase: a differencing image gets another parent.
 *
 * First whatever it shows of the old parent that the new one has not, or
 * has otherwise, is written into it; over the old parent that changes
 * nothing.  Then, in one step, it names the new one.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "command.h"
#include "disk-walk.h"
#include "disk.h"
#include "image/image-new-link.h"
#include "interrupt.h"
#include "options.h"
#include "progress.h"
#include "tool-log.h"

struct rebase {
  const char *child_spec, *parent_path;
  bool unsafe, quiet;
  struct disk_search search;
  struct disk child, parent;
  struct image *image; /* of the child */
  struct image_new_link link;
  bool same; /* the new parent is the old one, by its id */

  /* For a safe one. */
  struct store *before, *after; /* the old and the new parent */
  char *buf, *other;            /* DISK_PIECE each */
  uint64_t copied;              /* bytes */
  struct progress progress;
};

/* ------------------------------------------------------------------ */
/* What differs */

static int
failed (const struct rebase *b, const char *what, uint64_t offset,
        uint64_t count, int err)
{
  errno = err;
  log_error ("rebase: %s: %s: offset=%" PRIu64 " count=%" PRIu64 ": %m",
             b->child_spec, what, offset, count);
  return -1;
}

/* What S, which may be shorter, shows. */
static int
read_shorter (struct store *s, char *buf, uint64_t count, uint64_t offset,
              int *err)
{
  const uint64_t size = store_size (s);
  const uint64_t n = offset < size ? min_u64 (count, size - offset) : 0;

  memset (buf + n, 0, count - n);
  return n > 0 ? store_read (s, buf, n, offset, err) : 0;
}

/* [OFFSET, OFFSET+COUNT) of the child come from buf from now on. */
static int
put (struct rebase *b, const char *p, uint64_t count, uint64_t offset)
{
  const bool zero = bytes_are_zero (p, count);
  int err;

  if ((zero ? image_zero (b->image, count, offset, 0, &err) :
              image_write (b->image, p, count, offset, 0, &err)) == -1)
    return failed (b, "writing", offset, count, err);
  b->copied += count;
  return 0;
}

/* The child has nothing of this range: put into it what differs. */
static int
copy_piece (struct rebase *b, uint64_t offset, uint64_t count)
{
  const uint64_t sector = image_info (b->image)->sector_size;
  uint64_t start, at = 0;
  int err;

  if (read_shorter (b->before, b->buf, count, offset, &err) == -1)
    return failed (b, "reading the old parent", offset, count, err);
  if (read_shorter (b->after, b->other, count, offset, &err) == -1)
    return failed (b, "reading the new parent", offset, count, err);
  if (memcmp (b->buf, b->other, count) == 0)
    return 0;
  while (at < count) {
    for (start = at; at < count; at += sector) {
      if (memcmp (b->buf + at, b->other + at, sector) == 0)
        break;
    }
    if (at > start && put (b, b->buf + start, at - start, offset + start) == -1)
      return -1;
    at += at < count ? sector : 0;
  }
  return 0;
}

/* How far, at most *COUNT, S is zero from OFFSET on, or not. */
static int
look (struct store *s, uint64_t offset, uint64_t *count, bool *zero)
{
  const uint64_t size = store_size (s);
  struct extent_list e;
  int err;

  *zero = true;
  if (offset >= size)
    return 0;
  *count = min_u64 (*count, size - offset);
  extent_list_init (&e, offset, offset + *count, true);
  if (store_extents (s, *count, offset, STORE_REQ_ONE, &e, &err) == -1) {
    extent_list_fini (&e);
    errno = err;
    return -1;
  }
  *count = min_u64 (*count, e.v[0].count);
  *zero = (e.v[0].type & EXTENT_ZERO) != 0;
  extent_list_fini (&e);
  return 0;
}

/* [OFFSET, END) is absent. */
static int
copy_absent (struct rebase *b, uint64_t offset, uint64_t end)
{
  const uint64_t sector = image_info (b->image)->sector_size;

  while (offset < end) {
    uint64_t n = end - offset;
    bool zero, zero_too;

    if (look (b->before, offset, &n, &zero) == -1 ||
        look (b->after, offset, &n, &zero_too) == -1)
      return failed (b, "looking for data", offset, n, errno);
    /* A parent may end within a sector. */
    if (n % sector != 0)
      n = n > sector ? ROUND_DOWN (n, sector) : sector;
    else if (zero && zero_too) {
      offset += n;
      continue;
    }
    n = min_u64 (n, DISK_PIECE);
    if (copy_piece (b, offset, n) == -1)
      return -1;
    offset += n;
  }
  return 0;
}

static int
copy_all (struct rebase *b)
{
  const uint64_t size = image_size (b->image);
  enum image_state state;
  uint64_t n, place;
  int err;

  for (uint64_t offset = 0; offset < size; offset += n) {
    struct image_visit v;
    int r;

    /* Often, as it is asked only here whether to go on. */
    n = min_u64 (size - offset, 32 * DISK_PIECE);
    image_enter (b->image, &v);
    r = image_map (b->image, offset, &n, &state, &place, &err);
    image_leave (b->image, &v);
    if (r == -1)
      return failed (b, "looking for data", offset, n, err);
    if (state == IMAGE_ABSENT && copy_absent (b, offset, offset + n) == -1)
      return -1;
    progress_update (&b->progress, offset);
    if (interrupt_came ()) {
      log_error ("rebase: interrupted; %s is as it was over its old parent, "
                 "only larger",
                 b->child_spec);
      return -1;
    }
  }
  if (image_flush (b->image, &err) == 0)
    return 0;
  return failed (b, "flushing", 0, size, err);
}

/* ------------------------------------------------------------------ */
/* A safe one */

static struct store *
parents_store (const struct disk *child, const struct disk_search *search)
{
  const struct disk_options o = { .search = search };
  struct store *s = NULL;
  struct disk d;

  if (image_chain_length (child->chain) < 2) {
    errno = EINVAL;
    log_error ("rebase: %s has no parent", disk_path (child));
    return NULL;
  }
  if (disk_open_file (&d, image_chain_file (child->chain, 1), child->format,
                      &o) == 0) {
    s = disk_store (&d, true);
    disk_close (&d);
  }
  return s;
}

static int
open_before (struct rebase *b)
{
  const struct disk_options o = { .search = &b->search };
  struct disk d;

  if (disk_open_file (&d, b->child.file, b->child.format, &o) == 0) {
    b->before = parents_store (&d, &b->search);
    disk_close (&d);
  }
  if (b->before != NULL)
    return 0;
  log_error ("rebase: the old parent of %s is needed; if it is lost, or you "
             "know that %s has the same, see --unsafe",
             b->child_spec, b->parent_path);
  return -1;
}

static int
copy (struct rebase *b)
{
  CLEANUP_FREE char *buf = malloc (2 * DISK_PIECE);
  int r = -1;

  b->buf = buf;
  b->other = buf + DISK_PIECE;
  if (buf == NULL)
    log_error ("rebase: %m");
  else if (open_before (b) == 0 &&
           (b->after = disk_store (&b->parent, true)) != NULL) {
    progress_start (&b->progress, image_size (b->image), b->quiet);
    r = copy_all (b);
    progress_finish (&b->progress);
  }
  store_close (b->before);
  store_close (b->after);
  return r;
}

/* ------------------------------------------------------------------ */
/* Opening */

static bool
is_same_file (const struct host_file *a, const struct host_file *b)
{
  struct stat x, y;

  return fstat (host_file_fd (a), &x) == 0 &&
         fstat (host_file_fd (b), &y) == 0 && x.st_dev == y.st_dev &&
         x.st_ino == y.st_ino;
}

/* The child must not become an ancestor of itself. */
static int
check_loop (const struct rebase *b)
{
  for (unsigned k = 0; k < image_chain_length (b->parent.chain); k++) {
    if (is_same_file (image_chain_file (b->parent.chain, k), b->child.file)) {
      log_error ("rebase: %s is made over %s itself", b->parent_path,
                 b->child_spec);
      errno = EINVAL;
      return -1;
    }
  }
  return 0;
}

/* Before the child is locked, which may be found as an ancestor. */
static int
open_parent (struct rebase *b)
{
  const struct disk_options o = { .search = &b->search };
  const struct host_file_options ho = { .path = b->parent_path };
  struct host_file *f = host_file_open (&ho);
  int r = -1;

  if (f != NULL)
    r = disk_open_file (&b->parent, f, b->child.format, &o);
  host_file_unref (f);
  return r == -1 ? -1 : check_loop (b);
}

static int
open_child (struct rebase *b)
{
  if (disk_is_flat (&b->child) == 0)
    b->image = disk_image (&b->child, false);
  else
    log_error ("rebase: %s is no differencing image", b->child_spec);
  return b->image != NULL ? 0 : -1;
}

static int
check (struct rebase *b)
{
  const struct image_info *info = image_info (b->image);
  const struct uuid *id = &b->link.create.link_id;

  if (!info->parent.exists) {
    log_error ("rebase: %s is no differencing image", b->child_spec);
    errno = EINVAL;
    return -1;
  }
  if (b->link.sector_size != info->sector_size) {
    log_error (
      "rebase: %s has sectors of %" PRIu32 " bytes, and %s of %" PRIu32,
      b->parent_path, b->link.sector_size, b->child_spec, info->sector_size);
    errno = EINVAL;
    return -1;
  }
  b->same =
    uuid_equal (id, &info->parent.id) ||
    (info->parent.has_other_id && uuid_equal (id, &info->parent.other_id));
  return 0;
}

/* ------------------------------------------------------------------ */
/* The whole */

/* It keeps its id, as it shows what it did; its children can stay. */
static int
keep_id (struct rebase *b)
{
  const struct uuid own = image_info (b->image)->own_link_id;
  int err;

  if (image_set_link_id (b->image, &own, &err) == 0)
    return 0;
  return failed (b, "its id", 0, 0, err);
}

static int
relink (struct rebase *b)
{
  int err;

  if (image_set_parent (b->image, &b->link.create, &err) == 0)
    return 0;
  errno = err;
  log_error ("rebase: %s: naming its new parent: %m", b->child_spec);
  return -1;
}

static int
work (struct rebase *b)
{
  if (image_new_link_open (&b->link, b->parent.file,
                           disk_image_format (b->child.format),
                           disk_path (&b->child)) == -1 ||
      check (b) == -1)
    return -1;
  if (b->same || !b->unsafe) {
    if (keep_id (b) == -1)
      return -1;
    if (!b->same && copy (b) == -1)
      return -1;
  }
  return relink (b);
}

static int
rebase_child (struct rebase *b)
{
  unsigned errors;
  int r;

  if (open_parent (b) == -1 || open_child (b) == -1)
    return -1;
  r = work (b);
  image_new_link_close (&b->link);
  errors = tool_log_count ();
  image_close (b->image);
  return tool_log_count () == errors ? r : -1;
}

static void
say_done (const struct rebase *b)
{
  char copied[32];

  format_size (b->copied, copied, sizeof copied);
  if (b->same)
    printf ("%s: its parent is %s, the same as before\n", b->child_spec,
            b->parent_path);
  else if (b->unsafe)
    printf ("%s: its parent is %s; nothing was compared\n", b->child_spec,
            b->parent_path);
  else
    printf ("%s: its parent is %s; %s copied from the old one\n", b->child_spec,
            b->parent_path, copied);
}

static int
rebase (struct rebase *b)
{
  const struct disk_options o = { .alone = true };
  int r;

  if (disk_format_of_spec (b->child_spec) == DISK_RAW) {
    log_error ("rebase: %s is neither a VHD nor a VHDX", b->child_spec);
    return COMMAND_FAILED;
  }
  if (disk_open (&b->child, b->child_spec, &o) == -1)
    return COMMAND_FAILED;
  interrupt_catch ();
  r = rebase_child (b);
  disk_close (&b->child);
  disk_close (&b->parent);
  if (r == 0 && !b->quiet)
    say_done (b);
  return r == 0 ? COMMAND_OK : COMMAND_FAILED;
}

/* ------------------------------------------------------------------ */
/* The command line */

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack rebase [--unsafe] [--quiet]\n"
              "                        [--parent-map=FROM=TO]\n"
              "                        [--parent-search=DIRECTORY]\n"
              "                        CHILD PARENT\n");
}

int
command_rebase (int argc, char *argv[])
{
  static const struct option options[] = {
    { "unsafe", no_argument, NULL, 'u' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    OPTIONS_SEARCH,
    { NULL },
  };
  struct rebase b = { .quiet = false };
  int o, status = -1;

  while (status == -1 &&
         (o = getopt_long (argc, argv, "uqh", options, NULL)) != -1) {
    if (o == 'h' || o == '?') {
      print_usage (o == 'h' ? stdout : stderr);
      status = o == 'h' ? COMMAND_OK : COMMAND_FAILED;
    }
    else if (o == 'u')
      b.unsafe = true;
    else if (o == 'q')
      b.quiet = true;
    else if (option_search (&b.search, o, optarg) == -1)
      status = COMMAND_FAILED;
  }
  if (status == -1 && argc - optind != 2) {
    print_usage (stderr);
    status = COMMAND_FAILED;
  }
  if (status == -1) {
    b.child_spec = argv[optind];
    b.parent_path = argv[optind + 1];
    status = rebase (&b);
  }
  disk_search_fini (&b.search);
  return options_finish (status);
}
