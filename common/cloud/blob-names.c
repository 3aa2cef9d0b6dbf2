/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See blob-names.h.
 */

#include <config.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/blob-names.h"
#include "cloud/xml-reader.h"

/* How the two kinds of lists are made. */
static const struct kind {
  const char *list, *item, *name, *marker;
  unsigned depth; /* of an item */
} kinds[] = {
  { "EnumerationResults", "Blob", "Name", "NextMarker", 2 },
  { "ListBucketResult", "Contents", "Key", "NextContinuationToken", 1 },
};

struct blob_names {
  struct xml_reader *xml;
  blob_names_add add;
  void *opaque;
  const struct kind *kind;
  bool in_item;
  char marker[XML_TEXT_MAX];
};

static enum cloud_status
on_start (void *opaque, unsigned depth, const char *name)
{
  struct blob_names *l = opaque;

  if (depth == 0) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
      if (strcmp (name, kinds[i].list) == 0)
        l->kind = &kinds[i];
    }
    return l->kind != NULL ? CLOUD_OK : CLOUD_XML_OTHER;
  }
  if (depth == l->kind->depth)
    l->in_item = strcmp (name, l->kind->item) == 0;
  return CLOUD_OK;
}

static enum cloud_status
on_end (void *opaque, unsigned depth, const char *name, const char *text)
{
  struct blob_names *l = opaque;
  const bool is_cut = strlen (text) == XML_TEXT_MAX - 1; /* perhaps */

  if (depth == l->kind->depth + 1 && l->in_item &&
      strcmp (name, l->kind->name) == 0)
    return is_cut ? CLOUD_OK : l->add (l->opaque, text);
  if (depth == 1 && strcmp (name, l->kind->marker) == 0) {
    if (is_cut)
      return CLOUD_TOO_LONG;
    strcpy (l->marker, text);
  }
  return CLOUD_OK;
}

struct blob_names *
blob_names_new (blob_names_add add, void *opaque)
{
  static const struct xml_handler handler = { on_start, on_end };
  struct blob_names *l = calloc (1, sizeof *l);

  if (l == NULL)
    return NULL;
  l->add = add;
  l->opaque = opaque;
  l->xml = xml_reader_new (&handler, l, BLOB_NAMES_MAX);
  if (l->xml != NULL)
    return l;
  free (l);
  return NULL;
}

void
blob_names_free (struct blob_names *l)
{
  if (l == NULL)
    return;
  xml_reader_free (l->xml);
  free (l);
}

enum cloud_status
blob_names_feed (struct blob_names *l, const void *bytes, size_t n)
{
  return xml_reader_feed (l->xml, bytes, n);
}

enum cloud_status
blob_names_end (struct blob_names *l, struct buffer *marker)
{
  const enum cloud_status status = xml_reader_end (l->xml);

  buffer_clear (marker);
  if (status != CLOUD_OK)
    return status;
  buffer_puts (marker, l->marker);
  return buffer_failed (marker) ? CLOUD_NO_MEMORY : CLOUD_OK;
}
