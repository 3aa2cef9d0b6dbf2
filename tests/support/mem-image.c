/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See mem-image.h.  A hash table of chunks.  A chunk that is not in it is
 * that of the base, or zeroes.  In a branch a hole is a chunk too, with
 * bytes NULL, since the base may have something there.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "support/mem-image.h"
#include "support/must.h"

#define CHUNK 4096
#define BUCKETS_MIN 16

struct chunk {
  struct chunk *next;
  uint64_t number;
  uint8_t *bytes;
};

struct mem_image {
  const struct mem_image *base;
  uint64_t size;
  /* Of the base, only what is below this is seen: the smallest size
   * that a branch has had.
   */
  uint64_t base_size;
  size_t nchunks, nbuckets; /* at most two chunks to a bucket */
  struct chunk **bucket;
};

struct mem_image *
mem_image_create (uint64_t size)
{
  struct mem_image *im = must_calloc (1, sizeof *im);

  im->size = size;
  im->nbuckets = BUCKETS_MIN;
  im->bucket = must_calloc (im->nbuckets, sizeof *im->bucket);
  return im;
}

struct mem_image *
mem_image_branch (const struct mem_image *base)
{
  struct mem_image *im = mem_image_create (base->size);

  im->base = base;
  im->base_size = base->size;
  return im;
}

void
mem_image_free (struct mem_image *im)
{
  if (im == NULL)
    return;
  for (size_t i = 0; i < im->nbuckets; i++) {
    struct chunk *next;

    for (struct chunk *c = im->bucket[i]; c != NULL; c = next) {
      next = c->next;
      free (c->bytes);
      free (c);
    }
  }
  free (im->bucket);
  free (im);
}

uint64_t
mem_image_size (const struct mem_image *im)
{
  return im->size;
}

static struct chunk *
find_chunk (const struct mem_image *im, uint64_t number)
{
  struct chunk *c = im->bucket[number % im->nbuckets];

  while (c != NULL && c->number != number)
    c = c->next;
  return c;
}

/* The bytes of a chunk, or NULL for zeroes. */
static const uint8_t *
look (const struct mem_image *im, uint64_t number)
{
  for (; im != NULL; im = im->base) {
    const struct chunk *c = find_chunk (im, number);

    if (c != NULL)
      return c->bytes;
    if (number * CHUNK >= im->base_size)
      return NULL;
  }
  return NULL;
}

static void
link_chunk (struct mem_image *im, struct chunk *c)
{
  struct chunk **b = &im->bucket[c->number % im->nbuckets];

  c->next = *b;
  *b = c;
}

static void
insert (struct mem_image *im, struct chunk *c)
{
  struct chunk **old = im->bucket, *next;
  const size_t nold = im->nbuckets;

  if (++im->nchunks > 2 * nold) {
    im->nbuckets = 4 * nold;
    im->bucket = must_calloc (im->nbuckets, sizeof *im->bucket);
    for (size_t i = 0; i < nold; i++) {
      for (struct chunk *k = old[i]; k != NULL; k = next) {
        next = k->next;
        link_chunk (im, k);
      }
    }
    free (old);
  }
  link_chunk (im, c);
}

/* The chunk, made if it is not there, with the content it has now. */
static struct chunk *
own_chunk (struct mem_image *im, uint64_t number)
{
  struct chunk *c = find_chunk (im, number);
  const uint8_t *old;
  uint64_t visible;

  if (c != NULL)
    return c;
  old = look (im, number);
  c = must_calloc (1, sizeof *c);
  c->number = number;
  if (old != NULL) {
    visible = min_u64 (im->base_size - number * CHUNK, CHUNK);
    c->bytes = must_calloc (1, CHUNK);
    memcpy (c->bytes, old, visible);
  }
  insert (im, c);
  return c;
}

static void
make_hole (struct mem_image *im, uint64_t number)
{
  struct chunk *c = find_chunk (im, number);

  if (c == NULL && look (im, number) == NULL)
    return;
  c = own_chunk (im, number);
  free (c->bytes);
  c->bytes = NULL;
}

void
mem_image_resize (struct mem_image *im, uint64_t size)
{
  const uint64_t last = size / CHUNK;

  if (size < im->size) {
    /* What is cut off must not come back when the image grows. */
    if (size % CHUNK != 0 && look (im, last) != NULL) {
      struct chunk *c = own_chunk (im, last);

      memset (c->bytes + size % CHUNK, 0, CHUNK - size % CHUNK);
    }
    im->base_size = min_u64 (im->base_size, size);
    for (size_t i = 0; i < im->nbuckets; i++) {
      for (struct chunk *c = im->bucket[i]; c != NULL; c = c->next) {
        if (c->number * CHUNK >= size) {
          free (c->bytes);
          c->bytes = NULL;
        }
      }
    }
  }
  im->size = size;
}

static void
check_inside (const struct mem_image *im, uint64_t count, uint64_t offset)
{
  if (count > im->size || offset > im->size - count) {
    fprintf (stderr, "image: %llu bytes at %llu are outside\n",
             (unsigned long long) count, (unsigned long long) offset);
    abort ();
  }
}

