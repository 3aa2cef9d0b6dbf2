/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The engine of images: what each operation does to a block in each
 * state, and what passes down to the file.
 */

#include <config.h>

#include "image-rig.h"

#define SECTOR 512
#define BLOCK 16384
#define SECTORS (BLOCK / SECTOR)
#define SIZE (20 * BLOCK)
/* The block that is looked at, between others. */
#define AT (UINT64_C (3) * BLOCK)

static const struct test_format formats[] = {
  { TEST_SHARED, false, false, 9, 14, SIZE, 0, 0, 0 },
  { TEST_SHARED, true, false, 9, 14, SIZE, 0, 0, 0 },
  { TEST_IN_FRONT, false, false, 9, 14, SIZE, 0, 0, 0 },
  { TEST_IN_FRONT, true, false, 9, 14, SIZE, 0, 0, 0 },
};

enum { SHARED, SHARED_CHILD, FRONT, FRONT_CHILD };

/* ------------------------------------------------------------------ */
/* States */

static struct image_entry
entry_at (struct rig *r, uint64_t offset)
{
  const struct image *i = r->image;
  const uint64_t block = offset >> i->block_shift;
  uint64_t raw;
  int err;

  quick_assert (image_get_raw_entry (r->image,
                                     i->format->entry_index (i, block), &raw,
                                     &err) == 0);
  return i->format->get_entry (i, block, raw);
}

static char
letter (enum image_block_state state)
{
  static const char letters[] = {
    [BLOCK_ABSENT] = 'A', [BLOCK_ZERO] = 'Z', [BLOCK_FULL] = 'F',
    [BLOCK_BITS] = 'B',   [BLOCK_BAD] = 'X',
  };

  return letters[state];
}

/* Sectors of the block that are written to have bits, and a part that
 * touches them.
 */
#define SET AT + 4 * SECTOR
#define SET_COUNT (4 * SECTOR)
#define PART AT + 6 * SECTOR
#define PART_COUNT (6 * SECTOR)

static void
reach (struct rig *r, char state)
{
  switch (state) {
  case 'Z':
    rig_write (r, BLOCK, AT, 0);
    rig_zero (r, BLOCK, AT, 0);
    break;
  case 'F':
    rig_write (r, BLOCK, AT, 0);
    break;
  case 'B':
    rig_write (r, SET_COUNT, SET, 0);
  }
  quick_assert (letter (entry_at (r, AT).state) == state);
}

/* Operations: write, fill, zero, trim, discard; a part or all. */
static void
operate (struct rig *r, char op, bool whole)
{
  const uint64_t count = whole ? BLOCK : PART_COUNT;
  const uint64_t offset = whole ? AT : PART;

  switch (op) {
  case 'w':
    rig_write (r, count, offset, 0);
    break;
  case 'f':
    rig_write (r, count, offset, IMAGE_NO_OVERWRITE);
    break;
  case 'z':
    rig_zero (r, count, offset, 0);
    break;
  case 't':
    rig_trim (r, count, offset);
    break;
  default:
    rig_discard (r, count, offset);
  }
}

/* What comes of write, fill, zero, trim, discard, each of a part and of
 * all.
 */
static const struct {
  unsigned format;
  char from;
  const char *to;
} transitions[] = {
  { SHARED, 'A', "FF FF AA AA AA" },
  { SHARED, 'Z', "FF ZZ ZZ ZZ ZA" },
  { SHARED, 'F', "FF FF FZ FZ FA" },
  { SHARED_CHILD, 'A', "BF BF BZ AZ AA" },
  { SHARED_CHILD, 'Z', "FF ZZ ZZ ZZ BA" },
  { SHARED_CHILD, 'F', "FF FF FZ FZ BA" },
  { SHARED_CHILD, 'B', "BF BF BZ BZ BA" },
  { FRONT, 'A', "BB BB AA AA AA" },
  { FRONT, 'B', "BB BB BA BA BA" },
  { FRONT_CHILD, 'A', "BB BB BB AA AA" },
  { FRONT_CHILD, 'B', "BB BB BB BB BA" },
};

