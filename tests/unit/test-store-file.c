/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The store over a file: whatever the kernel does in parts, refuses or
 * forgets, the data is right, what is durable is said to be and nothing
 * else, and a client is told errors that it understands.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "store/store-align.h"
#include "store/store-file.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/rng.h"

/* ------------------------------------------------------------------ */
/* System calls as a test wants them. */

enum call {
  PREAD,
  PWRITE,
  PREADV,
  PWRITEV,
  PWRITEV2,
  FDATASYNC,
  SYNC_FILE_RANGE,
  FALLOCATE,
  FTRUNCATE,
  FADVISE,
  NR_CALLS
};

static struct plan {
  atomic_uint count;    /* how many came */
  int error;            /* fail with this ... */
  atomic_int failures;  /* ... so many times; -1: for ever */
  size_t most;          /* move at most so many bytes at once; 0: all */
  unsigned interrupted; /* every so many fail with EINTR first */
  int mode;             /* fallocate: fail only with these bits */
} plan[NR_CALLS];

static void
reset_plans (void)
{
  for (int i = 0; i < NR_CALLS; i++) {
    plan[i].count = 0;
    plan[i].error = 0;
    plan[i].failures = 0;
    plan[i].most = 0;
    plan[i].interrupted = 0;
    plan[i].mode = 0;
  }
}

static void
fail_calls (enum call c, int error, int times)
{
  plan[c].error = error;
  plan[c].failures = times;
}

static unsigned
count_of (enum call c)
{
  return atomic_load (&plan[c].count);
}

/* Shall this call of C fail? */
static bool
must_fail (enum call c)
{
  struct plan *p = &plan[c];
  const unsigned n = atomic_fetch_add (&p->count, 1) + 1;

  if (p->interrupted > 0 && n % p->interrupted == 0) {
    errno = EINTR;
    return true;
  }
  if (p->failures == 0)
    return false;
  if (p->failures > 0)
    p->failures--;
  errno = p->error;
  return true;
}

static size_t
shorten (enum call c, size_t n)
{
  return plan[c].most > 0 && n > plan[c].most ? plan[c].most : n;
}

/* The first MOST bytes of the vector. */
static int
shorten_vector (enum call c, const struct iovec *iov, int niov,
                struct iovec *copy)
{
  size_t left = plan[c].most;
  int n = 0;

  if (left == 0) {
    memcpy (copy, iov, niov * sizeof *iov);
    return niov;
  }
  while (n < niov && left > 0) {
    copy[n] = iov[n];
    copy[n].iov_len = min_u64 (left, iov[n].iov_len);
    left -= copy[n].iov_len;
    n++;
  }
  return n;
}

#define WRAP(type, name, args)    \
  extern type __real_##name args; \
  extern type __wrap_##name args; \
  type __wrap_##name args

WRAP (ssize_t, pread, (int fd, void *buf, size_t n, off_t offset))
{
  if (must_fail (PREAD))
    return -1;
  return __real_pread (fd, buf, shorten (PREAD, n), offset);
}

WRAP (ssize_t, pwrite, (int fd, const void *buf, size_t n, off_t offset))
{
  if (must_fail (PWRITE))
    return -1;
  return __real_pwrite (fd, buf, shorten (PWRITE, n), offset);
}

WRAP (ssize_t, preadv, (int fd, const struct iovec *iov, int n, off_t offset))
{
  struct iovec copy[64];

  if (must_fail (PREADV))
    return -1;
  n = shorten_vector (PREADV, iov, n, copy);
  return __real_preadv (fd, copy, n, offset);
}

WRAP (ssize_t, pwritev, (int fd, const struct iovec *iov, int n, off_t offset))
{
  struct iovec copy[64];

  if (must_fail (PWRITEV))
    return -1;
  n = shorten_vector (PWRITEV, iov, n, copy);
  return __real_pwritev (fd, copy, n, offset);
}

WRAP (ssize_t, pwritev2,
      (int fd, const struct iovec *iov, int n, off_t offset, int flags))
{
  struct iovec copy[64];

  ck_assert_int_eq (flags, RWF_DSYNC);
  if (must_fail (PWRITEV2))
    return -1;
  n = shorten_vector (PWRITEV2, iov, n, copy);
  return __real_pwritev2 (fd, copy, n, offset, flags);
}

WRAP (int, fdatasync, (int fd))
{
  return must_fail (FDATASYNC) ? -1 : 0;
}

WRAP (int, sync_file_range, (int fd, off_t offset, off_t n, unsigned flags))
{
  if (must_fail (SYNC_FILE_RANGE))
    return -1;
  return __real_sync_file_range (fd, offset, n, flags);
}

