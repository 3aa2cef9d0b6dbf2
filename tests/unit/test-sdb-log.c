/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records and batches of the log: there and back, each thing that can be
 * wrong, and that no single byte can change unnoticed.
 */

#include <config.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "sector-db/sdb-log.h"
#include "support/main.h"
#include "support/rng.h"

enum { SECTORS = 16 }; /* of a cluster */

/* Records. */

static const struct sdb_record records[] = {
  { .type = SDB_RECORD_DATA, .sector = 0, .nsectors = 1 },
  { .type = SDB_RECORD_DATA, .sector = 1234567, .nsectors = 16 },
  { .type = SDB_RECORD_DATA, .sector = UINT64_MAX, .nsectors = UINT64_MAX },
  { .type = SDB_RECORD_MAP,
    .cluster = 0,
    .run = { .kind = SDB_ZERO, .nclusters = 99 } },
  { .type = SDB_RECORD_MAP,
    .cluster = 77777,
    .run = { .kind = SDB_MIXED,
             .nclusters = 1,
             .place = SDB_PLACE_FIRST,
             .present = { 0xff },
             .zero = { 0x80 } } },
};

START_TEST (record)
{
  const struct sdb_record *r = &records[_i];
  uint8_t buf[SDB_RECORD_MAX];
  const size_t n = sdb_record_put (buf, r, SECTORS);
  const uint8_t *p = buf;
  struct sdb_record back;

  ck_assert_uint_le (n, sizeof buf);
  ck_assert_int_eq (sdb_record_get (&p, buf + n, SECTORS, &back), SDB_OK);
  ck_assert_ptr_eq (p, buf + n);
  ck_assert_int_eq (back.type, r->type);
  ck_assert_uint_eq (back.sector, r->sector);
  ck_assert_uint_eq (back.nsectors, r->nsectors);
  ck_assert_uint_eq (back.cluster, r->cluster);
  ck_assert_int_eq (back.run.kind, r->run.kind);
  ck_assert_uint_eq (back.run.nclusters, r->run.nclusters);
  ck_assert_uint_eq (back.run.place, r->run.place);
  for (size_t cut = 0; cut < n; cut++) {
    p = buf;
    ck_assert_int_eq (sdb_record_get (&p, buf + cut, SECTORS, &back),
                      SDB_TRUNCATED);
  }
}
END_TEST

START_TEST (wrong_record)
{
  static const struct {
    uint8_t bytes[4];
    enum sdb_status status;
  } wrongs[] = {
    { { 0, 1, 1 }, SDB_BAD_KIND },
    { { 3, 1, 1 }, SDB_BAD_KIND },
    { { SDB_RECORD_DATA, 5, 0 }, SDB_BAD_COUNT },
    { { SDB_RECORD_MAP, 5, (SDB_MIXED | SDB_KIND_DIRTY) + 1, 1 },
      SDB_BAD_KIND },
    { { SDB_RECORD_MAP, 5, SDB_ZERO, 0 }, SDB_BAD_COUNT },
  };

  for (size_t i = 0; i < ARRAY_SIZE (wrongs); i++) {
    const uint8_t *p = wrongs[i].bytes;
    struct sdb_record r;

    ck_assert_int_eq (sdb_record_get (&p, p + 4, SECTORS, &r),
                      wrongs[i].status);
  }
}
END_TEST

/* Batches. */

static const struct uuid id = { .b = "0123456789abcde" };

/* A batch with some records and data, in *P. */
static struct sdb_batch
make (uint8_t **p, uint32_t records_length, uint32_t data_length)
{
  struct sdb_batch b = { .log_id = id,
                         .sequence = 42,
                         .nrecords = 3,
                         .records_length = records_length,
                         .data_length = data_length };
  struct rng rng;

  b.data_offset = sdb_batch_data_offset (records_length);
  b.length = ROUND_UP (b.data_offset + data_length, SDB_LOG_UNIT);
  *p = malloc (b.length);
  rng_init (&rng, records_length);
  rng_fill (&rng, *p, b.length);
  sdb_batch_seal (*p, &b);
  return b;
}

static enum sdb_status
parse (const uint8_t *p, size_t n, uint64_t max, struct sdb_batch *b)
{
  return sdb_batch_parse (p, n, &id, 42, max, b);
}

