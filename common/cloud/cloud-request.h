/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A request that is to be signed.  Everything that is signed must be sent
 * as it is here: the URL with its path as it is (libcurl needs
 * CURLOPT_PATH_AS_IS), the headers with these values.
 */

#ifndef DISKSTACK_CLOUD_REQUEST_H
#define DISKSTACK_CLOUD_REQUEST_H

#include <stddef.h>

#include "base/buffer.h"
#include "cloud/cloud-list.h"
#include "cloud/cloud-status.h"
#include "cloud/cloud-url.h"

struct cloud_header {
  const char *name, *value;
};

/* Without a body, so of method GET or HEAD. */
struct cloud_request {
  const char *method;
  const char *url;
  /* What else is sent and is to be signed, such as Range and If-Match. */
  const struct cloud_header *headers;
  size_t nheaders;
};

/* What signing gives is headers to send too: "Name: value" and a zero
 * byte each, appended to a buffer that holds nothing else.  The first one
 * is buffer_text; this is the one behind LINE.  "" is behind the last.
 */
extern const char *cloud_line_next (const char *line);

/* Append such a line.  A line end in VALUE makes CLOUD_BAD_HEADER. */
extern enum cloud_status cloud_line_add (struct buffer *lines, const char *name,
                                         const char *value);

/* Bytes that suffice for each text that is made of R in order to sign it:
 * who reserves them first leaves no copy of a session token behind.
 */
extern size_t cloud_request_size (const struct cloud_request *r);

/* Add to L the headers of R whose names begin with PREFIX, which is in
 * lower case: names in lower case, values trimmed, each run of blanks and
 * line ends in them one blank.
 */
extern void cloud_request_headers (const struct cloud_request *r,
                                   const char *prefix, struct cloud_list *l);

/* Append the value of the header of that name (in any case), trimmed, if
 * there is one.
 */
extern void cloud_request_header (const struct cloud_request *r,
                                  const char *name, struct buffer *b);

/* Append VALUE as above. */
extern void cloud_add_trimmed (struct buffer *b, const char *value);

/* Append N characters at TEXT, those of ASCII in lower case. */
extern void cloud_add_lower (struct buffer *b, const char *text, size_t n);

#endif /* DISKSTACK_CLOUD_REQUEST_H */