WRAP (int, fallocate, (int fd, int mode, off_t offset, off_t n))
{
  const int saved = plan[FALLOCATE].failures;

  if (plan[FALLOCATE].mode != 0 && (mode & plan[FALLOCATE].mode) == 0)
    plan[FALLOCATE].failures = 0;
  if (must_fail (FALLOCATE))
    return -1;
  plan[FALLOCATE].failures = saved;
  return __real_fallocate (fd, mode, offset, n);
}

static _Thread_local struct {
  off_t offset, n;
  int advice;
} advised; /* last, by this thread */

WRAP (int, posix_fadvise, (int fd, off_t offset, off_t n, int advice))
{
  if (must_fail (FADVISE))
    return errno;
  advised.offset = offset;
  advised.n = n;
  advised.advice = advice;
  return __real_posix_fadvise (fd, offset, n, advice);
}

WRAP (int, ftruncate, (int fd, off_t size))
{
  return must_fail (FTRUNCATE) ? -1 : __real_ftruncate (fd, size);
}

/* ------------------------------------------------------------------ */

#define SIZE (1024 * 1024 + 700)

static char path[64];
static struct host_file *file;

static void
set_up (void)
{
  int fd;

  reset_plans ();
  snprintf (path, sizeof path, "%s/test-store-file-XXXXXX",
            getenv ("TMPDIR") ? getenv ("TMPDIR") : "/tmp");
  fd = mkstemp (path);
  ck_assert (fd >= 0 && ftruncate (fd, SIZE) == 0);
  close (fd);
  log_memory_clear ();
}

static void
tear_down (void)
{
  ck_assert (unlink (path) == 0);
}

static struct store *
open_with (struct store_file_options so)
{
  const struct host_file_options ho = {
    .path = path,
    .direct = so.cache == STORE_FILE_CACHE_DIRECT,
  };
  struct store *s;

  file = host_file_open (&ho);
  if (file == NULL)
    return NULL;
  s = store_file_create (file, &so);
  host_file_unref (file); /* it lives on in the store */
  reset_plans ();
  return s;
}

static struct store *
open_store (enum store_file_cache cache)
{
  struct store *s = open_with ((struct store_file_options){ .cache = cache });

  ck_assert_msg (s != NULL, "%s", log_memory_text ());
  return s;
}

/* All three ways, and back what they must be. */
#define FOR_EACH_CACHE(cache)                                  \
  for (enum store_file_cache cache = STORE_FILE_CACHE_DEFAULT; \
       cache <= STORE_FILE_CACHE_NONE; cache++)

static char *
pattern (size_t n, unsigned seed)
{
  char *p = malloc (n);

  ck_assert (p != NULL);
  for (size_t i = 0; i < n; i++)
    p[i] = (char) (1 + (i * 31 + i / 251 + seed) % 255);
  return p;
}

static void
expect (struct store *s, const char *data, size_t n, uint64_t offset)
{
  char *got = malloc (n);
  int err = 0;

  ck_assert_int_eq (store_read (s, got, n, offset, &err), 0);
  ck_assert (memcmp (got, data, n) == 0);
  free (got);
}

/* CALL sets ERR: it must fail with ERROR, and the log say MESSAGE. */
#define expect_failure(call, err, error, message) \
  do {                                            \
    const int r_ = (call);                        \
    check_failure (r_, err, error, message);      \
  } while (0)

static void
check_failure (int r, int err, int error, const char *message)
{
  ck_assert_int_eq (r, -1);
  ck_assert_int_eq (err, error);
  ck_assert_msg (log_memory_contains (message), "%s", log_memory_text ());
  ck_assert (log_memory_contains (path));
  log_memory_clear ();
}

/* ------------------------------------------------------------------ */
/* Data */

/* Anything a client may do, against a copy in memory. */
static void
random_requests (struct store *s)
{
  const uint64_t size = store_size (s);
  char *model = calloc (1, size), *buf = malloc (size);
  struct rng rng;

  rng_init (&rng, rng_seed ("store-file"));
  for (int i = 0; i < 2000; i++) {
    const uint64_t offset = rng_below (&rng, size);
    const uint64_t count = 1 + rng_below (&rng, min_u64 (size - offset, 9000));
    const unsigned fua = rng_below (&rng, 4) == 0 ? STORE_FUA : 0;
    int err = 0;

    switch (rng_below (&rng, 5)) {
    case 0:
    case 1:
      for (uint64_t j = 0; j < count; j++)
        buf[j] = (char) rng_next (&rng);
      ck_assert_int_eq (store_write (s, buf, count, offset, fua, &err), 0);
      memcpy (model + offset, buf, count);
      break;
    case 2:
      ck_assert_int_eq (
        store_zero (s, count, offset,
                    fua | (rng_below (&rng, 2) ? STORE_MAY_TRIM : 0), &err),
        0);
      memset (model + offset, 0, count);
      break;
    default:
      ck_assert_int_eq (store_read (s, buf, count, offset, &err), 0);
      ck_assert (memcmp (buf, model + offset, count) == 0);
    }
  }
  ck_assert_int_eq (store_flush (s, &(int){ 0 }), 0);
  expect (s, model, size, 0);
  free (model);
  free (buf);
}

