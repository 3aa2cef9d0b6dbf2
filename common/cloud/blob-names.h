/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names in a list of blobs ("List Blobs") or of objects
 * ("ListObjectsV2"), as the answer comes.
 */

#ifndef DISKSTACK_BLOB_NAMES_H
#define DISKSTACK_BLOB_NAMES_H

#include "base/buffer.h"
#include "cloud/cloud-status.h"

/* Bytes that one answer may have. */
#define BLOB_NAMES_MAX (8u * 1024 * 1024)

struct blob_names;

/* NAME, decoded, which only lives until this returns.  What is not CLOUD_OK
 * ends the reading with that.
 */
typedef enum cloud_status (*blob_names_add) (void *opaque, const char *name);

/* NULL if there is no memory. */
extern struct blob_names *blob_names_new (blob_names_add add, void *opaque);
extern void blob_names_free (struct blob_names *l);

/* N bytes more.  CLOUD_OK, or as xml_reader_feed has it; CLOUD_XML_OTHER if
 * it is no such list.  Names of 1023 bytes and more are left out.
 */
extern enum cloud_status blob_names_feed (struct blob_names *l,
                                          const void *bytes, size_t n);

/* There are no more.  MARKER becomes that to go on from, or "" at the end. */
extern enum cloud_status blob_names_end (struct blob_names *l,
                                         struct buffer *marker);

#endif /* DISKSTACK_BLOB_NAMES_H */
