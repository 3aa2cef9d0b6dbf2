/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON (RFC 8259) from anywhere: all of it is checked before any of it
 * is seen.  Stricter than the standard in that strings hold no zero
 * character, and that depth and number of values have a bound.
 */

#ifndef DISKSTACK_JSON_READER_H
#define DISKSTACK_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 32
#define JSON_VALUES_MAX (1u << 20)

enum json_status {
  JSON_OK,
  JSON_SYNTAX,     /* another character was expected, or more of them */
  JSON_BAD_STRING, /* not UTF-8, or a bad escape */
  JSON_TOO_DEEP,
  JSON_TOO_LARGE,
  JSON_MORE, /* something follows the value */
  JSON_NO_MEMORY,
};

enum json_type {
  JSON_NULL,
  JSON_FALSE,
  JSON_TRUE,
  JSON_NUMBER,
  JSON_STRING,
  JSON_ARRAY,
  JSON_OBJECT,
};

struct json_value {
  enum json_type type;
  const char *name; /* NULL unless it is in an object */
  const char *text; /* of a string, decoded; of a number, where it begins */
  /* Places in the document; 0: none. */
  size_t first, next;
};

struct json_document {
  char *text;
  struct json_value *value;
  size_t n, cap;
};

/* A sentence without its subject, which is the document. */
extern const char *json_status_string (enum json_status status);

/* Read the N bytes at BYTES.  On JSON_OK *D is the caller's, to end with
 * json_fini.  Otherwise it holds nothing, and *WHERE is the byte that is
 * wrong or follows it.
 */
extern enum json_status json_parse (struct json_document *d, const char *bytes,
                                    size_t n, size_t *where);
extern void json_fini (struct json_document *d);

/* The outermost value. */
extern const struct json_value *json_root (const struct json_document *d);

/* What is in V, and then what follows it there.  NULL: nothing, or V is
 * neither array nor object, or NULL.
 */
extern const struct json_value *json_first (const struct json_document *d,
                                            const struct json_value *v);
extern const struct json_value *json_next (const struct json_document *d,
                                           const struct json_value *v);

/* The first one in V of that name.  NULL: there is none, or V is not an
 * object, or NULL.
 */
extern const struct json_value *json_get (const struct json_document *d,
                                          const struct json_value *v,
                                          const char *name);

/* Take V, which may be NULL, for an integer: true and *R, if it is one
 * that fits.  For a string: NULL if it is none.  For true.
 */
extern bool json_read_number (const struct json_value *v, uint64_t *r);
extern const char *json_read_string (const struct json_value *v);
extern bool json_is_true (const struct json_value *v);

#endif /* DISKSTACK_JSON_READER_H */
