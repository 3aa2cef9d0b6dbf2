/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The contract of store.h as tests, to be run over every store.  A store
 * takes part with one line in store-makers.c; nothing here knows which
 * one it is looking at.
 */

#ifndef DISKSTACK_STORE_SUITE_H
#define DISKSTACK_STORE_SUITE_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "store/store.h"
#include "support/main.h"
#include "support/rng.h"

/* What a test asks of a store: an empty disk, all zeroes. */
struct store_spec {
  uint64_t size;
  uint32_t sector_size;
  bool read_only;
};

/* What a maker may use, and tell about what it made. */
struct store_env {
  char *dir; /* make_dir */
  /* A store-fault that everything under the store goes through, so that
   * faults can be put there; or NULL.
   */
  struct store *faulty;
  /* For the maker: freed with free (). */
  void *opaque;
  /* Of an image: what outlives its store.  If there is a medium, create
   * opens what is in it.
   */
  struct store *medium, *parent;
};

/* A fresh directory for files, removed after the test. */
extern const char *make_dir (struct store_env *env);

struct store_maker {
  const char *name;
  /* Returns NULL, having set errno, if there was no memory: the suite
   * makes allocations fail on purpose.  Everything else that goes wrong
   * must end the test.
   */
  struct store *(*create) (struct store_env *env, const struct store_spec *o);
  uint64_t unit; /* a disk's size must be a multiple of this */
  bool only_512; /* sectors of 4096 bytes are not possible */
  /* It has whole sectors, becomes smaller only where nothing is stored,
   * and if its metadata could not be made durable it must be opened again
   * before it can be changed.
   */
  bool is_image;
};

/* Makers that have files of their own. */
typedef struct store *store_make (struct store_env *env,
                                  const struct store_spec *o);
extern store_make make_file, make_file_none, make_file_direct, make_file_uring,
  make_device;
extern store_make make_layered_ram, make_layered_cache, make_layered_through;
extern store_make make_layered_sqlite, make_http;
extern store_make make_image_vhd1, make_image_vhd1_4k, make_image_vhd1_child;
extern store_make make_image_vhd1_hides;
extern store_make make_image_vhdx, make_image_vhdx_child, make_image_vhdx_hides;
extern store_make make_striped_1, make_striped_2, make_striped_5;
extern store_make make_striped_align;
extern store_make make_crypt, make_crypt_4096;
extern store_make make_nbd, make_nbd_blocks;
extern store_make make_nvme, make_nvme_sgl, make_nvme_bare;

extern const struct store_maker store_makers[];
extern const unsigned nstore_makers;

/* A store under test, with a flat array of what must be in it. */
struct subject {
  const struct store_maker *maker;
  struct store_spec spec;
  struct store_env env;
  struct store *s;
  uint64_t unit; /* offsets and counts are multiples of this */
  uint8_t *oracle;
  struct rng rng;
  int err;
};

/* Each test is run for each index: every maker, with sectors of 512 and
 * of 4096 bytes.
 */
#define NSUBJECTS ((int) (2 * nstore_makers))

/* Make number I, of about SIZE bytes.  False if there is no such. */
extern bool subject_open (struct subject *t, int i, uint64_t size);
extern bool subject_open_read_only (struct subject *t, int i, uint64_t size);
extern void subject_close (struct subject *t);

/* Close and open an image. */
extern void subject_reopen (struct subject *t);

/* A random range inside the disk that the store takes: at most MOST
 * bytes, not empty.
 */
extern void random_range (struct subject *t, uint64_t most, uint64_t *offset,
                          uint64_t *count);

/* Does the store hold what the oracle says, there or everywhere? */
extern void check_range_of (struct subject *t, uint64_t offset, uint64_t count);
extern void check_all (struct subject *t);

/* Write random bytes to both. */
extern void write_random (struct subject *t, uint64_t offset, uint64_t count,
                          unsigned flags);

/* Take over what the store holds there, after a trim: unspecified, but
 * from now on the same.
 */
extern void adopt (struct subject *t, uint64_t offset, uint64_t count);

extern void store_suite_basic (Suite *suite);
extern void store_suite_ranges (Suite *suite);
extern void store_suite_threads (Suite *suite);
extern void store_suite_faults (Suite *suite);

#endif /* DISKSTACK_STORE_SUITE_H */
