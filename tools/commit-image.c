/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack commit of a differencing image into its parent.
 *
 * A VHDX knows its parent by an id that is another one whenever the parent
 * was changed.  So the child is told first which id the parent will have,
 * beside the one that it has; then the parent gets it; and when all is
 * done, the child forgets the old one.  Whatever comes in between, the
 * child finds its parent, and both show what they showed before, as
 * layer-commit.h says.  A VHD has the same id for ever.
 *
 * The child keeps its own id: it shows the same all the time, so its
 * children, of which it knows nothing, can stay.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/log.h"
#include "commit-impl.h"
#include "image/image-options.h"
#include "image/store-image.h"
#include "layer/layer-image.h"
#include "store/store-align.h"

/* ------------------------------------------------------------------ */
/* Opening */

static int
in_use (const char *name)
{
  if (errno == EBUSY)
    log_error ("commit: %s is in use: end the server that has it first", name);
  return -1;
}

/* Each as a writer, whatever is done with it later. */
static int
lock_files (struct commit *c)
{
  if (c->dry_run)
    return 0;
  if (host_file_lock (c->child.file, true) == -1)
    return in_use (c->layer_path);
  if (host_file_lock (c->parent.file, true) == -1) {
    host_file_unlock (c->child.file, true);
    return in_use (c->disk_name);
  }
  c->locked = true;
  return 0;
}

/* The file that was found for the child, and checked, was opened for
 * reading.  Whether what has the name now is the same is checked again.
 */
static int
open_parent_file (struct commit *c)
{
  const struct disk_options o = { .search = &c->search };
  const struct image_chain *chain = c->child.chain;
  struct host_file_options ho = { .path = NULL };
  struct host_file *f;
  int r;

  if (image_chain_length (chain) < 2) {
    log_error ("commit: %s has no parent", c->layer_path);
    errno = EINVAL;
    return -1;
  }
  ho.path = host_file_path (image_chain_file (chain, 1));
  f = host_file_open (&ho);
  if (f == NULL)
    return -1;
  r = disk_open_file (&c->parent, f, c->child.format, &o);
  host_file_unref (f);
  if (r == -1)
    return -1;
  c->disk_name = disk_path (&c->parent);
  return 0;
}

static int
open_parent (struct commit *c)
{
  const struct store_file_options o = { .read_only = c->dry_run };
  struct store *s = image_chain_store (c->parent.chain, &o);

  if (s == NULL)
    return in_use (c->disk_name);
  c->parent_image = store_image_get (s);
  c->disk = s->info.align > 1 ? store_align_create (s, NULL) : s;
  if (c->disk != NULL)
    return 0;
  log_error ("commit: %m");
  store_close (s);
  return -1;
}

/* For an image that was used as a layer over something else. */
static int
open_other_disk (struct commit *c)
{
  const struct disk_options o = { .search = &c->search };

  if (!c->force) {
    log_error ("commit: %s knows its parent itself; with --force it goes into "
               "%s, as a layer that was over that",
               c->layer_path, c->disk_spec);
    errno = EINVAL;
    return -1;
  }
  if (disk_open (&c->parent, c->disk_spec, &o) == -1)
    return -1;
  c->disk = disk_store (&c->parent, c->dry_run);
  return c->disk != NULL ? 0 : in_use (c->disk_spec);
}

/* What was looked at before the lock may have changed since. */
static int
check_link (const struct commit *c)
{
  const struct image_parent *p = &image_info (c->image)->parent;
  const struct uuid *id = c->parent_image != NULL ?
                            &image_info (c->parent_image)->own_link_id :
                            &c->disk->info.id;

  if (uuid_equal (&p->id, id) ||
      (p->has_other_id && uuid_equal (&p->other_id, id)))
    return 0;
  log_error ("commit: %s is not the parent of %s any more", c->disk_name,
             c->layer_path);
  errno = EINVAL;
  return -1;
}

