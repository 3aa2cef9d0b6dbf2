/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The text of a read trace: which ranges of a disk were read first, in the
 * order in which they were.
 *
 *   diskstack-read-trace 1 SIZE SECTOR-SIZE
 *   OFFSET LENGTH
 *   ...
 *
 * All numbers are bytes, decimal, without signs or zeroes in front; between
 * them is one space, and each line ends with a newline.  Ranges are whole
 * sectors, except where the disk ends inside of one.
 */

#ifndef DISKSTACK_READ_TRACE_H
#define DISKSTACK_READ_TRACE_H

#include <stddef.h>
#include <stdint.h>

/* Longest line, with the newline and a zero byte. */
#define READ_TRACE_LINE_MAX 96

/* More ranges than this are not written, and not read. */
#define READ_TRACE_RANGES_MAX (UINT32_C (1) << 20)

/* Why a text was refused; READ_TRACE_END: there is nothing more. */
enum read_trace_status {
  READ_TRACE_OK,
  READ_TRACE_END,
  READ_TRACE_NO_TRACE,    /* it does not begin as one */
  READ_TRACE_VERSION,     /* not 1 */
  READ_TRACE_CUT,         /* no newline at the end */
  READ_TRACE_SYNTAX,      /* not two numbers */
  READ_TRACE_NUMBER,      /* more than INT64_MAX */
  READ_TRACE_SIZE,        /* 0 */
  READ_TRACE_SECTOR_SIZE, /* not a power of two of 512 to 65536 */
  READ_TRACE_EMPTY,       /* a range of length 0 */
  READ_TRACE_ALIGNMENT,   /* not whole sectors */
  READ_TRACE_OUTSIDE,     /* beyond the end of the disk */
  READ_TRACE_TOO_MANY,    /* ranges */
};

/* A sentence without its subject, which is the trace. */
extern const char *read_trace_status_string (enum read_trace_status status);

struct read_trace {
  const char *p, *end; /* what is still to be read; not owned */
  uint64_t line;       /* the one that was read last, from 1 */
  uint64_t size;       /* of the disk, in bytes */
  uint32_t sector_size;
};

/* Read the first line of the N bytes at TEXT, which must stay. */
extern enum read_trace_status read_trace_begin (struct read_trace *t,
                                                const char *text, size_t n);

/* The next range, in bytes.  After anything but READ_TRACE_OK there is
 * none.
 */
extern enum read_trace_status
read_trace_next (struct read_trace *t, uint64_t *offset, uint64_t *count);

/* Write one line, of at most READ_TRACE_LINE_MAX bytes, to OUT, and return
 * its length without the zero byte behind it.
 */
extern size_t read_trace_put_begin (char *out, uint64_t size,
                                    uint32_t sector_size);
extern size_t read_trace_put_range (char *out, uint64_t offset, uint64_t count);

#endif /* DISKSTACK_READ_TRACE_H */
