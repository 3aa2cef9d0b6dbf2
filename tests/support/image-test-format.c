/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-test-format.h.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "support/image-test-format.h"
#include "support/must.h"

#define HEADER 4096
#define FOOTER 512
#define BITS_PAGE 512
/* Blocks that share a bitmap, and bytes of that: one unit. */
#define CHUNK 8
#define SHARED_UNIT 4096

static const char magic[8] = "testimg";

struct own {
  struct test_format f;
  struct test_format_counts counts;
  pthread_mutex_t chunk_lock;
  uint64_t footer; /* where it is */
  bool fail_first_change, fail_commit;
};

static struct own *
own_of (const struct image *i)
{
  return i->own;
}

static uint32_t
sectors (const struct test_format *f)
{
  return 1u << (f->block_shift - f->sector_shift);
}

/* ------------------------------------------------------------------ */
/* Entries */

/* SHARED: the place, with the state in its low bits. */
enum { RAW_ABSENT, RAW_ZERO = 2, RAW_TRIMMED = 3, RAW_FULL = 6, RAW_BITS = 7 };

static struct image_entry
shared_get (const struct image *i, uint64_t block, uint64_t raw)
{
  le64 v;
  uint64_t place;

  memcpy (v.b, &raw, sizeof v.b);
  raw = le64_get (v);
  place = raw & ~UINT64_C (0xfff);
  switch (raw & 0xfff) {
  case RAW_ABSENT:
    return (struct image_entry){ .state = BLOCK_ABSENT };
  case RAW_ZERO:
  case RAW_TRIMMED:
    return (struct image_entry){ .state = BLOCK_ZERO };
  case RAW_FULL:
    return (struct image_entry){ .state = BLOCK_FULL, .place = place };
  case RAW_BITS:
    return (struct image_entry){ .state = BLOCK_BITS, .place = place };
  default:
    return (struct image_entry){ .state = BLOCK_BAD };
  }
}

static uint64_t
shared_put (const struct image *i, enum image_block_state state, uint64_t place,
            bool trim)
{
  static const uint64_t code[] = {
    [BLOCK_ABSENT] = RAW_ABSENT,
    [BLOCK_ZERO] = RAW_ZERO,
    [BLOCK_FULL] = RAW_FULL,
    [BLOCK_BITS] = RAW_BITS,
  };
  const le64 v = le64_put (
    place | (state == BLOCK_ZERO && trim ? RAW_TRIMMED : code[state]));
  uint64_t raw;

  memcpy (&raw, v.b, sizeof raw);
  return raw;
}

static uint64_t
shared_index (const struct image *i, uint64_t block)
{
  return block + block / CHUNK;
}

/* IN_FRONT: the sector of the bitmap. */
static uint32_t
bitmap_size (const struct test_format *f)
{
  return ROUND_UP (DIV_ROUND_UP (sectors (f), 8u), BITS_PAGE);
}

static struct image_entry
front_get (const struct image *i, uint64_t block, uint64_t raw)
{
  const uint32_t raw32 = (uint32_t) raw;
  be32 v;

  memcpy (v.b, &raw32, sizeof v.b);
  if (be32_get (v) == UINT32_MAX)
    return (struct image_entry){ .state = BLOCK_ABSENT };
  if (be32_get (v) == 0)
    return (struct image_entry){ .state = BLOCK_BAD };
  return (struct image_entry){
    .state = BLOCK_BITS,
    .place = be32_get (v) * UINT64_C (512) + bitmap_size (&own_of (i)->f),
  };
}

static uint64_t
front_put (const struct image *i, enum image_block_state state, uint64_t place,
           bool trim)
{
  const be32 v =
    be32_put (state == BLOCK_ABSENT ?
                UINT32_MAX :
                (uint32_t) ((place - bitmap_size (&own_of (i)->f)) / 512));
  uint32_t raw;

  memcpy (&raw, v.b, sizeof raw);
  return raw;
}

static uint64_t
front_index (const struct image *i, uint64_t block)
{
  return block;
}

/* ------------------------------------------------------------------ */
/* Bitmaps */

static uint64_t
chunk_entry (const struct image *i, uint64_t chunk)
{
  uint64_t raw;
  int err;

  if (image_get_raw_entry (i == NULL ? NULL : (struct image *) i,
                           chunk * (CHUNK + 1) + CHUNK, &raw, &err) == -1)
    return 0;
  return shared_get (i, 0, raw).place;
}

