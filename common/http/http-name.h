/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of files below a URL, from people who are not trusted: there is no
 * way out of what is below.  Pure.
 */

#ifndef DISKSTACK_HTTP_NAME_H
#define DISKSTACK_HTTP_NAME_H

/* The URL of NAME below BASE, before BASE's query, if it has one; to be
 * freed.  Parts of NAME are separated by slashes; everything in them that
 * could mean something else is encoded.  NULL with errno: EINVAL if NAME is
 * empty, or has a part that is empty, "." or "..", a backslash or a control
 * character; ENOMEM.
 */
extern char *http_name_below (const char *base, const char *name);

#endif /* DISKSTACK_HTTP_NAME_H */
