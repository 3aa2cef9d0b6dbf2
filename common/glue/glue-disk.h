/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The disks of one instance of a filter: a stack for each disk below that
 * somebody has asked for, from the first connection to it until cleanup,
 * so that what is in memory outlives connections.  For glue-filter.c.
 */

#ifndef DISKSTACK_GLUE_DISK_H
#define DISKSTACK_GLUE_DISK_H

#include "base/uuid.h"
#include "glue/glue-filter.h"

/* One stack, of one disk below. */
struct glue_disk {
  struct glue_disk *next;
  char *export_name;
  bool has_id;
  struct uuid id;
  bool read_only;
  bool started;         /* layered_start was successful */
  bool has_services;    /* start_services was */
  bool resumed;         /* layered_resume was */
  int commit_error;     /* why the last glue_disk_leave left something */
  unsigned connections; /* that hold a pointer to this */
  unsigned users;       /* of them, those that can still send requests */
  struct layered *stack;
};

struct glue_filter_instance {
  struct glue_filter_instance *next;
  struct glue_filter *filter;
  nbdkit_backend *backend; /* what is below */
  void *config;
  bool ready;
  bool parallel;        /* the server's thread model */
  pthread_mutex_t lock; /* for disks and what is in them */
  struct glue_disk *disks;
  struct glue_over_disk *over_disks; /* glue-over.c */
};

/* The disk that a connection with this BOTTOM wants, made if need be; the
 * connection counts from now on.  NULL after log_error.
 */
extern struct glue_disk *glue_disk_get (struct glue_filter_instance *i,
                                        const struct store *bottom,
                                        const char *export_name,
                                        bool read_only);

/* BOTTOM as the stack of D can use it, whose sectors may be smaller than
 * what BOTTOM wants.  Takes ownership of BOTTOM; NULL after log_error.
 */
extern struct store *glue_disk_align (const struct glue_disk *d,
                                      struct store *bottom);

/* See to it that what is below is as new as what a write-through layer
 * has, by BOTTOM, before the first request.  0, or -1 after log_error.
 */
extern int glue_disk_resume (struct glue_filter_instance *i,
                             struct glue_disk *d, struct store *bottom);

/* A connection sends no more requests.  If it was the last, what nobody
 * else would move down goes down by BOTTOM, unless that is NULL.
 */
extern void glue_disk_leave (struct glue_filter_instance *i,
                             struct glue_disk *d, struct store *bottom);

/* And it is gone. */
extern void glue_disk_put (struct glue_filter_instance *i, struct glue_disk *d);

/* Close all, when no connection is left. */
extern void glue_disks_close (struct glue_filter_instance *i);

#endif /* DISKSTACK_GLUE_DISK_H */
