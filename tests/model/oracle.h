/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a disk may hold, while requests are in flight and after a crash.
 *
 * The disk is cut into cells of `unit' bytes; the last may be shorter.
 * A cell holds one version: 0 is zeroes, 1 what the disk began with, any
 * other the data of one write.  Of every cell the oracle keeps the
 * changes that could still be what it holds.  Time is a counter, and a
 * change lasts from before it was sent until after its reply was seen,
 * so what the oracle calls "in flight at once" is never less than what
 * was.
 *
 * - A change that has ended rules out those that ended before it began.
 *   A trim rules nothing out: it zeroes or it does nothing.
 * - What one read finds, with no change in flight, the next one finds.
 * - After a crash a cell holds what a change left that no durable change
 *   rules out; durable is what had ended before a flush began that has
 *   ended, and what ended with FUA.
 *
 * One thread.
 */

#ifndef DISKSTACK_MODEL_ORACLE_H
#define DISKSTACK_MODEL_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

enum { VERSION_ZERO, VERSION_INITIAL, VERSION_FIRST };

struct oracle;

/* A disk of SIZE bytes.  Its first content is version 1 and 0 in turns
 * up to INITIAL_SIZE, and 0 from there on.
 */
extern struct oracle *oracle_create (uint64_t size, uint32_t unit,
                                     uint64_t initial_size, uint64_t seed);
extern void oracle_free (struct oracle *o);

/* Cells; and the bytes of [CELL, CELL+N). */
extern uint64_t oracle_ncells (const struct oracle *o);
extern uint64_t oracle_bytes (const struct oracle *o, uint64_t cell,
                              uint64_t n);

/* Put what the disk began with into BUF. */
extern void oracle_initial (const struct oracle *o, char *buf);

/* A version that was not there before, and its data. */
extern uint32_t oracle_new_version (struct oracle *o);
extern void oracle_fill (const struct oracle *o, char *buf, uint64_t cell,
                         uint64_t n, uint32_t version);

/* Something that is not a change begins. */
extern uint64_t oracle_begin (struct oracle *o);

/* A change of [CELL, CELL+N) to VERSION begins; its time.  WEAK: it may
 * also leave the cells as they are.
 */
extern uint64_t oracle_begin_change (struct oracle *o, uint64_t cell,
                                     uint64_t n, uint32_t version, bool weak);

/* The change that began at START has ended. */
extern void oracle_end_change (struct oracle *o, uint64_t cell, uint64_t n,
                               uint64_t start, bool fua);

/* The flush that began at START has ended. */
extern void oracle_end_flush (struct oracle *o, uint64_t start);

/* Everything that is in flight began at TIME or later. */
extern void oracle_oldest (struct oracle *o, uint64_t time);

/* Is BUF what a read that began at START may find?  And may the cells be
 * zero, as block status says?  If not, says so on stderr.
 */
extern bool oracle_check_read (struct oracle *o, const char *buf, uint64_t cell,
                               uint64_t n, uint64_t start);
extern bool oracle_check_zero (struct oracle *o, uint64_t cell, uint64_t n,
                               uint64_t start);

/* The server is gone.  What is in flight may have been done or not.  If
 * it LOSES, so may be what is not durable.
 */
extern void oracle_crash (struct oracle *o, bool loses);

/* The disk is again as it began. */
extern void oracle_reset (struct oracle *o);

/* What a read of everything has found is durable. */
extern void oracle_settle (struct oracle *o);

#endif /* DISKSTACK_MODEL_ORACLE_H */