static int
shared_bits_place (struct image *i, uint64_t page, uint64_t *place, int *err)
{
  const uint64_t sector = page * i->bits_page_sectors;
  const uint64_t per_chunk = (uint64_t) sectors (&own_of (i)->f) * CHUNK;

  *place = chunk_entry (i, sector / per_chunk);
  if (*place != 0)
    *place += sector % per_chunk / 8;
  return 0;
}

static int
shared_bits_create (struct image *i, uint64_t block, int *err)
{
  const uint64_t chunk = block / CHUNK;
  const uint64_t size = (uint64_t) sectors (&own_of (i)->f) * CHUNK / 8;
  LOCK_SCOPE (&own_of (i)->chunk_lock);
  uint64_t place;
  bool zero;

  if (chunk_entry (i, chunk) != 0)
    return 0;
  if (image_space_alloc (i->space, size, 0, 1, &place, &zero, err) == -1)
    return -1;
  if ((!zero && store_zero (i->inner, ROUND_UP (size, SHARED_UNIT), place, 0,
                            err) == -1) ||
      image_set_raw_entry (i, chunk * (CHUNK + 1) + CHUNK,
                           shared_put (i, BLOCK_FULL, place, false),
                           err) == -1) {
    image_space_release (i->space, place, size, false);
    return -1;
  }
  return 0;
}

static int
front_bits_place (struct image *i, uint64_t page, uint64_t *place, int *err)
{
  const uint64_t sector = page * i->bits_page_sectors;
  const uint64_t block = sector / sectors (&own_of (i)->f);
  uint64_t raw;
  struct image_entry e;

  if (image_get_raw_entry (i, block, &raw, err) == -1)
    return -1;
  e = front_get (i, block, raw);
  *place = e.state != BLOCK_BITS ? 0 :
                                   e.place - bitmap_size (&own_of (i)->f) +
                                     sector % sectors (&own_of (i)->f) / 8;
  return 0;
}

static int
front_block_init (struct image *i, uint64_t place, bool full, uint32_t start,
                  uint32_t count, int *err)
{
  const uint32_t size = bitmap_size (&own_of (i)->f);
  CLEANUP_FREE uint8_t *bits = must_calloc (1, size);

  if (full)
    memset (bits, 0xff, size);
  else
    for (uint32_t k = start; k < start + count; k++)
      bits[k / 8] |= 0x80 >> k % 8;
  return image_inner_write (i, bits, size, place - size, "bitmap", err);
}

static uint64_t
shared_footprint (const struct image *i, uint64_t *data_at)
{
  *data_at = 0;
  return UINT64_C (1) << i->block_shift;
}

static uint64_t
front_footprint (const struct image *i, uint64_t *data_at)
{
  *data_at = bitmap_size (&own_of (i)->f);
  return *data_at + (UINT64_C (1) << i->block_shift);
}

/* ------------------------------------------------------------------ */
/* The file */

static int
write_header (struct store *inner, const struct test_format *f, int *err)
{
  char header[HEADER] = "";

  memcpy (header, magic, sizeof magic);
  memcpy (header + 8, f, sizeof *f);
  return store_write (inner, header, sizeof header, 0, STORE_FUA, err);
}

static int
first_change (struct image *i, int *err)
{
  own_of (i)->counts.first_changes++;
  if (own_of (i)->fail_first_change) {
    *err = EIO;
    return -1;
  }
  return write_header (i->inner, &own_of (i)->f, err);
}

/* In the order of the pages, and within a page backwards, piece by piece:
 * what a log does that cannot take all at once.
 */
static int
shared_commit (struct image *i, struct image_page *pages, unsigned npages,
               int *err)
{
  own_of (i)->counts.commits++;
  own_of (i)->counts.pages += npages;
  if (own_of (i)->fail_commit) {
    *err = EIO;
    return -1;
  }
  for (unsigned k = 0; k < npages; k++) {
    for (uint32_t n = pages[k].count; n > 0; n -= 512) {
      if (store_write (i->inner, pages[k].data + n - 512, 512,
                       pages[k].offset + n - 512, 0, err) == -1 ||
          store_flush (i->inner, err) == -1)
        return -1;
    }
  }
  return 0;
}

/* In place, all at once. */
static int
front_commit (struct image *i, struct image_page *pages, unsigned npages,
              int *err)
{
  own_of (i)->counts.commits++;
  own_of (i)->counts.pages += npages;
  if (own_of (i)->fail_commit) {
    *err = EIO;
    return -1;
  }
  for (unsigned k = 0; k < npages; k++) {
    if (store_write (i->inner, pages[k].data, pages[k].count, pages[k].offset,
                     0, err) == -1)
      return -1;
  }
  return store_flush (i->inner, err);
}

