/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file on a server as a store: what is read is right, whatever fails,
 * and no more is asked for than has to be.
 */

#include <config.h>

#include <errno.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "blob/blob-impl.h"
#include "blob/store-http.h"
#include "support/rng.h"
#include "support/threads.h"
#include "unit/http-rig.h"

#define FETCH 4096u

static struct rig rig;
static struct store *store;
static uint32_t fetch = FETCH;
static bool fetch_less;

static void
open_with (uint64_t cache_size, uint64_t readahead)
{
  const struct store_http_options o = { .fetch = fetch,
                                        .fetch_less = fetch_less,
                                        .range = 65536,
                                        .cache_size = cache_size,
                                        .readahead = readahead };

  rig.client = http_client_create (&rig.o);
  store = store_http_create (rig.client, http_server_url (rig.server), &o);
  ck_assert_ptr_nonnull (store);
  ck_assert_uint_eq (store_size (store), RIG_SIZE);
}

static void
setup (void)
{
  fetch = FETCH;
  fetch_less = false;
  rig_start (&rig, true);
}

static void
setup_threaded (void)
{
  fetch = FETCH;
  fetch_less = false;
  rig_start (&rig, false);
}

static void
teardown (void)
{
  store_close (store);
  rig_stop (&rig);
}

/* 0 or an errno. */
static int
reads (uint64_t offset, size_t count)
{
  static _Thread_local uint8_t buf[RIG_SIZE];
  int err;

  memset (buf, 0, count);
  if (store_read (store, buf, count, offset, &err) == -1)
    return err;
  quick_assert (memcmp (buf, rig.data + offset, count) == 0);
  return 0;
}

static unsigned
requests (void)
{
  static unsigned before;
  const unsigned now = http_server_requests (rig.server);
  const unsigned n = now - before;

  before = now;
  return n;
}

/* ------------------------------------------------------------------ */

