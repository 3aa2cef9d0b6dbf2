/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands to a target, as an initiator sends them.
 */

#ifndef DISKSTACK_TEST_PR_FIXTURE_H
#define DISKSTACK_TEST_PR_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "pr/pr-disk.h"
#include "reservation/reservation-report.h"

#define GOOD 0x00
#define CHECK 0x02
#define CONFLICT 0x18

/* What NAME is answered when it says C. */
static inline struct pr_answer
pr_tell (struct pr_target *t, const char *name, struct reservation_command c)
{
  uint8_t cdb[PR_CDB_SIZE] = { 0 }, list[RESERVATION_LIST_MAX];
  struct pr_answer a;
  const size_t n = reservation_out_serialise (&c, cdb, list);

  t->ops->pr_out (t, name, cdb, list, n, &a);
  return a;
}

/* The status of ACTION with KEY and ACTION_KEY, of TYPE if it has one. */
static inline unsigned
pr_do (struct pr_target *t, const char *name, enum reservation_action action,
       enum reservation_type type, uint64_t key, uint64_t action_key)
{
  return pr_tell (t, name,
                  (struct reservation_command){ .action = action,
                                                .type = type,
                                                .key = key,
                                                .action_key = action_key })
    .status;
}

/* The same of one that is to be kept. */
static inline unsigned
pr_keep (struct pr_target *t, const char *name, uint64_t key,
         uint64_t action_key)
{
  return pr_tell (t, name,
                  (struct reservation_command){ .action = RESERVATION_REGISTER,
                                                .key = key,
                                                .action_key = action_key,
                                                .aptpl = true })
    .status;
}

/* How many keys there are, the first in *KEY. */
static inline unsigned
pr_keys (struct pr_target *t, uint64_t *key)
{
  uint8_t cdb[PR_CDB_SIZE] = { 0 }, data[2048];
  struct reservation_report r;
  struct pr_answer a;

  reservation_in_serialise (RESERVATION_READ_KEYS, sizeof data, cdb);
  t->ops->pr_in (t, "whoever", cdb, data, sizeof data, &a);
  if (a.status != GOOD ||
      reservation_report_begin (&r, data, a.count) != RESERVATION_REPORT_OK)
    abort ();
  *key = 0;
  if (r.left > 0 && reservation_report_key (&r, key) != RESERVATION_REPORT_OK)
    abort ();
  return (unsigned) ((r.left + (*key != 0 ? 8 : 0)) / 8);
}

#endif /* DISKSTACK_TEST_PR_FIXTURE_H */
