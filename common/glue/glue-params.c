/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See glue-params.h.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "glue/glue-params.h"
#include "glue/glue-plugin.h"

int
glue_find_word (const struct glue_word *words, const char *word)
{
  while (words->word != NULL && strcmp (words->word, word) != 0)
    words++;
  return words->value;
}

static void
join_words (const struct glue_word *words, char *out, size_t n)
{
  size_t used = 0;

  out[0] = '\0';
  for (; words->word != NULL && used < n; words++)
    used += snprintf (out + used, n - used, " %s", words->word);
}

int
glue_param_word (const char *key, const char *value,
                 const struct glue_word *words, int *r)
{
  char all[128];

  *r = glue_find_word (words, value);
  if (*r != -1)
    return 0;
  join_words (words, all, sizeof all);
  nbdkit_error ("%s=%s: must be one of:%s", key, value, all);
  return -1;
}

int
glue_param_size (const char *key, const char *value, uint64_t *r)
{
  const int64_t size = nbdkit_parse_size (value);

  if (size == 0)
    nbdkit_error ("%s=0: must be larger", key);
  *r = (uint64_t) size;
  return size > 0 ? 0 : -1;
}

int
glue_param_once (const char *key, unsigned param, unsigned *given)
{
  if (*given & (1u << param)) {
    nbdkit_error ("%s= may be given only once", key);
    return -1;
  }
  *given |= 1u << param;
  return 0;
}
