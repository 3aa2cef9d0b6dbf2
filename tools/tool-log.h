/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of the rooms below: to the terminal, or kept as the reasons
 * why an image is not as it should be.
 */

#ifndef DISKSTACK_TOOL_LOG_H
#define DISKSTACK_TOOL_LOG_H

#include <stddef.h>

/* From now on messages are kept instead of printed. */
extern void tool_log_keep (void);

/* Forget what was kept, and print again. */
extern void tool_log_print (void);

/* The messages that were kept, oldest first, NULL behind the last. */
extern const char *tool_log_kept (size_t i);

/* How many messages there were so far, kept or printed: what a call that
 * cannot fail had to say is known by it.
 */
extern unsigned tool_log_count (void);

#endif /* DISKSTACK_TOOL_LOG_H */
