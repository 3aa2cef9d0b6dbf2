/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as what an image says of its parent, and as a map: the first
 * byte says what it is called, the text up to the first newline is the
 * path, and that up to the next one what a map begins with.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "image/image-path.h"

const char fuzz_name[] = "image-path";

static char *
copy (const uint8_t *data, size_t size)
{
  char *text = malloc (size + 1);

  fuzz_assert (text != NULL);
  memcpy (text, data, size);
  text[size] = '\0';
  return text;
}

/* Where BYTE is, or the end. */
static size_t
find (const uint8_t *data, size_t size, uint8_t byte)
{
  const uint8_t *p = memchr (data, byte, size);

  return p != NULL ? (size_t) (p - data) : size;
}

static void
check_plain (const char *plain, size_t length)
{
  const enum image_path_form form = image_path_form (plain);
  const char *base = image_path_base (plain);

  fuzz_assert (strlen (plain) <= length);
  fuzz_assert (strchr (plain, '\\') == NULL);
  fuzz_assert (form != IMAGE_FORM_HOST || plain[0] == '/');
  fuzz_assert (form != IMAGE_FORM_HOST || plain[1] != '/');
  if (base == NULL)
    return;
  fuzz_assert (*base != '\0' && strchr (base, '/') == NULL);
  fuzz_assert (base >= plain && strlen (base) <= strlen (plain));
  fuzz_assert (strcmp (base, ".") != 0 && strcmp (base, "..") != 0);
}

static void
check_map (const char *plain, const char *from)
{
  const char *const to = "/to";
  char *mapped = image_path_map (plain, &from, &to, 1);

  fuzz_assert (mapped != NULL || errno == ENOENT);
  fuzz_assert (mapped == NULL || image_path_inside (mapped, to));
  free (mapped);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct image_path p;
  char *plain, *from;
  size_t n;

  if (size == 0)
    return 0;
  p.kind = (enum image_path_kind) (*data % (IMAGE_PATH_NAME + 1));
  data++;
  size--;
  n = find (data, size, '\n');
  p.path = copy (data, n);
  data += n < size ? n + 1 : n;
  size -= n < size ? n + 1 : n;
  from = copy (data, find (data, size, '\n'));
  plain = image_path_plain (&p);
  fuzz_assert (plain != NULL || errno == EINVAL);
  if (plain != NULL) {
    check_plain (plain, strlen (p.path));
    check_map (plain, from);
  }
  free (plain);
  free (from);
  free (p.path);
  return 0;
}