START_TEST (keeps_data)
{
  FOR_EACH_CACHE (cache)
  {
    struct store *s = open_store (cache);

    random_requests (s);
    store_close (s);
    ck_assert (truncate (path, 0) == 0 && truncate (path, SIZE) == 0);
  }
}
END_TEST

/* The end of this file is in no whole block. */
START_TEST (keeps_data_direct)
{
  struct store *s =
    open_with ((struct store_file_options){ .cache = STORE_FILE_CACHE_DIRECT });

  if (s == NULL) {
    ck_assert (log_memory_contains ("O_DIRECT"));
    return;
  }
  ck_assert_uint_ge (s->info.align, 512);
  s = store_align_create (s, NULL);
  ck_assert (s != NULL);
  random_requests (s);
  store_close (s);
}
END_TEST

START_TEST (continues_what_is_cut_short)
{
  char *data = pattern (100000, 1);

  FOR_EACH_CACHE (cache)
  {
    struct store *s = open_store (cache);
    struct iovec iov[] = {
      { data, 0 },          { data, 5000 },         { data + 5000, 1 },
      { NULL, 0 },          { data + 5001, 40000 }, { data + 45001, 54999 },
      { data + 100000, 0 },
    };
    char *got = malloc (100000);
    int err = 0;

    for (enum call c = PREAD; c <= PWRITEV2; c++) {
      plan[c].most = 777;
      plan[c].interrupted = 3;
    }
    ck_assert_int_eq (store_write (s, data, 100000, 11, 0, &err), 0);
    expect (s, data, 100000, 11);
    ck_assert_int_eq (store_write (s, data, 100000, 200000, STORE_FUA, &err),
                      0);
    expect (s, data, 100000, 200000);
    ck_assert_uint_gt (count_of (PWRITEV2), 100000 / 777);

    ck_assert_int_eq (store_writev (s, iov, ARRAY_SIZE (iov), 400000, 0, &err),
                      0);
    expect (s, data, 100000, 400000);
    ck_assert_int_eq (
      store_writev (s, iov, ARRAY_SIZE (iov), 500001, STORE_FUA, &err), 0);
    expect (s, data, 100000, 500001);

    for (size_t i = 0, done = 0; i < ARRAY_SIZE (iov); i++) {
      iov[i].iov_base = got + done;
      done += iov[i].iov_len;
    }
    ck_assert_int_eq (store_readv (s, iov, ARRAY_SIZE (iov), 500001, &err), 0);
    ck_assert (memcmp (got, data, 100000) == 0);
    free (got);
    store_close (s);
  }
  free (data);
}
END_TEST

/* Vectors whose elements meet anywhere, and memory at any address. */
START_TEST (direct_takes_any_memory)
{
  struct store *s =
    open_with ((struct store_file_options){ .cache = STORE_FILE_CACHE_DIRECT });
  const size_t n = 96 * 1024;
  char *data = pattern (n, 2), *got;
  void *aligned;
  int err = 0;

  if (s == NULL)
    return;
  ck_assert (posix_memalign (&aligned, 4096, n + 4096) == 0);
  got = aligned;
  for (unsigned skew = 0; skew < 3; skew++) {
    char *const p = got + skew * 8;
    struct iovec iov[] = {
      { p, 0 },
      { p, 4096 },
      { p + 4096, 1 },
      { p + 4097, 8191 },
      { p + 12288, n - 12288 },
    };

    memcpy (p, data, n);
    for (enum call c = PREAD; c <= PWRITEV2; c++)
      plan[c].most = skew == 2 ? 4096 + 512 : 0;
    ck_assert_int_eq (
      store_writev (s, iov, ARRAY_SIZE (iov), 8192, skew ? STORE_FUA : 0, &err),
      0);
    memset (p, 0, n);
    ck_assert_int_eq (store_readv (s, iov, ARRAY_SIZE (iov), 8192, &err), 0);
    ck_assert (memcmp (p, data, n) == 0);
  }
  free (aligned);
  free (data);
  store_close (s);
}
END_TEST

struct hammer {
  pthread_t thread;
  struct store *s;
  unsigned index;
};

