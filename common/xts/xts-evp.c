/* SPDX-License-Identifier: BSD-3-Clause
 *
 * XTS by libcrypto, unit by unit; the only file that includes OpenSSL's
 * headers.
 *
 * A context of libcrypto is for one thread at once, and costs more to make
 * than a small request.  So each request takes a pair out of a slot,
 * beginning to look where this thread last put one back, and makes one if
 * all slots are empty; only the number of the unit is set anew.
 */

#include <config.h>

#include <errno.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "xts/xts-impl.h"

#define SLOTS_LOG 6
#define SLOTS (1 << SLOTS_LOG)

/* What one request needs. */
struct context {
  EVP_CIPHER_CTX *cipher[2]; /* decrypting, encrypting */
};

struct state {
  EVP_CIPHER *cipher;
  struct context *_Atomic slot[SLOTS];
};

static void
context_free (struct context *c)
{
  if (c == NULL)
    return;
  EVP_CIPHER_CTX_free (c->cipher[0]);
  EVP_CIPHER_CTX_free (c->cipher[1]);
  free (c);
}

static EVP_CIPHER_CTX *
new_cipher (const struct xts *x, int encrypt)
{
  const struct state *st = x->state;
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new ();

  if (c != NULL && EVP_CipherInit_ex2 (c, st->cipher, x->key.bytes, NULL,
                                       encrypt, NULL) == 1)
    return c;
  EVP_CIPHER_CTX_free (c);
  return NULL;
}

static struct context *
context_new (const struct xts *x)
{
  struct context *c = calloc (1, sizeof *c);

  if (c == NULL)
    return NULL;
  c->cipher[0] = new_cipher (x, 0);
  c->cipher[1] = new_cipher (x, 1);
  if (c->cipher[0] != NULL && c->cipher[1] != NULL)
    return c;
  context_free (c);
  return NULL;
}

/* Where this thread begins to look: by an address that is its own. */
static unsigned
first_slot (void)
{
  const uint64_t self = (uint64_t) (uintptr_t) &errno;

  return (unsigned) (self * UINT64_C (0x9e3779b97f4a7c15) >> (64 - SLOTS_LOG));
}

static struct context *
context_get (struct xts *x)
{
  struct state *st = x->state;
  const unsigned first = first_slot ();

  for (unsigned i = 0; i < SLOTS; i++) {
    struct context *_Atomic *slot = &st->slot[(first + i) % SLOTS];
    struct context *c = atomic_load_explicit (slot, memory_order_relaxed);

    if (c != NULL)
      c = atomic_exchange_explicit (slot, NULL, memory_order_acquire);
    if (c != NULL)
      return c;
  }
  return context_new (x);
}

static void
context_put (struct xts *x, struct context *c)
{
  struct state *st = x->state;
  const unsigned first = first_slot ();

  for (unsigned i = 0; i < SLOTS; i++) {
    struct context *expected = NULL;

    if (atomic_compare_exchange_strong_explicit (
          &st->slot[(first + i) % SLOTS], &expected, c, memory_order_release,
          memory_order_relaxed))
      return;
  }
  context_free (c);
}

static bool
evp_usable (void)
{
  return true;
}

static enum xts_status
evp_start (struct xts *x)
{
  struct state *st = calloc (1, sizeof *st);
  struct context *c = NULL;

  x->state = st;
  if (st == NULL)
    return XTS_CRYPTO;
  st->cipher = EVP_CIPHER_fetch (
    NULL, x->key.size == XTS_KEY_SIZE_256 ? "AES-256-XTS" : "AES-128-XTS",
    NULL);
  if (st->cipher != NULL)
    c = context_new (x);
  if (c == NULL)
    return XTS_CRYPTO;
  context_put (x, c);
  return XTS_OK;
}

static void
evp_stop (struct xts *x)
{
  struct state *st = x->state;

  if (st == NULL)
    return;
  for (unsigned i = 0; i < SLOTS; i++)
    context_free (st->slot[i]);
  EVP_CIPHER_free (st->cipher);
  free (st);
}

static bool
crypt_unit (EVP_CIPHER_CTX *c, uint8_t *out, const uint8_t *in, uint32_t unit,
            uint64_t number)
{
  const le64 iv[2] = { le64_put (number), le64_put (0) };
  int n;

  return EVP_CipherInit_ex2 (c, NULL, NULL, (const uint8_t *) iv, -1, NULL) ==
           1 &&
         EVP_CipherUpdate (c, out, &n, in, (int) unit) == 1;
}

static enum xts_status
evp_crypt (struct xts *x, bool encrypt, uint8_t *out, const uint8_t *in,
           size_t count, uint64_t number)
{
  struct context *c = context_get (x);
  bool ok = c != NULL;

  for (size_t i = 0; ok && i < count; i += x->unit) {
    ok = crypt_unit (c->cipher[encrypt], out + i, in + i, x->unit, number);
    number += x->number_step;
  }
  if (c != NULL)
    context_put (x, c);
  return ok ? XTS_OK : XTS_CRYPTO;
}

const struct xts_way xts_evp = {
  .name = "libcrypto",
  .usable = evp_usable,
  .start = evp_start,
  .stop = evp_stop,
  .crypt = evp_crypt,
};
