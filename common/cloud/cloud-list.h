/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names with values, sorted: the headers and parameters of a request, as
 * both kinds of signature want them.
 */

#ifndef DISKSTACK_CLOUD_LIST_H
#define DISKSTACK_CLOUD_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "cloud/cloud-status.h"

/* The most there may be. */
#define CLOUD_LIST_MAX 64

/* Starts as zeroes.  Names and values are in TEXT, zero-terminated, in the
 * order in which they came.
 */
struct cloud_list {
  struct buffer text;
  struct cloud_pair {
    size_t name, value; /* places in TEXT */
  } v[CLOUD_LIST_MAX];
  size_t n;
  bool full; /* one more did not fit */
};

/* One more begins.  Append its name to TEXT, call cloud_list_value, append
 * its value, call cloud_list_end.  (TEXT is to hold no zero byte more.)
 */
extern void cloud_list_name (struct cloud_list *l);
extern void cloud_list_value (struct cloud_list *l);
extern void cloud_list_end (struct cloud_list *l);

/* CLOUD_OK, CLOUD_NO_MEMORY or CLOUD_TOO_LONG: of all that was added. */
extern enum cloud_status cloud_list_status (const struct cloud_list *l);

/* By name, or by name and value, byte for byte; what is equal stays in its
 * order.
 */
extern void cloud_list_sort (struct cloud_list *l, bool by_value);

/* Of the one numbered I.  Valid until something is added. */
extern const char *cloud_list_name_of (const struct cloud_list *l, size_t i);
extern const char *cloud_list_value_of (const struct cloud_list *l, size_t i);

/* Does the one numbered I have the name of the one before it? */
extern bool cloud_list_repeats (const struct cloud_list *l, size_t i);

/* Wipe and free it; it is as at the start. */
extern void cloud_list_fini (struct cloud_list *l);

#endif /* DISKSTACK_CLOUD_LIST_H */
