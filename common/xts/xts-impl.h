/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ways to do XTS, for xts.c and its tests.
 */

#ifndef DISKSTACK_XTS_IMPL_H
#define DISKSTACK_XTS_IMPL_H

#include "base/secret.h"
#include "xts/xts.h"

#define XTS_BLOCK 16

struct xts;

struct xts_way {
  const char *name;

  /* Can this machine do it? */
  bool (*usable) (void);

  /* Prepare x->state from x->key.  XTS_OK or XTS_CRYPTO.  And undo it,
   * whatever it came to.
   */
  enum xts_status (*start) (struct xts *x);
  void (*stop) (struct xts *x);

  /* COUNT bytes, a multiple of the unit; the first unit has NUMBER. */
  enum xts_status (*crypt) (struct xts *x, bool encrypt, uint8_t *out,
                            const uint8_t *in, size_t count, uint64_t number);
};

struct xts {
  const struct xts_way *way;
  struct secret key; /* the two halves */
  uint32_t unit;
  unsigned number_shift; /* from an offset to a number */
  uint64_t number_step;  /* from unit to unit */
  uint64_t iv_offset;
  void *state; /* of the way */
};

/* By preference; the last can be done everywhere. */
extern const struct xts_way *const xts_ways[];
extern const unsigned xts_nways;

extern const struct xts_way xts_evp;
#if defined __x86_64__
#define XTS_X86 1
extern const struct xts_way xts_vaes, xts_aesni;
#endif

/* xts_create by this WAY, which must be usable. */
extern struct xts *xts_create_by (const struct xts_way *way,
                                  const struct xts_options *o,
                                  enum xts_status *status);

#endif /* DISKSTACK_XTS_IMPL_H */
