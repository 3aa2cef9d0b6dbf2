/* SPDX-License-Identifier: BSD-3-Clause
 *
 * XTS by the instructions that x86 processors have for AES: on all blocks
 * of 16 bytes alone (AES-NI), or on four at once (VAES with AVX-512).
 *
 * A block becomes E1 (p ^ t) ^ t.  The t of a unit's first block is
 * E2 (number); each further one is the one before times x in GF(2^128),
 * whose polynomial is x^128 + x^7 + x^2 + x + 1.  Nothing here depends on
 * the data or the key in its time.
 */

#include <config.h>

#include "xts/xts-impl.h"

#ifdef XTS_X86

#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"

#define AESNI __attribute__ ((target ("aes,sse2")))
#define VAES __attribute__ ((target ("aes,avx512f,avx512bw,vaes,vpclmulqdq")))
/* Otherwise gcc keeps arrays of registers in memory. */
#define UNROLL _Pragma ("GCC unroll 8")
#define INLINE static inline __attribute__ ((always_inline))

/* x^7 + x^2 + x + 1 */
#define POLYNOMIAL 0x87

#define MOST_ROUNDS 14

/* How many units' numbers are encrypted at once, and how many blocks. */
#define UNITS 8
#define BLOCKS 8

/* The round keys, in memory of secret.h, which begins with a page. */
struct schedule {
  __m128i encrypt[MOST_ROUNDS + 1];
  __m128i decrypt[MOST_ROUNDS + 1];
  __m128i tweak[MOST_ROUNDS + 1];
  int rounds;
};

struct state {
  struct secret memory;
  const struct schedule *keys;
};

/* ------------------------------------------------------------------ */
/* Round keys (FIPS 197, 5.2) */

/* Four words, each exclusive or all before it, and WORD. */
INLINE AESNI __m128i
next_key (__m128i key, __m128i word)
{
  key = _mm_xor_si128 (key, _mm_slli_si128 (key, 4));
  key = _mm_xor_si128 (key, _mm_slli_si128 (key, 8));
  return _mm_xor_si128 (key, word);
}

/* The instruction takes the round constant as a literal.  With ROTATED the
 * word is RotWord (SubWord (...)) ^ constant, otherwise SubWord (...).
 */
#define ROTATED(from, constant) \
  _mm_shuffle_epi32 (_mm_aeskeygenassist_si128 (from, constant), 0xff)
#define PLAIN(from) \
  _mm_shuffle_epi32 (_mm_aeskeygenassist_si128 (from, 0), 0xaa)

AESNI static void
expand_128 (__m128i *k, const uint8_t *key)
{
  k[0] = _mm_loadu_si128 ((const __m128i *) key);
  k[1] = next_key (k[0], ROTATED (k[0], 0x01));
  k[2] = next_key (k[1], ROTATED (k[1], 0x02));
  k[3] = next_key (k[2], ROTATED (k[2], 0x04));
  k[4] = next_key (k[3], ROTATED (k[3], 0x08));
  k[5] = next_key (k[4], ROTATED (k[4], 0x10));
  k[6] = next_key (k[5], ROTATED (k[5], 0x20));
  k[7] = next_key (k[6], ROTATED (k[6], 0x40));
  k[8] = next_key (k[7], ROTATED (k[7], 0x80));
  k[9] = next_key (k[8], ROTATED (k[8], 0x1b));
  k[10] = next_key (k[9], ROTATED (k[9], 0x36));
}

#define EXPAND_256(k, i, constant)                            \
  do {                                                        \
    k[i] = next_key (k[i - 2], ROTATED (k[i - 1], constant)); \
    if (i < MOST_ROUNDS)                                      \
      k[i + 1] = next_key (k[i - 1], PLAIN (k[i]));           \
  } while (0)

AESNI static void
expand_256 (__m128i *k, const uint8_t *key)
{
  k[0] = _mm_loadu_si128 ((const __m128i *) key);
  k[1] = _mm_loadu_si128 ((const __m128i *) (key + XTS_BLOCK));
  EXPAND_256 (k, 2, 0x01);
  EXPAND_256 (k, 4, 0x02);
  EXPAND_256 (k, 6, 0x04);
  EXPAND_256 (k, 8, 0x08);
  EXPAND_256 (k, 10, 0x10);
  EXPAND_256 (k, 12, 0x20);
  EXPAND_256 (k, 14, 0x40);
}

AESNI static void
expand (struct schedule *s, const struct secret *key)
{
  const uint8_t *second = key->bytes + key->size / 2;

  if (key->size == XTS_KEY_SIZE_256) {
    s->rounds = 14;
    expand_256 (s->encrypt, key->bytes);
    expand_256 (s->tweak, second);
  }
  else {
    s->rounds = 10;
    expand_128 (s->encrypt, key->bytes);
    expand_128 (s->tweak, second);
  }
  s->decrypt[0] = s->encrypt[s->rounds];
  for (int i = 1; i < s->rounds; i++)
    s->decrypt[i] = _mm_aesimc_si128 (s->encrypt[s->rounds - i]);
  s->decrypt[s->rounds] = s->encrypt[0];
}

