/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as JSON: what is read can be written, and is then read as
 * the same.
 */

#include <config.h>

#include <string.h>

#include "base/json-reader.h"
#include "base/json-writer.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "json-reader";

static void
write_value (struct json_writer *w, const struct json_document *d,
             const struct json_value *v)
{
  const bool object = v->type == JSON_OBJECT;
  uint64_t n;

  switch (v->type) {
  case JSON_NULL:
    json_null (w, v->name);
    break;
  case JSON_FALSE:
  case JSON_TRUE:
    json_bool (w, v->name, json_is_true (v));
    break;
  case JSON_NUMBER:
    json_number (w, v->name, json_read_number (v, &n) ? n : 0);
    break;
  case JSON_STRING:
    json_string (w, v->name, json_read_string (v));
    break;
  default:
    (object ? json_begin_object : json_begin_array) (w, v->name);
    for (const struct json_value *i = json_first (d, v); i != NULL;
         i = json_next (d, i)) {
      fuzz_assert (object == (i->name != NULL));
      fuzz_assert (!object || json_get (d, v, i->name) != NULL);
      write_value (w, d, i);
    }
    (object ? json_end_object : json_end_array) (w);
  }
}

static void
write_document (struct buffer *out, const struct json_document *d)
{
  struct json_writer w = { .out = out };

  write_value (&w, d, json_root (d));
  json_finish (&w);
  fuzz_assert (!buffer_failed (out));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct buffer once = { NULL }, twice = { NULL };
  struct json_document d;
  enum json_status status;
  size_t where;

  if (size > 65536) /* json_get above is quadratic */
    return 0;
  status = json_parse (&d, (const char *) data, size, &where);
  fuzz_assert (json_status_string (status) != NULL && where <= size);
  if (status != JSON_OK)
    return 0;
  write_document (&once, &d);
  json_fini (&d);
  fuzz_assert (json_parse (&d, once.data, once.len, &where) == JSON_OK);
  write_document (&twice, &d);
  json_fini (&d);
  fuzz_assert (once.len == twice.len &&
               memcmp (once.data, twice.data, once.len) == 0);
  buffer_fini (&once);
  buffer_fini (&twice);
  return 0;
}
