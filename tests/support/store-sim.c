/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-sim.h.
 *
 * The medium is three images: what it was at position 0, what a reader
 * sees now, and, made when first asked for, what was durable after some
 * flush.  Between them is the record of every step.  A record of a write
 * always covers whole pieces with the content that they had afterwards,
 * so any subset of pieces can be laid over the durable image, in order.
 */

#include <config.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "support/mem-image.h"
#include "support/must.h"
#include "support/rng.h"
#include "support/store-op.h"
#include "support/store-sim.h"

/* One step has one record, or up to three if it was an unaligned zero or
 * trim: its edges have data, its middle only a byte to fill with.
 */
struct record {
  enum store_op_kind kind; /* write, resize or flush */
  bool fua;
  uint64_t step;
  uint64_t offset, count; /* whole pieces; resize: count is the size */
  uint8_t *data;          /* or NULL: fill with this */
  uint8_t fill;
};

/* An image that branches stand on.  Counted, since they may outlive the
 * medium's interest in it.
 */
struct base {
  _Atomic unsigned refs;
  struct mem_image *image;
};

struct store_sim {
  struct store store;
  uint32_t piece;
  uint8_t trim_fill;

  pthread_mutex_t lock; /* protects what follows */
  struct base *below;   /* what initial is a branch of, or NULL */
  struct mem_image *initial, *now;
  uint64_t position;
  struct record *v;
  size_t len, cap;
  /* The durable image after the first durable_len records. */
  struct base *durable;
  size_t durable_len;
};

static struct store_sim *
to_sim (struct store *s)
{
  return container_of (s, struct store_sim, store);
}

static struct base *
base_create (struct mem_image *image)
{
  struct base *b = must_malloc (sizeof *b);

  b->image = image;
  atomic_init (&b->refs, 1);
  return b;
}

static void
base_unref (struct base *b)
{
  if (b != NULL && atomic_fetch_sub (&b->refs, 1) == 1) {
    mem_image_free (b->image);
    free (b);
  }
}

/* ------------------------------------------------------------------ */
/* The past */

static void
forget (struct store_sim *m)
{
  for (size_t i = 0; i < m->len; i++)
    free (m->v[i].data);
  m->len = 0;
  m->position = 0;
  base_unref (m->durable);
  m->durable = NULL;
  m->durable_len = 0;
}

static struct record *
append (struct store_sim *m, enum store_op_kind kind, uint64_t offset,
        uint64_t count)
{
  if (m->len == m->cap) {
    m->cap = m->cap ? 2 * m->cap : 64;
    m->v = must_realloc (m->v, m->cap * sizeof *m->v);
  }
  m->v[m->len] = (struct record){
    .kind = kind, .step = m->position, .offset = offset, .count = count
  };
  return &m->v[m->len++];
}

/* Record what the pieces around [START, END) hold now. */
static void
append_data (struct store_sim *m, uint64_t start, uint64_t end, bool fua)
{
  struct record *r;

  if (start == end)
    return;
  start = ROUND_DOWN (start, m->piece);
  end = min_u64 (ROUND_UP (end, m->piece), mem_image_size (m->now));
  r = append (m, STORE_OP_WRITE, start, end - start);
  r->fua = fua;
  r->data = must_malloc (end - start);
  mem_image_read (m->now, r->data, end - start, start);
}

/* Record that [START, END) was filled with BYTE. */
static void
append_fill (struct store_sim *m, uint64_t start, uint64_t end, uint8_t byte,
             bool fua)
{
  const uint64_t body_start = ROUND_UP (start, m->piece);
  const uint64_t body_end =
    end == mem_image_size (m->now) ? end : ROUND_DOWN (end, m->piece);
  struct record *r;

  if (body_start >= body_end) {
    append_data (m, start, end, fua);
    return;
  }
  append_data (m, start, body_start, fua);
  r = append (m, STORE_OP_WRITE, body_start, body_end - body_start);
  r->fua = fua;
  r->fill = byte;
  append_data (m, body_end, end, fua);
}

/* ------------------------------------------------------------------ */
/* The store */

static void
sim_close (struct store *s)
{
  struct store_sim *m = to_sim (s);

  forget (m);
  free (m->v);
  mem_image_free (m->now);
  mem_image_free (m->initial);
  base_unref (m->below);
  pthread_mutex_destroy (&m->lock);
  free (m);
}

