/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the kernel says when a device comes, changes or goes: a line
 * "ACTION@PATH", then lines "NAME=VALUE", each ended by a zero byte.
 */

#ifndef DISKSTACK_UEVENT_H
#define DISKSTACK_UEVENT_H

#include <stdbool.h>
#include <stddef.h>

enum uevent_status {
  UEVENT_OK,
  UEVENT_NO_END,    /* the last line is not ended */
  UEVENT_NO_ACTION, /* the first line is not ACTION@PATH */
  UEVENT_NO_VALUE,  /* a line has no '=' */
  UEVENT_NO_NUMBER, /* MAJOR or MINOR is none, or too large */
};

struct uevent {
  bool block;   /* of a block device */
  bool removed; /* which has gone */
  bool has_number;
  unsigned major, minor; /* if has_number */
};

/* Parse the N bytes at BUF. */
extern enum uevent_status uevent_parse (const char *buf, size_t n,
                                        struct uevent *u);

extern const char *uevent_status_string (enum uevent_status status);

#endif /* DISKSTACK_UEVENT_H */
