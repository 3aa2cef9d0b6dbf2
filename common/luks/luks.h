/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LUKS1 and LUKS2, by libcryptsetup; the only room with its header.
 *
 * libcryptsetup knows only files.  So it is shown a copy of the header, in
 * memory: the first bytes of the disk, at the beginning of a file that has
 * holes behind it and is as long as the disk.  A new header is made in such
 * a file, too, and then written to the disk.
 *
 * The functions say what is wrong through log_error, and never show a
 * secret.  libcryptsetup has state of its own: one call at a time in a
 * process.
 */

#ifndef DISKSTACK_LUKS_H
#define DISKSTACK_LUKS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"
#include "base/secret.h"

#define LUKS_UUID_SIZE 40

/* What a header says of the disk behind it. */
struct luks_volume {
  unsigned version; /* 1 or 2 */
  char uuid[LUKS_UUID_SIZE];
  struct secret key;    /* of XTS-AES: 32 or 64 bytes */
  uint32_t sector_size; /* of the data */
  uint64_t iv_offset;   /* in sectors of 512 bytes */
  uint64_t data_offset; /* bytes; 0 is usual with a detached header */
};

/* What is to be made. */
struct luks_new {
  unsigned version;     /* 1 or 2 */
  uint32_t sector_size; /* of the data; 0: the default; LUKS1 has only 512 */
  /* The header is a file of its own: the data begins at 0 of the disk. */
  bool detached;
  uint64_t disk_size; /* bytes */
  uint32_t iter_time; /* of opening a key slot, milliseconds; 0: the default */
};

/* Open the header at the beginning of S, which NAME names in messages,
 * with SECRET, which is a passphrase
 * or what is in a key file.  VERSION is 1 or 2, or 0 for any; a header of
 * LUKS2 whose first copy is damaged is found by VERSION 2.  Returns 0, or
 * -1 after log_error.
 */
extern int luks_open (struct store *s, const char *name, unsigned version,
                      const struct secret *secret, struct luks_volume *v);

/* Write a new header to the beginning of S, which must be all zeroes
 * there, with SECRET in its first key slot; it is durable when this
 * returns.  If the power fails before, what is there is no header.  *V is
 * as luks_open would have it.  Returns 0, or -1 after log_error.
 */
extern int luks_create (struct store *s, const char *name,
                        const struct luks_new *n, const struct secret *secret,
                        struct luks_volume *v);

/* Wipe the key. */
extern void luks_volume_fini (struct luks_volume *v);

#endif /* DISKSTACK_LUKS_H */
