/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Are the invariants of sqlite-impl.h true?
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "layer/sqlite/sqlite-impl.h"

static char *complain (const char *fs, ...)
  __attribute__ ((format (printf, 1, 2)));

static char *
complain (const char *fs, ...)
{
  char *text;
  va_list args;

  va_start (args, fs);
  if (vasprintf (&text, fs, args) == -1)
    text = NULL;
  va_end (args);
  return text;
}

/* Is a sector of the N clusters from CLUSTER on data? */
static bool
has_data (struct sqlite_layer *l, uint64_t cluster, uint64_t n)
{
  const uint64_t limit =
    min_u64 ((cluster + n) << l->cluster_shift, l->layer.info.nsectors);
  uint64_t end;

  for (uint64_t s = cluster << l->cluster_shift; s < limit; s = end) {
    if (layer_bits_state (&l->placed, s, limit, &end) == LAYER_DATA)
      return true;
  }
  return false;
}

/* Invariants 1 and 2 for the place of a cluster. */
static char *
check_place (struct sqlite_layer *l, struct presence *seen, uint64_t cluster,
             uint64_t place)
{
  if (place == 0)
    return has_data (l, cluster, 1) ?
             complain ("cluster %" PRIu64 " has data but no place", cluster) :
             NULL;
  if (place >= l->space.limit || !sdb_places_valid (place, 1))
    return complain ("cluster %" PRIu64 " is at the impossible place %" PRIu64,
                     cluster, place);
  if (sdb_place_offset (place + 1) > store_size (l->file))
    return complain ("cluster %" PRIu64 " is at %" PRIu64
                     ", beyond the end of the file, %" PRIu64,
                     cluster, sdb_place_offset (place), store_size (l->file));
  if (!presence_test (l->space.used, place))
    return complain ("cluster %" PRIu64 " is at place %" PRIu64
                     ", which is not in use",
                     cluster, place);
  if (presence_test_and_set (seen, place, 1) == 0)
    return complain ("place %" PRIu64 " has two clusters, one of them %" PRIu64,
                     place, cluster);
  return NULL;
}

/* Invariant 3. */
static char *
check_blocks (struct sqlite_layer *l, uint64_t cluster, uint64_t entry)
{
  const struct cluster *c = sqlite_cluster_find (l, cluster);
  const bool has = c != NULL && c->blocks != NULL;

  if (has != !!(entry & ENTRY_BLOCKS) ||
      has != presence_test (l->with_blocks, cluster))
    return complain ("cluster %" PRIu64 " has %s blocks, its entry says not",
                     cluster, has ? "" : "no");
  return NULL;
}

/* Invariant 6. */
static char *
check_mark (struct sqlite_layer *l, uint64_t cluster, uint64_t entry)
{
  if ((entry & ENTRY_MARKED) &&
      (entry_place (entry) == 0 || !presence_test (l->dirty, cluster)))
    return complain ("cluster %" PRIu64 " has no %s, its entry says so",
                     cluster, entry_place (entry) == 0 ? "place" : "mark");
  return NULL;
}

/* What is counted is what is there. */
static char *
check_counts (struct sqlite_layer *l, uint64_t homeless)
{
  const uint64_t used = presence_count (l->space.used, 0, l->space.end);

  if (used != l->space.nused)
    return complain ("%" PRIu64 " places are used, not %" PRIu64, used,
                     l->space.nused);
  if (homeless != atomic_load (&l->nhomeless))
    return complain ("%" PRIu64 " clusters need a place, not %" PRIu64,
                     homeless, atomic_load (&l->nhomeless));
  return NULL;
}

char *
sqlite_check_invariants (struct sqlite_layer *l)
{
  struct presence *seen = presence_create (l->space.limit);
  char *trouble = NULL;
  uint64_t homeless = 0;

  if (seen == NULL)
    return NULL;
  for (uint64_t c = 0; c < l->nclusters && trouble == NULL; c++) {
    const uint64_t next = sqlite_map_next (l, c);

    /* Nothing has a place up to there, so nothing can be data. */
    if (next > c && has_data (l, c, next - c))
      trouble = complain ("cluster %" PRIu64 " or one of the %" PRIu64
                          " after it has data but no place",
                          c, next - c - 1);
    c = next;
    if (c >= l->nclusters || trouble != NULL)
      break;
    trouble = check_place (l, seen, c, entry_place (entry_load (l, c)));
    if (trouble == NULL)
      trouble = check_blocks (l, c, entry_load (l, c));
    if (trouble == NULL)
      trouble = check_mark (l, c, entry_load (l, c));
    homeless += !!(entry_load (l, c) & ENTRY_HOMELESS);
  }
  if (trouble == NULL)
    trouble = check_counts (l, homeless);
  presence_free (seen);
  return trouble;
}
