/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Data of the striped store.
 */

#include <config.h>

#include <errno.h>

#include "store/store-striped-impl.h"

/* Chunks of one member that are read or written at once. */
#define PIECES 64

/* ------------------------------------------------------------------ */
/* Reading and writing */

/* The next pieces of P as a vector; *R is what is left of it. */
static int
next_vector (const struct striped_job *j, const struct striped_part *p,
             struct stripe_range *r, struct iovec *iov)
{
  struct stripe_piece v[PIECES];
  const unsigned n =
    stripe_map_pieces (&j->s->map, p->member, j->offset, r, v, PIECES);

  for (unsigned i = 0; i < n; i++)
    iov[i] =
      (struct iovec){ .iov_base = j->buf + v[i].at, .iov_len = v[i].count };
  return (int) n;
}

static int
read_part (struct striped_job *j, const struct striped_part *p, int *err)
{
  struct store *s = striped_part_store (j, p);
  struct stripe_range r = p->range;
  struct iovec iov[PIECES];
  uint64_t at = r.offset;
  int n;

  while ((n = next_vector (j, p, &r, iov)) > 0) {
    if (store_readv (s, iov, n, j->s->data_offset + at, err) == -1)
      return -1;
    at = r.offset;
  }
  return 0;
}

static int
write_part (struct striped_job *j, const struct striped_part *p, int *err)
{
  struct store *s = striped_part_store (j, p);
  struct stripe_range r = p->range;
  struct iovec iov[PIECES];
  uint64_t at = r.offset;
  int n;

  while ((n = next_vector (j, p, &r, iov)) > 0) {
    if (store_writev (s, iov, n, j->s->data_offset + at, j->flags, err) == -1)
      return -1;
    at = r.offset;
  }
  return 0;
}

int
striped_read (struct store *s, void *buf, size_t count, uint64_t offset,
              int *err)
{
  struct striped_job j;

  j.s = to_striped (s);
  j.what = "read";
  j.fn = read_part;
  j.offset = offset;
  j.count = count;
  j.buf = buf;
  striped_job_cut (&j);
  return striped_job_run (&j, err);
}

/* The buffer is only read. */
int
striped_write (struct store *s, const void *buf, size_t count, uint64_t offset,
               unsigned flags, int *err)
{
  struct striped_job j;

  j.s = to_striped (s);
  j.what = "write";
  j.fn = write_part;
  j.offset = offset;
  j.count = count;
  j.flags = flags;
  j.buf = (char *) buf;
  striped_job_cut (&j);
  return striped_job_run (&j, err);
}

/* ------------------------------------------------------------------ */
/* The rest: one range of each member */

static int
flush_part (struct striped_job *j, const struct striped_part *p, int *err)
{
  return store_flush (striped_part_store (j, p), err);
}

static int
trim_part (struct striped_job *j, const struct striped_part *p, int *err)
{
  return store_trim (striped_part_store (j, p), p->range.count,
                     striped_part_offset (j, p), j->flags, err);
}

static int
zero_part (struct striped_job *j, const struct striped_part *p, int *err)
{
  return store_zero (striped_part_store (j, p), p->range.count,
                     striped_part_offset (j, p), j->flags, err);
}

static int
cache_part (struct striped_job *j, const struct striped_part *p, int *err)
{
  return store_cache (striped_part_store (j, p), p->range.count,
                      striped_part_offset (j, p), err);
}

static void
prepare (struct striped_job *j, struct store *s, uint64_t count,
         uint64_t offset, unsigned flags)
{
  j->s = to_striped (s);
  j->offset = offset;
  j->count = count;
  j->flags = flags;
  striped_job_cut (j);
}

int
striped_flush (struct store *s, int *err)
{
  struct striped_job j;

  j.s = to_striped (s);
  j.what = "flush";
  j.fn = flush_part;
  j.offset = 0;
  j.count = store_size (s);
  striped_job_all (&j);
  return striped_job_run (&j, err);
}

int
striped_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              int *err)
{
  struct striped_job j;

  j.what = "trim";
  j.fn = trim_part;
  prepare (&j, s, count, offset, flags);
  return striped_job_run (&j, err);
}

/* Only a fast zero can be refused, by some members and not by others.  If
 * all have refused nothing was done; else those that have are told to do
 * it anyhow, as part of it has been done.
 */
int
striped_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
              int *err)
{
  struct striped_job j;
  unsigned refused = 0;

  j.what = "zero";
  j.fn = zero_part;
  prepare (&j, s, count, offset, flags);
  striped_job_do (&j);
  for (unsigned i = 0; i < j.n; i++)
    refused += j.part[i].err == EOPNOTSUPP;
  if (refused == j.n) {
    *err = EOPNOTSUPP;
    return -1;
  }
  j.flags &= ~(unsigned) STORE_FAST_ZERO;
  for (unsigned i = 0; i < j.n && refused > 0; i++) {
    struct striped_part *p = &j.part[i];

    if (p->err == EOPNOTSUPP && zero_part (&j, p, &p->err) == 0)
      p->err = 0;
  }
  return striped_job_result (&j, err);
}

int
striped_cache (struct store *s, uint64_t count, uint64_t offset, int *err)
{
  struct striped_job j;

  j.what = "cache";
  j.fn = cache_part;
  prepare (&j, s, count, offset, 0);
  return striped_job_run (&j, err);
}

void
striped_uncache (struct store *s, uint64_t count, uint64_t offset)
{
  struct striped_job j;

  prepare (&j, s, count, offset, 0);
  for (unsigned i = 0; i < j.n; i++)
    store_uncache (striped_part_store (&j, &j.part[i]), j.part[i].range.count,
                   striped_part_offset (&j, &j.part[i]));
}