static int
sim_read (struct store *s, void *buf, size_t count, uint64_t offset, int *err)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  mem_image_read (m->now, buf, count, offset);
  return 0;
}

static int
sim_write (struct store *s, const void *buf, size_t count, uint64_t offset,
           unsigned flags, int *err)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  mem_image_write (m->now, buf, count, offset);
  append_data (m, offset, offset + count, flags & STORE_FUA);
  m->position++;
  return 0;
}

static int
sim_flush (struct store *s, int *err)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  append (m, STORE_OP_FLUSH, 0, 0);
  m->position++;
  return 0;
}

static int
sim_zero (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
          int *err)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  mem_image_punch (m->now, count, offset);
  append_fill (m, offset, offset + count, 0, flags & STORE_FUA);
  m->position++;
  return 0;
}

static int
sim_trim (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
          int *err)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  mem_image_fill (m->now, m->trim_fill, count, offset);
  append_fill (m, offset, offset + count, m->trim_fill, flags & STORE_FUA);
  m->position++;
  return 0;
}

static int
sim_extents (struct store *s, uint64_t count, uint64_t offset, unsigned flags,
             struct extent_list *out, int *err)
{
  struct store_sim *m = to_sim (s);
  const uint64_t end = offset + count;

  LOCK_SCOPE (&m->lock);
  while (offset < end && !extent_list_full (out)) {
    uint64_t next;
    const bool hole = mem_image_is_hole (m->now, offset, end, &next);

    if (extent_list_add (out, next - offset,
                         hole ? EXTENT_HOLE | EXTENT_ZERO : 0, err) == -1)
      return -1;
    offset = next;
  }
  return 0;
}

static int
sim_resize (struct store *s, uint64_t size, int *err)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  mem_image_resize (m->now, size);
  append (m, STORE_OP_RESIZE, 0, size);
  m->position++;
  return 0;
}

static const struct store_ops sim_ops = {
  .name = "sim",
  .close = sim_close,
  .read = sim_read,
  .write = sim_write,
  .flush = sim_flush,
  .trim = sim_trim,
  .zero = sim_zero,
  .extents = sim_extents,
  .resize = sim_resize,
};

/* Over INITIAL, a branch of BELOW; takes both. */
static struct store *
create (const struct store_sim_options *o, struct mem_image *initial,
        struct base *below)
{
  struct store_sim *m = must_calloc (1, sizeof *m);

  m->piece = o->piece_size ? o->piece_size : 512;
  m->trim_fill = o->trim_fill;
  pthread_mutex_init (&m->lock, NULL);
  m->below = below;
  m->initial = initial;
  m->now = mem_image_branch (initial);
  store_init (&m->store, &sim_ops, &o->info, mem_image_size (initial));
  return &m->store;
}

struct store *
store_sim_create_with (const struct store_sim_options *o)
{
  return create (o, mem_image_create (o->size), NULL);
}

struct store *
store_sim_create (uint64_t size)
{
  return store_sim_create_with (&(struct store_sim_options){
    .size = size,
    .info = { .fua = true,
              .trim = true,
              .zero = true,
              .fast_zero = true,
              .extents = true },
    .trim_fill = 0xdb,
  });
}

uint64_t
store_sim_position (struct store *s)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  return m->position;
}

void
store_sim_settle (struct store *s)
{
  struct store_sim *m = to_sim (s);
  struct mem_image *now;

  LOCK_SCOPE (&m->lock);
  forget (m);
  now = mem_image_copy (m->now);
  mem_image_free (m->now);
  mem_image_free (m->initial);
  base_unref (m->below);
  m->below = NULL;
  m->initial = now;
  m->now = mem_image_branch (now);
}

/* ------------------------------------------------------------------ */
/* Cutting the power */

/* The records before POSITION, and how many of them a flush made
 * durable.
 */
static void
find_records (const struct store_sim *m, uint64_t position, bool in_flight,
              size_t *len, size_t *durable)
{
  size_t i;

  *durable = 0;
  for (i = 0; i < m->len && m->v[i].step < position; i++) {
    if (m->v[i].kind == STORE_OP_FLUSH &&
        !(in_flight && m->v[i].step + 1 == position))
      *durable = i + 1;
  }
  *len = i;
}

