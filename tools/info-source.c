/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `diskstack info' looks at.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/align.h"
#include "base/log.h"
#include "info.h"
#include "open/open-url.h"

static int
open_at_url (struct info_source *s, const char *url)
{
  const struct http_client_options co = open_url_options ();
  const struct store_http_options so = STORE_HTTP_DEFAULTS;

  s->store = open_url (url, &co, &so);
  if (s->store == NULL)
    return -1;
  /* The URL itself may have a secret in it. */
  snprintf (s->name, sizeof s->name, "%s", s->store->description);
  s->size = store_size (s->store);
  return 0;
}

int
info_open (struct info_source *s, const char *path)
{
  const struct host_file_options o = { .path = path };

  *s = (struct info_source){ .file = NULL };
  if (open_is_url (path))
    return open_at_url (s, path);
  s->file = host_file_open (&o);
  if (s->file == NULL)
    return -1;
  snprintf (s->name, sizeof s->name, "%s", host_file_path (s->file));
  s->size = (uint64_t) host_file_size (s->file);
  return 0;
}

void
info_close (struct info_source *s)
{
  host_file_unref (s->file);
  store_close (s->store);
}

static size_t
read_file (const struct info_source *s, char *buf, size_t count,
           uint64_t offset)
{
  size_t n = 0;
  ssize_t r;

  do {
    r =
      pread (host_file_fd (s->file), buf + n, count - n, (off_t) (offset + n));
    if (r > 0)
      n += (size_t) r;
  } while ((r > 0 && n < count) || (r == -1 && errno == EINTR));
  return n;
}

size_t
info_read (const struct info_source *s, void *buf, size_t count,
           uint64_t offset)
{
  const size_t n = offset < s->size ? min_u64 (count, s->size - offset) : 0;
  int err;

  if (s->file != NULL)
    return read_file (s, buf, count, offset);
  return s->store != NULL && n > 0 &&
             store_read_any (s->store, buf, n, offset, &err) == 0 ?
           n :
           0;
}
