/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See luks.h: headers that are made.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "luks/luks-impl.h"
#include "xts/xts.h"

/* What makes a header one: written last. */
#define FIRST_PART 4096

#define PIECE (1024 * 1024)

static int
make_key (struct secret *key, const char *name)
{
  if (!secret_init (key, XTS_KEY_SIZE_256)) {
    log_error ("%s: no memory for the key", name);
    return -1;
  }
  key->size = XTS_KEY_SIZE_256;
  if (getrandom (key->bytes, key->size, 0) == (ssize_t) key->size)
    return 0;
  log_error ("%s: random numbers: %m", name);
  secret_fini (key);
  return -1;
}

/* The header, with no key slot.  With a file for the data that is not the
 * one of the header, libcryptsetup puts the data at its beginning.
 */
static int
format (const struct luks_work *w, const char *name, const struct luks_new *n,
        const char *data, const struct secret *key)
{
  struct crypt_params_luks1 one = { .hash = "sha256", .data_device = data };
  struct crypt_params_luks2 two = { .sector_size =
                                      n->sector_size ? n->sector_size : 512,
                                    .data_device = data };
  const int r =
    crypt_format (w->cd, n->version == 1 ? CRYPT_LUKS1 : CRYPT_LUKS2, "aes",
                  "xts-plain64", NULL, (const char *) key->bytes, key->size,
                  n->version == 1 ? (void *) &one : (void *) &two);

  if (r < 0)
    log_error ("%s: making a header of LUKS%u on %" PRIu64 " bytes: %s", name,
               n->version, n->disk_size, strerror (-r));
  return r < 0 ? -1 : 0;
}

/* The bytes that the header takes, with its key slots. */
static int
area_of (const struct luks_work *w, const struct luks_volume *v, uint64_t *area)
{
  uint64_t header, slots;

  if (v->version == 2) {
    if (crypt_get_metadata_size (w->cd, &header, &slots) < 0)
      return -1;
    *area = 2 * header + slots;
    return 0;
  }
  *area = v->data_offset != 0 ? v->data_offset : LUKS1_AREA_MAX / 8;
  return 0;
}

static bool
is_zero (const char *p, size_t n)
{
  return n == 0 || (p[0] == 0 && memcmp (p, p + 1, n - 1) == 0);
}

/* Nothing may be lost. */
static int
check_empty (struct store *s, const char *name, uint64_t area)
{
  CLEANUP_FREE char *buf = malloc (PIECE);
  int err = ENOMEM;

  for (uint64_t at = 0; at < area; at += PIECE) {
    const size_t n = min_u64 (area - at, PIECE);

    if (buf == NULL || store_read_any (s, buf, n, at, &err) == -1) {
      log_error ("%s: reading %zu bytes at %" PRIu64 ": %s", name, n, at,
                 strerror (err));
      return -1;
    }
    if (!is_zero (buf, n)) {
      log_error ("%s: is not empty: the first %" PRIu64 " bytes, where the "
                 "header of LUKS would be, must be zeroes",
                 name, area);
      return -1;
    }
  }
  return 0;
}

static int
check_room (struct store *s, const char *name, const struct luks_new *n,
            const struct luks_volume *v, uint64_t area)
{
  if (area > store_size (s) || v->data_offset >= n->disk_size ||
      n->disk_size - v->data_offset < v->sector_size) {
    log_error ("%s: is too small for a header of LUKS%u, which takes %" PRIu64
               " bytes",
               name, v->version, max_u64 (area, v->data_offset));
    return -1;
  }
  return check_empty (s, name, area);
}

/* The key slots, then the first bytes, without which it is no header. */
static int
save (const struct luks_work *w, struct store *s, const char *name,
      uint64_t area)
{
  int err;

  if (luks_copy_save (&w->copy, s, FIRST_PART, area, &err) == 0 &&
      store_flush (s, &err) == 0 &&
      luks_copy_save (&w->copy, s, 0, FIRST_PART, &err) == 0 &&
      store_flush (s, &err) == 0)
    return 0;
  log_error ("%s: writing the header: %s", name, strerror (err));
  return -1;
}

static int
make (const struct luks_work *w, struct store *s, const char *name,
      const struct luks_new *n, const char *data, const struct secret *secret,
      struct luks_volume *v)
{
  uint64_t area;
  int r;

  if (n->iter_time != 0)
    crypt_set_iteration_time (w->cd, n->iter_time);
  if (format (w, name, n, data, &v->key) == -1 ||
      luks_work_describe (w, name, v) == -1)
    return -1;
  if (area_of (w, v, &area) == -1) {
    log_error ("%s: the size of a new header is unknown", name);
    return -1;
  }
  if (check_room (s, name, n, v, area) == -1)
    return -1;
  r = crypt_keyslot_add_by_volume_key (
    w->cd, CRYPT_ANY_SLOT, (const char *) v->key.bytes, v->key.size,
    (const char *) secret->bytes, secret->size);
  if (r < 0) {
    log_error ("%s: making a key slot: %s", name, strerror (-r));
    return -1;
  }
  return save (w, s, name, area);
}

int
luks_create (struct store *s, const char *name, const struct luks_new *n,
             const struct secret *secret, struct luks_volume *v)
{
  struct luks_copy data = { .fd = -1 };
  struct luks_work w;
  int err, r = -1;

  *v = (struct luks_volume){ 0 };
  if (s->info.read_only) {
    log_error ("%s: a new header cannot be written: it is read-only", name);
    return -1;
  }
  if (n->detached && luks_copy_init (&data, n->disk_size, &err) == -1) {
    log_error ("%s: preparing a copy of the disk: %s", name, strerror (err));
    return -1;
  }
  if (make_key (&v->key, name) == 0) {
    if (luks_work_init (&w, name, store_size (s)) == 0) {
      r = make (&w, s, name, n, n->detached ? data.path : NULL, secret, v);
      luks_work_fini (&w);
    }
    if (r == -1)
      secret_fini (&v->key);
  }
  luks_copy_fini (&data);
  return r;
}