void
mem_image_read (const struct mem_image *im, void *buf, size_t count,
                uint64_t offset)
{
  uint8_t *dst = buf;

  check_inside (im, count, offset);
  while (count > 0) {
    const size_t at = offset % CHUNK, n = min_u64 (count, CHUNK - at);
    const uint8_t *bytes = look (im, offset / CHUNK);

    if (bytes != NULL)
      memcpy (dst, bytes + at, n);
    else
      memset (dst, 0, n);
    dst += n;
    offset += n;
    count -= n;
  }
}

/* Write SRC, or BYTE if it is NULL. */
static void
put (struct mem_image *im, const uint8_t *src, uint8_t byte, uint64_t count,
     uint64_t offset)
{
  check_inside (im, count, offset);
  while (count > 0) {
    const size_t at = offset % CHUNK, n = min_u64 (count, CHUNK - at);
    struct chunk *c = own_chunk (im, offset / CHUNK);

    if (c->bytes == NULL)
      c->bytes = must_calloc (1, CHUNK);
    if (src != NULL) {
      memcpy (c->bytes + at, src, n);
      src += n;
    }
    else
      memset (c->bytes + at, byte, n);
    offset += n;
    count -= n;
  }
}

void
mem_image_write (struct mem_image *im, const void *buf, size_t count,
                 uint64_t offset)
{
  put (im, buf, 0, count, offset);
}

void
mem_image_fill (struct mem_image *im, uint8_t byte, uint64_t count,
                uint64_t offset)
{
  put (im, NULL, byte, count, offset);
}

void
mem_image_punch (struct mem_image *im, uint64_t count, uint64_t offset)
{
  check_inside (im, count, offset);
  while (count > 0) {
    const size_t at = offset % CHUNK, n = min_u64 (count, CHUNK - at);

    if (n == CHUNK || (at == 0 && offset + n == im->size))
      make_hole (im, offset / CHUNK);
    else if (look (im, offset / CHUNK) != NULL)
      put (im, NULL, 0, n, offset);
    offset += n;
    count -= n;
  }
}

bool
mem_image_is_hole (const struct mem_image *im, uint64_t offset, uint64_t limit,
                   uint64_t *end)
{
  const bool hole = look (im, offset / CHUNK) == NULL;
  uint64_t next = offset / CHUNK + 1;

  /* Not for ever on a disk of exabytes: a short answer will do. */
  for (unsigned i = 0; i < 100000 && next * CHUNK < limit; i++, next++) {
    if ((look (im, next) == NULL) != hole)
      break;
  }
  *end = min_u64 (next * CHUNK, limit);
  return hole;
}

/* Is everything that A has in chunks the same in B? */
static bool
chunks_equal (const struct mem_image *all, const struct mem_image *a,
              const struct mem_image *b, uint64_t *where)
{
  static const uint8_t zeroes[CHUNK];
  uint64_t first = UINT64_MAX;

  for (const struct mem_image *im = all; im != NULL; im = im->base) {
    for (size_t i = 0; i < im->nbuckets; i++) {
      for (const struct chunk *c = im->bucket[i]; c != NULL; c = c->next) {
        const uint64_t start = c->number * CHUNK;
        const uint8_t *pa = look (a, c->number), *pb = look (b, c->number);

        if (pa == NULL)
          pa = zeroes;
        if (pb == NULL)
          pb = zeroes;
        for (size_t k = 0; k < CHUNK && start + k < a->size; k++) {
          if (pa[k] != pb[k]) {
            first = min_u64 (first, start + k);
            break;
          }
        }
      }
    }
  }
  if (first == UINT64_MAX)
    return true;
  *where = min_u64 (*where, first);
  return false;
}

bool
mem_image_equal (const struct mem_image *a, const struct mem_image *b,
                 uint64_t *where)
{
  bool r;

  *where = UINT64_MAX;
  if (a->size != b->size) {
    *where = min_u64 (a->size, b->size);
    return false;
  }
  r = chunks_equal (a, a, b, where);
  return chunks_equal (b, a, b, where) && r;
}

struct mem_image *
mem_image_copy (const struct mem_image *im)
{
  struct mem_image *copy = mem_image_create (im->size);

  for (const struct mem_image *i = im; i != NULL; i = i->base) {
    for (size_t k = 0; k < i->nbuckets; k++) {
      for (const struct chunk *c = i->bucket[k]; c != NULL; c = c->next) {
        const uint64_t start = c->number * CHUNK;
        uint8_t bytes[CHUNK];

        if (start >= im->size || look (im, c->number) == NULL ||
            find_chunk (copy, c->number) != NULL)
          continue;
        mem_image_read (im, bytes, min_u64 (CHUNK, im->size - start), start);
        mem_image_write (copy, bytes, min_u64 (CHUNK, im->size - start), start);
      }
    }
  }
  return copy;
}

uint64_t
mem_image_allocated (const struct mem_image *im)
{
  uint64_t bytes = 0;

  for (size_t i = 0; i < im->nbuckets; i++) {
    for (const struct chunk *c = im->bucket[i]; c != NULL; c = c->next)
      bytes += c->bytes != NULL ? CHUNK : 0;
  }
  return bytes;
}
