/* SPDX-License-Identifier: BSD-3-Clause
 *
 * XTS-AES (IEEE 1619-2018) of disks, as dm-crypt's aes-xts-plain64 does
 * it: the disk is cut into data units, each has a number, and the number,
 * 64 bits little-endian, is its tweak.
 *
 * Where the processor has instructions for AES, they are used at once:
 * through libcrypto every unit would cost a call that takes as long as the
 * AES in it.  Elsewhere libcrypto does it.
 */

#ifndef DISKSTACK_XTS_H
#define DISKSTACK_XTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both halves: of XTS-AES-128 and of XTS-AES-256. */
#define XTS_KEY_SIZE_128 32
#define XTS_KEY_SIZE_256 64

/* Bytes of a data unit. */
#define XTS_UNIT_MIN 512
#define XTS_UNIT_MAX 4096

enum xts_status {
  XTS_OK,
  XTS_BAD_KEY_SIZE,
  XTS_EQUAL_HALVES,
  XTS_BAD_UNIT,
  XTS_CRYPTO, /* no memory, or libcrypto has no AES */
};

/* What is wrong with a key, to follow its name: "must be ...". */
extern const char *xts_status_string (enum xts_status status);

struct xts_options {
  const uint8_t *key; /* the data key, then the tweak key */
  size_t key_size;    /* XTS_KEY_SIZE_128 or _256 */
  uint32_t unit;      /* a power of two, XTS_UNIT_MIN to XTS_UNIT_MAX */

  /* Number units by one, as dm-crypt does with iv_large_sectors; without,
   * by their first sector of 512 bytes.
   */
  bool large_sectors;

  /* Added to the number of every unit, as dm-crypt's iv_offset; the sum
   * is taken modulo 2^64.
   */
  uint64_t iv_offset;
};

struct xts;

/* May these make a cipher?  XTS_OK, or what is wrong with them. */
extern enum xts_status xts_check (const struct xts_options *o);

/* A cipher, for any number of threads.  The key is copied into memory of
 * secret.h; what libcrypto makes of it, if it does the work, is where
 * libcrypto keeps it, and is wiped by xts_free.  NULL with *STATUS.
 */
extern struct xts *xts_create (const struct xts_options *o,
                               enum xts_status *status);

/* NULL is ignored.  Nobody may be in the functions below. */
extern void xts_free (struct xts *x);

/* Put into OUT what the COUNT bytes of IN become at OFFSET of the disk.
 * COUNT and OFFSET are multiples of the unit.  OUT may be IN; otherwise
 * they must not overlap.  XTS_OK or XTS_CRYPTO, which says that there was
 * no memory.
 */
extern enum xts_status xts_encrypt (struct xts *x, void *out, const void *in,
                                    size_t count, uint64_t offset);
extern enum xts_status xts_decrypt (struct xts *x, void *out, const void *in,
                                    size_t count, uint64_t offset);

#endif /* DISKSTACK_XTS_H */
