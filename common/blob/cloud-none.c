/* SPDX-License-Identifier: BSD-3-Clause
 *
 * In place of cloud-service.h and blob-map.h in a build without what they
 * need.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "blob/blob-map.h"
#include "blob/cloud-service.h"

bool
cloud_options_given (const struct cloud_options *o)
{
  static const struct cloud_options none;

  return memcmp (o, &none, sizeof none) != 0;
}

bool
cloud_options_have_place (const struct cloud_options *o)
{
  return o->container != NULL || o->bucket != NULL;
}

struct cloud_service *
cloud_service_create (const struct cloud_options *o)
{
  errno = EOPNOTSUPP;
  log_error ("this build is without access to Azure and S3");
  return NULL;
}

void
cloud_service_close (struct cloud_service *s)
{
}

void
cloud_service_attach (struct cloud_service *s, struct http_client_options *o)
{
}

char *
cloud_service_url (const struct cloud_service *s, const char *url,
                   const char *name)
{
  errno = EOPNOTSUPP;
  return NULL;
}

int
cloud_service_names (const struct cloud_service *s, struct http_client *client,
                     cloud_service_add add, void *opaque)
{
  errno = EOPNOTSUPP;
  return -1;
}

const struct http_service cloud_service_plain;

struct blob_map *
blob_map_create (struct http_object *o, const char *url)
{
  errno = EINVAL;
  return NULL;
}

void
blob_map_free (struct blob_map *m)
{
}

bool
blob_map_is_hole (struct blob_map *m, uint64_t offset, uint64_t *count)
{
  return false;
}

int
blob_map_extents (struct blob_map *m, uint64_t count, uint64_t offset,
                  struct extent_list *out, int *err)
{
  return extent_list_add (out, count, 0, err);
}