/* Is the record durable, without a flush, at POSITION? */
static bool
is_forced (const struct record *r, uint64_t position, bool in_flight)
{
  return r->fua && !(in_flight && r->step + 1 == position);
}

static uint64_t
record_pieces (const struct store_sim *m, const struct record *r)
{
  if (r->kind == STORE_OP_FLUSH)
    return 0;
  return r->kind == STORE_OP_RESIZE ? 1 : DIV_ROUND_UP (r->count, m->piece);
}

/* Lay piece K of the record over the image, as far as it reaches. */
static void
apply_piece (const struct store_sim *m, const struct record *r, uint64_t k,
             struct mem_image *image)
{
  const uint64_t offset = r->offset + k * m->piece;
  uint64_t end = min_u64 (offset + m->piece, r->offset + r->count);

  end = min_u64 (end, mem_image_size (image));
  if (offset >= end)
    return;
  if (r->data != NULL)
    mem_image_write (image, r->data + (offset - r->offset), end - offset,
                     offset);
  else
    mem_image_fill (image, r->fill, end - offset, offset);
}

static void
apply_all (const struct store_sim *m, const struct record *r,
           struct mem_image *image)
{
  if (r->kind == STORE_OP_RESIZE)
    mem_image_resize (image, r->count);
  for (uint64_t k = 0; r->kind == STORE_OP_WRITE && k < record_pieces (m, r);
       k++)
    apply_piece (m, r, k, image);
}

/* The durable image after LEN records, with a reference for the caller.
 * The one that is kept is moved forward, unless somebody stands on it.
 */
static struct base *
durable_image (struct store_sim *m, size_t len)
{
  if (m->durable == NULL || m->durable_len > len) {
    base_unref (m->durable);
    m->durable = base_create (mem_image_copy (m->initial));
    m->durable_len = 0;
  }
  else if (m->durable_len < len && atomic_load (&m->durable->refs) > 1) {
    struct base *copy = base_create (mem_image_copy (m->durable->image));

    base_unref (m->durable);
    m->durable = copy;
  }
  for (; m->durable_len < len; m->durable_len++)
    apply_all (m, &m->v[m->durable_len], m->durable->image);
  atomic_fetch_add (&m->durable->refs, 1);
  return m->durable;
}

static void
apply_pending (const struct store_sim *m, size_t from, size_t to,
               uint64_t position, bool in_flight, struct mem_image *image,
               store_sim_pick pick, void *opaque)
{
  struct store_sim_piece p = { 0 };
  bool resize_lost = false;

  for (size_t i = from; i < to; i++) {
    const struct record *r = &m->v[i];

    if (is_forced (r, position, in_flight)) {
      apply_all (m, r, image);
      continue;
    }
    for (uint64_t k = 0; k < record_pieces (m, r); k++, p.index++) {
      p.step = r->step;
      p.offset = r->offset + k * m->piece;
      if (!pick (opaque, &p))
        resize_lost |= r->kind == STORE_OP_RESIZE;
      else if (r->kind == STORE_OP_WRITE)
        apply_piece (m, r, k, image);
      else if (!resize_lost)
        mem_image_resize (image, r->count);
    }
  }
}

static uint64_t
count_pending (const struct store_sim *m, uint64_t position, bool in_flight)
{
  size_t len, durable;
  uint64_t n = 0;

  find_records (m, position, in_flight, &len, &durable);
  for (size_t i = durable; i < len; i++) {
    if (!is_forced (&m->v[i], position, in_flight))
      n += record_pieces (m, &m->v[i]);
  }
  return n;
}

uint64_t
store_sim_pending (struct store *s, uint64_t position, bool in_flight)
{
  struct store_sim *m = to_sim (s);

  LOCK_SCOPE (&m->lock);
  return count_pending (m, position, in_flight);
}