START_TEST (batch)
{
  static const uint32_t lengths[] = { 0, 1, 4031, 4032, 4033, 9000 };

  for (size_t i = 0; i < ARRAY_SIZE (lengths); i++) {
    for (size_t k = 0; k < ARRAY_SIZE (lengths); k++) {
      CLEANUP_FREE uint8_t *p = NULL;
      const struct sdb_batch b = make (&p, lengths[i], lengths[k]);
      struct sdb_batch back;

      ck_assert (IS_ALIGNED (b.data_offset, SDB_LOG_UNIT));
      ck_assert_uint_ge (b.data_offset, SDB_BATCH_HEADER_SIZE + lengths[i]);
      ck_assert_int_eq (parse (p, b.length, b.length, &back), SDB_OK);
      ck_assert_uint_eq (back.length, b.length);
      ck_assert_uint_eq (back.nrecords, b.nrecords);
      ck_assert_uint_eq (back.records_length, b.records_length);
      ck_assert_uint_eq (back.data_offset, b.data_offset);
      ck_assert_uint_eq (back.data_length, b.data_length);
      ck_assert_int_eq (sdb_batch_verify (p, &back), SDB_OK);
      /* Nothing of what was there before is left between the parts. */
      for (uint32_t at = SDB_BATCH_HEADER_SIZE + lengths[i]; at < b.data_offset;
           at++)
        quick_assert (p[at] == 0);
      for (uint32_t at = b.data_offset + lengths[k]; at < b.length; at++)
        quick_assert (p[at] == 0);
    }
  }
}
END_TEST

START_TEST (not_there)
{
  CLEANUP_FREE uint8_t *p = NULL;
  const struct sdb_batch b = make (&p, 100, 100);
  const struct uuid other = { .b = "x" };
  struct sdb_batch back;

  ck_assert_int_eq (parse (p, SDB_LOG_UNIT - 1, b.length, &back),
                    SDB_TRUNCATED);
  ck_assert_int_eq (sdb_batch_parse (p, b.length, &other, 42, b.length, &back),
                    SDB_LOG_ID);
  ck_assert_int_eq (sdb_batch_parse (p, b.length, &id, 41, b.length, &back),
                    SDB_LOG_SEQUENCE);
  ck_assert_int_eq (parse (p, b.length, b.length - 1, &back), SDB_LOG_LENGTH);
  p[0] ^= 1;
  ck_assert_int_eq (parse (p, b.length, b.length, &back), SDB_LOG_MAGIC);
}
END_TEST

/* Lengths that do not fit in each other: offset in the header, value. */
START_TEST (lengths)
{
  static const struct {
    size_t offset;
    uint32_t value;
  } wrongs[] = {
    { 32, 0 },          { 32, 4095 },       { 32, 8191 }, { 32, UINT32_MAX },
    { 40, UINT32_MAX }, { 40, 4096 },       { 44, 0 },    { 44, 8192 },
    { 48, 4097 },       { 48, UINT32_MAX },
  };

  for (size_t i = 0; i < ARRAY_SIZE (wrongs); i++) {
    CLEANUP_FREE uint8_t *p = NULL;
    const struct sdb_batch b = make (&p, 100, 100);
    struct sdb_batch back;

    for (unsigned k = 0; k < 4; k++)
      p[wrongs[i].offset + k] = (uint8_t) (wrongs[i].value >> 8 * k);
    ck_assert_int_eq (parse (p, b.length, b.length, &back), SDB_LOG_LENGTH);
  }
}
END_TEST

/* Each byte of the header, the records and the data counts. */
START_TEST (damage)
{
  CLEANUP_FREE uint8_t *p = NULL;
  const struct sdb_batch b = make (&p, 300, 700);

  for (uint32_t at = 0; at < b.data_offset + b.data_length; at++) {
    struct sdb_batch back;
    enum sdb_status status;

    if (at == SDB_BATCH_HEADER_SIZE + b.records_length)
      at = b.data_offset;
    p[at] ^= 0x10;
    status = parse (p, b.length, b.length, &back);
    if (status == SDB_OK)
      status = sdb_batch_verify (p, &back);
    if (at >= b.data_offset)
      quick_assert (status == SDB_LOG_DATA_CRC);
    else if (at >= 52)
      quick_assert (status == SDB_LOG_HEADER_CRC);
    else
      quick_assert (status != SDB_OK);
    p[at] ^= 0x10;
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sdb-log");
  TCase *c = test_case (suite, "sdb-log");

  tcase_add_loop_test (c, record, 0, ARRAY_SIZE (records));
  tcase_add_test (c, wrong_record);
  tcase_add_test (c, batch);
  tcase_add_test (c, not_there);
  tcase_add_test (c, lengths);
  tcase_add_test (c, damage);
  return test_run (suite);
}
