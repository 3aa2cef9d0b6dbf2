/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See luks.h: headers that are there.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "luks/luks-impl.h"
#include "xts/xts.h"

/* What it says in passing, which names the copy and no secrets. */
static void
log_library (int level, const char *message, void *opaque)
{
  const size_t n = strcspn (message, "\n");

  log_debug ("libcryptsetup: %.*s", (int) n, message);
}

int
luks_work_init (struct luks_work *w, const char *name, uint64_t size)
{
  int err;

  w->cd = NULL;
  if (luks_copy_init (&w->copy, size, &err) == 0) {
    err = -crypt_init (&w->cd, w->copy.path);
    if (err == 0) {
      crypt_set_log_callback (w->cd, log_library, NULL);
      /* Nobody else sees the copy. */
      crypt_metadata_locking (w->cd, 0);
      return 0;
    }
    luks_copy_fini (&w->copy);
  }
  log_error ("%s: preparing a copy of the header: %s", name, strerror (err));
  return -1;
}

void
luks_work_fini (struct luks_work *w)
{
  crypt_free (w->cd);
  luks_copy_fini (&w->copy);
}

/* dm-crypt has many ciphers; this is the one that everybody uses. */
static bool
is_served (struct crypt_device *cd, const char *name)
{
  const char *cipher = crypt_get_cipher (cd);
  const char *mode = crypt_get_cipher_mode (cd);
  const int key_size = crypt_get_volume_key_size (cd);
  struct crypt_params_integrity integrity = { 0 };

  if (cipher == NULL || mode == NULL || strcmp (cipher, "aes") != 0 ||
      strcmp (mode, "xts-plain64") != 0) {
    log_error ("%s: is encrypted with %s-%s; only aes-xts-plain64 is "
               "supported",
               name, cipher ? cipher : "?", mode ? mode : "?");
    return false;
  }
  if (key_size != XTS_KEY_SIZE_128 && key_size != XTS_KEY_SIZE_256) {
    log_error ("%s: has a volume key of %d bits; only 256 and 512 are "
               "supported",
               name, 8 * key_size);
    return false;
  }
  if (crypt_get_integrity_info (cd, &integrity) == 0 &&
      integrity.integrity != NULL) {
    log_error ("%s: has integrity data (%s), which is not supported", name,
               integrity.integrity);
    return false;
  }
  if (crypt_reencrypt_status (cd, NULL) != CRYPT_REENCRYPT_NONE) {
    log_error ("%s: is being reencrypted: end that with cryptsetup first",
               name);
    return false;
  }
  return true;
}

int
luks_work_describe (const struct luks_work *w, const char *name,
                    struct luks_volume *v)
{
  const char *uuid = crypt_get_uuid (w->cd);

  if (!is_served (w->cd, name))
    return -1;
  v->version = strcmp (crypt_get_type (w->cd), CRYPT_LUKS1) == 0 ? 1 : 2;
  v->sector_size = (uint32_t) crypt_get_sector_size (w->cd);
  v->iv_offset = crypt_get_iv_offset (w->cd);
  v->data_offset = crypt_get_data_offset (w->cd) * 512;
  snprintf (v->uuid, sizeof v->uuid, "%s", uuid ? uuid : "");
  return 0;
}

static enum luks_status
read_start (struct store *s, struct luks_header *h, int *err)
{
  uint8_t start[LUKS_HEADER_START];

  *err = 0;
  if (store_size (s) < sizeof start)
    return LUKS_NONE;
  if (store_read_any (s, start, sizeof start, 0, err) == -1)
    return LUKS_NONE;
  return luks_header_parse (start, h);
}

/* How much to copy at first.  Of LUKS2 there is a second header, which
 * tells how large both are: look at all places where it may be.
 */
static int
first_area (struct store *s, const char *name, unsigned version, uint32_t *area)
{
  enum luks_status status;
  struct luks_header h;
  int err;

  status = read_start (s, &h, &err);
  if (err != 0) {
    log_error ("%s: reading the header: %s", name, strerror (err));
    return -1;
  }
  if (status != LUKS_OK && version == 2) {
    log_error ("%s: the first header of LUKS2 is damaged, trying the second",
               name);
    *area = 2 * LUKS2_HEADER_MAX;
    return 0;
  }
  if (status == LUKS_OK && version != 0 && h.version != version) {
    log_error ("%s: has a header of LUKS%u, not LUKS%u", name, h.version,
               version);
    return -1;
  }
  if (status != LUKS_OK) {
    log_error ("%s: %s", name, luks_status_string (status));
    return -1;
  }
  *area = h.area;
  return 0;
}

/* Load the header, and then the key slots of LUKS2. */
static int
load (struct luks_work *w, struct store *s, const char *name, uint32_t area)
{
  uint64_t header, slots;
  int err, r;

  if (luks_copy_load (&w->copy, s, 0, area, &err) == -1) {
    log_error ("%s: reading the header: %s", name, strerror (err));
    return -1;
  }
  r = crypt_load (w->cd, CRYPT_LUKS, NULL);
  if (r < 0) {
    log_error ("%s: the header of LUKS is damaged: %s", name, strerror (-r));
    return -1;
  }
  if (strcmp (crypt_get_type (w->cd), CRYPT_LUKS1) == 0)
    return 0;
  r = crypt_get_metadata_size (w->cd, &header, &slots);
  if (r < 0) {
    log_error ("%s: the header of LUKS2 is damaged: %s", name, strerror (-r));
    return -1;
  }
  if (luks_copy_load (&w->copy, s, 2 * header, 2 * header + slots, &err) ==
      -1) {
    log_error ("%s: reading the key slots: %s", name, strerror (err));
    return -1;
  }
  return 0;
}

static int
unlock (const struct luks_work *w, const char *name,
        const struct secret *secret, struct luks_volume *v)
{
  const size_t want = (size_t) crypt_get_volume_key_size (w->cd);
  size_t size = want;
  int r;

  if (!secret_init (&v->key, want)) {
    log_error ("%s: no memory for the key", name);
    return -1;
  }
  r = crypt_volume_key_get (w->cd, CRYPT_ANY_SLOT, (char *) v->key.bytes, &size,
                            (const char *) secret->bytes, secret->size);
  if (r >= 0 && size == want) {
    v->key.size = size;
    log_debug ("%s: LUKS%u, key slot %d", name, v->version, r);
    return 0;
  }
  secret_fini (&v->key);
  if (r == -EPERM || r == -ENOENT)
    log_error ("%s: no key slot of LUKS%u opens with this %s", name, v->version,
               "passphrase or key file");
  else
    log_error ("%s: opening the key slots of LUKS%u: %s", name, v->version,
               strerror (r < 0 ? -r : EINVAL));
  return -1;
}

int
luks_open (struct store *s, const char *name, unsigned version,
           const struct secret *secret, struct luks_volume *v)
{
  struct luks_work w;
  uint32_t area;
  int r = -1;

  *v = (struct luks_volume){ 0 };
  if (first_area (s, name, version, &area) == -1 ||
      luks_work_init (&w, name, store_size (s)) == -1)
    return -1;
  if (load (&w, s, name, area) == 0 && luks_work_describe (&w, name, v) == 0)
    r = unlock (&w, name, secret, v);
  luks_work_fini (&w);
  return r;
}

void
luks_volume_fini (struct luks_volume *v)
{
  secret_fini (&v->key);
}
