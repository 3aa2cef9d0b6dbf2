/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of the latency filter, and those of nbdkit-delay-filter by the
 * same names.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "glue/glue-filter.h"
#include "latency-config.h"

/* Which keys of the model a parameter sets, separated by spaces.  The
 * parameters of a line are one parameter.
 */
static const struct {
  const char *names, *sets;
} parameters[] = {
  { "latency-read rdelay delay-read delay-reads", "read" },
  { "latency-write delay-write delay-writes", "write" },
  { "latency-zero delay-zero delay-zeroes", "zero" },
  { "latency-trim delay-trim delay-trims delay-discard delay-discards",
    "trim" },
  { "wdelay", "write zero trim" },
  { "latency-flush", "flush" },
  { "latency-extents delay-extents delay-extent", "extents" },
  { "latency-cache delay-cache", "cache" },
  { "latency-open delay-open", "open" },
  { "latency-close delay-close", "close" },
  { "latency-bandwidth", "bandwidth" },
  { "latency-read-bandwidth", "read-bandwidth" },
  { "latency-write-bandwidth", "write-bandwidth" },
  { "latency-queue", "queue" },
  { "latency-profile", "profile" },
};

_Static_assert(ARRAY_SIZE (parameters) <= 32, "one bit each");

/* Is it one of these words?  Goes to the next word of LIST. */
static bool
next_word (const char **list, char *word, size_t size)
{
  const size_t n = strcspn (*list, " ");

  if (n == 0 || n >= size)
    return false;
  memcpy (word, *list, n);
  word[n] = '\0';
  *list += n;
  *list += strspn (*list, " ");
  return true;
}

static bool
is_among (const char *list, const char *key)
{
  char word[32];

  while (next_word (&list, word, sizeof word)) {
    if (strcmp (word, key) == 0)
      return true;
  }
  return false;
}

/* Tables of file: are relative to the user's directory. */
static char *
read_table (const char *name)
{
  char *path = nbdkit_absolute_path (name);
  char *text = path != NULL ? latency_device_read_file (path) : NULL;

  free (path);
  return text;
}

static int
set_model (struct latency_config *c, const char *sets, const char *key,
           const char *value)
{
  char word[32];

  while (next_word (&sets, word, sizeof word)) {
    const enum latency_status status =
      latency_model_set (&c->model, word, value, read_table);

    if (status != LATENCY_OK) {
      log_error ("%s=%s: %s", key, value, latency_status_string (status));
      return -1;
    }
  }
  return 1;
}

static int
set_path (struct latency_config *c, const char *value)
{
  if (c->path != NULL)
    return 0;
  c->path = nbdkit_absolute_path (value);
  return c->path != NULL ? 1 : -1;
}

static int
set_seed (struct latency_config *c, const char *key, const char *value)
{
  if (c->seen_seed)
    return 0;
  c->seen_seed = true;
  return nbdkit_parse_uint64_t (key, value, &c->seed) == -1 ? -1 : 1;
}

int
latency_config_set (void *config, const char *key, const char *value)
{
  struct latency_config *c = config;

  for (unsigned i = 0; i < ARRAY_SIZE (parameters); i++) {
    if (!is_among (parameters[i].names, key))
      continue;
    if (c->given & UINT32_C (1) << i)
      return 0;
    c->given |= UINT32_C (1) << i;
    return set_model (c, parameters[i].sets, key, value);
  }
  if (strcmp (key, "latency-range") == 0)
    return set_model (c, "range", key, value);
  if (strcmp (key, "latency-file") == 0)
    return set_path (c, value);
  if (strcmp (key, "latency-seed") == 0)
    return set_seed (c, key, value);
  if (strcmp (key, "delay-fast-zero") == 0)
    return glue_filter_bool (key, value, &c->seen_fast_zero, &c->fast_zero);
  return 0;
}

void
latency_config_free (void *config)
{
  free (((struct latency_config *) config)->path);
}

struct latency_device_options
latency_config_options (const struct latency_config *c)
{
  return (struct latency_device_options){ .model = c->model,
                                          .path = c->path,
                                          .seed = c->seed };
}
