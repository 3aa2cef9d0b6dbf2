/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of bench-presence share.
 */

#ifndef DISKSTACK_BENCH_PRESENCE_H
#define DISKSTACK_BENCH_PRESENCE_H

#include <stdint.h>

#define BIT(n) (UINT64_C (1) << (n))

/* The same sequence in each run of the program. */
extern uint64_t random_below (uint64_t n);

/* End the program if memory has run out. */
extern void *check_alloc (void *ptr);
extern void check_ok (int64_t r);

/* Print the table of memory. */
extern void bench_memory_all (void);

#endif /* DISKSTACK_BENCH_PRESENCE_H */