struct store *
store_sim_crash (struct store *s, uint64_t position, bool in_flight,
                 store_sim_pick pick, void *opaque)
{
  struct store_sim *m = to_sim (s);
  const struct store_sim_options o = { .piece_size = m->piece,
                                       .info = s->info,
                                       .trim_fill = m->trim_fill };
  size_t len, durable;
  struct base *below;
  struct mem_image *image;

  LOCK_SCOPE (&m->lock);
  find_records (m, position, in_flight, &len, &durable);
  below = durable_image (m, durable);
  image = mem_image_branch (below->image);
  apply_pending (m, durable, len, position, in_flight, image, pick, opaque);
  return create (&o, image, below);
}

/* ------------------------------------------------------------------ */
/* Trying subsets */

struct subset {
  unsigned kind; /* one STORE_SIM_ bit; 0: nothing; ~0u: everything */
  uint64_t k;
  uint64_t seed;
};

static bool
in_subset (void *opaque, const struct store_sim_piece *p)
{
  const struct subset *c = opaque;
  struct rng rng;

  switch (c->kind) {
  case 0:
    return false;
  case STORE_SIM_PREFIXES:
    return p->index < c->k;
  case STORE_SIM_SUFFIXES:
    return p->index >= c->k;
  case STORE_SIM_MISSING:
    return p->index != c->k;
  case STORE_SIM_ALONE:
    return p->index == c->k;
  case STORE_SIM_RANDOM:
    /* From nearly nothing to nearly everything. */
    rng_init (&rng, c->seed + c->k * 1000003 + p->index);
    return rng_below (&rng, 8) < 1 + c->k % 7;
  default:
    return true;
  }
}

static void
describe (const struct subset *c, uint64_t position, uint64_t pending,
          char *out, size_t n)
{
  static const char *const names[] = { "the first", "all but number",
                                       "only number", "random set",
                                       "all but the first" };
  const int len = snprintf (out, n,
                            "power cut after %" PRIu64 " steps with %" PRIu64
                            " pieces pending, of which are kept: ",
                            position, pending);

  out += len;
  n -= (size_t) len;
  if (c->kind == 0)
    snprintf (out, n, "none");
  else if (c->kind == ~0u)
    snprintf (out, n, "all");
  else
    snprintf (out, n, "%s %" PRIu64, names[log2_of (c->kind)], c->k);
}

struct trial {
  struct store *s;
  uint64_t position, pending;
  bool in_flight;
  store_sim_check check;
  void *opaque;
  unsigned count;
};

static bool
try_subset (struct trial *t, struct subset *c)
{
  struct store *image =
    store_sim_crash (t->s, t->position, t->in_flight, in_subset, c);
  char what[200];
  bool r;

  describe (c, t->position, t->pending, what, sizeof what);
  t->count++;
  r = t->check (t->opaque, image, what);
  store_close (image);
  return r;
}

/* All subsets of one kind, or a sample. */
static bool
try_kind (struct trial *t, unsigned kind, const struct store_sim_plan *plan)
{
  const unsigned max = plan->max_each ? plan->max_each : 64;
  const bool sample = kind == STORE_SIM_RANDOM || t->pending > max;
  const uint64_t n = sample ? max : t->pending;
  struct subset c = { .kind = kind, .seed = plan->seed };
  struct rng rng;

  rng_init (&rng, plan->seed ^ t->position ^ (uint64_t) kind << 32);
  for (uint64_t i = 0; i < n && t->pending > 0; i++) {
    c.k = i;
    if (kind != STORE_SIM_RANDOM && sample)
      c.k = rng_below (&rng, t->pending);
    if (!try_subset (t, &c))
      return false;
  }
  return true;
}

unsigned
store_sim_crash_images (struct store *s, uint64_t position,
                        const struct store_sim_plan *plan,
                        store_sim_check check, void *opaque)
{
  struct trial t = {
    .s = s,
    .position = position,
    .in_flight = plan->which & STORE_SIM_IN_FLIGHT,
    .check = check,
    .opaque = opaque,
  };

  t.pending = store_sim_pending (s, position, t.in_flight);
  if (!try_subset (&t, &(struct subset){ .kind = 0 }))
    return t.count;
  if (t.pending > 0 && !try_subset (&t, &(struct subset){ .kind = ~0u }))
    return t.count;
  for (unsigned kind = 1; kind <= STORE_SIM_SUFFIXES; kind <<= 1) {
    if ((plan->which & kind) && !try_kind (&t, kind, plan))
      break;
  }
  return t.count;
}