START_TEST (test_states)
{
  const unsigned n = _i / 10, op = _i % 10 / 2;
  const bool whole = _i % 2;
  const char to = transitions[n].to[op * 3 + whole];
  struct rig r;

  rig_init (&r, &formats[transitions[n].format], 1, NULL);
  rig_write (&r, BLOCK, AT - BLOCK, 0);
  rig_write (&r, SECTOR, AT + BLOCK, 0);
  reach (&r, transitions[n].from);
  if (_i % 3 == 0)
    rig_reopen (&r);
  operate (&r, "wfztd"[op], whole);
  if (letter (entry_at (&r, AT).state) != to)
    ck_abort_msg ("%c %c %s: %c, not %c", transitions[n].from, "wfztd"[op],
                  whole ? "all" : "part", letter (entry_at (&r, AT).state), to);
  rig_check (&r);
  rig_reopen (&r);
  ck_assert_int_eq (letter (entry_at (&r, AT).state), to);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* With all bits set a block is full, and with none left it is gone. */
START_TEST (test_promotion)
{
  struct rig r;

  rig_init (&r, &formats[SHARED_CHILD], 1, NULL);
  for (unsigned k = 0; k < SECTORS; k++) {
    rig_write (&r, SECTOR, AT + (k * 7 % SECTORS) * SECTOR, 0);
    ck_assert_int_eq (letter (entry_at (&r, AT).state),
                      k == SECTORS - 1 ? 'F' : 'B');
  }
  rig_check (&r);
  for (unsigned k = 0; k < SECTORS; k++) {
    rig_discard (&r, SECTOR, AT + (k * 5 % SECTORS) * SECTOR);
    ck_assert_int_eq (letter (entry_at (&r, AT).state),
                      k == SECTORS - 1 ? 'A' : 'B');
    rig_check (&r);
  }
  ck_assert_uint_eq (image_used (r.image), 0);
  rig_fini (&r);
}
END_TEST

/* The last block counts as whole up to where the disk ends. */
START_TEST (test_last_block)
{
  struct test_format f = formats[_i];
  struct rig r;
  const uint64_t at = SIZE - BLOCK;

  f.size = SIZE - BLOCK + 3 * SECTOR;
  rig_init (&r, &f, 1, NULL);
  rig_write (&r, 3 * SECTOR, at, 0);
  ck_assert_int_eq (letter (entry_at (&r, at).state),
                    f.flavour == TEST_SHARED ? 'F' : 'B');
  rig_check (&r);
  rig_zero (&r, 3 * SECTOR, at, 0);
  rig_check (&r);
  if (_i != FRONT_CHILD)
    ck_assert_uint_eq (image_used (r.image), 0);
  rig_reopen (&r);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* Blocks that are kept keep their places whatever is done. */
START_TEST (test_kept)
{
  struct test_format f = formats[SHARED];
  struct rig r;

  f.keeps_blocks = true;
  rig_init (&r, &f, 1, NULL);
  rig_write (&r, SIZE, 0, 0);
  rig_zero (&r, SIZE, 0, 0);
  rig_check (&r);
  rig_trim (&r, SIZE, 0);
  rig_check (&r);
  rig_discard (&r, 5 * BLOCK, 0);
  rig_check (&r);
  ck_assert_uint_eq (image_used (r.image), SIZE);
  rig_fini (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* What passes down */

struct seen {
  unsigned n[STORE_OP_KINDS];
  unsigned fua;
  uint64_t largest;
};

static int
look (void *opaque, const struct store_op *op, bool done)
{
  struct seen *s = opaque;

  if (done)
    return 0;
  s->n[op->kind]++;
  s->fua += (op->flags & STORE_FUA) != 0;
  s->largest = max_u64 (s->largest, op->count);
  return 0;
}

static void
watch (struct rig *r, struct seen *s)
{
  memset (s, 0, sizeof *s);
  store_fault_set_hook (r->fault, look, s);
}

/* Neighbours in the file are read and written at once. */
START_TEST (test_one_request)
{
  struct rig r;
  struct seen s;

  rig_init (&r, &formats[SHARED], 1, NULL);
  rig_write (&r, SIZE, 0, 0);
  rig_flush (&r);
  watch (&r, &s);
  rig_read (&r, r.buf, SIZE, 0);
  ck_assert_uint_eq (s.n[STORE_OP_READ], 1);
  ck_assert_uint_eq (s.largest, SIZE);
  rig_write (&r, SIZE - SECTOR, SECTOR, 0);
  ck_assert_uint_eq (s.n[STORE_OP_WRITE], 1);
  ck_assert_uint_eq (s.n[STORE_OP_FLUSH], 0);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* FUA needs no flush of its own if only data changes. */
START_TEST (test_fua)
{
  struct rig r;
  struct seen s;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, BLOCK, 0, 0);
  rig_flush (&r);
  watch (&r, &s);
  rig_write (&r, SECTOR, SECTOR, IMAGE_FUA);
  ck_assert_uint_eq (s.fua, 1);
  ck_assert_uint_eq (s.n[STORE_OP_WRITE], 1);
  ck_assert_uint_eq (s.n[STORE_OP_FLUSH], 0);
  /* Another block's entry is not durable: how would it know? */
  rig_write (&r, BLOCK, 2 * BLOCK, 0);
  watch (&r, &s);
  rig_write (&r, SECTOR, 2 * BLOCK, IMAGE_FUA);
  ck_assert_uint_eq (s.fua, 0);
  ck_assert_uint_ge (s.n[STORE_OP_FLUSH], 2);
  watch (&r, &s);
  rig_write (&r, SECTOR, 2 * BLOCK, IMAGE_FUA);
  ck_assert_uint_eq (s.fua, 1);
  ck_assert_uint_eq (s.n[STORE_OP_FLUSH], 0);
  rig_fini (&r);
}
END_TEST

/* A flush with nothing to commit is one of the file. */
START_TEST (test_flush)
{
  struct rig r;
  struct seen s;

  rig_init (&r, &formats[FRONT], 1, NULL);
  rig_write (&r, BLOCK, 0, 0);
  watch (&r, &s);
  rig_flush (&r);
  ck_assert_uint_eq (s.n[STORE_OP_FLUSH], 2);
  ck_assert_uint_eq (s.n[STORE_OP_WRITE], 1);
  watch (&r, &s);
  rig_flush (&r);
  ck_assert_uint_eq (s.n[STORE_OP_FLUSH], 1);
  ck_assert_uint_eq (s.n[STORE_OP_WRITE], 0);
  rig_fini (&r);
}
END_TEST

/* New space is zero and needs no zeroes. */
START_TEST (test_no_zeroes)
{
  struct rig r;
  struct seen s;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, SECTOR, 0, 0);
  watch (&r, &s);
  rig_write (&r, SECTOR, BLOCK + SECTOR, 0);
  ck_assert_uint_eq (s.n[STORE_OP_ZERO], 0);
  ck_assert_uint_eq (s.n[STORE_OP_WRITE], _i < FRONT ? 1 : 2);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* Space that a file keeps from before is cleared first. */
START_TEST (test_old_space)
{
  struct rig r;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, BLOCK, 0, 0);
  rig_write (&r, BLOCK, BLOCK, 0);
  rig_flush (&r);
  store_fault_all (r.fault, STORE_OP_BIT (STORE_OP_ZERO), EOPNOTSUPP);
  rig_discard (&r, BLOCK, 0);
  rig_flush (&r);
  store_fault_reset (r.fault);
  /* It was not punched, so it must not be taken for zero. */
  rig_write (&r, SECTOR, 5 * BLOCK + SECTOR, 0);
  rig_check (&r);
  rig_reopen (&r);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

START_TEST (test_fast_zero)
{
  struct store_mem_options o = store_mem_defaults (0);
  struct rig r;
  int err = 0;

  o.info.fast_zero = false;
  rig_init (&r, &formats[SHARED_CHILD], 1, store_mem_create (&o));
  rig_write (&r, 2 * BLOCK, 0, 0);
  ck_assert_int_eq (image_zero (r.image, BLOCK, SECTOR, IMAGE_FAST, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  ck_assert_int_eq (
    image_zero (r.image, 2 * BLOCK + SECTOR, 0, IMAGE_FAST, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  rig_check (&r);
  rig_zero (&r, 2 * BLOCK, 0, IMAGE_FAST);
  rig_zero (&r, SECTOR, SECTOR, IMAGE_FAST);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Space that was given up */

/* A visitor keeps what he was told of. */
START_TEST (test_visit)
{
  struct rig r;
  struct image_visit v;
  enum image_state state;
  uint64_t count = BLOCK, place;
  uint8_t *before = must_malloc (BLOCK);
  int err;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, BLOCK, 0, 0);
  memcpy (before, r.model, BLOCK);
  image_enter (r.image, &v);
  ck_assert_int_eq (image_map (r.image, 0, &count, &state, &place, &err), 0);
  ck_assert_uint_eq (count, BLOCK);
  ck_assert_int_eq (state, IMAGE_DATA);
  rig_discard (&r, BLOCK, 0);
  rig_flush (&r);
  rig_flush (&r);
  for (unsigned k = 1; k < 10; k++)
    rig_write (&r, BLOCK, k * BLOCK, 0);
  rig_flush (&r);
  ck_assert_int_eq (store_read (r.file, r.buf, BLOCK, place, &err), 0);
  ck_assert (memcmp (r.buf, before, BLOCK) == 0);
  image_leave (r.image, &v);
  rig_flush (&r);
  /* Now it is free, and is used first. */
  rig_write (&r, BLOCK, 12 * BLOCK, 0);
  ck_assert_uint_eq (entry_at (&r, 12 * BLOCK).place, place);
  rig_check (&r);
  rig_fini (&r);
  free (before);
}
END_TEST

/* Space is not used again before the change that freed it is durable. */
START_TEST (test_pending)
{
  struct rig r;
  uint64_t place;

  rig_init (&r, &formats[_i], 1, NULL);
  rig_write (&r, BLOCK, 0, 0);
  rig_flush (&r);
  place = entry_at (&r, 0).place;
  rig_discard (&r, BLOCK, 0);
  rig_write (&r, BLOCK, BLOCK, 0);
  ck_assert_uint_ne (entry_at (&r, BLOCK).place, place);
  rig_flush (&r);
  rig_write (&r, BLOCK, 0, 0);
  ck_assert_uint_eq (entry_at (&r, 0).place, place);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* Unless there is no other: then it is made durable. */
START_TEST (test_pending_is_all)
{
  struct test_format f = formats[_i];
  struct rig r;
  unsigned k;
  int err;

  f.limit = 14 * BLOCK;
  f.step = 512;
  rig_init (&r, &f, 1, NULL);
  for (k = 0; k < 10; k++)
    rig_write (&r, BLOCK, k * BLOCK, 0);
  memset (r.buf, 'x', SIZE);
  for (k = 10; image_write (r.image, r.buf, BLOCK, k * BLOCK, 0, &err) == 0;
       k++)
    memset (r.model + k * BLOCK, 'x', BLOCK);
  ck_assert_int_eq (err, ENOSPC);
  rig_check (&r);
  /* Bitmaps need some, too. */
  rig_discard (&r, 2 * BLOCK, 10 * BLOCK);
  for (k = 0; k < 50; k++) {
    rig_discard (&r, BLOCK, k % 10 * BLOCK);
    rig_write (&r, BLOCK, (k + 1) % 10 * BLOCK, 0);
    rig_write (&r, SECTOR, k % 10 * BLOCK, 0);
  }
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

/* Who never flushes does not have everything in memory only. */
START_TEST (test_auto_commit)
{
  const struct test_format f = {
    .flavour = TEST_IN_FRONT,
    .sector_shift = 9,
    .block_shift = 9,
    .size = 3000 * 512,
  };
  struct rig r;

  rig_init (&r, &f, 1, NULL);
  rig_write (&r, f.size, 0, 0);
  rig_flush (&r);
  rig_zero (&r, f.size, 0, 0);
  ck_assert_uint_ge (test_format_counts (r.image)->commits, 3);
  rig_check (&r);
  rig_fini (&r);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image");
  TCase *c = test_case (suite, "states");

  tcase_add_loop_test (c, test_states, 0, 10 * ARRAY_SIZE (transitions));
  tcase_add_test (c, test_promotion);
  tcase_add_loop_test (c, test_last_block, 0, 4);
  tcase_add_test (c, test_kept);

  c = test_case (suite, "requests");
  tcase_add_test (c, test_one_request);
  tcase_add_loop_test (c, test_fua, 0, 4);
  tcase_add_test (c, test_flush);
  tcase_add_loop_test (c, test_no_zeroes, 0, 4);
  tcase_add_loop_test (c, test_old_space, 0, 4);
  tcase_add_test (c, test_fast_zero);

  c = test_case (suite, "space");
  tcase_add_loop_test (c, test_visit, 0, 4);
  tcase_add_loop_test (c, test_pending, 0, 4);
  tcase_add_loop_test (c, test_pending_is_all, 0, 4);
  tcase_add_test (c, test_auto_commit);
  return test_run (suite);
}
