/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where messages go.  The rooms below glue say what happened through
 * these two functions and do not know who listens: glue/log-nbdkit.c
 * sends them to nbdkit, tools/log-stderr.c to the terminal and
 * tests/support/log-memory.c to a buffer that a test can read.  Exactly
 * one of these is linked into each program and module, so that no
 * mutable variable is needed to choose.
 */

#ifndef DISKSTACK_LOG_H
#define DISKSTACK_LOG_H

/* Report a failure that a user should read: lower case, no newline, no
 * full stop, naming the component, the offset and count in bytes, and
 * the reason ("%m" is expanded from errno).  Keeps errno.  Thread-safe.
 */
extern void log_error (const char *fs, ...)
  __attribute__ ((format (printf, 1, 2)));

/* The same for what only somebody hunting a bug wants to see. */
extern void log_debug (const char *fs, ...)
  __attribute__ ((format (printf, 1, 2)));

#endif /* DISKSTACK_LOG_H */
