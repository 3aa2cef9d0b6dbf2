/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-find.h.  A file is first opened with O_PATH, which has no
 * effect on it, not even on a device or a FIFO; its type and place are
 * looked at, and only then it is opened for reading, by its descriptor.
 */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/image-find.h"
#include "image/image-path.h"

/* ------------------------------------------------------------------ */
/* Real paths */

char *
image_find_real_path (int fd)
{
  char self[64], path[PATH_MAX];
  struct stat a, b;
  ssize_t n;

  snprintf (self, sizeof self, "/proc/self/fd/%d", fd);
  n = readlink (self, path, sizeof path);
  if (n == -1)
    return NULL;
  if ((size_t) n == sizeof path) {
    errno = ENAMETOOLONG;
    return NULL;
  }
  path[n] = '\0';
  /* One that was removed, or never had a name, has some text all the same. */
  if (*path != '/' || fstat (fd, &a) == -1 || lstat (path, &b) == -1 ||
      a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
    errno = ENOENT;
    return NULL;
  }
  return strdup (path);
}

char *
image_find_folder (const char *path)
{
  const char *slash = strrchr (path, '/');

  return strndup (path, slash == path ? 1 : (size_t) (slash - path));
}

static bool
is_allowed (const struct image_find *f, const char *path)
{
  if (f->folder != NULL && image_path_inside (path, f->folder))
    return true;
  for (unsigned i = 0; i < f->nsearch; i++) {
    if (image_path_inside (path, f->search[i]))
      return true;
  }
  for (unsigned i = 0; i < f->nmap; i++) {
    if (image_path_inside (path, f->map_to[i]))
      return true;
  }
  return false;
}

/* ------------------------------------------------------------------ */
/* In any case */

/* The name in the folder that differs from NAME, of N bytes, only in
 * case; of several, that which comes first by its bytes.  NULL with errno.
 */
static char *
similar_name (int folder, const char *name, size_t n)
{
  const int fd = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd != -1 ? fdopendir (fd) : NULL;
  const struct dirent *e;
  char *best = NULL;

  if (dir == NULL) {
    if (fd != -1)
      close (fd);
    return NULL;
  }
  while ((e = readdir (dir)) != NULL) {
    if (strlen (e->d_name) == n && image_path_like (e->d_name, name, n) &&
        (best == NULL || strcmp (e->d_name, best) < 0)) {
      free (best);
      best = strdup (e->d_name);
      if (best == NULL)
        break;
    }
  }
  closedir (dir);
  if (best == NULL)
    errno = ENOENT;
  return best;
}

/* One part of a path, of N bytes, as it is or else in another case. */
static int
open_part (int folder, const char *part, size_t n)
{
  CLEANUP_FREE char *name = strndup (part, n), *similar = NULL;
  int fd;

  if (name == NULL)
    return -1;
  fd = openat (folder, name, O_PATH | O_CLOEXEC);
  if (fd != -1 || errno != ENOENT)
    return fd;
  similar = similar_name (folder, part, n);
  return similar != NULL ? openat (folder, similar, O_PATH | O_CLOEXEC) : -1;
}

