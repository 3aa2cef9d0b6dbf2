/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How much of the file is taken, and making less of it so.
 */

#include <config.h>

#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"

/* Blocks that have no place yet will have one when a checkpoint comes. */
uint64_t
sqlite_used (struct layer *base)
{
  struct sqlite_layer *l = to_sqlite (base);
  uint64_t ignored;

  return sqlite_space_used (l, &ignored) + atomic_load (&l->db_used) +
         atomic_load (&l->log_reserved) +
         atomic_load (&l->nhomeless) * SDB_CLUSTER;
}

/* A checkpoint lets what was given up be used again, and gives its space
 * back, unless a round of the log was on its way when it began: then the
 * next one after that round.
 */
int
sqlite_reclaim (struct layer *base, int *err)
{
  struct sqlite_layer *l = to_sqlite (base);

  for (unsigned attempt = 0; attempt < 2; attempt++) {
    uint64_t quarantined;

    sqlite_space_used (l, &quarantined);
    if (quarantined == 0)
      return 0;
    if ((attempt > 0 && sqlite_log_flush (l, err) == -1) ||
        sqlite_ckpt_wait (l, err) == -1)
      return -1;
  }
  return 0;
}
