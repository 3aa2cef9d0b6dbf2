/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Filters that put a store over the disk below, and are no stack of
 * layers: `over' in struct glue_filter instead of `build'.  For each disk
 * that clients ask for there is something that all its connections share,
 * from the first of them until the server ends; each connection has a
 * store of its own over its own way down.
 */

#ifndef DISKSTACK_GLUE_OVER_H
#define DISKSTACK_GLUE_OVER_H

#include <stdbool.h>

#include "store/store.h"

struct glue_filter_instance;
struct glue_over_disk;

struct glue_over {
  /* Make what connections share.  BOTTOM is the way down of the first;
   * never called twice at once for an instance.  NULL after log_error.
   */
  void *(*open_disk) (void *config, struct store *bottom, bool read_only);
  void (*close_disk) (void *disk);

  /* The store of a connection; it may ask for any alignment.  Takes
   * ownership of BOTTOM on success; NULL after log_error.
   */
  struct store *(*open_store) (void *config, void *disk, struct store *bottom);

  /* Instead of that: who CLIENT is was found out by meet_client. */
  struct store *(*open_for_client) (void *config, void *disk,
                                    const char *client, struct store *bottom);
};

/* For glue-filter.c: the store of a connection, whose info.align is 1.
 * CLIENT is NULL if nobody wants to know.  Takes ownership of BOTTOM; NULL after log_error.
 */
extern struct store *glue_over_open (struct glue_filter_instance *i,
                                     struct store *bottom,
                                     const char *export_name,
                                     const char *client, bool read_only);

/* When no connection is left. */
extern void glue_over_close (struct glue_filter_instance *i);

#endif /* DISKSTACK_GLUE_OVER_H */
