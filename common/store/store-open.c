/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-open.h.  A new kind of store is one function and one line in
 * the table.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "store/host-file.h"
#include "store/store-file.h"
#include "store/store-open.h"

static struct store *
open_raw (const char *path, const struct store_open_options *o)
{
  const struct host_file_options fo = { .path = path, .no_lock = o->no_lock };
  const struct store_file_options so = { .read_only = o->read_only };
  struct host_file *f = host_file_open (&fo);
  struct store *s;
  int saved;

  if (f == NULL)
    return NULL;
  s = store_file_create (f, &so);
  saved = errno;
  host_file_unref (f); /* the store has its own reference */
  errno = saved;
  return s;
}

static const struct kind {
  const char *prefix; /* without the colon */
  struct store *(*open) (const char *rest, const struct store_open_options *o);
} kinds[] = {
  { "raw", open_raw },
};

/* The length of the prefix of SPEC: what is before a colon that comes
 * before any slash.  0 if there is none.
 */
static size_t
prefix_length (const char *spec)
{
  const size_t n = strcspn (spec, ":/");

  return spec[n] == ':' ? n : 0;
}

struct store *
store_open (const char *spec, const struct store_open_options *o)
{
  const size_t n = prefix_length (spec);

  if (n == 0)
    return open_raw (spec, o);
  for (size_t i = 0; i < ARRAY_SIZE (kinds); i++) {
    if (strlen (kinds[i].prefix) == n &&
        strncmp (kinds[i].prefix, spec, n) == 0)
      return kinds[i].open (spec + n + 1, o);
  }
  log_error ("open: \"%.*s:\" is no kind of disk; a file of that name is "
             "\"./%s\"",
             (int) n, spec, spec);
  errno = EINVAL;
  return NULL;
}
