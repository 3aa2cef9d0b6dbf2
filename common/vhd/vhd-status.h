/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What can be wrong with a VHD, as the parsers of this room say it.
 */

#ifndef DISKSTACK_VHD_STATUS_H
#define DISKSTACK_VHD_STATUS_H

enum vhd_status {
  VHD_OK,
  VHD_TOO_SHORT,    /* not even a footer fits into the file */
  VHD_NO_COOKIE,    /* no footer where one should be */
  VHD_BAD_CHECKSUM, /* a footer that changed since it was written */
  VHD_BAD_VERSION,  /* of a later version of the format */
  VHD_BAD_TYPE,     /* neither fixed nor dynamic nor differencing */
  VHD_BAD_SIZE,     /* the current size is not whole sectors */
  VHD_TRUNCATED,    /* the file is shorter than its disk and footer */
  VHD_NO_GEOMETRY,  /* the size by geometry is asked for, there is none */
  VHD_DYNAMIC,      /* sound, but not fixed */
  VHD_DIFFERENCING, /* the same */

  /* Of dynamic and differencing ones. */
  VHD_NO_HEADER,       /* no dynamic header where the footer says */
  VHD_HEADER_OUTSIDE,  /* where it says is not in the file */
  VHD_HEADER_CHECKSUM, /* it changed since it was written */
  VHD_HEADER_VERSION,  /* of a later version */
  VHD_BAD_BLOCK_SIZE,  /* no power of two, or too small or large */
  VHD_TOO_LARGE,       /* larger than the largest there may be */
  VHD_BAT_TOO_SMALL,   /* the BAT does not cover the disk */
  VHD_BAT_OUTSIDE,     /* the BAT is not in the file */
  VHD_LOCATOR_OUTSIDE, /* a parent locator is not in the file */
  VHD_REGIONS_OVERLAP, /* two structures are in one place */
  VHD_NO_BATMAP,       /* no batmap where Xen puts it */
  VHD_BATMAP_OUTSIDE,  /* the map is not in the file or too small */
  VHD_PATH_ODD,        /* a path of an odd number of bytes of UTF-16 */
  VHD_PATH_UNPAIRED,   /* half of a surrogate pair in it */
  VHD_PATH_ZERO,       /* a zero character in it */
  VHD_PATH_TOO_LONG,   /* more than the buffer holds */
  VHD_PATH_BAD_UTF8,   /* a URL that is no UTF-8 */
  VHD_PATH_EMPTY,      /* no path at all */
  VHD_PATH_UNKNOWN,    /* a locator of a platform that is not known */
};

/* A phrase such as "has no VHD footer at its end". */
extern const char *vhd_status_string (enum vhd_status status);

#endif /* DISKSTACK_VHD_STATUS_H */
