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

static bool
has_data (struct sqlite_layer *l, uint64_t cluster)
{
  const uint64_t base = cluster << l->cluster_shift;
  const uint64_t limit =
    min_u64 (base + l->cluster_sectors, l->layer.info.nsectors);
  uint64_t end;

  for (uint64_t s = base; s < limit; s = end) {
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
    return has_data (l, cluster) ?
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

char *
sqlite_check_invariants (struct sqlite_layer *l)
{
  struct presence *seen = presence_create (l->space.limit);
  char *trouble = NULL;

  if (seen == NULL)
    return NULL;
  for (uint64_t c = 0; c < l->nclusters && trouble == NULL; c++) {

    if (atomic_load (&l->page[c / PAGE_CLUSTERS]) == NULL) {
      const uint64_t first = c;

      /* Nothing has a place here, so nothing can be data. */
      c |= PAGE_CLUSTERS - 1;
      for (uint64_t k = first; k <= c && k < l->nclusters; k++) {
        if (has_data (l, k)) {
          trouble = check_place (l, seen, k, 0);
          break;
        }
      }
      continue;
    }
    trouble = check_place (l, seen, c, entry_place (entry_load (l, c)));
    if (trouble == NULL)
      trouble = check_blocks (l, c, entry_load (l, c));
  }
  presence_free (seen);
  return trouble;
}
