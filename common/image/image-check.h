/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Checking image files: every rule of the format over a file that is only
 * read, without the engine.  A check does not stop at the first thing
 * that is wrong; it tells all that it finds, and goes on as far as what
 * is left can be understood.
 *
 * vhd1-check.h and vhdx-check.h are the two checks.  Whether the parent
 * of a differencing image is there and the right one is not in the file:
 * image-chain.h.
 */

#ifndef DISKSTACK_IMAGE_CHECK_H
#define DISKSTACK_IMAGE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

enum image_severity {
  IMAGE_NOTE,    /* unusual, or worth to know; nothing is wrong */
  IMAGE_WARNING, /* wrong, but the disk is whole: a bad copy of something,
                  * lost space */
  IMAGE_ERROR,   /* a part of the disk may be lost or wrong; it is not
                  * opened for writing */
  IMAGE_FATAL,   /* it is not opened at all */
  IMAGE_SEVERITIES
};

struct image_finding {
  enum image_severity severity;
  const char *rule; /* its name: "bat-overlap", the same for ever */
  bool has_offset;
  uint64_t offset;  /* in the file, of what is wrong */
  const char *text; /* for people, one line, what and with which numbers;
                     * without the name of the file */
  bool repairable;  /* by the format's repair */
};

struct image_check {
  /* Called for each finding, all of which is valid until it returns.  No
   * more than IMAGE_CHECK_PER_RULE times for one rule: of the rest, the
   * last call says how many there are.
   */
  void (*found) (void *opaque, const struct image_finding *f);
  void *opaque;
};

#define IMAGE_CHECK_PER_RULE 32

/* What it comes to. */
struct image_check_result {
  uint64_t count[IMAGE_SEVERITIES]; /* findings, those not told too */
  uint64_t repairable;              /* of those worse than a note */
  /* Of the file, if it was understood that far, in bytes; else 0. */
  uint64_t size; /* of the disk */
  uint64_t nblocks, allocated;
  uint64_t used, leaked; /* bytes of the file */
};

/* "note", "warning", "error", "fatal". */
extern const char *image_severity_name (enum image_severity severity);

#endif /* DISKSTACK_IMAGE_CHECK_H */
