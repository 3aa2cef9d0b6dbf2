/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lines of /proc/self/mountinfo: "ID PARENT MAJOR:MINOR ROOT PLACE ...",
 * and the names with octal escapes (of spaces, tabs, line feeds and
 * backslashes) that are in them and in /proc/swaps.
 */

#ifndef DISKSTACK_MOUNTINFO_H
#define DISKSTACK_MOUNTINFO_H

#include <stddef.h>

enum mountinfo_status {
  MOUNTINFO_OK,
  MOUNTINFO_TOO_SHORT, /* fewer fields than that */
  MOUNTINFO_NO_NUMBER, /* MAJOR:MINOR is none */
  MOUNTINFO_TOO_LONG,  /* PLACE is longer than a path */
};

#define MOUNTINFO_PATH_MAX 4096

struct mountinfo {
  unsigned major, minor;
  char place[MOUNTINFO_PATH_MAX]; /* the folder, without escapes */
};

/* Parse LINE, which may end with a line feed. */
extern enum mountinfo_status mountinfo_parse (const char *line,
                                              struct mountinfo *m);

/* The first field of LINE, without its escapes, into the SIZE bytes at OUT:
 * its length, or SIZE if it does not fit.
 */
extern size_t mountinfo_field (const char *line, char *out, size_t size);

extern const char *mountinfo_status_string (enum mountinfo_status status);

#endif /* DISKSTACK_MOUNTINFO_H */