static int
write_footer (struct store *inner, uint64_t offset, int *err)
{
  char footer[FOOTER];

  memset (footer, 'F', sizeof footer);
  return store_write (inner, footer, sizeof footer, offset, 0, err);
}

static int
front_grow (struct image *i, uint64_t end, uint64_t *reserved, int *err)
{
  struct own *o = own_of (i);
  const uint64_t old = o->footer;

  o->counts.grows++;
  if (store_resize (i->inner, end, err) == -1 ||
      write_footer (i->inner, end - FOOTER, err) == -1)
    return -1;
  o->footer = end - FOOTER;
  *reserved = FOOTER;
  image_space_release (i->space, old, FOOTER, false);
  return 0;
}

static int
shared_grow (struct image *i, uint64_t end, uint64_t *reserved, int *err)
{
  own_of (i)->counts.grows++;
  return store_resize (i->inner, end, err);
}

static int
shared_close_clean (struct image *i, uint64_t used, int *err)
{
  own_of (i)->counts.closes++;
  if (used < store_size (i->inner) && store_resize (i->inner, used, err) == -1)
    return -1;
  return store_flush (i->inner, err);
}

static int
front_close_clean (struct image *i, uint64_t used, int *err)
{
  own_of (i)->counts.closes++;
  if (used + FOOTER < store_size (i->inner) &&
      (write_footer (i->inner, used, err) == -1 ||
       store_flush (i->inner, err) == -1 ||
       store_resize (i->inner, used + FOOTER, err) == -1))
    return -1;
  return store_flush (i->inner, err);
}

static int
resize (struct image *i, uint64_t size, int *err)
{
  struct own *o = own_of (i);
  struct test_format f = o->f;

  if (size > f.max_size) {
    *err = EOPNOTSUPP;
    return -1;
  }
  f.size = size;
  if (write_header (i->inner, &f, err) == -1)
    return -1;
  o->f = f;
  atomic_store (&i->size, size);
  i->nblocks = DIV_ROUND_UP (size, UINT64_C (1) << i->block_shift);
  return 0;
}

static void
free_own (struct image *i)
{
  pthread_mutex_destroy (&own_of (i)->chunk_lock);
  free (i->own);
}

static const struct image_format shared_format = {
  .name = "shared",
  .entry_size = 8,
  .get_entry = shared_get,
  .put_entry = shared_put,
  .entry_index = shared_index,
  .has_zero = true,
  .has_full = true,
  .bits_place = shared_bits_place,
  .bits_create = shared_bits_create,
  .block_footprint = shared_footprint,
  .first_change = first_change,
  .commit = shared_commit,
  .grow = shared_grow,
  .close_clean = shared_close_clean,
  .resize = resize,
  .free_own = free_own,
};

static const struct image_format front_format = {
  .name = "in-front",
  .entry_size = 4,
  .get_entry = front_get,
  .put_entry = front_put,
  .entry_index = front_index,
  .bits_msb_first = true,
  .bits_place = front_bits_place,
  .block_footprint = front_footprint,
  .block_init = front_block_init,
  .first_change = first_change,
  .commit = front_commit,
  .grow = front_grow,
  .close_clean = front_close_clean,
  .resize = resize,
  .free_own = free_own,
};

/* ------------------------------------------------------------------ */
/* Making and opening */

static uint64_t
bat_nentries (const struct test_format *f)
{
  const uint64_t n = DIV_ROUND_UP (f->max_size, UINT64_C (1) << f->block_shift);

  return f->flavour == TEST_SHARED ? DIV_ROUND_UP (n, CHUNK) * (CHUNK + 1) : n;
}

static uint64_t
bat_size (const struct test_format *f)
{
  return ROUND_UP (bat_nentries (f) * (f->flavour == TEST_SHARED ? 8 : 4), 512);
}

/* Where blocks may begin. */
static uint64_t
data_start (const struct test_format *f)
{
  return ROUND_UP (HEADER + bat_size (f), SHARED_UNIT);
}

static void
must (int r, const char *what)
{
  if (r == -1) {
    fprintf (stderr, "image-test-format: %s\n", what);
    abort ();
  }
}

