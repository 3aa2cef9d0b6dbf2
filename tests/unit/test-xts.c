/* SPDX-License-Identifier: BSD-3-Clause
 *
 * xts: each way to do it has the vectors of IEEE 1619 right, and all do the
 * same; what is no key is refused; nothing is lost without memory.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "support/alloc-fault.h"
#include "support/main.h"
#include "support/nth-fault.h"
#include "support/rng.h"
#include "support/threads.h"
#include "xts/xts-impl.h"

#define UNIT 512
#define MOST (64 * 1024)

static void
from_hex (const char *hex, uint8_t *bytes)
{
  for (; *hex != '\0'; hex += 2) {
    unsigned byte;

    ck_assert_int_eq (sscanf (hex, "%2x", &byte), 1);
    *bytes++ = (uint8_t) byte;
  }
}

/* Ways that this machine cannot go are said to be tested. */
static struct xts *
make (unsigned way, const struct xts_options *o)
{
  enum xts_status status;
  struct xts *x;

  if (!xts_ways[way]->usable ())
    return NULL;
  x = xts_create_by (xts_ways[way], o, &status);
  ck_assert_int_eq (status, XTS_OK);
  ck_assert_ptr_nonnull (x);
  return x;
}

/* The vectors with whole data units of 512 bytes: 4 to 6, whose text is
 * what the one before became, and 10 to 14.  Their text is 00 01 ... ff,
 * twice.
 */
struct vector {
  const char *key;
  uint64_t number;
  bool goes_on;
  const char *start, *end; /* of what it becomes */
};

#define KEY_128 \
  "2718281828459045235360287471352631415926535897932384626433832795"
#define KEY_256                                                      \
  "2718281828459045235360287471352662497757247093699959574966967627" \
  "3141592653589793238462643383279502884197169399375105820974944592"

static const struct vector vectors[] = {
  { KEY_128, 0, false,
    "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c",
    "0a282df920147beabe421ee5319d0568" },
  { KEY_128, 1, true,
    "264d3ca8512194fec312c8c9891f279fefdd608d0c027b60483a3fa811d65ee5",
    "fd2a89ccb45e001a03a867b187f225dd" },
  { KEY_128, 2, true,
    "fa762a3680b76007928ed4a4f49a9456031b704782e65e16cecb54ed7d017b5e",
    "4bcf518138dc3a25c5e236171a2d01d6" },
  { KEY_256, 0xff, false,
    "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b",
    "c4f36ffda9fcea70b9c6e693e148c151" },
  { KEY_256, 0xffff, false,
    "77a31251618a15e6b92d1d66dffe7b50b50bad552305ba0217a610688eff7e11",
    "a4f9e27b42af8100cb9d59cef9645803" },
  { KEY_256, 0xffffff, false,
    "e387aaa58ba483afa7e8eb469778317ecf4cf573aa9d4eac23f2cdf914e4e200",
    "2263a1eef52dd6888c309f5a7d712826" },
  { KEY_256, 0xffffffff, false,
    "bf53d2dade78e822a4d949a9bc6766b01b06a8ef70d26748c6a7fc36d80ae4c5",
    "4c82f335abb152c4a93411373aaa8220" },
  { KEY_256, 0xffffffffff, false,
    "64497e5a831e4a932c09be3e5393376daa599548b816031d224bbf50a818ed23",
    "d609d273ad5b0d59631c531f6a0a57b9" },
};

static void
check_vector (unsigned way, const struct vector *v, uint8_t text[UNIT])
{
  uint8_t key[XTS_KEY_SIZE_256], start[32], end[16], back[UNIT];
  const struct xts_options o = { .key = key,
                                 .key_size = strlen (v->key) / 2,
                                 .unit = UNIT };
  uint8_t before[UNIT];
  struct xts *x;

  from_hex (v->key, key);
  from_hex (v->start, start);
  from_hex (v->end, end);
  for (unsigned i = 0; !v->goes_on && i < UNIT; i++)
    text[i] = (uint8_t) i;
  memcpy (before, text, UNIT);
  x = make (way, &o);
  ck_assert_int_eq (xts_encrypt (x, text, text, UNIT, v->number * UNIT),
                    XTS_OK);
  ck_assert_mem_eq (text, start, sizeof start);
  ck_assert_mem_eq (text + UNIT - sizeof end, end, sizeof end);
  ck_assert_int_eq (xts_decrypt (x, back, text, UNIT, v->number * UNIT),
                    XTS_OK);
  ck_assert_mem_eq (back, before, UNIT);
  xts_free (x);
}

START_TEST (ieee_1619)
{
  for (unsigned w = 0; w < xts_nways; w++) {
    uint8_t text[UNIT];

    printf ("%s: %s\n", xts_ways[w]->name,
            xts_ways[w]->usable () ? "tested" : "not on this machine");
    for (unsigned i = 0; xts_ways[w]->usable () && i < ARRAY_SIZE (vectors);
         i++)
      check_vector (w, &vectors[i], text);
  }
}
END_TEST

/* Any key, unit, number and range, aligned or not, in place or not: as
 * libcrypto does it.
 */