static void *
hammer_thread (void *p)
{
  struct hammer *h = p;
  const size_t n = 1000;
  char *mine = pattern (n, h->index), *got = malloc (n);
  int err = 0;

  for (unsigned i = 0; i < 300; i++) {
    /* Pieces of 1000 bytes, side by side with those of other threads. */
    const uint64_t offset = ((i % 64) * 16 + h->index) * n;

    if (store_write (h->s, mine, n, offset, i % 8 ? 0 : STORE_FUA, &err) ==
          -1 ||
        store_read (h->s, got, n, offset, &err) == -1 ||
        memcmp (mine, got, n) != 0)
      return h;
    if (i % 50 == 0 && store_flush (h->s, &err) == -1)
      return h;
  }
  free (mine);
  free (got);
  return NULL;
}

/* Many threads, more than there are buffers, at the same blocks. */
START_TEST (many_threads)
{
  for (enum store_file_cache cache = STORE_FILE_CACHE_DEFAULT;
       cache <= STORE_FILE_CACHE_DIRECT; cache++) {
    struct store *s = open_with ((struct store_file_options){ .cache = cache });
    struct hammer h[16];

    if (s == NULL)
      continue; /* no O_DIRECT here */
    if (s->info.align > 1)
      s = store_align_create (s, NULL);
    for (unsigned i = 0; i < ARRAY_SIZE (h); i++) {
      h[i] = (struct hammer){ .s = s, .index = i };
      ck_assert (pthread_create (&h[i].thread, NULL, hammer_thread, &h[i]) ==
                 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE (h); i++) {
      void *r;

      pthread_join (h[i].thread, &r);
      ck_assert (r == NULL);
    }
    store_close (s);
  }
}
END_TEST

/* ------------------------------------------------------------------ */
/* Failures */

START_TEST (tells_errors)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  char buf[1024] = { 1 };
  int err = 0;

  fail_calls (PREAD, EIO, 1);
  expect_failure (store_read (s, buf, 1024, 512, &err), err, EIO, "pread: ");
  fail_calls (PREAD, EACCES, 1);
  expect_failure (store_read (s, buf, 1024, 512, &err), err, EIO,
                  "offset=512 count=1024: Permission denied");
  fail_calls (PWRITE, ENOSPC, 1);
  expect_failure (store_write (s, buf, 1024, 4096, 0, &err), err, ENOSPC,
                  "offset=4096 count=1024: No space left");
  fail_calls (PWRITE, EDQUOT, 1);
  expect_failure (store_write (s, buf, 1024, 0, 0, &err), err, ENOSPC,
                  "pwrite: ");
  fail_calls (PWRITE, EFBIG, 1);
  expect_failure (store_write (s, buf, 1024, 0, 0, &err), err, ENOSPC,
                  "pwrite: ");
  fail_calls (FALLOCATE, EIO, 1);
  expect_failure (store_trim (s, 4096, 0, 0, &err), err, EIO, "PUNCH_HOLE");
  fail_calls (FALLOCATE, ENOSPC, 1);
  expect_failure (store_zero (s, 4096, 0, 0, &err), err, ENOSPC, "ZERO_RANGE");

  /* Cut off behind our back. */
  ck_assert (truncate (path, 1000) == 0);
  expect_failure (store_read (s, buf, 1024, 512, &err), err, EIO,
                  "unexpected end of file");
  store_close (s);
}
END_TEST

START_TEST (durable_writes_are_dsync)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  char *data = pattern (5000, 3);
  int err = 0;

  ck_assert_int_eq (store_write (s, data, 5000, 7, STORE_FUA, &err), 0);
  ck_assert_uint_eq (count_of (PWRITEV2), 1);
  ck_assert_uint_eq (count_of (PWRITE), 0);
  ck_assert_uint_eq (count_of (FDATASYNC), 0);

  /* Without it, fdatasync; and it is not tried again. */
  fail_calls (PWRITEV2, EOPNOTSUPP, -1);
  reset_plans ();
  fail_calls (PWRITEV2, EOPNOTSUPP, -1);
  for (unsigned i = 1; i <= 3; i++) {
    ck_assert_int_eq (store_write (s, data, 5000, 7, STORE_FUA, &err), 0);
    ck_assert_uint_eq (count_of (PWRITEV2), 1);
    ck_assert_uint_eq (count_of (PWRITE), i);
    ck_assert_uint_eq (count_of (FDATASYNC), i);
  }
  expect (s, data, 5000, 7);
  ck_assert_uint_eq (log_memory_errors (), 0);

  /* Zeroes and trims, too. */
  ck_assert_int_eq (store_zero (s, 5000, 7, STORE_FUA, &err), 0);
  ck_assert_uint_eq (count_of (FDATASYNC), 4);
  ck_assert_int_eq (store_trim (s, 5000, 7, STORE_FUA, &err), 0);
  ck_assert_uint_eq (count_of (FDATASYNC), 5);
  ck_assert_int_eq (store_flush (s, &err), 0);
  ck_assert_uint_eq (count_of (FDATASYNC), 6);
  free (data);
  store_close (s);
}
END_TEST