/* ------------------------------------------------------------------ */
/* A block at a time, eight on their way */

INLINE AESNI void
aes_blocks (const __m128i *keys, int rounds, bool encrypt, __m128i b[BLOCKS])
{
  UNROLL
  for (int i = 0; i < BLOCKS; i++)
    b[i] = _mm_xor_si128 (b[i], keys[0]);
  for (int r = 1; r < rounds; r++) {
    const __m128i k = keys[r];

    UNROLL
    for (int i = 0; i < BLOCKS; i++)
      b[i] = encrypt ? _mm_aesenc_si128 (b[i], k) : _mm_aesdec_si128 (b[i], k);
  }
  UNROLL
  for (int i = 0; i < BLOCKS; i++)
    b[i] = encrypt ? _mm_aesenclast_si128 (b[i], keys[rounds]) :
                     _mm_aesdeclast_si128 (b[i], keys[rounds]);
}

/* The first tweaks of UNITS units from NUMBER on. */
AESNI static void
first_tweaks (const struct xts *x, const struct schedule *s, uint64_t number,
              __m128i first[UNITS])
{
  UNROLL
  for (int i = 0; i < UNITS; i++)
    first[i] =
      _mm_set_epi64x (0, (int64_t) (number + (uint64_t) i * x->number_step));
  aes_blocks (s->tweak, s->rounds, true, first);
}

_Static_assert(UNITS == BLOCKS, "all at once");

INLINE AESNI __m128i
times_x (__m128i t)
{
  const __m128i out = _mm_shuffle_epi32 (_mm_srai_epi32 (t, 31), 0x13);

  return _mm_xor_si128 (
    _mm_add_epi64 (t, t),
    _mm_and_si128 (out, _mm_set_epi32 (0, 1, 0, POLYNOMIAL)));
}

INLINE AESNI void
aesni_unit (const __m128i *keys, int rounds, bool encrypt, uint8_t *out,
            const uint8_t *in, uint32_t unit, __m128i next)
{
  for (uint32_t at = 0; at < unit; at += BLOCKS * XTS_BLOCK) {
    __m128i t[BLOCKS], b[BLOCKS];

    UNROLL
    for (int i = 0; i < BLOCKS; i++) {
      t[i] = next;
      next = times_x (next);
      b[i] = _mm_loadu_si128 ((const __m128i *) (in + at) + i);
      b[i] = _mm_xor_si128 (b[i], t[i]);
    }
    aes_blocks (keys, rounds, encrypt, b);
    UNROLL
    for (int i = 0; i < BLOCKS; i++)
      _mm_storeu_si128 ((__m128i *) (out + at) + i, _mm_xor_si128 (b[i], t[i]));
  }
}

static const struct schedule *
schedule_of (const struct xts *x)
{
  return ((const struct state *) x->state)->keys;
}

AESNI static enum xts_status
aesni_crypt (struct xts *x, bool encrypt, uint8_t *out, const uint8_t *in,
             size_t count, uint64_t number)
{
  const struct schedule *s = schedule_of (x);
  __m128i first[UNITS];

  for (size_t at = 0, u = 0; at < count; at += x->unit, u = (u + 1) % UNITS) {
    if (u == 0) {
      first_tweaks (x, s, number, first);
      number += UNITS * x->number_step;
    }
    if (encrypt)
      aesni_unit (s->encrypt, s->rounds, true, out + at, in + at, x->unit,
                  first[u]);
    else
      aesni_unit (s->decrypt, s->rounds, false, out + at, in + at, x->unit,
                  first[u]);
  }
  return XTS_OK;
}

/* ------------------------------------------------------------------ */
/* Four blocks at a time, eight times four on their way: the least unit */

#define QUADS 8

_Static_assert(QUADS * 4 * XTS_BLOCK == XTS_UNIT_MIN, "the least unit");

/* T times x^N, N from 0 to 63 for each half of a block (both the same):
 * what leaves the lower half enters the upper one, what leaves that is
 * reduced.
 */
INLINE VAES __m512i
times_power (__m512i t, __m512i n)
{
  const __m512i polynomial = _mm512_set1_epi64 (POLYNOMIAL);
  const __m512i out =
    _mm512_srlv_epi64 (t, _mm512_sub_epi64 (_mm512_set1_epi64 (64), n));
  const __m512i kept = _mm512_sllv_epi64 (t, n);
  const __m512i carried = _mm512_bslli_epi128 (out, 8);
  const __m512i reduced = _mm512_clmulepi64_epi128 (out, polynomial, 0x01);

  return _mm512_ternarylogic_epi64 (kept, carried, reduced, 0x96);
}

/* T times x^32. */
INLINE VAES __m512i
times_x32 (__m512i t)
{
  const __m512i polynomial = _mm512_set1_epi64 (POLYNOMIAL);
  const __m512i out = _mm512_bsrli_epi128 (t, 12);

  return _mm512_xor_si512 (_mm512_bslli_epi128 (t, 4),
                           _mm512_clmulepi64_epi128 (out, polynomial, 0));
}