static int
open_child (struct commit *c)
{
  c->image = disk_image (&c->child, c->dry_run);
  if (c->image == NULL)
    return in_use (c->layer_path);
  if (c->disk_spec == NULL && check_link (c) == -1) {
    image_close (c->image);
    return -1;
  }
  c->layer = layer_image_create (c->image);
  if (c->layer != NULL)
    return 0;
  image_close (c->image);
  return -1;
}

int
commit_open_image (struct commit *c)
{
  const struct disk_options o = { .search = &c->search,
                                  .alone = c->disk_spec != NULL };

  if (disk_format_of_spec (c->layer_path) == DISK_RAW) {
    log_error ("commit: %s is neither a VHD nor a VHDX; for a layer file, name "
               "the disk below it, too",
               c->layer_path);
    errno = EINVAL;
    return -1;
  }
  if (disk_open (&c->child, c->layer_path, &o) == -1)
    return -1;
  if (c->disk_spec != NULL)
    return open_other_disk (c) == -1 ? -1 : open_child (c);
  if (open_parent_file (c) == -1 || lock_files (c) == -1 ||
      open_parent (c) == -1)
    return -1;
  return open_child (c);
}

void
commit_close_image (struct commit *c)
{
  if (c->locked) {
    host_file_unlock (c->child.file, true);
    host_file_unlock (c->parent.file, true);
  }
  disk_close (&c->child);
  disk_close (&c->parent);
}

/* ------------------------------------------------------------------ */
/* The link */

static bool
has_changing_id (const struct commit *c)
{
  return c->parent_image != NULL && c->child.format == DISK_VHDX;
}

static int
failed (const struct commit *c, const char *what, int err)
{
  errno = err;
  log_error ("commit: %s: %s: %m", c->layer_path, what);
  return -1;
}

/* The child accepts ID, and OTHER unless it is NULL. */
static int
accept_ids (struct commit *c, const struct uuid *id, const struct uuid *other)
{
  struct image_create_parent p = {
    .link_id = *id,
    .has_other_id = other != NULL,
    .timestamp = image_info (c->image)->parent.timestamp,
  };
  int err;

  if (other != NULL)
    p.other_id = *other;
  if (image_set_parent (c->image, &p, &err) == -1)
    return failed (c, "its link to the parent", err);
  return 0;
}

static int
announce (struct commit *c)
{
  const struct uuid old = image_info (c->parent_image)->own_link_id;
  struct uuid next;
  int err;

  if (uuid_random (&next) == -1)
    return failed (c, "random numbers", errno);
  if (accept_ids (c, &old, &next) == -1)
    return -1;
  if (image_set_link_id (c->parent_image, &next, &err) == -1)
    return failed (c, "the id of the parent", err);
  return 0;
}

/* A child may have been made larger. */
static int
grow_parent (struct commit *c)
{
  int err;

  if (c->all.end <= store_size (c->disk))
    return 0;
  if (store_resize (c->disk, c->all.end, &err) == 0)
    return 0;
  errno = err;
  log_error ("commit: %s has data up to %" PRIu64 ", and %s cannot be made so "
             "large: %m; see diskstack resize",
             c->layer_path, c->all.end, c->disk_name);
  return -1;
}

int
commit_begin_image (struct commit *c)
{
  const struct uuid own = image_info (c->image)->own_link_id;
  int err;

  if (c->disk_spec != NULL || (c->all.data == 0 && c->all.zeroes == 0))
    return 0;
  if (image_set_link_id (c->image, &own, &err) == -1)
    return failed (c, "its id", err);
  if (has_changing_id (c) && announce (c) == -1)
    return -1;
  return grow_parent (c);
}

/* Also what another commit left that did not come so far. */
int
commit_end_image (struct commit *c)
{
  const struct image_parent *p = &image_info (c->image)->parent;
  const struct uuid own = image_info (c->image)->own_link_id;
  struct uuid id;
  int err;

  if (c->disk_spec != NULL || !has_changing_id (c))
    return 0;
  id = image_info (c->parent_image)->own_link_id;
  if (uuid_equal (&p->id, &id) && !p->has_other_id)
    return 0;
  if (image_set_link_id (c->image, &own, &err) == -1)
    return failed (c, "its id", err);
  return accept_ids (c, &id, NULL);
}
