/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What PERSISTENT RESERVE IN says, for people, as sg_persist(8) prints it.
 */

#ifndef DISKSTACK_PR_SHOW_H
#define DISKSTACK_PR_SHOW_H

#include "reservation/reservation-report.h"

/* Print the SIZE bytes at P that answer ACTION.  0, or -1 if they are not
 * what was asked for.
 */
extern int pr_show (enum reservation_in_action action, const uint8_t *p,
                    size_t size);

#endif /* DISKSTACK_PR_SHOW_H */
