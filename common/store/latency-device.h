/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device that takes its time: a latency model at work, shared by all
 * stores of it and all threads.  The model may be in a file that is read
 * again when it changes.
 */

#ifndef DISKSTACK_LATENCY_DEVICE_H
#define DISKSTACK_LATENCY_DEVICE_H

#include "latency/latency-model.h"

struct latency_device_options {
  /* What holds before the file, which may change all of it. */
  struct latency_model model;
  const char *path; /* of the file, absolute; NULL: none */
  uint64_t seed;
};

struct latency_device;

/* For file: in a model: the file as a string to be freed, or NULL with
 * errno; at most a megabyte.
 */
extern char *latency_device_read_file (const char *name);

/* The model of O with what is in its file.  0, or -1 after log_error. */
extern int latency_device_load (const struct latency_device_options *o,
                                struct latency_model *m);

/* NULL with errno = ENOMEM.  A file that is missing or wrong is said with
 * log_error when it is first seen, and the model stays as it was.
 */
extern struct latency_device *
latency_device_create (const struct latency_device_options *o);

/* NULL is ignored. */
extern void latency_device_free (struct latency_device *d);

/* For how many nanoseconds from now an operation has to wait. */
extern uint64_t latency_device_start (struct latency_device *d,
                                      enum latency_op op, uint64_t count,
                                      uint64_t offset);

#endif /* DISKSTACK_LATENCY_DEVICE_H */
