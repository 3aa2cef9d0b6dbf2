/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The paths by which images name their parents, as text: what Windows,
 * a URL or this host means by them, and what they are on this host.
 * Nothing here looks at a file.
 */

#ifndef DISKSTACK_IMAGE_PATH_H
#define DISKSTACK_IMAGE_PATH_H

#include "image/image.h"

enum image_path_form {
  IMAGE_FORM_RELATIVE, /* to the folder of the image */
  IMAGE_FORM_HOST,     /* absolute, of this host: begins with one slash */
  IMAGE_FORM_WINDOWS,  /* "C:/x", "//server/share/x", "//?/Volume{id}/x" */
};

/* P with slashes only, without "\\?\" before a drive or a share, and
 * decoded if it is a URL; to be freed.  NULL with errno = EINVAL if it is
 * no path (not a file URL, a bad escape, a zero byte), or ENOMEM.
 */
extern char *image_path_plain (const struct image_path *p);

/* What such a text is. */
extern enum image_path_form image_path_form (const char *plain);

/* PLAIN with the longest of the N beginnings FROM that fits, at the end
 * of a part of the path, replaced by its TO; to be freed.  What is of
 * Windows fits in upper and lower case.  NULL with errno = ENOENT if
 * none fits, or ENOMEM.
 */
extern char *image_path_map (const char *plain, const char *const *from,
                             const char *const *to, unsigned n);

/* The last part, inside PLAIN; NULL if that names no file. */
extern const char *image_path_base (const char *plain);

/* Do the first N bytes of both differ only in the case of letters of
 * ASCII?
 */
extern bool image_path_like (const char *a, const char *b, size_t n);

/* Is PATH, which is absolute and without "." and "..", in FOLDER, which
 * is the same, or below?
 */
extern bool image_path_inside (const char *path, const char *folder);

#endif /* DISKSTACK_IMAGE_PATH_H */
