/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-path.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "image/image-path.h"

/* Letters, whatever the locale. */
static unsigned char
lower (char ch)
{
  return (unsigned char) (ch >= 'A' && ch <= 'Z' ? ch + ('a' - 'A') : ch);
}

static bool
is_letter (char ch)
{
  return lower (ch) >= 'a' && lower (ch) <= 'z';
}

bool
image_path_like (const char *a, const char *b, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (lower (a[i]) != lower (b[i]))
      return false;
    if (a[i] == '\0')
      break;
  }
  return true;
}

static bool
begins_like (const char *s, const char *beginning)
{
  return image_path_like (s, beginning, strlen (beginning));
}

static bool
has_drive (const char *s)
{
  return is_letter (s[0]) && s[1] == ':';
}

/* ------------------------------------------------------------------ */
/* URLs */

static int
hex_digit (char ch)
{
  if (ch >= '0' && ch <= '9')
    return ch - '0';
  ch = (char) lower (ch);
  return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* In place.  False if an escape is none, or is one of a zero byte. */
static bool
decode_percent (char *s)
{
  char *to = s;

  for (; *s != '\0'; s++) {
    if (*s == '%') {
      const int high = hex_digit (s[1]);
      const int low = high != -1 ? hex_digit (s[2]) : -1;

      if (low == -1 || (high == 0 && low == 0))
        return false;
      *to++ = (char) (high << 4 | low);
      s += 2;
    }
    else
      *to++ = *s;
  }
  *to = '\0';
  return true;
}

/* Bytes before the colon of a scheme, which is longer than a drive; 0 if
 * there is none.
 */
static size_t
scheme_length (const char *s)
{
  const size_t n = strcspn (s, ":/\\%");

  return s[n] == ':' && n > 1 ? n : 0;
}

/* What of the URL is the path: inside URL.  A name of another host stays
 * before it, with its slashes; a relative path may follow "//", as Xen
 * writes it.  NULL if it is no URL of a file.
 */
static const char *
url_path (const char *url)
{
  static const char local[] = "//localhost/";
  const size_t n = scheme_length (url);

  if (n > 0 && (n != 4 || !begins_like (url, "file")))
    return NULL;
  if (n > 0)
    url += n + 1;
  if (begins_like (url, local))
    url += strlen (local) - 1;
  else if (strncmp (url, "///", 3) == 0 || strncmp (url, "//.", 3) == 0)
    url += 2;
  if (url[0] == '/' && has_drive (url + 1))
    url++;
  return url;
}

/* ------------------------------------------------------------------ */
/* Texts */

static void
turn_slashes (char *s)
{
  for (; *s != '\0'; s++) {
    if (*s == '\\')
      *s = '/';
  }
}

/* Without the prefixes by which Windows is told to take a path as it is;
 * in place.
 */
static void
drop_prefix (char *s)
{
  static const char share[] = "//?/UNC/";
  const bool verbatim =
    strncmp (s, "//?/", 4) == 0 || strncmp (s, "//./", 4) == 0;

  if (verbatim && has_drive (s + 4))
    memmove (s, s + 4, strlen (s + 4) + 1);
  else if (begins_like (s, share))
    memmove (s + 2, s + strlen (share), strlen (s + strlen (share)) + 1);
}

char *
image_path_plain (const struct image_path *p)
{
  const char *text = p->kind == IMAGE_PATH_URL ? url_path (p->path) : p->path;
  char *plain;

  if (text == NULL) {
    errno = EINVAL;
    return NULL;
  }
  plain = strdup (text);
  if (plain == NULL)
    return NULL;
  if (p->kind == IMAGE_PATH_URL && !decode_percent (plain)) {
    free (plain);
    errno = EINVAL;
    return NULL;
  }
  turn_slashes (plain);
  drop_prefix (plain);
  return plain;
}

enum image_path_form
image_path_form (const char *plain)
{
  if (has_drive (plain) || strncmp (plain, "//", 2) == 0)
    return IMAGE_FORM_WINDOWS;
  return *plain == '/' ? IMAGE_FORM_HOST : IMAGE_FORM_RELATIVE;
}

const char *
image_path_base (const char *plain)
{
  const char *slash = strrchr (plain, '/');
  const char *base = slash != NULL ? slash + 1 : plain;

  if (slash == NULL && has_drive (base))
    base += 2;
  if (*base == '\0' || strcmp (base, ".") == 0 || strcmp (base, "..") == 0)
    return NULL;
  return base;
}

bool
image_path_inside (const char *path, const char *folder)
{
  const size_t n = strlen (folder);

  if (strcmp (folder, "/") == 0)
    return *path == '/';
  return strncmp (path, folder, n) == 0 && path[n] == '/';
}

/* ------------------------------------------------------------------ */
/* Maps */

/* How many bytes of PLAIN the beginning FROM takes, without a slash at
 * its end; 0 if it does not fit.  -1 with errno.
 */
static ssize_t
fitting (const char *plain, const char *from)
{
  const struct image_path p = { IMAGE_PATH_ABSOLUTE, (char *) from };
  CLEANUP_FREE char *text = image_path_plain (&p);
  size_t n;

  if (text == NULL)
    return -1;
  n = strlen (text);
  while (n > 0 && text[n - 1] == '/')
    n--;
  if (strlen (plain) < n || (plain[n] != '/' && plain[n] != '\0'))
    return 0;
  if (image_path_form (plain) == IMAGE_FORM_WINDOWS ?
        !image_path_like (plain, text, n) :
        strncmp (plain, text, n) != 0)
    return 0;
  return (ssize_t) n;
}

char *
image_path_map (const char *plain, const char *const *from,
                const char *const *to, unsigned n)
{
  const char *best = NULL;
  ssize_t longest = 0;
  char *r;

  for (unsigned i = 0; i < n; i++) {
    const ssize_t length = fitting (plain, from[i]);

    if (length == -1)
      return NULL;
    if (length > longest) {
      longest = length;
      best = to[i];
    }
  }
  if (best == NULL) {
    errno = ENOENT;
    return NULL;
  }
  if (asprintf (&r, "%s/%s", best, plain + longest + (plain[longest] == '/')) ==
      -1)
    return NULL;
  return r;
}
