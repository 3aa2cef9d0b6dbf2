/* SPDX-License-Identifier: BSD-3-Clause
 *
 * base/log.h for tests: messages are kept, one to a line, for the test
 * to look through.  "error: " or "debug: " comes before each.  The text
 * is also printed when a test ends in failure, by log_memory_print.
 */

#ifndef DISKSTACK_TEST_LOG_MEMORY_H
#define DISKSTACK_TEST_LOG_MEMORY_H

#include <stdbool.h>

/* Forget what was said so far. */
extern void log_memory_clear (void);

/* Does a line contain TEXT? */
extern bool log_memory_contains (const char *text);

/* How many lines begin with "error: " (or "debug: ")? */
extern unsigned log_memory_errors (void);
extern unsigned log_memory_debugs (void);

/* A copy of everything, to free. */
extern char *log_memory_text (void);

/* Everything, on stderr. */
extern void log_memory_print (void);

#endif /* DISKSTACK_TEST_LOG_MEMORY_H */
