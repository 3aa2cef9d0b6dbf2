/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images at URLs, for the plugins of glue-image.h.
 */

#ifndef DISKSTACK_GLUE_IMAGE_URL_H
#define DISKSTACK_GLUE_IMAGE_URL_H

#include "glue/glue-image.h"

/* For .config.  Returns 1 if that was file= with a URL (or +FILE, which has
 * one), or how to get at it; 0 if not, -1 after nbdkit_error.
 */
extern int glue_image_url_config (struct glue_image *g, const char *key,
                                  const char *value);

/* For .config_complete, if there is a URL: nothing else was given that
 * means a file.
 */
extern int glue_image_url_check (struct glue_image *g);

/* For .get_ready: look at the image, with nothing left open. */
extern int glue_image_url_get_ready (struct glue_image *g);

/* The disk in it.  NULL after nbdkit_error. */
extern struct store *glue_image_url_store (struct glue_image *g);

/* For .unload, when all stores have been closed. */
extern void glue_image_url_fini (struct glue_image *g);

#endif /* DISKSTACK_GLUE_IMAGE_URL_H */
