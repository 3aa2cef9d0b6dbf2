/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sdb-status.h.
 */

#include <config.h>

#include "sector-db/sdb-status.h"

const char *
sdb_status_string (enum sdb_status status)
{
  static const char *const strings[] = {
    [SDB_OK] = "is fine",
    [SDB_TOO_SHORT] = "is too short to be a layer",
    [SDB_NOT_SQLITE] = "is not an SQLite database and so not a layer",
    [SDB_NOT_LAYER] = "is an SQLite database of another program, not a layer",
    [SDB_NEWER] = "has a later format than this program knows",
    [SDB_PAGE_SIZE] = "has a database page size that a layer does not have",
    [SDB_TRUNCATED] = "has a record that is cut off",
    [SDB_BAD_NUMBER] = "has a number of more than 64 bits",
    [SDB_BAD_KIND] = "has a record of an unknown kind",
    [SDB_BAD_COUNT] = "has a run of a wrong number of clusters",
    [SDB_BAD_PLACE] = "has data where a layer cannot have any",
    [SDB_BAD_BITS] = "has sectors in an impossible state",
    [SDB_BAD_RANGE] = "has sectors beyond the end of the disk",
    [SDB_LOG_MAGIC] = "has no log batch there",
    [SDB_LOG_ID] = "has a batch of another log there",
    [SDB_LOG_SEQUENCE] = "has a log batch with another number there",
    [SDB_LOG_LENGTH] = "has a log batch of impossible length",
    [SDB_LOG_HEADER_CRC] = "has a log batch with a damaged header",
    [SDB_LOG_DATA_CRC] = "has a log batch with damaged data",
  };

  return strings[status];
}
