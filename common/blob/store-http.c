/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-http.h; blob-impl.h has the invariants.
 */

#include <config.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "blob/blob-impl.h"
#include "http/http-query.h"

/* Bytes that one reader has in use at once. */
#define PIECE_SIZE (8u * 1024 * 1024)
/* Of the memory, at most this part is for one reader, or for one stream. */
#define SHARE 4

static struct blob_store *
to_blob (struct store *s)
{
  return container_of (s, struct blob_store, store);
}

static int
http_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct blob_store *b = to_blob (s);
  uint64_t n;

  if (b->map == NULL)
    return blob_read (b, buf, count, offset, err);
  for (; count > 0; count -= n) {
    n = count;
    if (blob_map_is_hole (b->map, offset, &n))
      memset (buf, 0, n);
    else if (blob_read (b, buf, n, offset, err) == -1)
      return -1;
    buf = (uint8_t *) buf + n;
    offset += n;
  }
  return 0;
}

static int
http_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              struct extent_list *out, int *err)
{
  struct blob_store *b = to_blob (s);

  return b->map != NULL ? blob_map_extents (b->map, count, offset, out, err) :
                          extent_list_add (out, count, 0, err);
}

/* ------------------------------------------------------------------ */

static int
http_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct blob_store *b = to_blob (s);
  const uint64_t most = (uint64_t) b->nslots * b->fetch / SHARE;

  LOCK_SCOPE (&b->lock);
  blob_fetch_ahead (b, offset, offset + min_u64 (count, most),
                    blob_most_blocks (b));
  blob_send (b, false);
  return 0;
}

static void
http_close (struct store *s)
{
  struct blob_store *b = to_blob (s);

  blob_map_free (b->map);
  http_object_close (b->object);
  http_client_close (b->client);
  blob_cache_fini (b);
  pthread_cond_destroy (&b->freed);
  pthread_mutex_destroy (&b->lock);
  free (b);
}

static const struct store_ops http_ops = {
  .name = "http",
  .close = http_close,
  .read = http_read,
  .extents = http_extents,
  .cache = http_cache,
};

/* ------------------------------------------------------------------ */
/* Construction */

static int
init (struct blob_store *b, const struct store_http_options *o)
{
  const struct store_info info = { .read_only = true,
                                   .cache = true,
                                   .extents = b->map != NULL,
                                   .shared_flush = true,
                                   .physical_sector_size = 4096,
                                   .preferred =
                                     o->fetch < 4096 ? 4096 : o->fetch };

  b->size = http_object_size (b->object);
  b->fetch = o->fetch;
  b->fetch_less = o->fetch_less;
  b->connections = http_client_connections (b->client);
  b->max_blocks = o->range / o->fetch;
  if (blob_cache_init (b, o->cache_size) == -1)
    return -1;
  b->max_piece = min_u64 (min_u64 (BLOB_PIECE_MAX, b->nslots / SHARE),
                          max_u64 (PIECE_SIZE / b->fetch, 1));
  b->max_window = min_u64 (o->readahead, o->cache_size / SHARE);
  store_init (&b->store, &http_ops, &info, b->size);
  return store_describe (&b->store, "%s", http_object_name (b->object));
}

/* A page blob that is reached by a URL that is none of Azure's has no map
 * that could be asked for.
 */
static int
open_map (struct blob_store *b, const char *url)
{
  if (!http_object_is_page_blob (b->object) ||
      http_object_size (b->object) == 0)
    return 0;
  b->map = blob_map_create (b->object, url);
  return b->map != NULL || errno == EINVAL ? 0 : -1;
}

struct store *
store_http_create (struct http_client *client, const char *url,
                   const struct store_http_options *o)
{
  struct blob_store *b = calloc (1, sizeof *b);
  int saved;

  if (b == NULL) {
    log_error ("http: %m");
    return NULL;
  }
  b->client = http_client_ref (client);
  pthread_mutex_init (&b->lock, NULL);
  pthread_cond_init (&b->freed, NULL);
  TAILQ_INIT (&b->wanted);
  TAILQ_INIT (&b->ahead);
  b->object = http_object_open (client, url);
  if (b->object != NULL && open_map (b, url) == 0 && init (b, o) == 0)
    return &b->store;
  saved = errno;
  if (b->object != NULL && saved == ENOMEM)
    log_error ("%s: %m", http_object_name (b->object));
  http_close (&b->store);
  errno = saved;
  return NULL;
}

const char *
store_http_version (struct store *s)
{
  return http_object_version (to_blob (s)->object);
}

/* FNV-1a of 128 bits. */
static unsigned __int128
add_to_hash (unsigned __int128 hash, const void *bytes, size_t n)
{
  const unsigned __int128 prime = ((unsigned __int128) 1 << 88) + 0x13b;
  const uint8_t *p = bytes;

  for (size_t i = 0; i < n; i++)
    hash = (hash ^ p[i]) * prime;
  return hash;
}

/* Two files may differ in their queries only. */
static unsigned __int128
add_query_to_hash (unsigned __int128 hash, const char *query)
{
  struct http_query q = http_query_begin (query);
  const char *p;
  size_t n;

  while ((p = http_query_next (&q, &n)) != NULL)
    hash = add_to_hash (add_to_hash (hash, "&", 1), p, n);
  return hash;
}

bool
store_http_id (struct store *s, struct uuid *id)
{
  const char *parts[] = { http_object_name (to_blob (s)->object),
                          store_http_version (s) };
  const uint64_t size = htole64 (store_size (s));
  unsigned __int128 hash =
    ((unsigned __int128) 0x6c62272e07bb0142 << 64) + 0x62b821756295c58d;

  for (unsigned i = 0; i < ARRAY_SIZE (parts); i++)
    hash = add_to_hash (hash, parts[i], strlen (parts[i]) + 1);
  hash = add_to_hash (hash, &size, sizeof size);
  hash = add_query_to_hash (hash, http_object_query (to_blob (s)->object));
  for (unsigned i = 0; i < sizeof id->b; i++)
    id->b[i] = (uint8_t) (hash >> 8 * i);
  id->b[6] = (id->b[6] & 0x0f) | 0x80; /* version 8 of RFC 9562: our own way */
  id->b[8] = (id->b[8] & 0x3f) | 0x80;
  return *parts[1] != '\0';
}

struct store *
store_http_identify (struct store *disk, const struct uuid *id)
{
  static const char own[] = ", disk-id=";
  char text[UUID_STRLEN + 1], of_image[UUID_STRLEN + 1];
  const char *description, *end;
  bool is_image;
  size_t n;

  if (disk == NULL || id == NULL)
    return disk;
  description = disk->description;
  end = strstr (description, own);
  n = end != NULL ? (size_t) (end - description) : strlen (description);
  is_image = disk->info.has_id;
  uuid_format (&disk->info.id, of_image);
  uuid_format (id, text);
  disk->info.has_id = true;
  disk->info.id = *id;
  if (store_describe (disk, "%.*s%s%s%s%s", (int) n, description,
                      is_image ? ", image-id=" : "", is_image ? of_image : "",
                      own, text) == 0)
    return disk;
  log_error ("http: %m");
  store_close (disk);
  errno = ENOMEM;
  return NULL;
}
