/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The contract of layer.h as tests, to be run over every layer.  A layer
 * takes part with one line in layer-makers.c; nothing else knows which
 * one it is looking at.
 */

#ifndef DISKSTACK_LAYER_SUITE_H
#define DISKSTACK_LAYER_SUITE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "layer/layer.h"
#include "store/store.h"
#include "support/main.h"
#include "support/rng.h"

/* What a test asks of a layer. */
struct layer_spec {
  uint64_t nsectors;
  uint32_t sector_size;
  /* No threads of its own: operations on the medium come in an order
   * that is the same in every run.
   */
  bool quiet;
  /* The medium remembers what is durable: support/store-sim.h. */
  bool power_cuts;
};

/* What a maker may use, and tell about what it made.  Of a layer that is
 * persistent the medium outlives it, and with a medium given, create
 * opens what is on it.
 */
struct layer_env {
  struct store *medium;
  struct store *faulty; /* a store-fault between the layer and its medium */
};

struct layer_maker {
  const char *name;
  /* NULL: it could not be made, and log_error was told why. */
  struct layer *(*create) (struct layer_env *env, const struct layer_spec *o);
  bool persistent;
  bool only_512; /* sectors of 4096 bytes are not possible */
  /* Zero may be data that is all zeroes. */
  bool stores_zeroes;
  uint64_t block_size; /* that it takes at once, if that is much; bytes */
};

extern const struct layer_maker layer_makers[];
extern const unsigned nlayer_makers;

/* All that can be known of a layer: each sector's state and content, and
 * which clusters are marked.
 */
struct picture {
  uint64_t nsectors;
  uint32_t sector_size;
  uint8_t *state; /* enum layer_state */
  uint8_t *bytes; /* of absent and zero sectors: zeroes */
  uint64_t nclusters;
  uint8_t *marked; /* of each cluster; NULL if the layer keeps no marks */
};

extern void picture_take (struct picture *p, struct layer *l);
extern void picture_free (struct picture *p);

/* Is sector S the same in both? */
extern bool picture_same (const struct picture *a, const struct picture *b,
                          uint64_t s);

/* The cluster of sector S. */
static inline uint64_t
picture_cluster (const struct picture *p, uint64_t s)
{
  return s * p->sector_size / LAYER_CLUSTER;
}

/* Is the mark of cluster C the same in both, as far as they know? */
extern bool picture_same_mark (const struct picture *a, const struct picture *b,
                               uint64_t c);

/* The first sector from FROM on, before TO, that differs; or TO. */
extern uint64_t picture_differs (const struct picture *a,
                                 const struct picture *b, uint64_t from,
                                 uint64_t to);

enum layer_op_kind {
  LAYER_OP_WRITE,
  LAYER_OP_WRITE_FUA,
  LAYER_OP_POPULATE, /* write with LAYER_NO_OVERWRITE */
  LAYER_OP_ZERO,
  LAYER_OP_ZERO_FUA,
  LAYER_OP_DISCARD,
  LAYER_OP_FLUSH,
  /* With LAYER_DIRTY, if the layer can. */
  LAYER_OP_WRITE_DIRTY,
  LAYER_OP_WRITE_DIRTY_FUA,
  LAYER_OP_ZERO_DIRTY,
  LAYER_OP_SET_CLEAN, /* of the cluster that the range begins in */
  LAYER_NOPS
};

extern const char *const layer_op_names[LAYER_NOPS];

struct layer_op {
  enum layer_op_kind kind;
  uint64_t sector, nsectors;
  const uint8_t *buf; /* what is written */
};

/* Do it; as the operations of layer.h. */
extern int layer_op_do (struct layer *l, const struct layer_op *o, int *err);

/* A layer under test, and one of which we know that it is right. */
struct layer_subject {
  const struct layer_maker *maker;
  struct layer_spec spec;
  struct layer_env env;
  struct layer *l;
  struct layer *oracle; /* layer-mem */
  uint64_t nsectors;
  uint32_t sector_size;
  uint8_t *buf; /* of the size of the disk */
  struct rng rng;
  int err;
};

/* Each test is run for each index: every maker, with sectors of 512 and
 * of 4096 bytes.
 */
#define NLAYER_SUBJECTS ((int) (2 * nlayer_makers))

/* Make number I with about SIZE bytes.  Of SPEC the geometry is set. */
extern void layer_subject_open (struct layer_subject *t, int i, uint64_t size,
                                struct layer_spec spec);
extern void layer_subject_close (struct layer_subject *t);

/* Close and open a persistent layer. */
extern void layer_subject_reopen (struct layer_subject *t);

/* A random operation on both, of random bytes. */
extern void layer_subject_choose (struct layer_subject *t, struct layer_op *o);
extern void layer_subject_do (struct layer_subject *t,
                              const struct layer_op *o);
extern void layer_subject_random (struct layer_subject *t, unsigned n);

/* Do both have the same in [SECTOR, END), by read and by state? */
extern void layer_subject_check (struct layer_subject *t, uint64_t sector,
                                 uint64_t end);
extern void layer_subject_check_all (struct layer_subject *t);

extern void layer_suite_basic (Suite *suite);
extern void layer_suite_threads (Suite *suite);
extern void layer_suite_faults (Suite *suite);

#endif /* DISKSTACK_LAYER_SUITE_H */
