/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of the crypt filter.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "base/parse.h"
#include "crypt-config.h"
#include "crypt-secret.h"
#include "glue/glue-filter.h"
#include "xts/xts.h"

static int
set_format (struct crypt_config *c, const char *key, const char *value)
{
  static const char *const words[] = { "auto", "plain", "luks", "luks1",
                                       "luks2" };

  if (c->seen_format)
    return 0;
  for (unsigned i = 0; i < ARRAY_SIZE (words); i++) {
    if (strcmp (value, words[i]) == 0) {
      c->seen_format = true;
      c->format = (enum crypt_format) i;
      return 1;
    }
  }
  log_error ("%s=%s: must be auto, plain, luks, luks1 or luks2", key, value);
  return -1;
}

static int
set_key (struct crypt_config *c, const char *key, const char *value)
{
  if (c->key.bytes != NULL)
    return 0;
  if (crypt_secret_read (key, value, &c->key) == -1)
    return -1;
  if (crypt_secret_to_key (&c->key))
    return 1;
  log_error ("%s: must be 32 or 64 bytes, or as many in hexadecimal, not %zu "
             "bytes",
             key, c->key.size);
  return -1;
}

static int
set_passphrase (struct crypt_config *c, const char *key, const char *value,
                bool is_file)
{
  if (c->passphrase.bytes != NULL)
    return 0;
  if (is_file)
    return crypt_secret_read_file (key, value, &c->passphrase) == -1 ? -1 : 1;
  if (crypt_secret_read (key, value, &c->passphrase) == -1)
    return -1;
  crypt_secret_first_line (&c->passphrase);
  if (c->passphrase.size > 0)
    return 1;
  log_error ("%s: the first line is empty", key);
  return -1;
}

static int
set_header (struct crypt_config *c, const char *value)
{
  if (c->header_path != NULL)
    return 0;
  c->header_path = nbdkit_absolute_path (value);
  return c->header_path != NULL ? 1 : -1;
}

static int
set_iv_offset (struct crypt_config *c, const char *key, const char *value)
{
  if (c->seen_iv_offset)
    return 0;
  c->seen_iv_offset = true;
  return nbdkit_parse_uint64_t (key, value, &c->iv_offset) == -1 ? -1 : 1;
}

static int
set_iter_time (struct crypt_config *c, const char *key, const char *value)
{
  if (c->iter_time != 0)
    return 0;
  if (parse_milliseconds (value, &c->iter_time) && c->iter_time != 0)
    return 1;
  log_error ("%s=%s: must be seconds, more than 0, such as 2 or 0.5", key,
             value);
  return -1;
}

int
crypt_config_set (void *config, const char *key, const char *value)
{
  struct crypt_config *c = config;

  if (strcmp (key, "crypt-format") == 0)
    return set_format (c, key, value);
  if (strcmp (key, "crypt-key") == 0)
    return set_key (c, key, value);
  if (strcmp (key, "crypt-passphrase") == 0)
    return set_passphrase (c, key, value, false);
  if (strcmp (key, "crypt-key-file") == 0)
    return set_passphrase (c, key, value, true);
  if (strcmp (key, "crypt-header") == 0)
    return set_header (c, value);
  if (strcmp (key, "crypt-create") == 0)
    return glue_filter_bool (key, value, &c->seen_create, &c->create);
  if (strcmp (key, "crypt-sector-size") == 0)
    return glue_filter_sector_size (key, value, XTS_UNIT_MAX,
                                    &c->seen_sector_size, &c->sector_size);
  if (strcmp (key, "crypt-iv-offset") == 0)
    return set_iv_offset (c, key, value);
  if (strcmp (key, "crypt-iter-time") == 0)
    return set_iter_time (c, key, value);
  if (strcmp (key, "crypt-iv-large-sectors") == 0)
    return glue_filter_bool (key, value, &c->seen_large_sectors,
                             &c->large_sectors);
  if (strcmp (key, "crypt-discard") == 0)
    return glue_filter_bool (key, value, &c->seen_discard, &c->discard);
  return 0;
}

static int
refuse (bool given, const char *key, const char *why)
{
  if (given)
    log_error ("%s= %s", key, why);
  return given ? -1 : 0;
}

static int
check_plain (const struct crypt_config *c)
{
  static const char why[] = "is for LUKS: crypt-key= makes it plain";
  const struct xts_options o = { .key = c->key.bytes,
                                 .key_size = c->key.size,
                                 .unit = XTS_UNIT_MIN };
  enum xts_status status;

  if (c->key.bytes == NULL) {
    log_error ("crypt-format=plain needs crypt-key=");
    return -1;
  }
  status = xts_check (&o);
  if (status != XTS_OK) {
    log_error ("crypt-key= %s", xts_status_string (status));
    return -1;
  }
  return refuse (c->passphrase.bytes != NULL,
                 "crypt-passphrase= or crypt-key-file", why) == -1 ||
             refuse (c->header_path != NULL, "crypt-header", why) == -1 ||
             refuse (c->create, "crypt-create", why) == -1 ||
             refuse (c->iter_time != 0, "crypt-iter-time", why) == -1 ?
           -1 :
           0;
}

static int
check_luks (const struct crypt_config *c)
{
  static const char why[] = "is for plain disks: LUKS has it in its header";

#ifndef HAVE_LIBCRYPTSETUP
  log_error ("LUKS: this filter was built without libcryptsetup");
  return -1;
#endif
  if (c->passphrase.bytes == NULL) {
    log_error ("LUKS needs crypt-passphrase= or crypt-key-file=");
    return -1;
  }
  if (refuse (c->key.bytes != NULL, "crypt-key", why) == -1 ||
      refuse (c->seen_iv_offset, "crypt-iv-offset", why) == -1 ||
      refuse (c->seen_large_sectors, "crypt-iv-large-sectors", why) == -1)
    return -1;
  if (!c->create &&
      refuse (c->iter_time != 0, "crypt-iter-time",
              "is for new disks: LUKS has it in its header") == -1)
    return -1;
  if (!c->create)
    return refuse (c->seen_sector_size, "crypt-sector-size",
                   "is for plain and for new disks: LUKS has it in its header");
  if (c->format == CRYPT_FORMAT_LUKS) {
    log_error ("crypt-create=true needs crypt-format=luks1 or luks2");
    return -1;
  }
  return refuse (c->format == CRYPT_FORMAT_LUKS1 && c->sector_size > 512,
                 "crypt-sector-size", "of LUKS1 is always 512");
}

int
crypt_config_complete (void *config)
{
  struct crypt_config *c = config;

  c->is_sure = c->format != CRYPT_FORMAT_AUTO;
  if (!c->is_sure && c->key.bytes == NULL && c->passphrase.bytes == NULL) {
    log_error ("crypt: needs crypt-key=, crypt-passphrase= or crypt-key-file=");
    return -1;
  }
  if (!c->is_sure)
    c->format = c->key.bytes != NULL ? CRYPT_FORMAT_PLAIN : CRYPT_FORMAT_LUKS;
  return c->format == CRYPT_FORMAT_PLAIN ? check_plain (c) : check_luks (c);
}

void
crypt_config_free (void *config)
{
  struct crypt_config *c = config;

  secret_fini (&c->key);
  secret_fini (&c->passphrase);
  host_file_unref (c->header);
  free (c->header_path);
}
