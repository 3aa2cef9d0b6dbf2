/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocations that fail when a test wants it.  A program that uses this
 * is linked with $(alloc_fault_ldflags); malloc and its relatives then
 * come through here for every object of ours that is linked in (not for
 * shared libraries).  Only calls of the thread that armed the fault
 * count.  libcheck is linked in and its assertions allocate: make none
 * between alloc_fault_nth and alloc_fault_stop.
 */

#ifndef DISKSTACK_TEST_ALLOC_FAULT_H
#define DISKSTACK_TEST_ALLOC_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* The Nth allocation from now, in this thread, fails; 0: none. */
extern void alloc_fault_nth (uint64_t n);

/* All allocations from the Nth on fail. */
extern void alloc_fault_from (uint64_t n);

/* Nothing fails any more; returns whether something did. */
extern bool alloc_fault_stop (void);

/* Allocations in this thread since the last alloc_fault_nth or _from. */
extern uint64_t alloc_fault_count (void);

/* While suspended nothing counts and nothing fails: for the instruments'
 * own memory (must.h).  Returns what it was.
 */
extern bool alloc_fault_suspend (bool suspend);

#endif /* DISKSTACK_TEST_ALLOC_FAULT_H */
