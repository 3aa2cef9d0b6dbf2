/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a list of blobs or objects: the names do not depend on how
 * they came, and are of a length that a reader keeps to.  The first byte says
 * in which pieces.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "cloud/blob-names.h"
#include "cloud/xml-reader.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "blob-names";

static enum cloud_status
add (void *opaque, const char *name)
{
  fuzz_assert (strlen (name) < XML_TEXT_MAX - 1);
  buffer_add (opaque, name, strlen (name) + 1);
  return CLOUD_OK;
}

static enum cloud_status
read_answer (struct buffer *names, const uint8_t *data, size_t size,
             size_t piece, struct buffer *marker)
{
  struct blob_names *l = blob_names_new (add, names);
  enum cloud_status status = CLOUD_OK;

  fuzz_assert (l != NULL);
  for (size_t i = 0; status == CLOUD_OK && i < size; i += piece)
    status = blob_names_feed (l, data + i, min_u64 (piece, size - i));
  if (status == CLOUD_OK)
    status = blob_names_end (l, marker);
  blob_names_free (l);
  return status;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct buffer a = { NULL }, b = { NULL };
  struct buffer marker_a = { NULL }, marker_b = { NULL };
  enum cloud_status status;

  if (size == 0)
    return 0;
  status = read_answer (&a, data + 1, size - 1, size, &marker_a);
  fuzz_assert (cloud_status_string (status) != NULL);
  fuzz_assert ((read_answer (&b, data + 1, size - 1, data[0] + 1, &marker_b) ==
                CLOUD_OK) == (status == CLOUD_OK));
  if (status == CLOUD_OK) {
    fuzz_assert (a.len == b.len && marker_a.len == marker_b.len);
    fuzz_assert (a.len == 0 || memcmp (a.data, b.data, a.len) == 0);
  }
  buffer_fini (&a);
  buffer_fini (&b);
  buffer_fini (&marker_a);
  buffer_fini (&marker_b);
  return 0;
}