INLINE VAES __m512i
quad_of (__m128i block)
{
  return _mm512_broadcast_i32x4 (block);
}

/* The tweaks of a unit's first blocks. */
INLINE VAES void
start_quads (__m512i t[QUADS], __m128i first)
{
  const __m512i all = quad_of (first);
  __m512i n = _mm512_set_epi64 (3, 3, 2, 2, 1, 1, 0, 0);

  UNROLL
  for (int i = 0; i < QUADS; i++) {
    t[i] = times_power (all, n);
    n = _mm512_add_epi64 (n, _mm512_set1_epi64 (4));
  }
}

INLINE VAES void
aes_quads (const __m128i *keys, int rounds, bool encrypt, __m512i b[QUADS])
{
  const __m512i last = quad_of (keys[rounds]);

  for (int r = 1; r < rounds; r++) {
    const __m512i k = quad_of (keys[r]);

    UNROLL
    for (int i = 0; i < QUADS; i++)
      b[i] = encrypt ? _mm512_aesenc_epi128 (b[i], k) :
                       _mm512_aesdec_epi128 (b[i], k);
  }
  UNROLL
  for (int i = 0; i < QUADS; i++)
    b[i] = encrypt ? _mm512_aesenclast_epi128 (b[i], last) :
                     _mm512_aesdeclast_epi128 (b[i], last);
}

INLINE VAES void
vaes_unit (const __m128i *keys, int rounds, bool encrypt, uint8_t *out,
           const uint8_t *in, uint32_t unit, __m128i first)
{
  const __m512i key = quad_of (keys[0]);
  __m512i t[QUADS], b[QUADS];

  start_quads (t, first);
  for (uint32_t at = 0; at < unit; at += sizeof b) {
    UNROLL
    for (int i = 0; i < QUADS; i++) {
      b[i] = _mm512_loadu_si512 (in + at + i * sizeof b[i]);
      b[i] = _mm512_ternarylogic_epi64 (b[i], t[i], key, 0x96);
    }
    aes_quads (keys, rounds, encrypt, b);
    UNROLL
    for (int i = 0; i < QUADS; i++) {
      _mm512_storeu_si512 (out + at + i * sizeof b[i],
                           _mm512_xor_si512 (b[i], t[i]));
      t[i] = times_x32 (t[i]);
    }
  }
}

VAES static enum xts_status
vaes_crypt (struct xts *x, bool encrypt, uint8_t *out, const uint8_t *in,
            size_t count, uint64_t number)
{
  const struct schedule *s = schedule_of (x);
  __m128i first[UNITS];

  for (size_t at = 0, u = 0; at < count; at += x->unit, u = (u + 1) % UNITS) {
    if (u == 0) {
      first_tweaks (x, s, number, first);
      number += UNITS * x->number_step;
    }
    if (encrypt)
      vaes_unit (s->encrypt, s->rounds, true, out + at, in + at, x->unit,
                 first[u]);
    else
      vaes_unit (s->decrypt, s->rounds, false, out + at, in + at, x->unit,
                 first[u]);
  }
  return XTS_OK;
}

/* ------------------------------------------------------------------ */
/* The life */

static bool
aesni_usable (void)
{
  return __builtin_cpu_supports ("aes");
}

/* Compilers do not all know the name "vaes": it is bit 9 of ECX in leaf 7
 * of CPUID.  The others are also asked whether the system saves such
 * registers.
 */
static bool
vaes_usable (void)
{
  unsigned a, b, c = 0, d;

  return aesni_usable () && __builtin_cpu_supports ("avx512f") &&
         __builtin_cpu_supports ("avx512bw") &&
         __builtin_cpu_supports ("vpclmulqdq") &&
         __get_cpuid_count (7, 0, &a, &b, &c, &d) != 0 && (c & 1 << 9);
}

static enum xts_status
x86_start (struct xts *x)
{
  struct state *st = calloc (1, sizeof *st);

  x->state = st;
  if (st == NULL || !secret_init (&st->memory, sizeof *st->keys))
    return XTS_CRYPTO;
  expand ((struct schedule *) (void *) st->memory.bytes, &x->key);
  st->keys = (const struct schedule *) (const void *) st->memory.bytes;
  return XTS_OK;
}

static void
x86_stop (struct xts *x)
{
  struct state *st = x->state;

  if (st != NULL)
    secret_fini (&st->memory);
  free (st);
}

const struct xts_way xts_vaes = {
  .name = "VAES",
  .usable = vaes_usable,
  .start = x86_start,
  .stop = x86_stop,
  .crypt = vaes_crypt,
};

const struct xts_way xts_aesni = {
  .name = "AES-NI",
  .usable = aesni_usable,
  .start = x86_start,
  .stop = x86_stop,
  .crypt = aesni_crypt,
};

#endif /* XTS_X86 */