/* After this nothing may be called durable any more. */
static void
expect_no_durability (struct store *s)
{
  const unsigned syncs = count_of (FDATASYNC), writes = count_of (PWRITEV2);
  char buf[512] = { 1 };
  int err = 0;

  for (int i = 0; i < 2; i++) {
    expect_failure (store_flush (s, &err), err, EIO, "earlier one failed");
    expect_failure (store_write (s, buf, 512, 0, STORE_FUA, &err), err, EIO,
                    "earlier one failed");
    expect_failure (store_zero (s, 512, 0, STORE_FUA, &err), err, EIO,
                    "earlier one failed");
    expect_failure (store_trim (s, 512, 0, STORE_FUA, &err), err, EIO,
                    "earlier one failed");
  }
  ck_assert_uint_eq (count_of (FDATASYNC), syncs);
  ck_assert_uint_eq (count_of (PWRITEV2), writes);
  /* But everything else goes on. */
  ck_assert_int_eq (store_write (s, buf, 512, 0, 0, &err), 0);
  ck_assert_int_eq (store_read (s, buf, 512, 0, &err), 0);
}

START_TEST (failed_flush_is_kept)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT), *second;
  int err = 0;

  fail_calls (FDATASYNC, EIO, 1);
  expect_failure (store_flush (s, &err), err, EIO, "fdatasync: ");
  expect_no_durability (s);

  /* Nor may another store on the same descriptor. */
  second = store_file_create (file, &(struct store_file_options){ 0 });
  ck_assert (second != NULL);
  expect_no_durability (second);
  store_close (second);
  store_close (s);

  /* Opened again, the kernel is asked again. */
  s = open_store (STORE_FILE_CACHE_DEFAULT);
  ck_assert_int_eq (store_flush (s, &err), 0);
  fail_calls (FDATASYNC, ENOSPC, 1);
  expect_failure (store_flush (s, &err), err, ENOSPC, "fdatasync: ");
  expect_no_durability (s);
  store_close (s);
}
END_TEST

START_TEST (failed_durable_write)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  char buf[512] = { 1 };
  int err = 0;

  /* The medium is full, as the same write without the flag shows: an
   * ordinary failure.
   */
  fail_calls (PWRITEV2, ENOSPC, 1);
  fail_calls (PWRITE, ENOSPC, 1);
  expect_failure (store_write (s, buf, 512, 0, STORE_FUA, &err), err, ENOSPC,
                  "pwritev2: RWF_DSYNC");
  ck_assert_int_eq (store_flush (s, &err), 0);
  ck_assert_int_eq (store_write (s, buf, 512, 0, STORE_FUA, &err), 0);

  /* It is not: so it was full when something was to be made durable. */
  fail_calls (PWRITEV2, ENOSPC, 1);
  expect_failure (store_write (s, buf, 512, 0, STORE_FUA, &err), err, ENOSPC,
                  "pwritev2: RWF_DSYNC");
  expect_no_durability (s);
  store_close (s);

  s = open_store (STORE_FILE_CACHE_DEFAULT);
  fail_calls (PWRITEV2, EIO, 1);
  expect_failure (store_write (s, buf, 512, 0, STORE_FUA, &err), err, EIO,
                  "pwritev2: RWF_DSYNC");
  expect_no_durability (s);
  store_close (s);
}
END_TEST

START_TEST (cache_none_tells_errors)
{
  struct store *s = open_store (STORE_FILE_CACHE_NONE);
  char buf[512] = { 1 };
  int err = 0;

  for (unsigned i = 0; i < 20; i++)
    ck_assert_int_eq (store_write (s, buf, 512, i * 512, 0, &err), 0);
  ck_assert_uint_gt (count_of (SYNC_FILE_RANGE), 20);
  fail_calls (SYNC_FILE_RANGE, EIO, 1);
  expect_failure (store_write (s, buf, 512, 0, 0, &err), err, EIO,
                  "sync_file_range: cache=none");
  expect_no_durability (s);
  store_close (s);
}
END_TEST