START_TEST (all_the_same)
{
  static uint8_t in[MOST + 64], out[MOST + 64], ref[MOST];
  const uint64_t seed = rng_seed ("xts");
  struct rng r;

  rng_init (&r, seed);
  rng_fill (&r, in, sizeof in);
  for (unsigned round = 0; round < 200; round++) {
    uint8_t key[XTS_KEY_SIZE_256];
    const uint32_t unit = UNIT << rng_below (&r, 4);
    const struct xts_options o = {
      .key = key,
      .key_size = rng_below (&r, 2) ? XTS_KEY_SIZE_256 : XTS_KEY_SIZE_128,
      .unit = unit,
      .large_sectors = rng_below (&r, 2),
      .iv_offset = rng_below (&r, 2) ? rng_next (&r) : 0,
    };
    const size_t count = unit * (1 + rng_below (&r, MOST / unit));
    const uint64_t offset = unit * (rng_next (&r) >> 14);
    const size_t shift = rng_below (&r, 64);
    struct xts *x;

    rng_fill (&r, key, sizeof key);
    x = make (xts_nways - 1, &o);
    xts_encrypt (x, ref, in + shift, count, offset);
    xts_free (x);
    for (unsigned w = 0; w < xts_nways; w++) {
      if ((x = make (w, &o)) == NULL)
        continue;
      ck_assert_int_eq (xts_encrypt (x, out, in + shift, count, offset), 0);
      ck_assert_mem_eq (out, ref, count);
      memmove (out + shift, out, count);
      ck_assert_int_eq (
        xts_decrypt (x, out + shift, out + shift, count, offset), 0);
      ck_assert_mem_eq (out + shift, in + shift, count);
      xts_free (x);
    }
  }
}
END_TEST

/* The number of a unit is that of its first sector of 512 bytes, or, with
 * large sectors, its own; more than an offset can say comes from iv_offset.
 */
START_TEST (numbers)
{
  static const uint8_t zero[4096];
  uint8_t key[XTS_KEY_SIZE_256], a[4096], b[4096];
  struct xts_options o = { .key = key, .key_size = sizeof key, .unit = 4096 };
  enum xts_status status;
  struct xts *x;

  from_hex (KEY_256, key);
  x = xts_create (&o, &status);
  xts_encrypt (x, a, zero, sizeof a, 3 * 4096);
  xts_free (x);
  o.large_sectors = true;
  x = xts_create (&o, &status);
  xts_encrypt (x, b, zero, sizeof b, 3 * 4096);
  ck_assert_mem_ne (a, b, sizeof a);
  xts_encrypt (x, b, zero, sizeof b, 24 * 4096);
  ck_assert_mem_eq (a, b, sizeof a);
  xts_free (x);
  o.iv_offset = UINT64_MAX;
  x = xts_create (&o, &status);
  xts_encrypt (x, b, zero, sizeof b, 25 * 4096);
  ck_assert_mem_eq (a, b, sizeof a);
  xts_free (x);
}
END_TEST

START_TEST (refused)
{
  uint8_t key[XTS_KEY_SIZE_256 + 1] = { 1 };
  struct xts_options o = { .key = key, .unit = UNIT };
  enum xts_status status;

  for (o.key_size = 0; o.key_size <= sizeof key; o.key_size++) {
    const bool right = o.key_size == 32 || o.key_size == 64;
    struct xts *x = xts_create (&o, &status);

    ck_assert_int_eq (status, right ? XTS_OK : XTS_BAD_KEY_SIZE);
    ck_assert_int_eq (x != NULL, right);
    xts_free (x);
  }
  o.key_size = XTS_KEY_SIZE_256;
  key[32] = key[0];
  ck_assert_ptr_null (xts_create (&o, &status));
  ck_assert_int_eq (status, XTS_EQUAL_HALVES);
  key[63] = 1;
  for (o.unit = 0; o.unit <= 8192; o.unit += 256) {
    const bool right =
      is_power_of_2 (o.unit) && o.unit >= 512 && o.unit <= 4096;

    ck_assert_int_eq (xts_check (&o), right ? XTS_OK : XTS_BAD_UNIT);
  }
  for (int s = XTS_OK; s <= XTS_CRYPTO + 1; s++)
    ck_assert_ptr_nonnull (xts_status_string (s));
}
END_TEST

/* libcrypto's own allocations are not counted. */
START_TEST (no_memory)
{
  uint8_t key[XTS_KEY_SIZE_256] = { 1 };
  const struct xts_options o = { .key = key,
                                 .key_size = sizeof key,
                                 .unit = UNIT };

  for (unsigned w = 0; w < xts_nways; w++) {
    struct nth_fault f = NTH_FAULT_INIT;

    while (xts_ways[w]->usable () && nth_fault_next (&f)) {
      enum xts_status status;
      struct xts *x;

      alloc_fault_nth (f.n);
      x = xts_create_by (xts_ways[w], &o, &status);
      f.fired = alloc_fault_stop ();
      ck_assert_int_eq (x == NULL, f.fired);
      ck_assert_int_eq (status, f.fired ? XTS_CRYPTO : XTS_OK);
      xts_free (x);
    }
  }
}
END_TEST

/* More at once than there are contexts of libcrypto to keep. */
static void
encrypt_often (void *opaque, unsigned index)
{
  uint8_t text[4096], back[4096];

  memset (text, (int) index, sizeof text);
  for (unsigned i = 0; i < 200; i++) {
    quick_assert (xts_encrypt (opaque, back, text, sizeof text, i << 12) == 0);
    quick_assert (xts_decrypt (opaque, back, back, sizeof back, i << 12) == 0);
    quick_assert (memcmp (text, back, sizeof text) == 0);
  }
}

START_TEST (threads)
{
  uint8_t key[XTS_KEY_SIZE_256] = { 1 };
  const struct xts_options o = { .key = key,
                                 .key_size = sizeof key,
                                 .unit = UNIT };

  for (unsigned w = 0; w < xts_nways; w++) {
    struct xts *x = make (w, &o);

    if (x != NULL)
      threads_run (THREADS_MAX, encrypt_often, x);
    xts_free (x);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { ieee_1619, all_the_same, numbers,
                                 refused,   no_memory,    threads };

  return test_main ("xts", tests, ARRAY_SIZE (tests));
}