START_TEST (what_it_is)
{
  int err;

  open_with (65536, 0);
  ck_assert (store->info.read_only && !store->info.has_id);
  ck_assert_str_eq (store_http_version (store), "\"first\"");
  ck_assert_str_eq (store->description, http_server_url (rig.server));
  ck_assert_int_eq (store_write (store, "x", 1, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (store_flush (store, &err), 0);
  ck_assert_int_eq (reads (0, RIG_SIZE), 0);
}
END_TEST

START_TEST (asks_once)
{
  open_with (RIG_SIZE * 2, 0);
  requests ();
  ck_assert_int_eq (reads (5 * FETCH + 7, 100), 0);
  ck_assert_uint_eq (requests (), 1);
  ck_assert_int_eq (reads (5 * FETCH, FETCH), 0);
  ck_assert_uint_eq (requests (), 0);
  ck_assert_int_eq (reads (5 * FETCH + 7, FETCH), 0);
  ck_assert_uint_eq (requests (), 1);
  ck_assert_int_eq (reads (RIG_SIZE - 1, 1), 0);
  ck_assert_uint_eq (requests (), 1);
}
END_TEST

/* The part that was asked for last. */
static _Atomic uint64_t asked_first, asked_last;

static int
note_range (void *opaque, const struct http_server_request *r)
{
  atomic_store (&asked_first, r->first);
  atomic_store (&asked_last, r->last);
  return HTTP_FAULT_NONE;
}

static void
asks_for (uint64_t offset, uint64_t first, uint64_t last)
{
  ck_assert_int_eq (reads (offset, 100), 0);
  ck_assert_uint_eq (requests (), 1);
  ck_assert_uint_eq (atomic_load (&asked_first), first);
  ck_assert_uint_eq (atomic_load (&asked_last), last);
}

/* Where much is fetched, it begins with what is wanted. */
START_TEST (wanted_first)
{
  fetch = 65536;
  http_server_set (rig.server, note_range, NULL);
  open_with (16 * 65536, 0);
  requests ();
  asks_for (40000, 36864, 65535);
  ck_assert_int_eq (reads (36864, 28672), 0);
  ck_assert_uint_eq (requests (), 0);
  asks_for (65536 + 5000, 65536, 131071); /* then the first is over */
  asks_for (20000, 0, 65535);
  ck_assert_int_eq (reads (0, 65536), 0);
  ck_assert_uint_eq (requests (), 0);
  asks_for (4 * 65536 + 20000, 4 * 65536 + 16384, RIG_SIZE - 1);
}
END_TEST

static void
wants_more (void *opaque, unsigned index)
{
  quick_assert (reads (60000 - 3000 * index, 4000) == 0);
}

/* Others want what is before that while it comes. */
START_TEST (wanted_before)
{
  fetch = 65536;
  for (unsigned i = 0; i < 20; i++) {
    open_with (16 * 65536, 0);
    threads_run (16, wants_more, NULL);
    ck_assert_int_eq (reads (0, RIG_SIZE), 0);
    store_close (store);
    http_client_close (rig.client);
  }
  open_with (16 * 65536, 0);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Over a line as short as the loopback, or one that is not. */

static uint64_t
worth (void)
{
  const struct blob_store *b = container_of (store, struct blob_store, store);

  return http_object_worth (b->object);
}

/* Who waits has his bytes a moment before the request is over. */
static void
settle (void)
{
  struct blob_store *b = container_of (store, struct blob_store, store);
  unsigned n;

  do {
    pthread_mutex_lock (&b->lock);
    n = b->nsent;
    pthread_mutex_unlock (&b->lock);
  } while (n > 0);
}

/* Read 100 bytes at OFFSET; as long as the machine is fast enough, just their
 * pages are asked for.  Is it so fast that it is just one?
 */
static bool
asks_for_pages (uint64_t offset)
{
  const uint32_t unit = blob_unit (worth (), fetch);
  const uint64_t first = ROUND_DOWN (offset, unit);

  if (unit == fetch) {
    reads (offset, 100);
    requests ();
  }
  else
    asks_for (offset, first, first + unit - 1);
  settle ();
  return unit == BLOB_PAGE;
}

START_TEST (fetches_less)
{
  fetch = 65536;
  fetch_less = true;
  http_server_set (rig.server, note_range, NULL);
  open_with (16 * 65536, 0);
  requests ();
  for (uint64_t at = 0; at < 4 * 65536; at += 65536) {
    if (!asks_for_pages (at + 4096) || !asks_for_pages (at + 40000))
      continue;
    ck_assert_int_eq (reads (at + 39900, 300), 0);
    ck_assert_uint_eq (requests (), 0);
    /* What is next to that brings all, and so do many other parts. */
    if (at < 2 * 65536)
      asks_for (at + 40900, at, at + 65535);
    else
      asks_for (at + 20000, at, at + 65535);
    ck_assert_int_eq (reads (at, 65536), 0);
    ck_assert_uint_eq (requests (), 0);
  }
}
END_TEST

static int
takes_long (void *opaque, const struct http_server_request *r)
{
  const struct timespec t = { .tv_nsec = 20000000 };

  nanosleep (&t, NULL);
  return note_range (opaque, r);
}

START_TEST (fetches_all_from_afar)
{
  fetch = 65536;
  fetch_less = true;
  http_server_set (rig.server, takes_long, NULL);
  open_with (16 * 65536, 0);
  requests ();
  asks_for (65536 + 100, 65536, 131071);
  asks_for (3 * 65536 + 40000, 3 * 65536 + 36864, 4 * 65536 - 1);
}
END_TEST

/* Large reads that end and begin anywhere, beside each other. */
static void
reads_much (void *opaque, unsigned index)
{
  static const unsigned edges[] = { 0, 1, 511, 4095, 4096, 4097, 16383 };

  for (unsigned i = 0; i < ARRAY_SIZE (edges); i++) {
    for (unsigned j = 0; j < ARRAY_SIZE (edges); j++) {
      const uint64_t offset = (index % 3) * fetch + edges[i];

      quick_assert (reads (offset, 4 * fetch + edges[j]) == 0);
    }
  }
}

START_TEST (reads_much_at_once)
{
  fetch = 16384;
  fetch_less = true;
  open_with (64 * fetch, 0);
  threads_run (8, reads_much, NULL);
}
END_TEST

/* What goes straight to who wants it is not kept. */
START_TEST (keeps_nothing_of_much)
{
  bool is_short;

  fetch = 16384;
  fetch_less = true;
  open_with (64 * fetch, 65536);
  for (unsigned i = 9; i < 18; i++)
    reads (fetch * i + 5000, 100);
  is_short = worth () < fetch;
  settle ();
  requests ();
  for (unsigned i = 0; i < 2; i++) {
    ck_assert_int_eq (reads (4 * fetch, 4 * fetch), 0);
    settle ();
  }
  ck_assert (!is_short || requests () == 2);
}
END_TEST

static struct uuid
id_of (const char *etag, const char *date, bool has)
{
  struct uuid id;

  http_server_etag (rig.server, etag);
  http_server_date (rig.server, date);
  open_with (65536, 0);
  ck_assert_int_eq (store_http_id (store, &id), has);
  store_close (store);
  http_client_close (rig.client);
  return id;
}

static bool
is_same (struct uuid a, struct uuid b)
{
  return memcmp (&a, &b, sizeof a) == 0;
}

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"

/* What a server tells of versions makes different ids, or none. */
START_TEST (ids)
{
  const struct uuid strong = id_of ("\"a\"", DATE, true);

  ck_assert (is_same (id_of ("\"a\"", LATER, true), strong));
  ck_assert (!is_same (id_of ("\"b\"", DATE, true), strong));
  ck_assert (
    !is_same (id_of ("W/\"a\"", DATE, true), id_of ("W/\"a\"", LATER, true)));
  ck_assert (
    !is_same (id_of ("W/\"a\"", DATE, true), id_of ("W/\"b\"", DATE, true)));
  ck_assert (!is_same (id_of ("", DATE, true), id_of ("", LATER, true)));
  rig.o.unversioned = true;
  id_of ("W/\"a\"", "", false);
  open_with (65536, 0);
}
END_TEST

/* Equal weak ETags are not enough. */
START_TEST (weak_etag)
{
  http_server_etag (rig.server, "W/\"a\"");
  http_server_date (rig.server, DATE);
  open_with (65536, 0);
  ck_assert_int_eq (reads (0, FETCH), 0);
  http_server_date (rig.server, LATER);
  ck_assert_int_eq (reads (RIG_SIZE / 2, FETCH), EIO);
  ck_assert (log_memory_contains ("was changed on the server"));
}
END_TEST

static void
same_place (void *opaque, unsigned index)
{
  quick_assert (reads (10 * FETCH + index, 1000) == 0);
}

START_TEST (asks_once_for_all)
{
  open_with (RIG_SIZE * 2, 0);
  requests ();
  threads_run (16, same_place, NULL);
  ck_assert_uint_eq (requests (), 1);
}
END_TEST

static void
neighbours (void *opaque, unsigned index)
{
  quick_assert (reads ((index + 1) * FETCH, FETCH) == 0);
}

/* One connection, which is busy for a while. */
START_TEST (merges)
{
  rig.o.connections = 1;
  rig.o.timeout = 1000;
  rig.o.retry_delay = 300; /* by then all are there, however busy all is */
  open_with (RIG_SIZE * 2, 0);
  requests ();
  rig_fault (&rig, HTTP_FAULT_STATUS + 429, 1);
  threads_run (32, neighbours, NULL);
  /* The first, it again, and what came meanwhile, in parts of 16. */
  ck_assert_uint_le (requests (), 6);
}
END_TEST

START_TEST (reads_ahead)
{
  unsigned n = 0;

  open_with (RIG_SIZE * 4, 128 * 1024);
  requests ();
  for (uint64_t at = 0; at < RIG_SIZE; at += 1000, n++)
    ck_assert_int_eq (reads (at, min_u64 (1000, RIG_SIZE - at)), 0);
  ck_assert_uint_lt (requests (), n / 8);
}
END_TEST

static atomic_uint bytes_asked;

static int
count_bytes (void *opaque, const struct http_server_request *r)
{
  atomic_fetch_add (&bytes_asked, r->last - r->first + 1);
  return HTTP_FAULT_NONE;
}

/* What is ahead of some readers is not given up for what others have read. */
START_TEST (keeps_what_is_ahead)
{
  const uint64_t part = RIG_SIZE / 3;

  http_server_set (rig.server, count_bytes, NULL);
  open_with (32 * FETCH, 32 * FETCH);
  for (uint64_t at = 0; at + 1000 <= part; at += 1000) {
    for (unsigned i = 0; i < 3; i++)
      ck_assert_int_eq (reads (i * part + at, 1000), 0);
  }
  ck_assert_uint_lt (atomic_load (&bytes_asked), RIG_SIZE + 8 * FETCH);
}
END_TEST

START_TEST (caches)
{
  int err;

  open_with (RIG_SIZE * 8, 0);
  requests ();
  ck_assert_int_eq (store_cache (store, RIG_SIZE, 0, &err), 0);
  ck_assert_int_eq (reads (0, RIG_SIZE), 0);
  ck_assert_uint_le (requests (), DIV_ROUND_UP (RIG_SIZE, 65536));
}
END_TEST

/* ------------------------------------------------------------------ */

static void
wanders (void *opaque, unsigned index)
{
  struct rng rng;
  int err;

  rng_init (&rng, index);
  for (unsigned i = 0; i < 100; i++) {
    const uint64_t offset = rng_below (&rng, RIG_SIZE);
    const uint64_t most = rng_one_in (&rng, 4) ? RIG_SIZE : 5000;
    const uint64_t count =
      1 + rng_below (&rng, min_u64 (most, RIG_SIZE - offset));

    if (rng_one_in (&rng, 8))
      quick_assert (store_cache (store, count, offset, &err) == 0);
    else
      quick_assert (reads (offset, count) == 0);
  }
}

/* Memory for far less than 16 threads want. */
START_TEST (little_memory)
{
  open_with (16 * FETCH, 65536);
  threads_run (16, wanders, NULL);
}
END_TEST

START_TEST (large_blocks)
{
  fetch = 16384;
  open_with (16 * fetch, 65536);
  threads_run (16, wanders, NULL);
}
END_TEST

/* Faults of all kinds, as chance will have them. */
static int
often_bad (void *opaque, const struct http_server_request *r)
{
  static const int faults[] = {
    HTTP_FAULT_CLOSE, HTTP_FAULT_CUT,          HTTP_FAULT_SHORT,
    HTTP_FAULT_LONG,  HTTP_FAULT_STATUS + 503, HTTP_FAULT_STATUS + 500,
  };
  struct rng *rng = opaque; /* the server has its lock */

  return rng_one_in (rng, 4) ? faults[rng_below (rng, ARRAY_SIZE (faults))] :
                               HTTP_FAULT_NONE;
}

START_TEST (bad_server)
{
  static struct rng rng;

  rig.o.retries = 30;
  rig.o.retry_delay = 1;
  open_with (32 * FETCH, 65536);
  rng_init (&rng, rng_seed ("bad server"));
  http_server_set (rig.server, often_bad, &rng);
  threads_run (16, wanders, NULL);
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

static void
until_much_fails (void *opaque, unsigned index)
{
  int r;

  do
    r = reads (index % 4 * fetch, 5 * fetch);
  while (r == 0);
  quick_assert (r == EIO);
}

/* The same where little is fetched for who wants little, and much goes
 * straight to who wants it.
 */
START_TEST (less_from_a_bad_server)
{
  static struct rng rng;

  fetch = 16384;
  fetch_less = true;
  rig.o.retries = 30;
  rig.o.retry_delay = 1;
  open_with (_i == 0 ? 16 * fetch : 64 * fetch, _i == 0 ? 0 : 65536);
  rng_init (&rng, rng_seed ("bad server"));
  http_server_set (rig.server, often_bad, &rng);
  threads_run (16, wanders, NULL);
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

/* Errors reach all who share what is on its way. */
START_TEST (much_that_fails)
{
  fetch = 16384;
  fetch_less = true;
  open_with (64 * fetch, 0);
  http_server_etag (rig.server, "\"second\"");
  threads_run (16, until_much_fails, NULL);
  ck_assert_uint_eq (log_memory_errors (), 1);
}
END_TEST

/* A server that says it sends what it was asked for, and sends all: its bytes
 * are seen by nobody.
 */
START_TEST (claims)
{
  rig.o.timeout = 2000;
  open_with (RIG_SIZE * 2, 0);
  for (unsigned i = 1; i < 5; i++) {
    rig_fault (&rig, HTTP_FAULT_CLAIMS, 1);
    ck_assert_int_eq (reads (i * 65536 - 1000, 4096), 0);
  }
  rig_fault (&rig, HTTP_FAULT_CLAIMS, 1000);
  ck_assert_int_eq (reads (100000, 4096), EIO);
}
END_TEST

START_TEST (fails_and_recovers)
{
  open_with (RIG_SIZE * 2, 65536);
  rig_fault (&rig, HTTP_FAULT_STATUS + 404, 1000000);
  for (unsigned i = 0; i < 20; i++)
    ck_assert_int_eq (reads (i * FETCH, FETCH), EIO);
  rig_fault (&rig, HTTP_FAULT_NONE, 0);
  ck_assert_int_eq (reads (0, RIG_SIZE), 0);
}
END_TEST

static atomic_uint failures;

static void
until_it_fails (void *opaque, unsigned index)
{
  struct rng rng;
  int r;

  rng_init (&rng, index);
  do
    r = reads (rng_below (&rng, RIG_SIZE - 5000), 5000);
  while (r == 0);
  quick_assert (r == EIO);
  if (atomic_fetch_add (&failures, 1) == 0)
    http_server_etag (rig.server, "\"first\"");
}

/* Another version comes while 16 read; it is never mixed in. */
START_TEST (changes)
{
  open_with (16 * FETCH, 65536);
  http_server_etag (rig.server, "\"second\"");
  threads_run (16, until_it_fails, NULL);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("was changed on the server"));
}
END_TEST

START_TEST (closes_while_reading_ahead)
{
  rig.o.timeout = 60000;
  open_with (RIG_SIZE * 4, 128 * 1024);
  ck_assert_int_eq (reads (0, 1000), 0);
  rig_fault (&rig, HTTP_FAULT_STALL, 1000);
  /* What is read is there. */
  ck_assert_int_eq (reads (1000, 1000), 0);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    what_it_is,
    asks_once,
    ids,
    weak_etag,
    wanted_first,
    wanted_before,
    asks_once_for_all,
    merges,
    reads_ahead,
    caches,
    little_memory,
    large_blocks,
    bad_server,
    claims,
    fails_and_recovers,
    changes,
    closes_while_reading_ahead,
    keeps_what_is_ahead,
    fetches_less,
    fetches_all_from_afar,
    reads_much_at_once,
    keeps_nothing_of_much,
    much_that_fails,
  };
  Suite *suite = suite_create ("store-http");
  TCase *const kinds[] = { test_case (suite, "who waits drives"),
                           test_case (suite, "the thread drives") };

  tcase_add_checked_fixture (kinds[0], setup, teardown);
  tcase_add_checked_fixture (kinds[1], setup_threaded, teardown);
  for (size_t k = 0; k < ARRAY_SIZE (kinds); k++) {
    for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
      tcase_add_test (kinds[k], tests[i]);
    tcase_add_loop_test (kinds[k], less_from_a_bad_server, 0, 2);
  }
  return test_run (suite);
}