void
test_format_make (struct store *inner, const struct test_format *format)
{
  struct test_format f = *format;
  uint64_t start;
  int err;

  if (f.max_size == 0)
    f.max_size = f.size;
  start = data_start (&f);
  must (store_resize (inner, start + (f.flavour == TEST_IN_FRONT ? FOOTER : 0),
                      &err),
        "resize");
  must (write_header (inner, &f, &err), "header");
  if (f.flavour == TEST_IN_FRONT) {
    CLEANUP_FREE uint8_t *bat = must_malloc (bat_size (&f));

    memset (bat, 0xff, bat_size (&f));
    must (store_write (inner, bat, bat_size (&f), HEADER, 0, &err), "bat");
    must (write_footer (inner, start, &err), "footer");
  }
  must (store_flush (inner, &err), "flush");
}

static void
fill_in (struct image *t, struct own *o, struct store *inner, bool read_only)
{
  const struct test_format *f = &o->f;
  const bool shared = f->flavour == TEST_SHARED;

  t->format = shared ? &shared_format : &front_format;
  t->own = o;
  t->name = strdup ("test.img");
  t->inner = inner;
  atomic_init (&t->size, f->size);
  t->sector_shift = f->sector_shift;
  t->block_shift = f->block_shift;
  t->nblocks = DIV_ROUND_UP (f->size, UINT64_C (1) << f->block_shift);
  t->bat_offset = HEADER;
  t->bat_nentries = bat_nentries (f);
  t->bits_page_size = BITS_PAGE;
  t->bits_page_sectors =
    (uint32_t) min_u64 (BITS_PAGE * 8, sectors (f) * (shared ? CHUNK : 1));
  t->has_bits = !shared || f->parent;
  t->info = (struct image_info){
    .format = t->format->name,
    .size = f->size,
    .sector_size = 1u << f->sector_shift,
    .physical_sector_size = 1u << f->sector_shift,
    .block_size = UINT64_C (1) << f->block_shift,
    .read_only = read_only,
    .keeps_blocks = f->keeps_blocks,
    .parent = { .exists = f->parent },
  };
}

/* Claim what is used and cut off the rest. */
static int
claim (struct image *i, int *err)
{
  struct own *o = own_of (i);
  const uint64_t reserved = o->f.flavour == TEST_IN_FRONT ? FOOTER : 0;
  const uint64_t nchunks = DIV_ROUND_UP (i->nblocks, CHUNK);
  uint64_t end;

  *err = EINVAL;
  if (image_space_claim (i->space, 0, data_start (&o->f)) != 1 ||
      image_claim_blocks (i, err) == -1)
    return -1;
  for (uint64_t k = 0; reserved == 0 && k < nchunks; k++) {
    const uint64_t place = chunk_entry (i, k);

    if (place != 0 &&
        image_space_claim (i->space, place,
                           (uint64_t) sectors (&o->f) * CHUNK / 8) != 1)
      return -1;
  }
  end = image_space_used_end (i->space);
  if (end + reserved < store_size (i->inner)) {
    if (reserved > 0 && write_footer (i->inner, end, err) == -1)
      return -1;
    if (store_resize (i->inner, end + reserved, err) == -1)
      return -1;
  }
  image_space_set_end (i->space, end);
  o->footer = end;
  return 0;
}

struct image *
test_format_open (struct store *inner, bool read_only)
{
  char header[HEADER];
  struct own *o = must_calloc (1, sizeof *o);
  struct image_space_options space;
  struct image t, *i = NULL;
  int err = EINVAL;

  memset (&t, 0, sizeof t);
  if (store_read (inner, header, sizeof header, 0, &err) == -1 ||
      memcmp (header, magic, sizeof magic) != 0)
    goto failed;
  memcpy (&o->f, header + 8, sizeof o->f);
  fill_in (&t, o, inner, read_only);
  space = (struct image_space_options){
    .unit = o->f.flavour == TEST_SHARED ? SHARED_UNIT : 512,
    .limit = o->f.limit != 0 ? o->f.limit : UINT64_C (1) << 60,
    .end = store_size (inner) - (o->f.flavour == TEST_SHARED ? 0 : FOOTER),
    .step = o->f.step != 0 ? o->f.step : 65536,
  };
  i = image_create (&t, read_only ? NULL : &space);
  if (i == NULL) {
    err = errno;
    goto failed;
  }
  pthread_mutex_init (&o->chunk_lock, NULL);
  if (!read_only && claim (i, &err) == -1) {
    image_abandon (i);
    errno = err;
    return NULL;
  }
  return i;

failed:
  free (t.name);
  free (o);
  errno = err;
  return NULL;
}

const struct test_format_counts *
test_format_counts (const struct image *i)
{
  return &own_of (i)->counts;
}

void
test_format_fail (struct image *i, bool first_change_fails, bool commit_fails)
{
  own_of (i)->fail_first_change = first_change_fails;
  own_of (i)->fail_commit = commit_fails;
}
