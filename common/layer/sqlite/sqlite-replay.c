/* SPDX-License-Identifier: BSD-3-Clause
 *
 * After an open: read the log from where the last checkpoint left it,
 * batch by batch, until one is not there, and do again what each says.
 * What the places lack goes into blocks, just as it was before.
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

static int
read_log (struct sqlite_layer *l, const struct sqlite_db_log *s, void *buf,
          uint64_t n, uint64_t position)
{
  int err;

  if (store_read (l->file, buf, n, s->offset + position % s->length, &err) == 0)
    return 0;
  errno = err;
  log_error ("%s: read the log, %" PRIu64 " bytes at %" PRIu64 ": %m", l->name,
             n, s->offset + position % s->length);
  return -1;
}

/* Look for the next batch at *POSITION, or, where that does not hold it,
 * at the start of the ring.  1 with the batch in *BUF, 0 if there is
 * none, -1 after log_error.
 */
static int
next_batch (struct sqlite_layer *l, const struct sqlite_db_log *s,
            uint64_t sequence, uint64_t *position, struct sdb_batch *b,
            uint8_t **buf)
{
  for (unsigned attempt = 0; attempt < 2; attempt++) {
    const uint64_t to_end = s->length - *position % s->length;
    uint8_t start[SDB_LOG_UNIT];
    uint8_t *p;

    if (read_log (l, s, start, sizeof start, *position) == -1)
      return -1;
    if (sdb_batch_parse (start, sizeof start, &s->id, sequence, to_end, b) ==
        SDB_OK) {
      p = realloc (*buf, b->length);
      if (p == NULL) {
        log_error ("%s: out of memory", l->name);
        return -1;
      }
      *buf = p;
      if (read_log (l, s, p, b->length, *position) == -1)
        return -1;
      if (sdb_batch_verify (p, b) == SDB_OK)
        return 1;
    }
    if (*position % s->length == 0)
      return 0;
    if (attempt == 0)
      *position += to_end;
  }
  return 0;
}

static void
forget_blocks_of (struct sqlite_layer *l, uint64_t cluster, uint64_t n)
{
  for (unsigned i = 0; i < NSHARDS; i++) {
    for (unsigned b = 0; b < SHARD_BUCKETS; b++) {
      struct cluster *c, *next;

      for (c = l->shard[i].bucket[b]; c != NULL; c = next) {
        next = c->next;
        if (c->number < cluster || c->number - cluster >= n)
          continue;
        sqlite_blocks_erase (l, c, 0, l->cluster_sectors);
        sqlite_cluster_drop_if_idle (l, c);
      }
    }
  }
}

static int
forget_blocks (struct sqlite_layer *l, uint64_t cluster, uint64_t n)
{
  struct cluster *c;

  if (n > 1) {
    forget_blocks_of (l, cluster, n);
    return 0;
  }
  c = sqlite_cluster_find (l, cluster);
  if (c != NULL) {
    sqlite_blocks_erase (l, c, 0, l->cluster_sectors);
    sqlite_cluster_drop_if_idle (l, c);
  }
  return 0;
}

static enum sdb_status
replay_map (struct sqlite_layer *l, const struct sdb_record *r, int *err)
{
  const uint64_t page = r->cluster / PAGE_CLUSTERS;

  if (!range_inside (r->cluster, r->run.nclusters, l->nclusters))
    return SDB_BAD_RANGE;
  if (forget_blocks (l, r->cluster, r->run.nclusters) == -1 ||
      sqlite_map_apply (l, r->cluster, &r->run, err) == -1)
    return SDB_OK;
  if (presence_set (l->index_dirty, page,
                    (r->cluster + r->run.nclusters - 1) / PAGE_CLUSTERS - page +
                      1) == -1)
    *err = ENOMEM;
  return SDB_OK;
}

static enum sdb_status
replay_data (struct sqlite_layer *l, const struct sdb_record *r,
             const uint8_t *data, uint64_t sequence, int *err)
{
  const uint64_t cluster = r->sector >> l->cluster_shift;
  const unsigned lo = r->sector & (l->cluster_sectors - 1);
  struct cluster *c;

  if (!range_inside (r->sector, r->nsectors, l->layer.info.nsectors) ||
      lo + r->nsectors > l->cluster_sectors)
    return SDB_BAD_RANGE;
  c = sqlite_cluster_get (l, cluster, err);
  if (c == NULL || sqlite_blocks_put (l, c, lo, lo + r->nsectors,
                                      (const char *) data, err) == -1)
    return SDB_OK;
  for (unsigned i = lo / l->block_sectors;
       i <= (lo + r->nsectors - 1) / l->block_sectors; i++) {
    c->blocks->logged[i] = sequence;
    if (c->blocks->unlogged >> i & 1)
      atomic_fetch_sub (&l->nunlogged, 1);
    c->blocks->unlogged &= (uint16_t) ~(1u << i);
  }
  return SDB_OK;
}

static enum sdb_status
replay_batch (struct sqlite_layer *l, const uint8_t *buf,
              const struct sdb_batch *b, int *err)
{
  const uint8_t *p = buf + SDB_BATCH_HEADER_SIZE;
  const uint8_t *end = p + b->records_length;
  const uint8_t *data = buf + b->data_offset;
  uint64_t left = b->data_length;

  for (uint32_t i = 0; i < b->nrecords && *err == 0; i++) {
    struct sdb_record r;
    uint64_t count;
    enum sdb_status status = sdb_record_get (&p, end, l->cluster_sectors, &r);

    if (status != SDB_OK)
      return status;
    if (r.type == SDB_RECORD_MAP)
      status = replay_map (l, &r, err);
    else if (!checked_mul (r.nsectors, UINT64_C (1) << l->sector_shift,
                           &count) ||
             count > left)
      return SDB_TRUNCATED;
    else {
      status = replay_data (l, &r, data, b->sequence, err);
      data += count;
      left -= count;
    }
    if (status != SDB_OK)
      return status;
  }
  return SDB_OK;
}

static void
take_over (struct sqlite_layer *l, const struct sqlite_db_log *s, uint64_t head,
           uint64_t sequence)
{
  struct log *g = &l->log;

  g->exists = true;
  g->id = s->id;
  g->offset = s->offset;
  g->length = s->length;
  g->tail = s->position;
  g->head = g->done_head = head;
  g->sequence = sequence;
  g->done_sequence = sequence - 1;
  atomic_store (&g->done_good, sequence - 1);
}

int
sqlite_replay (struct sqlite_layer *l, const struct sqlite_db_log *s)
{
  CLEANUP_FREE uint8_t *buf = NULL;
  uint64_t position = s->position, sequence = s->sequence;

  for (;;) {
    uint64_t at = position;
    enum sdb_status status;
    struct sdb_batch b;
    int err = 0;
    const int r = next_batch (l, s, sequence, &at, &b, &buf);

    if (r == -1)
      return -1;
    if (r == 0)
      break;
    status = replay_batch (l, buf, &b, &err);
    if (status != SDB_OK || err != 0) {
      errno = err;
      log_error ("%s: log batch %" PRIu64 " at %" PRIu64 ": the file %s",
                 l->name, sequence, s->offset + at % s->length,
                 status != SDB_OK ? sdb_status_string (status) :
                                    "needs more memory than there is");
      return -1;
    }
    position = at + b.length;
    sequence++;
  }
  if (sequence > s->sequence)
    log_debug ("%s: %" PRIu64 " log batches recovered", l->name,
               sequence - s->sequence);
  take_over (l, s, position, sequence);
  return 0;
}
