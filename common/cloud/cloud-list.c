/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-list.h.
 */

#include <config.h>

#include <string.h>

#include "cloud/cloud-list.h"
#include "cloud/cloud-secret.h"

void
cloud_list_name (struct cloud_list *l)
{
  if (l->n == CLOUD_LIST_MAX) {
    l->full = true;
    l->n--; /* the list is lost anyhow */
  }
  l->v[l->n].name = l->text.len;
}

void
cloud_list_value (struct cloud_list *l)
{
  buffer_putc (&l->text, '\0');
  l->v[l->n].value = l->text.len;
}

void
cloud_list_end (struct cloud_list *l)
{
  buffer_putc (&l->text, '\0');
  l->n++;
}

enum cloud_status
cloud_list_status (const struct cloud_list *l)
{
  if (buffer_failed (&l->text))
    return CLOUD_NO_MEMORY;
  return l->full ? CLOUD_TOO_LONG : CLOUD_OK;
}

const char *
cloud_list_name_of (const struct cloud_list *l, size_t i)
{
  return l->text.data + l->v[i].name;
}

const char *
cloud_list_value_of (const struct cloud_list *l, size_t i)
{
  return l->text.data + l->v[i].value;
}

bool
cloud_list_repeats (const struct cloud_list *l, size_t i)
{
  return i > 0 &&
         strcmp (cloud_list_name_of (l, i), cloud_list_name_of (l, i - 1)) == 0;
}

static int
compare (const struct cloud_list *l, size_t a, size_t b, bool by_value)
{
  const int r = strcmp (cloud_list_name_of (l, a), cloud_list_name_of (l, b));

  if (r != 0 || !by_value)
    return r;
  return strcmp (cloud_list_value_of (l, a), cloud_list_value_of (l, b));
}

/* By insertion: they are few, and qsort changes the order of equals. */
void
cloud_list_sort (struct cloud_list *l, bool by_value)
{
  for (size_t i = 1; i < l->n; i++) {
    for (size_t k = i; k > 0 && compare (l, k - 1, k, by_value) > 0; k--) {
      const struct cloud_pair pair = l->v[k];

      l->v[k] = l->v[k - 1];
      l->v[k - 1] = pair;
    }
  }
}

void
cloud_list_fini (struct cloud_list *l)
{
  cloud_secret_fini (&l->text);
  l->n = 0;
  l->full = false;
}
