/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The program of the layer suite: subjects, and running the cases.
 */

#include <config.h>

#include <stdio.h>

#include "base/cleanup.h"
#include "conformance/layer-suite.h"
#include "support/layer-mem.h"
#include "support/log-memory.h"
#include "support/must.h"

/* Pictures. */

/* What a layer must not touch: sectors that it does not have. */
#define UNTOUCHED 0x5a

static bool
all_bytes_are (const uint8_t *p, uint64_t n, uint8_t byte)
{
  return p[0] == byte && memcmp (p, p + 1, n - 1) == 0;
}

/* Read sector by sector what was marked; P's bytes hold the answer. */
static void
take_marks (struct picture *p, const struct marker *m)
{
  uint64_t sector = 0;
  uint32_t n;

  memset (p->state, LAYER_DATA, p->nsectors);
  for (; marker_next_unset (m, &sector, &n); sector += n) {
    uint8_t *bytes = p->bytes + sector * p->sector_size;

    quick_assert (
      all_bytes_are (bytes, (uint64_t) n * p->sector_size, UNTOUCHED));
    memset (bytes, 0, (uint64_t) n * p->sector_size);
    memset (p->state + sector, LAYER_ABSENT, n);
  }
}

/* What state says, which must agree with what was read. */
static void
take_states (struct picture *p, struct layer *l)
{
  uint64_t end;

  for (uint64_t s = 0; s < p->nsectors; s = end) {
    const enum layer_state state = l->ops->state (l, s, p->nsectors, &end);

    quick_assert (end > s && end <= p->nsectors);
    for (uint64_t i = s; i < end; i++) {
      quick_assert ((p->state[i] == LAYER_ABSENT) == (state == LAYER_ABSENT));
      p->state[i] = (uint8_t) state;
    }
    quick_assert (state != LAYER_ZERO ||
                  all_bytes_are (p->bytes + s * p->sector_size,
                                 (end - s) * p->sector_size, 0));
  }
}

static void
take_marked (struct picture *p, struct layer *l)
{
  uint64_t c = 0;

  p->nclusters = picture_cluster (p, p->nsectors - 1) + 1;
  p->marked = NULL;
  if (!l->info.keeps_dirty)
    return;
  p->marked = must_calloc (p->nclusters, 1);
  for (; (c = l->ops->next_dirty (l, c, p->nclusters)) < p->nclusters; c++)
    p->marked[c] = 1;
}

void
picture_take (struct picture *p, struct layer *l)
{
  CLEANUP (marker_fini) struct marker m;
  int err = 0;

  p->nsectors = l->info.nsectors;
  p->sector_size = l->info.sector_size;
  p->state = must_malloc (p->nsectors);
  p->bytes = must_malloc (p->nsectors * p->sector_size);
  memset (p->bytes, UNTOUCHED, p->nsectors * p->sector_size);
  marker_init (&m, 0, (uint32_t) p->nsectors);
  if (l->ops->read (l, p->bytes, 0, (uint32_t) p->nsectors, &m, &err) == -1)
    ck_abort_msg ("read of everything: %s", strerror (err));
  quick_assert (!m.failed);
  take_marks (p, &m);
  take_states (p, l);
  take_marked (p, l);
}

/* Of the layer under test: stores_zeroes. */
static bool zero_is_data;

static bool
same_state (const struct picture *a, const struct picture *b, uint64_t s)
{
  if (a->state[s] == b->state[s])
    return true;
  return zero_is_data && a->state[s] != LAYER_ABSENT &&
         b->state[s] != LAYER_ABSENT;
}

void
picture_free (struct picture *p)
{
  free (p->state);
  free (p->bytes);
  free (p->marked);
}

bool
picture_same_mark (const struct picture *a, const struct picture *b, uint64_t c)
{
  return a->marked == NULL || b->marked == NULL || a->marked[c] == b->marked[c];
}

bool
picture_same (const struct picture *a, const struct picture *b, uint64_t s)
{
  const size_t n = a->sector_size;

  return same_state (a, b, s) &&
         memcmp (a->bytes + s * n, b->bytes + s * n, n) == 0;
}

uint64_t
picture_differs (const struct picture *a, const struct picture *b,
                 uint64_t from, uint64_t to)
{
  const size_t n = a->sector_size;

  if (memcmp (a->state + from, b->state + from, to - from) == 0 &&
      memcmp (a->bytes + from * n, b->bytes + from * n, (to - from) * n) == 0)
    return to;
  while (from < to && picture_same (a, b, from))
    from++;
  return from;
}

/* Operations. */

const char *const layer_op_names[LAYER_NOPS] = {
  "write",           "write fua",  "populate",  "zero",
  "zero fua",        "discard",    "flush",     "write dirty",
  "write dirty fua", "zero dirty", "set clean",
};

int
layer_op_do (struct layer *l, const struct layer_op *o, int *err)
{
  const struct layer_ops *ops = l->ops;
  const uint32_t n = (uint32_t) o->nsectors;
  const unsigned dirty = l->info.keeps_dirty ? LAYER_DIRTY : 0;

  *err = 0;
  switch (o->kind) {
  case LAYER_OP_WRITE:
    return ops->write (l, o->buf, o->sector, n, 0, err);
  case LAYER_OP_WRITE_FUA:
    return ops->write (l, o->buf, o->sector, n, LAYER_FUA, err);
  case LAYER_OP_POPULATE:
    return ops->write (l, o->buf, o->sector, n, LAYER_NO_OVERWRITE, err);
  case LAYER_OP_ZERO:
    return ops->zero (l, o->sector, o->nsectors, 0, err);
  case LAYER_OP_ZERO_FUA:
    return ops->zero (l, o->sector, o->nsectors, LAYER_FUA, err);
  case LAYER_OP_DISCARD:
    return ops->discard (l, o->sector, o->nsectors, err);
  case LAYER_OP_WRITE_DIRTY:
    return ops->write (l, o->buf, o->sector, n, dirty, err);
  case LAYER_OP_WRITE_DIRTY_FUA:
    return ops->write (l, o->buf, o->sector, n, dirty | LAYER_FUA, err);
  case LAYER_OP_ZERO_DIRTY:
    return ops->zero (l, o->sector, o->nsectors, dirty, err);
  case LAYER_OP_SET_CLEAN:
    return dirty ? ops->set_clean (
                     l, o->sector * l->info.sector_size / LAYER_CLUSTER, err) :
                   0;
  default:
    return ops->flush (l, err);
  }
}

