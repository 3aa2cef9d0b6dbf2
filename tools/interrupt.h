/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Being asked to end, by SIGINT or SIGTERM, while something is going on
 * that should not be cut anywhere.
 */

#ifndef DISKSTACK_INTERRUPT_H
#define DISKSTACK_INTERRUPT_H

#include <stdbool.h>

/* From now on such a signal is only remembered; a second one ends the
 * program at once.
 */
extern void interrupt_catch (void);

extern bool interrupt_came (void);

#endif /* DISKSTACK_INTERRUPT_H */
