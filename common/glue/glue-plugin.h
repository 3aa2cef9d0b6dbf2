/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From stores to nbdkit's plugin callbacks.  A plugin is configuration
 * and one function that opens a store; all its data callbacks are here.
 * Only a plugin's main file includes this header.
 *
 *   static struct glue_exports exports = GLUE_EXPORTS_INIT (open_store);
 *
 *   static void *x_open (int readonly)
 *   { return glue_plugin_open (&exports, "", readonly); }
 *
 *   static struct nbdkit_plugin plugin = {
 *     .name = "x", ..., .open = x_open, GLUE_PLUGIN_OPS,
 *   };
 *
 * All connections to one export share one store, which is opened for
 * the first of them.  It is wrapped in store-align when the store asks
 * for alignment, so that any request of any client works.
 */

#ifndef DISKSTACK_GLUE_PLUGIN_H
#define DISKSTACK_GLUE_PLUGIN_H

#include <pthread.h>
#include <stdbool.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "store/store.h"

/* What NBDKIT_REGISTER_PLUGIN defines, which nothing declares. */
NBDKIT_DLL_PUBLIC extern struct nbdkit_plugin *plugin_init (void);

struct glue_export;

/* The stores that a plugin has open.  One of these is the only mutable
 * file-scope variable that the glue needs; the plugin owns it.
 */
struct glue_exports {
  pthread_mutex_t lock;
  /* Open the store for the export NAME.  Returns NULL after log_error.
   * Called with the lock held, never twice at once.
   */
  struct store *(*open_store) (const char *name, bool read_only);
  /* Close a store when its last connection goes, instead of when the
   * server ends.  For plugins that serve any number of exports.
   */
  bool close_idle;
  struct glue_export *list;
};

#define GLUE_EXPORTS_INIT(fn)                             \
  {                                                       \
    .lock = PTHREAD_MUTEX_INITIALIZER, .open_store = (fn) \
  }

/* For .get_ready: open the export NAME read-only now, so that what is
 * wrong with it is said before the server listens.  Returns 0 or -1.
 */
extern int glue_plugin_preopen (struct glue_exports *e, const char *name);

/* For .open: a handle on the export NAME, or NULL after log_error.  A
 * store that is open read-only and not in use is closed and opened
 * again when READONLY is false; one that is open writable also serves
 * read-only connections.
 */
extern void *glue_plugin_open (struct glue_exports *e, const char *name,
                               int readonly);

/* The medium may have changed its size: take it over, for requests that
 * come from now on and for new connections.  (What nbdkit told a client
 * stays.)  May be called by any thread until .unload.
 */
extern void glue_plugin_refresh (struct glue_exports *e);

/* For .unload: close every store that is still open. */
extern void glue_plugin_unload (struct glue_exports *e);

/* The callbacks. */
extern void glue_plugin_close (void *handle);
extern int64_t glue_plugin_get_size (void *handle);
extern const char *glue_plugin_export_description (void *handle);
extern int glue_plugin_block_size (void *handle, uint32_t *minimum,
                                   uint32_t *preferred, uint32_t *maximum);
extern int glue_plugin_can_write (void *handle);
extern int glue_plugin_can_flush (void *handle);
extern int glue_plugin_is_rotational (void *handle);
extern int glue_plugin_can_trim (void *handle);
extern int glue_plugin_can_zero (void *handle);
extern int glue_plugin_can_fast_zero (void *handle);
extern int glue_plugin_can_extents (void *handle);
extern int glue_plugin_can_fua (void *handle);
extern int glue_plugin_can_multi_conn (void *handle);
extern int glue_plugin_can_cache (void *handle);
extern int glue_plugin_pread (void *handle, void *buf, uint32_t count,
                              uint64_t offset, uint32_t flags);
extern int glue_plugin_pwrite (void *handle, const void *buf, uint32_t count,
                               uint64_t offset, uint32_t flags);
extern int glue_plugin_flush (void *handle, uint32_t flags);
extern int glue_plugin_trim (void *handle, uint32_t count, uint64_t offset,
                             uint32_t flags);
extern int glue_plugin_zero (void *handle, uint32_t count, uint64_t offset,
                             uint32_t flags);
extern int glue_plugin_extents (void *handle, uint32_t count, uint64_t offset,
                                uint32_t flags, struct nbdkit_extents *extents);
extern int glue_plugin_cache (void *handle, uint32_t count, uint64_t offset,
                              uint32_t flags);

#define GLUE_PLUGIN_OPS                                                     \
  .close = glue_plugin_close, .get_size = glue_plugin_get_size,             \
  .export_description = glue_plugin_export_description,                     \
  .block_size = glue_plugin_block_size, .can_write = glue_plugin_can_write, \
  .can_flush = glue_plugin_can_flush,                                       \
  .is_rotational = glue_plugin_is_rotational,                               \
  .can_trim = glue_plugin_can_trim, .can_zero = glue_plugin_can_zero,       \
  .can_fast_zero = glue_plugin_can_fast_zero,                               \
  .can_extents = glue_plugin_can_extents, .can_fua = glue_plugin_can_fua,   \
  .can_multi_conn = glue_plugin_can_multi_conn,                             \
  .can_cache = glue_plugin_can_cache, .pread = glue_plugin_pread,           \
  .pwrite = glue_plugin_pwrite, .flush = glue_plugin_flush,                 \
  .trim = glue_plugin_trim, .zero = glue_plugin_zero,                       \
  .extents = glue_plugin_extents, .cache = glue_plugin_cache,               \
  .errno_is_preserved = 1

#endif /* DISKSTACK_GLUE_PLUGIN_H */
