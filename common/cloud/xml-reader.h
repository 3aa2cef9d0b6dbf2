/* SPDX-License-Identifier: BSD-3-Clause
 *
 * XML from a server, piece by piece as it comes, by expat: elements and
 * the text in them, without attributes.  Bounded in all that a server
 * could make large, and without document types, so without entities.
 */

#ifndef DISKSTACK_XML_READER_H
#define DISKSTACK_XML_READER_H

#include <stddef.h>

#include "cloud/cloud-status.h"

#define XML_DEPTH_MAX 16

/* What is longer is cut off to one byte less. */
#define XML_TEXT_MAX 1024

/* What happens with elements.  DEPTH is 0 for the outermost.  What is not
 * CLOUD_OK ends the reading with that.
 */
struct xml_handler {
  enum cloud_status (*start) (void *opaque, unsigned depth, const char *name);
  /* TEXT is what was in it, behind its last element if there were any. */
  enum cloud_status (*end) (void *opaque, unsigned depth, const char *name,
                            const char *text);
};

struct xml_reader;

/* Read at most MAX bytes.  H and OPAQUE must live as long.  NULL if there
 * is no memory.
 */
extern struct xml_reader *xml_reader_new (const struct xml_handler *h,
                                          void *opaque, size_t max);
extern void xml_reader_free (struct xml_reader *r);

/* N bytes more.  CLOUD_OK, _NO_MEMORY, _TOO_LONG, CLOUD_XML_SYNTAX, _DOCTYPE,
 * _DEPTH, or what the handler said; then nothing more must be given.
 */
extern enum cloud_status xml_reader_feed (struct xml_reader *r,
                                          const void *bytes, size_t n);

/* There are no more: is all complete?  Also CLOUD_XML_CUT. */
extern enum cloud_status xml_reader_end (struct xml_reader *r);

#endif /* DISKSTACK_XML_READER_H */