/* Subjects. */

static void
create (struct layer_subject *t)
{
  t->l = t->maker->create (&t->env, &t->spec);
  if (t->l == NULL) {
    log_memory_print ();
    ck_abort_msg ("%s: cannot be made", t->maker->name);
  }
}

void
layer_subject_open (struct layer_subject *t, int i, uint64_t size,
                    struct layer_spec spec)
{
  *t = (struct layer_subject){ .maker = &layer_makers[i / 2], .spec = spec };
  t->sector_size = t->spec.sector_size =
    i % 2 && !t->maker->only_512 ? 4096 : 512;
  zero_is_data = t->maker->stores_zeroes;
  /* An odd number, so that the last cluster or region is not whole. */
  t->nsectors = t->spec.nsectors = (size / t->sector_size - 1) | 1;
  t->buf = must_malloc (t->nsectors * t->sector_size);
  rng_init (&t->rng, spec.quiet ? 0 : rng_seed (t->maker->name));
  create (t);
  t->oracle =
    layer_mem_create (&(struct layer_info){ .nsectors = t->nsectors,
                                            .sector_size = t->sector_size,
                                            .keeps_dirty = true });
}

void
layer_subject_close (struct layer_subject *t)
{
  layer_close (t->l);
  layer_close (t->oracle);
  store_close (t->env.faulty);
  store_close (t->env.medium);
  free (t->buf);
  *t = (struct layer_subject){ 0 };
}

void
layer_subject_reopen (struct layer_subject *t)
{
  layer_close (t->l);
  create (t);
}

/* From one sector to half of the disk; often whole clusters. */
static uint64_t
random_length (struct layer_subject *t)
{
  const uint64_t cluster = 65536 / t->sector_size;

  switch (rng_below (&t->rng, 6)) {
  case 0:
    return 1;
  case 1:
    return cluster;
  case 2:
    return 1 + rng_below (&t->rng, cluster * 3);
  case 3:
    return 1 + rng_below (&t->rng, t->nsectors);
  default:
    return 1 + rng_below (&t->rng, 12288 / t->sector_size);
  }
}

void
layer_subject_choose (struct layer_subject *t, struct layer_op *o)
{
  o->kind = (enum layer_op_kind) rng_below (&t->rng, LAYER_NOPS);
  o->nsectors = min_u64 (random_length (t), t->nsectors);
  o->sector = rng_below (&t->rng, t->nsectors - o->nsectors + 1);
  if (rng_one_in (&t->rng, 3))
    o->sector = ROUND_DOWN (o->sector, 65536 / t->sector_size);
  if (rng_one_in (&t->rng, 8))
    o->sector = t->nsectors - o->nsectors;
  rng_fill (&t->rng, t->buf, o->nsectors * t->sector_size);
  o->buf = t->buf;
}

void
layer_subject_do (struct layer_subject *t, const struct layer_op *o)
{
  int ignored;

  if (layer_op_do (t->l, o, &t->err) == -1)
    ck_abort_msg ("%s: %s of %llu sectors at %llu: %s", t->maker->name,
                  layer_op_names[o->kind], (unsigned long long) o->nsectors,
                  (unsigned long long) o->sector, strerror (t->err));
  layer_op_do (t->oracle, o, &ignored);
}

void
layer_subject_random (struct layer_subject *t, unsigned n)
{
  for (unsigned i = 0; i < n; i++) {
    struct layer_op o;

    layer_subject_choose (t, &o);
    layer_subject_do (t, &o);
  }
}

void
layer_subject_check (struct layer_subject *t, uint64_t sector, uint64_t end)
{
  struct picture is, should;
  uint64_t at;

  picture_take (&is, t->l);
  picture_take (&should, t->oracle);
  at = picture_differs (&is, &should, sector, end);
  if (at < end)
    ck_abort_msg ("%s: sector %llu has state %u and byte %02x, should have "
                  "%u and %02x",
                  t->maker->name, (unsigned long long) at, is.state[at],
                  is.bytes[at * t->sector_size], should.state[at],
                  should.bytes[at * t->sector_size]);
  for (uint64_t c = 0; c < is.nclusters; c++) {
    if (!picture_same_mark (&is, &should, c))
      ck_abort_msg ("%s: cluster %llu is %smarked", t->maker->name,
                    (unsigned long long) c, is.marked[c] ? "" : "not ");
  }
  picture_free (&is);
  picture_free (&should);
}

void
layer_subject_check_all (struct layer_subject *t)
{
  layer_subject_check (t, 0, t->nsectors);
}

int
main (void)
{
  Suite *suite = suite_create ("layer conformance");

  for (unsigned i = 0; i < nlayer_makers; i++)
    printf ("%u, %u: %s, sectors of 512, 4096\n", 2 * i, 2 * i + 1,
            layer_makers[i].name);
  layer_suite_basic (suite);
  layer_suite_threads (suite);
  layer_suite_faults (suite);
  return test_run (suite);
}
