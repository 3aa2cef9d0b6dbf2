/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who answers PERSISTENT RESERVE IN and OUT: reservations of our own
 * (pr-disk.h), or a device that commands are passed to.
 */

#ifndef DISKSTACK_PR_TARGET_H
#define DISKSTACK_PR_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "reservation/reservation-status.h"

/* Command blocks are filled up with zeroes. */
#define PR_CDB_SIZE 16

/* The longest parameter list, in bytes. */
#define PR_LIST_MAX 8192

#define PR_SENSE_SIZE 96

/* What becomes of a command. */
struct pr_answer {
  uint8_t status;               /* of SCSI */
  uint8_t sense[PR_SENSE_SIZE]; /* zeroes unless it is CHECK CONDITION */
  size_t count;                 /* of IN, if it is GOOD: bytes of data */
};

struct pr_target;

struct pr_target_ops {
  const char *name; /* of the kind, for messages */

  /* Answer the initiator, a valid name of reservation.h, with at most SIZE
   * bytes of DATA.  All of *A is set.  Any number of threads.
   */
  void (*pr_in) (struct pr_target *t, const char *initiator,
                 const uint8_t cdb[PR_CDB_SIZE], uint8_t *data, size_t size,
                 struct pr_answer *a);

  /* The same of OUT, with the SIZE bytes of its parameter LIST.  When it
   * returns the command has had its whole effect.
   */
  void (*pr_out) (struct pr_target *t, const char *initiator,
                  const uint8_t cdb[PR_CDB_SIZE], const uint8_t *list,
                  size_t size, struct pr_answer *a);
};

/* The head of every target; implementations put it first in theirs. */
struct pr_target {
  const struct pr_target_ops *ops;
};

/* Fill in *A for STATUS, with sense of the fixed format (SPC-4, 4.5.3). */
extern void pr_answer_set (struct pr_answer *a, enum reservation_status status);

#endif /* DISKSTACK_PR_TARGET_H */
