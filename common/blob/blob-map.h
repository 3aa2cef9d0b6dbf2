/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which parts of a page blob of Azure's have data: asked for when somebody
 * wants to know, in large pieces, and remembered.  All others read as
 * zeroes.  Wherever the server cannot tell, everything is data.
 */

#ifndef DISKSTACK_BLOB_MAP_H
#define DISKSTACK_BLOB_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/extents.h"
#include "http/http-client.h"

struct blob_map;

/* Of O, which must outlive it, at URL.  Asks nobody yet.  NULL with errno:
 * ENOMEM, or EINVAL: it is not the URL of a blob.
 */
extern struct blob_map *blob_map_create (struct http_object *o,
                                         const char *url);
extern void blob_map_free (struct blob_map *m); /* NULL is ignored */

/* Is what is at OFFSET, of [OFFSET, OFFSET + *COUNT), known to be a hole?
 * *COUNT becomes how far it goes on like that.  Asks nobody and takes no
 * lock; *COUNT > 0, inside the blob.
 */
extern bool blob_map_is_hole (struct blob_map *m, uint64_t offset,
                              uint64_t *count);

/* Append what is at the beginning of [OFFSET, OFFSET + COUNT) to OUT.  May
 * ask, and wait.  0, or -1 with *err = ENOMEM.
 */
extern int blob_map_extents (struct blob_map *m, uint64_t count,
                             uint64_t offset, struct extent_list *out,
                             int *err);

#endif /* DISKSTACK_BLOB_MAP_H */
