/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bytes in memory, sparse and of any size: what the stores of the tests
 * keep their content in.  An image may be a branch of another one: it
 * reads through to it until it is written, so that a thousand variants
 * of one disk cost little.  Not thread-safe; out of memory ends the
 * test.
 */

#ifndef DISKSTACK_TEST_MEM_IMAGE_H
#define DISKSTACK_TEST_MEM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem_image;

/* SIZE bytes of zeroes. */
extern struct mem_image *mem_image_create (uint64_t size);

/* A branch of BASE, which must stay as it is and live longer. */
extern struct mem_image *mem_image_branch (const struct mem_image *base);

/* The same content, standing on its own. */
extern struct mem_image *mem_image_copy (const struct mem_image *im);

extern void mem_image_free (struct mem_image *im);

extern uint64_t mem_image_size (const struct mem_image *im);

/* Bytes beyond the old size become zeroes, those beyond the new size
 * are forgotten.
 */
extern void mem_image_resize (struct mem_image *im, uint64_t size);

/* The range must be inside the image. */
extern void mem_image_read (const struct mem_image *im, void *buf, size_t count,
                            uint64_t offset);
extern void mem_image_write (struct mem_image *im, const void *buf,
                             size_t count, uint64_t offset);
extern void mem_image_fill (struct mem_image *im, uint8_t byte, uint64_t count,
                            uint64_t offset);

/* Make the whole chunks in the range holes, and zero the rest of it. */
extern void mem_image_punch (struct mem_image *im, uint64_t count,
                             uint64_t offset);

/* Is the byte in a hole?  In *END the first byte from which on that may
 * differ, at most LIMIT.
 */
extern bool mem_image_is_hole (const struct mem_image *im, uint64_t offset,
                               uint64_t limit, uint64_t *end);

/* Do the two have the same size and content?  If not, *WHERE is the
 * first byte that differs.
 */
extern bool mem_image_equal (const struct mem_image *a,
                             const struct mem_image *b, uint64_t *where);

/* Bytes of chunks that hold something: how much a loop has to look at. */
extern uint64_t mem_image_allocated (const struct mem_image *im);

#endif /* DISKSTACK_TEST_MEM_IMAGE_H */
