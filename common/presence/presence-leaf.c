/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See presence-leaf.h.  The portable versions use atomic loads of words.
 * The one with AVX2 reads 32 bytes at a time while others may write to
 * them, which C has no word for; it is right because of what an x86
 * processor promises:
 *
 * - an aligned word is never torn, in a vector load either, and each
 *   word is looked at on its own;
 * - loads are done in their order, so all of them acquire; the compiler
 *   is held back by the fence.
 *
 * ThreadSanitizer knows neither, so it gets the portable version.
 */

#include <config.h>

#include "presence/presence-arena.h"
#include "presence/presence-leaf.h"
#include "presence/presence-tree.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#endif

static bool
leaf_is_words (const _Atomic uint64_t *words, uint64_t value)
{
  uint64_t differ = 0;

  /* One branch for four words: most leaves that are asked about are
   * uniform.
   */
  for (unsigned i = 0; i < CELL_SLOTS && differ == 0; i += 4)
    differ =
      (slot_load (&words[i]) ^ value) | (slot_load (&words[i + 1]) ^ value) |
      (slot_load (&words[i + 2]) ^ value) | (slot_load (&words[i + 3]) ^ value);
  return differ == 0;
}

#if defined(__x86_64__) && !defined(TSAN)

#include <immintrin.h>

__attribute__ ((target ("avx2"))) static bool
leaf_is_avx2 (const _Atomic uint64_t *words, uint64_t value)
{
  const __m256i *v = (const __m256i *) words;
  __m256i want = _mm256_set1_epi64x ((long long) value);
  __m256i a = _mm256_xor_si256 (_mm256_load_si256 (&v[0]), want);
  __m256i b = _mm256_xor_si256 (_mm256_load_si256 (&v[1]), want);
  __m256i c = _mm256_xor_si256 (_mm256_load_si256 (&v[2]), want);
  __m256i d = _mm256_xor_si256 (_mm256_load_si256 (&v[3]), want);

  a = _mm256_or_si256 (_mm256_or_si256 (a, b), _mm256_or_si256 (c, d));
  atomic_signal_fence (memory_order_acquire);
  return _mm256_testz_si256 (a, a);
}

bool
presence_leaf_is (const _Atomic uint64_t *words, uint64_t value)
{
  if (__builtin_cpu_supports ("avx2"))
    return leaf_is_avx2 (words, value);
  return leaf_is_words (words, value);
}

#else

bool
presence_leaf_is (const _Atomic uint64_t *words, uint64_t value)
{
  return leaf_is_words (words, value);
}

#endif

static inline __attribute__ ((always_inline)) unsigned
leaf_count (const _Atomic uint64_t *words)
{
  unsigned n = 0;

  for (unsigned i = 0; i < CELL_SLOTS; i++)
    n += (unsigned) __builtin_popcountll (slot_load (&words[i]));
  return n;
}

#if defined(__x86_64__)

/* The same with the instruction for it, which all x86-64 processors of
 * today have, but not by definition.
 */
__attribute__ ((target ("popcnt"))) static unsigned
leaf_count_popcnt (const _Atomic uint64_t *words)
{
  return leaf_count (words);
}

#endif

unsigned
presence_leaf_count (const _Atomic uint64_t *words)
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("popcnt"))
    return leaf_count_popcnt (words);
#endif
  return leaf_count (words);
}
