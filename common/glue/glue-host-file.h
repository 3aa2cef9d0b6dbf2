/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters of every plugin that serves files or block devices of
 * the host: file= and fd=, which name one, and cache=, engine=, fadvise=
 * and lock=, which say how it is used.
 */

#ifndef DISKSTACK_GLUE_HOST_FILE_H
#define DISKSTACK_GLUE_HOST_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store-file.h"

enum glue_engine {
  GLUE_ENGINE_AUTO,    /* io_uring where it is faster, if it is there */
  GLUE_ENGINE_URING,   /* io_uring wherever that is possible */
  GLUE_ENGINE_THREADS, /* one request at a time for each of nbdkit's threads */
};

struct glue_host_file {
  unsigned given; /* which ones, for glue_param_once */
  char *path;     /* of file=, absolute; or NULL */
  int fd;         /* of fd=; or -1 */
  bool no_lock;
  struct store_file_options options; /* cache=, fadvise= */
  enum glue_engine engine;
};

#define GLUE_HOST_FILE_INIT \
  {                         \
    .fd = -1                \
  }

#define GLUE_HOST_FILE_HELP                                                 \
  "cache=<MODE>          Use of the page cache: default, none or direct.\n" \
  "engine=<ENGINE>       With cache=direct, I/O is by: auto, uring, "       \
  "threads.\n"                                                              \
  "fadvise=<MODE>        Access is: normal, random or sequential.\n"        \
  "lock=false            Do not lock the file against other processes."

/* For .config.  Returns 1 if the key is one of these, 0 if not, -1 after
 * nbdkit_error.
 */
extern int glue_host_file_config (struct glue_host_file *p, const char *key,
                                  const char *value);

/* The same for those that say how, of plugins with names of their own. */
extern int glue_host_file_config_use (struct glue_host_file *p, const char *key,
                                      const char *value);

/* The number of a descriptor that a user gives.  Returns as .config. */
extern int glue_param_fd (const char *key, const char *value, int *r);

/* For .config_complete: do they fit together?  Returns 0, or -1 after
 * nbdkit_error.
 */
extern int glue_host_file_config_complete (const struct glue_host_file *p);

/* For .get_ready: open what file= or fd= says, or create file= with SIZE
 * bytes.  NULL after log_error.
 */
extern struct host_file *glue_host_file_open (const struct glue_host_file *p);
extern struct host_file *glue_host_file_create (const struct glue_host_file *p,
                                                uint64_t size);

/* What cache=, engine= and fadvise= ask for.  Good after config_complete. */
extern struct store_file_options
glue_host_file_use (const struct glue_host_file *p);

/* Those of store_file_create for a connection. */
extern struct store_file_options
glue_host_file_options (const struct glue_host_file *p,
                        const struct host_file *f, bool read_only);

extern void glue_host_file_fini (struct glue_host_file *p);

#endif /* DISKSTACK_GLUE_HOST_FILE_H */
