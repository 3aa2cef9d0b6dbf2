/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening: which places are in use is what the log and the final map
 * refer to, and nothing else in the file says so.  Places of clusters
 * come in any order, up to one for each 64 KiB, so they are collected in
 * a flat bitmap first.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "layer/sqlite/sqlite-impl.h"

int
sqlite_claim_log (struct sqlite_layer *l, const struct sqlite_db_log *s)
{
  const uint64_t place = s->offset / SDB_CLUSTER;
  const uint64_t n = s->length / SDB_CLUSTER;
  int err;

  if (s->length < LOG_LENGTH_MIN || !IS_ALIGNED (s->offset, SDB_CLUSTER) ||
      !IS_ALIGNED (s->length, SDB_CLUSTER) || !sdb_places_valid (place, n) ||
      !range_inside (s->offset, s->length, store_size (l->file)) ||
      !IS_ALIGNED (s->position, SDB_LOG_UNIT) || s->sequence == 0) {
    log_error ("%s: meta: impossible log of %" PRIu64 " bytes at %" PRIu64,
               l->name, s->length, s->offset);
    return -1;
  }
  if (sqlite_space_use (l, place, n, &err) == -1) {
    log_error ("%s: the log at %" PRIu64 " lies over something else", l->name,
               s->offset);
    return -1;
  }
  return 0;
}

struct claims {
  struct sqlite_layer *l;
  uint64_t limit; /* places from here on are not in the file */
  uint64_t *word;
  uint64_t n;   /* places that clusters have */
  uint64_t end; /* behind the last of them */
};

static int
claim (struct claims *g, uint64_t cluster, uint64_t place)
{
  const struct sqlite_layer *l = g->l;
  const uint64_t bit = UINT64_C (1) << place % 64;

  if (place >= g->limit) {
    log_error ("%s: cluster %" PRIu64 " is at %" PRIu64
               ", and beyond it is the end of the file, %" PRIu64 " bytes",
               l->name, cluster, sdb_place_offset (place),
               store_size (l->file));
    return -1;
  }
  if (g->word[place / 64] & bit) {
    log_error ("%s: cluster %" PRIu64 " is at %" PRIu64
               ": another cluster is there, too",
               l->name, cluster, sdb_place_offset (place));
    return -1;
  }
  g->word[place / 64] |= bit;
  g->end = max_u64 (g->end, place + 1);
  g->n++;
  return 0;
}

static int
claim_all (struct claims *g)
{
  struct sqlite_layer *l = g->l;

  uint64_t c = 0;

  for (; (c = sqlite_map_next (l, c)) < l->nclusters; c++) {
    const uint64_t place = entry_place (entry_load (l, c));

    if (place != 0 && claim (g, c, place) == -1)
      return -1;
  }
  return 0;
}

int
sqlite_claim_places (struct sqlite_layer *l)
{
  struct claims g = {
    .l = l,
    .limit = min_u64 (store_size (l->file) / SDB_CLUSTER, l->space.limit),
  };
  const size_t nwords = DIV_ROUND_UP (g.limit, 64);
  CLEANUP_FREE uint64_t *word = calloc (nwords, sizeof *word);
  int r, err;

  g.word = word;
  if (word == NULL) {
    log_error ("%s: out of memory", l->name);
    return -1;
  }
  /* The log's. */
  presence_get_words (l->space.used, 0, word, nwords);
  r = claim_all (&g);
  if (r == 0 && g.n > 0) {
    r = sqlite_space_use_words (l, word, nwords, g.n, g.end, &err);
    if (r == -1)
      log_error ("%s: %s", l->name, strerror (err));
  }
  return r;
}
