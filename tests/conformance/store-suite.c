/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The program of the store suite: subjects, and running the cases.
 */

#include <config.h>

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conformance/store-suite.h"
#include "support/alloc-fault.h"
#include "support/differ.h"
#include "support/log-memory.h"
#include "support/must.h"
#include "support/store-fault.h"

const char *
make_dir (struct store_env *env)
{
  const bool was = alloc_fault_suspend (true);
  const char *tmp = getenv ("TMPDIR");

  if (env->dir == NULL) {
    if (asprintf (&env->dir, "%s/diskstack-XXXXXX", tmp ? tmp : "/tmp") == -1 ||
        mkdtemp (env->dir) == NULL)
      abort ();
  }
  alloc_fault_suspend (was);
  return env->dir;
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *f)
{
  return remove (path);
}

static void
end_env (struct store_env *env)
{
  if (env->dir != NULL)
    nftw (env->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  free (env->dir);
  free (env->opaque);
  store_close (env->medium);
  store_close (env->parent);
  *env = (struct store_env){ 0 };
}

static bool
open_subject (struct subject *t, int i, uint64_t size, bool read_only)
{
  const struct store_maker *m = &store_makers[i / 2];

  log_memory_clear ();
  *t = (struct subject){ .maker = m };
  t->spec.sector_size = i % 2 ? 4096 : 512;
  t->spec.read_only = read_only;
  if (m->only_512 && t->spec.sector_size != 512)
    return false;
  /* An end as odd as the maker can have it. */
  t->spec.size = ROUND_DOWN (size - 777, m->unit);
  if (m->unit >= 512)
    t->spec.size = ROUND_UP (t->spec.size, t->spec.sector_size);
  t->s = m->create (&t->env, &t->spec);
  if (t->s == NULL) {
    const int e = errno;

    end_env (&t->env);
    errno = e;
    return false;
  }
  t->unit = t->s->info.align;
  t->oracle = must_calloc (1, t->spec.size);
  rng_init (&t->rng, rng_seed (m->name));
  return true;
}

bool
subject_open (struct subject *t, int i, uint64_t size)
{
  return open_subject (t, i, size, false);
}

bool
subject_open_read_only (struct subject *t, int i, uint64_t size)
{
  return open_subject (t, i, size, true);
}

void
subject_close (struct subject *t)
{
  store_close (t->s);
  end_env (&t->env);
  free (t->oracle);
  *t = (struct subject){ 0 };
}

void
subject_reopen (struct subject *t)
{
  store_close (t->s);
  t->s = t->maker->create (&t->env, &t->spec);
  if (t->s == NULL) {
    log_memory_print ();
    ck_abort_msg ("%s: does not open again", t->maker->name);
  }
}

/* Sometimes to a sector or a page, often to the end of the disk. */
void
random_range (struct subject *t, uint64_t most, uint64_t *offset,
              uint64_t *count)
{
  const uint64_t size = t->spec.size;
  uint64_t unit = t->unit;

  if (rng_one_in (&t->rng, 3))
    unit = max_u64 (unit, rng_one_in (&t->rng, 2) ? 512 : 4096);
  do {
    *offset = ROUND_DOWN (rng_below (&t->rng, size), unit);
    *count = 1 + rng_below (&t->rng, rng_one_in (&t->rng, 4) ? most : 1500);
    *count = min_u64 (ROUND_UP (*count, unit), size - *offset);
    if (rng_one_in (&t->rng, 16) && size - *offset <= most)
      *count = size - *offset;
  } while (*count == 0 || *count > max_u64 (most, unit));
}

void
check_range_of (struct subject *t, uint64_t offset, uint64_t count)
{
  uint8_t *buf = must_malloc (count);
  uint64_t i;

  if (store_read (t->s, buf, count, offset, &t->err) == -1)
    ck_abort_msg ("%s: read of %llu at %llu: %s", t->maker->name,
                  (unsigned long long) count, (unsigned long long) offset,
                  strerror (t->err));
  i = first_difference (buf, t->oracle + offset, count);
  if (i < count)
    ck_abort_msg ("%s: byte %llu (of %llu at %llu) is %02x, should be %02x",
                  t->maker->name, (unsigned long long) (offset + i),
                  (unsigned long long) count, (unsigned long long) offset,
                  buf[i], t->oracle[offset + i]);
  free (buf);
}

void
check_all (struct subject *t)
{
  check_range_of (t, 0, t->spec.size);
}

void
write_random (struct subject *t, uint64_t offset, uint64_t count,
              unsigned flags)
{
  rng_fill (&t->rng, t->oracle + offset, count);
  if (store_write (t->s, t->oracle + offset, count, offset, flags, &t->err) ==
      -1)
    ck_abort_msg ("%s: write of %llu at %llu: %s", t->maker->name,
                  (unsigned long long) count, (unsigned long long) offset,
                  strerror (t->err));
}

void
adopt (struct subject *t, uint64_t offset, uint64_t count)
{
  quick_assert (store_read (t->s, t->oracle + offset, count, offset, &t->err) ==
                0);
}

int
main (void)
{
  Suite *suite = suite_create ("store conformance");

  for (unsigned i = 0; i < nstore_makers; i++)
    printf ("%u, %u: %s, sectors of 512, 4096\n", 2 * i, 2 * i + 1,
            store_makers[i].name);
  store_suite_basic (suite);
  store_suite_ranges (suite);
  store_suite_threads (suite);
  store_suite_faults (suite);
  return test_run (suite);
}
