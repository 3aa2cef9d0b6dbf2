/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An encrypted disk: what is written to it becomes XTS-AES in the store
 * below, at the same offset but for what a header takes.
 *
 * Nothing is authenticated: what nobody wrote reads as noise, and so does
 * what was changed below.
 */

#ifndef DISKSTACK_STORE_CRYPT_H
#define DISKSTACK_STORE_CRYPT_H

#include "store/store.h"
#include "xts/xts.h"

/* What the stores of all connections to one disk share. */
struct crypt_volume;

struct crypt_volume_options {
  struct xts_options xts;
  uint64_t data_offset; /* bytes below that come before the disk */
  uint64_t size;        /* of the disk; 0: all that is below */

  /* Pass trim on.  Who sees the store below then sees what is in use. */
  bool discard;
};

/* A reference to a new one; NULL with *STATUS. */
extern struct crypt_volume *
crypt_volume_create (const struct crypt_volume_options *o,
                     enum xts_status *status);

/* Drop a reference; the last one wipes the key.  Stores have one each.
 * NULL is ignored.
 */
extern void crypt_volume_unref (struct crypt_volume *v);

/* Can INNER hold the disk?  A sentence on what is wrong with INNER, in
 * OUT of N bytes; true if nothing is.
 */
extern bool crypt_volume_fits (const struct crypt_volume *v,
                               const struct store *inner, char *out, size_t n);

/* The disk in INNER, which V fits.  Its info.align is at least the data
 * unit; its size is rounded down to one.  Reading decrypts in the caller's
 * buffer; writing encrypts into a buffer of the volume's, a megabyte at a
 * time.  Zeroes are written, encrypted: a hole below is none here.  Takes
 * ownership of INNER on success; NULL with errno = ENOMEM otherwise.
 */
extern struct store *store_crypt_create (struct crypt_volume *v,
                                         struct store *inner);

#endif /* DISKSTACK_STORE_CRYPT_H */
