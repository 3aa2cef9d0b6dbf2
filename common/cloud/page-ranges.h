/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The answer to Get Page Ranges of the Blob service: which parts of a page
 * blob have data.  All others are zero and take no space.
 *
 *   <PageList>
 *     <PageRange><Start>0</Start><End>511</End></PageRange> ...
 *     <NextMarker>...</NextMarker>    (since version 2020-10-02)
 *   </PageList>
 *
 * An answer may hold only the first ranges; then it has a mark with which
 * the next ones are asked for, and each answer goes on with the list where
 * the one before ended.
 */

#ifndef DISKSTACK_PAGE_RANGES_H
#define DISKSTACK_PAGE_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/extents.h"
#include "cloud/cloud-status.h"

/* Bytes of an answer that are read at most: some ten times those of the
 * 10000 ranges that one may have.
 */
#define PAGE_RANGES_MAX (16u << 20)

struct page_ranges;

/* Read an answer that is about [L->start, L->end) of a blob of SIZE bytes
 * into L, which must live as long.  NULL if there is no memory.
 */
extern struct page_ranges *page_ranges_new (uint64_t size,
                                            struct extent_list *l);
extern void page_ranges_free (struct page_ranges *p);

/* N bytes more of the answer.  Anything but CLOUD_OK is final, and what is
 * in the list is to be forgotten: the caller takes all for data.
 */
extern enum cloud_status page_ranges_feed (struct page_ranges *p,
                                           const void *bytes, size_t n);

/* It has come in full.  With CLOUD_OK, MARKER is empty and the list reaches
 * its end (or has as many extents as it can hold); or MARKER is what the
 * next request is to have, the list ends with the last range so far, and
 * there was a new one, so that asking on comes to an end.
 */
extern enum cloud_status page_ranges_end (struct page_ranges *p,
                                          struct buffer *marker);

#endif /* DISKSTACK_PAGE_RANGES_H */