/* All that the kernel may keep together with the range, and no more. */
START_TEST (uncache)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  char *data = pattern (100000, 9);
  int err = 0;

  ck_assert_int_eq (store_write (s, data, 100000, 0, 0, &err), 0);
  ck_assert_int_eq (store_flush (s, &err), 0);
  store_uncache (s, 5000, 70000);
  ck_assert_int_eq (advised.advice, POSIX_FADV_DONTNEED);
  ck_assert_int_eq (advised.offset, 0);
  ck_assert_int_ge (advised.n, 75000);
  ck_assert_int_eq (advised.n % 4096, 0);

  fail_calls (FADVISE, EINVAL, -1);
  store_uncache (s, 5000, 70000);
  store_uncache (s, 1, UINT64_MAX); /* out of range: nothing is asked */
  store_uncache (s, 0, 0);
  ck_assert_uint_eq (count_of (FADVISE), 2);
  ck_assert_uint_eq (log_memory_errors (), 0);
  expect (s, data, 100000, 0);
  free (data);
  store_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* Space */

START_TEST (zero_falls_back)
{
  const unsigned punch = STORE_MAY_TRIM;
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  char *data = pattern (100000, 4), *zeroes = calloc (1, 100000);
  int err = 0;

  /* ZERO_RANGE is not there: a hole and space for it. */
  plan[FALLOCATE].mode = FALLOC_FL_ZERO_RANGE;
  fail_calls (FALLOCATE, EOPNOTSUPP, -1);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq (store_write (s, data, 100000, 5, 0, &err), 0);
    ck_assert_int_eq (store_zero (s, 99000, 6, 0, &err), 0);
    expect (s, data, 1, 5);
    expect (s, zeroes, 99000, 6);
    expect (s, data + 99001, 999, 99006);
  }
  ck_assert_uint_eq (count_of (FALLOCATE), 1 + 2 + 2);
  store_close (s);

  /* Nothing is there: zeroes are written. */
  s = open_store (STORE_FILE_CACHE_DEFAULT);
  fail_calls (FALLOCATE, EOPNOTSUPP, -1);
  for (int i = 0; i < 2; i++) {
    ck_assert_int_eq (store_write (s, data, 100000, 5, 0, &err), 0);
    ck_assert_int_eq (store_zero (s, 99000, 6, punch | STORE_FUA, &err), 0);
    expect (s, zeroes, 99000, 6);
    expect (s, data + 99001, 999, 99006);
  }
  ck_assert_uint_eq (count_of (FALLOCATE), 2);
  ck_assert_uint_eq (count_of (FDATASYNC), 2);
  ck_assert_int_eq (store_write (s, data, 100000, 5, 0, &err), 0);
  ck_assert_int_eq (store_zero (s, 99000, 6, STORE_FAST_ZERO, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  expect (s, data, 100000, 5);
  /* A trim that cannot be done is done. */
  ck_assert_int_eq (store_trim (s, 99000, 6, 0, &err), 0);
  expect (s, data, 100000, 5);
  ck_assert_uint_eq (count_of (FALLOCATE), 2);
  ck_assert_uint_eq (log_memory_errors (), 0);
  store_close (s);
  free (data);
  free (zeroes);
}
END_TEST

START_TEST (zero_leaves_holes_only_if_it_may)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  char *data = pattern (65536, 5);
  struct stat st;
  int err = 0;

  for (unsigned may_trim = 0; may_trim < 2; may_trim++) {
    ck_assert_int_eq (store_write (s, data, 65536, 0, STORE_FUA, &err), 0);
    ck_assert_int_eq (
      store_zero (s, 65536, 0,
                  STORE_FAST_ZERO | (may_trim ? STORE_MAY_TRIM : 0), &err),
      0);
    ck_assert (stat (path, &st) == 0);
    ck_assert_int_eq (st.st_blocks > 0, !may_trim);
  }
  ck_assert_int_eq (store_write (s, data, 65536, 0, STORE_FUA, &err), 0);
  ck_assert_int_eq (store_trim (s, 65536, 0, 0, &err), 0);
  ck_assert (stat (path, &st) == 0);
  ck_assert_int_eq (st.st_blocks, 0);
  ck_assert_int_eq (st.st_size, SIZE);
  free (data);
  store_close (s);
}
END_TEST

