/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of the crypt filter.
 */

#ifndef DISKSTACK_CRYPT_CONFIG_H
#define DISKSTACK_CRYPT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "store/host-file.h"
#include "base/secret.h"

enum crypt_format {
  CRYPT_FORMAT_AUTO, /* until config_complete: then plain or any LUKS */
  CRYPT_FORMAT_PLAIN,
  CRYPT_FORMAT_LUKS, /* any */
  CRYPT_FORMAT_LUKS1,
  CRYPT_FORMAT_LUKS2,
};

struct crypt_config {
  bool seen_format, seen_create, seen_sector_size, seen_iv_offset,
    seen_large_sectors, seen_discard;
  enum crypt_format format;
  bool is_sure; /* the format was given */
  struct secret key;
  struct secret passphrase; /* or what was in a key file */
  char *header_path;
  struct host_file *header; /* from get_ready on */
  bool create, large_sectors, discard;
  uint64_t sector_size, iv_offset;
  uint32_t iter_time; /* milliseconds; 0 if it was not given */
};

/* As in struct glue_filter. */
extern int crypt_config_set (void *config, const char *key, const char *value);
extern int crypt_config_complete (void *config);
extern void crypt_config_free (void *config);

#endif /* DISKSTACK_CRYPT_CONFIG_H */