static int
open_any_case (const char *folder, const char *path)
{
  CLEANUP_CLOSE int at =
    open (*path == '/' ? "/" : folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

  while (at != -1) {
    size_t n;
    int next;

    path += strspn (path, "/");
    n = strcspn (path, "/");
    if (n == 0)
      return steal_fd (&at);
    next = open_part (at, path, n);
    if (next == -1)
      return -1;
    close (at);
    at = next;
    path += n;
  }
  return -1;
}

static int
open_exactly (const char *folder, const char *path)
{
  CLEANUP_CLOSE int at = open (folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

  return at != -1 ? openat (at, path, O_PATH | O_CLOEXEC) : -1;
}

/* ------------------------------------------------------------------ */
/* Opening */

/* What FD, from O_PATH, is on.  0, or -1 with errno and *WHY. */
static int
check_type (int fd, bool device, const char **why)
{
  struct stat st;

  if (fstat (fd, &st) == -1)
    return -1;
  if (S_ISREG (st.st_mode) || (device && S_ISBLK (st.st_mode)))
    return 0;
  *why = "is not a regular file";
  errno = S_ISDIR (st.st_mode) ? EISDIR : EINVAL;
  return -1;
}

/* The file that FD, from O_PATH, is on, for reading. */
static int
reopen (int fd)
{
  char self[64];

  snprintf (self, sizeof self, "/proc/self/fd/%d", fd);
  return open (self, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

int
image_find_open (const char *given, char **path)
{
  CLEANUP_CLOSE int fd = open (given, O_PATH | O_CLOEXEC);
  const char *why;
  int r;

  if (fd == -1 || check_type (fd, true, &why) == -1)
    return -1;
  *path = image_find_real_path (fd);
  if (*path == NULL)
    return -1;
  r = reopen (fd);
  if (r == -1) {
    const int saved = errno;

    free (*path);
    errno = saved;
  }
  return r;
}

/* One search for one parent. */
struct search {
  const struct image_find *f;
  bool any_case; /* the second time */
  char *path;    /* of what was found */
  struct buffer *tried;
};

/* Say that NAME in FOLDER, which may be NULL, is not what is looked for,
 * and WHY; once.  Control characters of an image must not get into a log.
 */
static void
note (struct search *s, const char *folder, const char *name, const char *why)
{
  struct buffer *const b = s->tried;
  const size_t before = b->len;
  size_t start;

  if (s->any_case)
    return;
  buffer_puts (b, before > 0 ? "; " : "");
  start = b->len;
  if (folder != NULL)
    buffer_printf (b, "%s/", folder);
  name += strncmp (name, "./", 2) == 0 ? 2 : 0;
  for (; *name != '\0'; name++)
    buffer_putc (b, (unsigned char) *name < ' ' || *name == 0x7f ? '?' : *name);
  buffer_printf (b, " (%s)", why);
  if (before > 0 && !buffer_failed (b) &&
      strstr (b->data, b->data + start) < b->data + before) {
    b->len = before;
    b->data[before] = '\0';
  }
}

/* Try PATH, relative to FOLDER or absolute.  -1 if it is not there or not
 * allowed, which is noted; or the file, open.
 */
static int
try (struct search *s, const char *folder, const char *path)
{
  CLEANUP_CLOSE int fd =
    s->any_case ? open_any_case (folder, path) : open_exactly (folder, path);
  CLEANUP_FREE char *real = NULL;
  const char *why = NULL;
  int r = -1;

  if (*path == '/')
    folder = NULL;
  if (fd != -1 && check_type (fd, false, &why) == 0)
    real = image_find_real_path (fd);
  if (real != NULL && is_allowed (s->f, real))
    r = reopen (fd);
  else if (real != NULL)
    why = "is not in a folder that parents may be in";
  if (r == -1)
    note (s, folder, path, why != NULL ? why : strerror (errno));
  else
    s->path = steal_ptr (&real);
  return r;
}

/* What P says, as it is. */
static int
try_path (struct search *s, const struct image_path *p)
{
  CLEANUP_FREE char *plain = image_path_plain (p), *mapped = NULL;
  const char *const root = s->f->folder != NULL ? s->f->folder : "/";
  enum image_path_form form;

  if (plain == NULL) {
    note (s, NULL, p->path, errno == EINVAL ? "is no path" : strerror (errno));
    return -1;
  }
  form = image_path_form (plain);
  if (form == IMAGE_FORM_RELATIVE && s->f->folder == NULL) {
    note (s, NULL, plain, "the image is in no folder");
    return -1;
  }
  if (form == IMAGE_FORM_RELATIVE)
    return try (s, s->f->folder, plain);
  mapped = image_path_map (plain, s->f->map_from, s->f->map_to, s->f->nmap);
  if (mapped != NULL)
    return try (s, root, mapped);
  if (form == IMAGE_FORM_HOST)
    return try (s, root, plain);
  note (s, NULL, p->path, "is of Windows, and no parent-map= is for it");
  return -1;
}

/* The name in all folders. */
static int
try_name (struct search *s, const char *name)
{
  int fd = -1;

  if (s->f->folder != NULL)
    fd = try (s, s->f->folder, name);
  for (unsigned i = 0; fd == -1 && i < s->f->nsearch; i++)
    fd = try (s, s->f->search[i], name);
  return fd;
}

/* Was the name tried for an earlier path? */
static bool
is_known (const struct image_parent *p, unsigned i, const char *name)
{
  for (unsigned j = 0; j < i; j++) {
    CLEANUP_FREE char *plain = image_path_plain (&p->path[j]);
    const char *base = plain != NULL ? image_path_base (plain) : NULL;

    if (base != NULL && strcmp (base, name) == 0)
      return true;
  }
  return false;
}

static int
try_all (struct search *s, const struct image_parent *p)
{
  int fd = -1;

  for (unsigned i = 0; fd == -1 && i < p->npaths; i++) {
    if (p->path[i].kind != IMAGE_PATH_NAME)
      fd = try_path (s, &p->path[i]);
  }
  for (unsigned i = 0; fd == -1 && i < p->npaths; i++) {
    CLEANUP_FREE char *plain = image_path_plain (&p->path[i]);
    const char *base = plain != NULL ? image_path_base (plain) : NULL;

    if (base != NULL && !is_known (p, i, base))
      fd = try_name (s, base);
  }
  return fd;
}

int
image_find_parent (const struct image_find *f, const struct image_parent *p,
                   char **path, struct buffer *tried)
{
  struct search s = { .f = f, .tried = tried };
  int fd = try_all (&s, p);

  if (fd == -1) {
    s.any_case = true;
    fd = try_all (&s, p);
  }
  *path = s.path;
  if (fd == -1)
    errno = ENOENT;
  return fd;
}