START_TEST (extents)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  char *data = pattern (65536, 6);
  struct extent_list l;
  int err = 0;

  if (!s->info.extents) {
    store_close (s);
    free (data);
    return;
  }
  ck_assert_int_eq (store_write (s, data, 65536, 131072, 0, &err), 0);

  extent_list_init (&l, 1, SIZE, false);
  ck_assert_int_eq (store_extents (s, SIZE - 1, 1, 0, &l, &err), 0);
  ck_assert_uint_eq (l.len, 3);
  ck_assert_uint_eq (l.v[0].offset, 1);
  ck_assert_uint_eq (l.v[0].count, 131071);
  ck_assert_uint_eq (l.v[0].type, EXTENT_HOLE | EXTENT_ZERO);
  ck_assert_uint_eq (l.v[1].count, 65536);
  ck_assert_uint_eq (l.v[1].type, 0);
  ck_assert_uint_eq (l.v[2].type, EXTENT_HOLE | EXTENT_ZERO);
  ck_assert_uint_eq (extent_list_next (&l), SIZE);
  extent_list_fini (&l);

  /* Within one extent, and only the first of several. */
  extent_list_init (&l, 135000, 136000, false);
  ck_assert_int_eq (store_extents (s, 1000, 135000, 0, &l, &err), 0);
  ck_assert_uint_eq (l.len, 1);
  ck_assert_uint_eq (l.v[0].count, 1000);
  ck_assert_uint_eq (l.v[0].type, 0);
  extent_list_fini (&l);
  extent_list_init (&l, 0, SIZE, true);
  ck_assert_int_eq (store_extents (s, SIZE, 0, STORE_REQ_ONE, &l, &err), 0);
  ck_assert_uint_eq (l.len, 1);
  ck_assert_uint_eq (l.v[0].count, 131072);
  extent_list_fini (&l);

  /* Cut off behind our back: no loop without an end. */
  ck_assert (truncate (path, 100) == 0);
  extent_list_init (&l, 0, SIZE, false);
  ck_assert_int_eq (store_extents (s, SIZE, 0, 0, &l, &err), 0);
  ck_assert_uint_ge (l.len, 1);
  extent_list_fini (&l);
  free (data);
  store_close (s);
}
END_TEST

/* A file full of holes is answered for in parts. */
START_TEST (extents_are_bounded)
{
  const uint64_t pieces = 3000, step = 64 * 1024;
  struct store *s;
  struct extent_list l;
  uint64_t pos = 0;
  unsigned answers = 0, n = 0;
  int err = 0;

  ck_assert (truncate (path, pieces * step) == 0);
  s = open_store (STORE_FILE_CACHE_DEFAULT);
  if (!s->info.extents) {
    store_close (s);
    return;
  }
  for (uint64_t i = 0; i < pieces; i++)
    ck_assert_int_eq (store_write (s, "x", 1, i * step, 0, &err), 0);
  while (pos < pieces * step) {
    extent_list_init (&l, pos, pieces * step, false);
    ck_assert_int_eq (store_extents (s, pieces * step - pos, pos, 0, &l, &err),
                      0);
    ck_assert_uint_gt (l.len, 0);
    ck_assert_uint_le (l.len, 2048);
    n += l.len;
    pos = extent_list_next (&l);
    extent_list_fini (&l);
    answers++;
  }
  ck_assert_uint_eq (n, 2 * pieces);
  ck_assert_uint_gt (answers, 1);
  store_close (s);
}
END_TEST

