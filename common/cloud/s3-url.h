/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The URL of an object of S3, in its two styles ("Virtual hosting of
 * general purpose buckets"),
 *
 *   https://BUCKET.s3.REGION.amazonaws.com/KEY
 *   https://s3.REGION.amazonaws.com/BUCKET/KEY    http://HOST/BUCKET/KEY
 *
 * and what a pre-signed one says of its time.
 */

#ifndef DISKSTACK_S3_URL_H
#define DISKSTACK_S3_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cloud/cloud-status.h"
#include "cloud/cloud-url.h"

struct s3_url {
  struct cloud_url url;
  bool path_style; /* always, at hosts that are not AWS's */
  struct cloud_piece bucket;
  struct cloud_piece key;    /* escaped as in the URL */
  struct cloud_piece region; /* empty: the host does not say */
};

/* Read URL, into which the pieces of S point on CLOUD_OK. */
extern enum cloud_status s3_url_parse (const char *url, struct s3_url *s);

/* Append the URL of an object at ENDPOINT, a URL of nothing but a host.
 * The names are escaped here.  VERSION_ID may be NULL.  A bucket with a
 * dot gets the path style with https, as its name does not fit the
 * server's certificate.
 */
extern enum cloud_status s3_url_make (const char *endpoint, const char *bucket,
                                      const char *key, const char *version_id,
                                      bool path_style, struct buffer *out);

/* Append the endpoint of a region of AWS. */
extern void s3_url_add_endpoint (struct buffer *out, const char *region);

/* Is URL pre-signed (it then needs no signature and stands none), and for
 * a time that is over at NOW?  CLOUD_OK, CLOUD_URL_EXPIRED or
 * CLOUD_URL_PRESIGNED.  *PRESIGNED is set in any case.
 */
extern enum cloud_status s3_url_check_presigned (const struct cloud_url *u,
                                                 int64_t now, bool *presigned);

#endif /* DISKSTACK_S3_URL_H */
