/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the layered filter was told, and the files that it named.
 */

#ifndef DISKSTACK_LAYERED_CONFIG_H
#define DISKSTACK_LAYERED_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "layered/image-place.h"
#include "layered/layer-spec.h"
#include "layered/layered.h"
#include "layered/sqlite-place.h"
#include "open/store-open.h"

struct layered_config_layer {
  struct layer_spec spec;
  struct sqlite_place place;   /* of sqlite */
  char *key_option;            /* for messages of PLACE; owned */
  struct image_place image;    /* of vhd1 and vhdx */
  struct store_source *source; /* of disk, from get_ready on */
  struct store *early;         /* the same, read-only: holds locks */
  uint64_t size;               /* bytes, where known before a connection */
  uint32_t sector_size;        /* likewise; 0 otherwise */
  bool is_written;             /* a stack has it open for writing */
};

struct layered_config {
  unsigned nlayers;
  struct layered_config_layer layer[LAYERED_MAX]; /* top first */
  unsigned given; /* parameters seen, one bit for each */
  struct layered_tuning tuning;
  bool explain;
  /* Of what goes along with a stack, for start_services.  Paths are
   * absolute and owned.
   */
  char *status_path, *record_path, *prefetch_path;
  bool hydrate;
  uint64_t hydrate_rate; /* bytes in a second; 0: any */
  /* layered-services.c */
  struct control *control;
  struct layered_status_disks *status;
  bool traced; /* some disk is recorded, or was prefetched */
};

/* Take KEY, without the name of the filter before it.  As .config of
 * glue-filter.h.
 */
extern int layered_config_set (struct layered_config *c, const char *key,
                               const char *value);

/* Is layer I (from 0; nlayers is what is below all) written, at once or
 * later, when the disk is?
 */
extern bool layered_config_writes (const struct layered_config *c, unsigned i);

/* Bytes that a RAM layer bounds itself to: as nothing of it is anywhere
 * else, it can only fail.  What the engine bounds, by evicting, is 0.
 */
extern uint64_t layered_config_own_max (const struct layer_spec *spec);

/* Layer I as the engine wants it, with LAYER for what was opened. */
extern struct layered_member
layered_config_member (const struct layered_config *c, unsigned i,
                       struct layer *layer);

/* Is it an image, vhd1 or vhdx? */
extern bool layered_config_is_image (const struct layered_config_layer *l);

/* The file of the layer, or its directory, absolute; NULL if it has none,
 * or it is a disk's.
 */
extern const char *layered_config_path (const struct layered_config_layer *l);

/* The file of the layer if it was there at get_ready; or NULL. */
extern struct host_file *
layered_config_file (const struct layered_config_layer *l);

/* Say that layer I (or nlayers) SENTENCE. */
extern void layered_config_complain (const struct layered_config *c, unsigned i,
                                     const char *sentence);

/* layered-ready.c: open what is named and check what can be checked
 * before there is a connection.  0 or -1 after log_error.
 */
extern int layered_config_ready (struct layered_config *c);

/* layered-explain.c: print the stack that it comes to. */
extern void layered_config_explain (const struct layered_config *c, FILE *fp);

/* layered-services.c: as get_ready, after_fork, cleanup, start_services
 * and stop_services of glue-filter.h.
 */
extern int layered_services_ready (struct layered_config *c);
extern int layered_services_after_fork (void *config);
extern void layered_services_cleanup (void *config);
extern int layered_services_start (void *config, struct layered *ld,
                                   const char *export_name);
extern void layered_services_stop (void *config, struct layered *ld);

extern void layered_config_fini (struct layered_config *c);

#endif /* DISKSTACK_LAYERED_CONFIG_H */