START_TEST (resizes)
{
  struct store *s = open_store (STORE_FILE_CACHE_DEFAULT);
  struct stat st;
  char buf[16];
  int err = 0;

  ck_assert_int_eq (store_resize (s, 2 * SIZE, &err), 0);
  ck_assert_uint_eq (store_size (s), 2 * SIZE);
  ck_assert (stat (path, &st) == 0 && st.st_size == 2 * SIZE);
  ck_assert_int_eq (store_read (s, buf, 16, 2 * SIZE - 16, &err), 0);
  ck_assert_int_eq (store_resize (s, 100, &err), 0);
  ck_assert_int_eq (store_read (s, buf, 16, 85, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  fail_calls (FTRUNCATE, EFBIG, 1);
  expect_failure (store_resize (s, SIZE, &err), err, ENOSPC, "ftruncate");
  ck_assert_uint_eq (store_size (s), 100);
  store_close (s);
}
END_TEST

/* ------------------------------------------------------------------ */
/* What a store is */

static void
refuse (struct store_file_options o, int error, const char *message)
{
  log_memory_clear ();
  ck_assert (open_with (o) == NULL);
  ck_assert_int_eq (errno, error);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert_msg (log_memory_contains (message), "%s", log_memory_text ());
}

START_TEST (options)
{
  struct store_file_options o = { 0 };
  struct store *s;
  char buf[8];
  int err = 0;

  o.size = SIZE + 1;
  refuse (o, EINVAL, "size=1049277 is more");
  o.size = 512 * 100;
  s = open_with (o);
  ck_assert_uint_eq (store_size (s), 512 * 100);
  ck_assert_int_eq (store_read (s, buf, 8, 512 * 100 - 7, &err), -1);
  ck_assert_int_eq (err, EINVAL);
  /* The rest of the file is not its business. */
  ck_assert_int_eq (store_resize (s, SIZE, &err), -1);
  ck_assert_int_eq (err, EOPNOTSUPP);
  store_close (s);

  o = (struct store_file_options){ .sector_size = 512 };
  refuse (o, EINVAL, "not a multiple of the sector size 512");
  o.size = 4096 * 10;
  o.sector_size = 1000;
  refuse (o, EINVAL, "sector size");
  o.sector_size = 4096;
  s = open_with (o);
  ck_assert (s != NULL);
  ck_assert_uint_eq (s->info.sector_size, 4096);
  ck_assert_uint_eq (s->info.align, 4096);
  store_close (s);

  o = (struct store_file_options){ 0 };
  s = open_with (o);
  ck_assert_uint_eq (s->info.align, 1);
  ck_assert_uint_eq (s->info.sector_size, 512);
  ck_assert (s->info.fua && s->info.shared_flush && s->info.cache);
  ck_assert (is_power_of_2 (s->info.preferred));
  ck_assert (is_power_of_2 (s->info.physical_sector_size));
  /* Clients are told the name, not where it is. */
  ck_assert (strstr (s->description, "test-store-file-") == s->description);
  ck_assert_int_eq (store_cache (s, SIZE, 0, &err), 0);
  store_close (s);
}
END_TEST

START_TEST (read_only)
{
  const struct host_file_options ho = { .path = path };
  struct store_file_options o = { .read_only = true };
  struct host_file *f = host_file_open (&ho), *other = host_file_open (&ho);
  struct store *ro = store_file_create (f, &o), *rw;
  char buf[8] = { 0 };
  int err = 0;

  ck_assert (ro != NULL && ro->info.read_only);
  ck_assert_int_eq (store_write (ro, buf, 8, 0, 0, &err), -1);
  ck_assert_int_eq (err, EPERM);
  ck_assert_int_eq (store_flush (ro, &err), 0);

  /* Another process's reader may come, its writer may not. */
  ck_assert_int_eq (host_file_lock (other, true), -1);
  ck_assert_int_eq (host_file_lock (other, false), 0);
  /* And so we cannot write, until it has gone. */
  o.read_only = false;
  ck_assert (store_file_create (f, &o) == NULL);
  ck_assert_int_eq (errno, EBUSY);
  host_file_unlock (other, false);
  rw = store_file_create (f, &o);
  ck_assert (rw != NULL);
  ck_assert_int_eq (host_file_lock (other, false), -1);
  /* What one wrote, the other reads. */
  ck_assert_int_eq (store_write (rw, "written", 8, 100, 0, &err), 0);
  expect (ro, "written", 8, 100);
  store_close (rw);
  ck_assert_int_eq (host_file_lock (other, false), 0);
  ck_assert_int_eq (host_file_lock (other, true), -1);
  store_close (ro);
  ck_assert_int_eq (host_file_lock (other, true), 0);
  host_file_unref (other);
  host_file_unref (f);
}
END_TEST

START_TEST (cannot_write)
{
  const int fd = open (path, O_RDONLY);
  const struct host_file_options ho = { .path = path, .fd = fd };
  struct store_file_options o = { .read_only = false };
  struct host_file *f = host_file_open (&ho);
  struct store *s;

  ck_assert (store_file_create (f, &o) == NULL);
  ck_assert_int_eq (errno, EACCES);
  o.read_only = true;
  s = store_file_create (f, &o);
  ck_assert (s != NULL);
  store_close (s);
  host_file_unref (f);
}
END_TEST

START_TEST (direct_needs_a_twin)
{
  const struct host_file_options ho = { .path = path };
  struct store_file_options o = { .cache = STORE_FILE_CACHE_DIRECT };
  struct host_file *f = host_file_open (&ho);

  ck_assert (store_file_create (f, &o) == NULL);
  ck_assert_int_eq (errno, EINVAL);
  /* The lock went with it. */
  ck_assert_int_eq (host_file_lock (f, true), 0);
  host_file_unref (f);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    keeps_data,
    keeps_data_direct,
    continues_what_is_cut_short,
    direct_takes_any_memory,
    many_threads,
    tells_errors,
    durable_writes_are_dsync,
    failed_flush_is_kept,
    failed_durable_write,
    cache_none_tells_errors,
    uncache,
    zero_falls_back,
    zero_leaves_holes_only_if_it_may,
    extents,
    extents_are_bounded,
    resizes,
    options,
    read_only,
    cannot_write,
    direct_needs_a_twin,
  };
  Suite *suite = suite_create ("store-file");
  TCase *c = test_case (suite, "store-file");

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  return test_run (suite);
}
