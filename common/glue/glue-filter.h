/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From stores to nbdkit's filter callbacks.  A filter of ours is
 * configuration and one function that builds what it puts over the disk
 * below; all its callbacks are here.
 *
 * The same filter may stand in one chain more than once.  The server
 * then loads one object, so all state hangs on the backend pointer that
 * it passes: each `struct glue_filter_instance' has a configuration of
 * its own, and a key that an instance has already got goes on to the
 * next one.
 *
 * What is built is shared by all connections to one disk and lives until
 * the server ends; each connection adds only its own way down.
 *
 *   static struct glue_filter filter = {
 *     .config_size = sizeof (struct config),
 *     .config = ..., .build = ...,
 *   };
 *   GLUE_FILTER (filter, "layer-ram", "long name", "description", "key=<X> ...\n")
 */

#ifndef DISKSTACK_GLUE_FILTER_H
#define DISKSTACK_GLUE_FILTER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <nbdkit-filter.h>

#include "glue/glue-over.h"
#include "layer/layer.h"
#include "layered/layered.h"

/* What NBDKIT_REGISTER_FILTER defines, which nothing declares. */
NBDKIT_DLL_PUBLIC extern struct nbdkit_filter *filter_init (void);

struct glue_filter_instance;

struct glue_filter {
  /* Bytes of configuration of one instance, zeroed at first. */
  size_t config_size;

  /* See every key that reaches the filter.  Returns 1 if the key is
   * taken, 0 to pass it on (not ours, or this instance has it already),
   * -1 after log_error.
   */
  int (*config) (void *config, const char *key, const char *value);

  /* All keys were seen: check them.  0 or -1 after log_error.  May be
   * NULL.
   */
  int (*config_complete) (void *config);

  /* Open and lock files.  0 or -1 after log_error.  May be NULL. */
  int (*get_ready) (void *config);

  /* A client asks for EXPORT_NAME: the name to ask for below, and in *CLIENT
   * who it is, both allocated; called by the connection's own thread.  NULL
   * after log_error.  May be NULL: then the name is passed on, and nobody
   * wants to know.
   */
  char *(*meet_client) (void *config, const char *export_name, char **client);

  /* Must the disk below be opened read-only? */
  bool (*below_read_only) (const void *config, bool read_only);

  /* Build the stack over a disk such as BELOW and BOTTOM describe.
   * Called once for each disk that clients ask for, never twice at
   * once for an instance.  NULL after log_error.
   */
  struct layered *(*build) (void *config, const struct layer_below *below,
                            const struct layered_bottom *bottom,
                            bool read_only);

  /* Instead of build: a filter that is no stack. */
  const struct glue_over *over;

  /* The stack may move data down by itself: it is started when it is
   * built, with a way down of its own if the server is parallel and the
   * export has no name, and stopped before it is closed; without such a
   * way the last connection to close moves down what is left.
   */
  bool moves_down;

  /* Something else of the filter's that lives as long as a stack: start
   * it, after LD was started, and end it, before LD is stopped.  May be
   * NULL.  start_services returns 0, or -1 after log_error: then no client
   * gets the disk, and stop_services is not called.
   */
  int (*start_services) (void *config, struct layered *ld,
                         const char *export_name);
  void (*stop_services) (void *config, struct layered *ld);

  /* The process is the one that serves: start threads that belong to the
   * instance.  0 or -1 after log_error.  And before the end, when all
   * stacks are closed.  May be NULL.
   */
  int (*after_fork) (void *config);
  void (*cleanup) (void *config);

  /* Free what CONFIG points to.  May be NULL. */
  void (*free_config) (void *config);

  /* State, which only the glue touches. */
  pthread_mutex_t lock;
  struct glue_filter_instance *instances;
};

#define GLUE_FILTER_STATE_INIT .lock = PTHREAD_MUTEX_INITIALIZER

/* The members of the stack of build when a filter is one layer.  NULL
 * after log_error; L is closed then.
 */
extern struct layered *glue_filter_stack (const char *name, struct layer *l,
                                          bool read_cache, bool write_through,
                                          const struct layered_bottom *bottom,
                                          bool read_only);

/* A stack of nothing but the disk below. */
extern struct layered *
glue_filter_bare_stack (const char *name, const struct layered_bottom *bottom,
                        bool read_only);

/* Helpers for .config: parse VALUE of KEY into *R.  SEEN is whether this
 * instance has the key already; it is set.  Return as .config does.
 */
extern int glue_filter_bool (const char *key, const char *value, bool *seen,
                             bool *r);
extern int glue_filter_size (const char *key, const char *value, bool *seen,
                             uint64_t *r);
extern int glue_filter_sector_size (const char *key, const char *value,
                                    uint32_t max, bool *seen, uint64_t *r);
extern int glue_filter_string (const char *value, const char **r);

/* The callbacks; GLUE_FILTER binds them to a struct glue_filter. */
extern int glue_filter_config (struct glue_filter *f, nbdkit_next_config *next,
                               nbdkit_backend *nxdata, const char *key,
                               const char *value);
extern int glue_filter_config_complete (struct glue_filter *f,
                                        nbdkit_next_config_complete *next,
                                        nbdkit_backend *nxdata);
extern int glue_filter_get_ready (struct glue_filter *f, int thread_model);
extern int glue_filter_after_fork (struct glue_filter *f,
                                   nbdkit_backend *backend);
extern void glue_filter_cleanup (struct glue_filter *f,
                                 nbdkit_backend *backend);
extern void glue_filter_unload (struct glue_filter *f);
extern void *glue_filter_open (struct glue_filter *f, nbdkit_next_open *next,
                               nbdkit_context *context, int readonly,
                               const char *exportname);
extern void glue_filter_close (void *handle);
extern int glue_filter_prepare (nbdkit_next *next, void *handle, int readonly);
extern int glue_filter_finalize (nbdkit_next *next, void *handle);
extern int64_t glue_filter_get_size (nbdkit_next *next, void *handle);
extern const char *glue_filter_export_description (nbdkit_next *next,
                                                   void *handle);
extern int glue_filter_block_size (nbdkit_next *next, void *handle,
                                   uint32_t *minimum, uint32_t *preferred,
                                   uint32_t *maximum);
extern int glue_filter_can_write (nbdkit_next *next, void *handle);
extern int glue_filter_can_flush (nbdkit_next *next, void *handle);
extern int glue_filter_is_rotational (nbdkit_next *next, void *handle);
extern int glue_filter_can_trim (nbdkit_next *next, void *handle);
extern int glue_filter_can_zero (nbdkit_next *next, void *handle);
extern int glue_filter_can_fast_zero (nbdkit_next *next, void *handle);
extern int glue_filter_can_extents (nbdkit_next *next, void *handle);
extern int glue_filter_can_fua (nbdkit_next *next, void *handle);
extern int glue_filter_can_multi_conn (nbdkit_next *next, void *handle);
extern int glue_filter_can_cache (nbdkit_next *next, void *handle);
extern int glue_filter_pread (nbdkit_next *next, void *handle, void *buf,
                              uint32_t count, uint64_t offset, uint32_t flags,
                              int *err);
extern int glue_filter_pwrite (nbdkit_next *next, void *handle, const void *buf,
                               uint32_t count, uint64_t offset, uint32_t flags,
                               int *err);
extern int glue_filter_flush (nbdkit_next *next, void *handle, uint32_t flags,
                              int *err);
extern int glue_filter_trim (nbdkit_next *next, void *handle, uint32_t count,
                             uint64_t offset, uint32_t flags, int *err);
extern int glue_filter_zero (nbdkit_next *next, void *handle, uint32_t count,
                             uint64_t offset, uint32_t flags, int *err);
extern int glue_filter_extents (nbdkit_next *next, void *handle, uint32_t count,
                                uint64_t offset, uint32_t flags,
                                struct nbdkit_extents *extents, int *err);
extern int glue_filter_cache (nbdkit_next *next, void *handle, uint32_t count,
                              uint64_t offset, uint32_t flags, int *err);

/* clang-format off */
#define GLUE_FILTER(f, short_name, long_name, text, help)                   \
  static int                                                                \
  f##_config (nbdkit_next_config *next, nbdkit_backend *nxdata,             \
              const char *key, const char *value)                           \
  { return glue_filter_config (&f, next, nxdata, key, value); }             \
                                                                            \
  static int                                                                \
  f##_config_complete (nbdkit_next_config_complete *next,                   \
                       nbdkit_backend *nxdata)                              \
  { return glue_filter_config_complete (&f, next, nxdata); }                \
                                                                            \
  static int                                                                \
  f##_get_ready (int thread_model)                                          \
  { return glue_filter_get_ready (&f, thread_model); }                      \
                                                                            \
  static int                                                                \
  f##_after_fork (nbdkit_backend *backend)                                  \
  { return glue_filter_after_fork (&f, backend); }                          \
                                                                            \
  static void                                                               \
  f##_cleanup (nbdkit_backend *backend)                                     \
  { glue_filter_cleanup (&f, backend); }                                    \
                                                                            \
  static void                                                               \
  f##_unload (void)                                                         \
  { glue_filter_unload (&f); }                                              \
                                                                            \
  static void *                                                             \
  f##_open (nbdkit_next_open *next, nbdkit_context *context, int readonly,  \
            const char *exportname, int is_tls)                             \
  { return glue_filter_open (&f, next, context, readonly, exportname); }    \
                                                                            \
  static struct nbdkit_filter f##_nbdkit_filter = {                         \
    .name = short_name,                                                     \
    .longname = long_name,                                                  \
    .description = text,                                                    \
    .config_help = help,                                                    \
    .config = f##_config,                                                   \
    .config_complete = f##_config_complete,                                 \
    .get_ready = f##_get_ready,                                             \
    .after_fork = f##_after_fork,                                           \
    .cleanup = f##_cleanup,                                                 \
    .unload = f##_unload,                                                   \
    .open = f##_open,                                                       \
    .close = glue_filter_close,                                             \
    .prepare = glue_filter_prepare,                                         \
    .finalize = glue_filter_finalize,                                       \
    .get_size = glue_filter_get_size,                                       \
    .export_description = glue_filter_export_description,                   \
    .block_size = glue_filter_block_size,                                   \
    .can_write = glue_filter_can_write,                                     \
    .can_flush = glue_filter_can_flush,                                     \
    .is_rotational = glue_filter_is_rotational,                             \
    .can_trim = glue_filter_can_trim,                                       \
    .can_zero = glue_filter_can_zero,                                       \
    .can_fast_zero = glue_filter_can_fast_zero,                             \
    .can_extents = glue_filter_can_extents,                                 \
    .can_fua = glue_filter_can_fua,                                         \
    .can_multi_conn = glue_filter_can_multi_conn,                           \
    .can_cache = glue_filter_can_cache,                                     \
    .pread = glue_filter_pread,                                             \
    .pwrite = glue_filter_pwrite,                                           \
    .flush = glue_filter_flush,                                             \
    .trim = glue_filter_trim,                                               \
    .zero = glue_filter_zero,                                               \
    .extents = glue_filter_extents,                                         \
    .cache = glue_filter_cache,                                             \
  };                                                                        \
                                                                            \
  /* The macro of nbdkit's header defines filter_init. */                   \
  NBDKIT_REGISTER_FILTER (f##_nbdkit_filter)
/* clang-format on */

#endif /* DISKSTACK_GLUE_FILTER_H */
