/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kinds of files that `diskstack info' knows.
 */

#ifndef DISKSTACK_INFO_H
#define DISKSTACK_INFO_H

#include <stdbool.h>

#include "disk.h"
#include "report.h"
#include "store/host-file.h"
#include "store/store.h"

/* What is looked at: a file, or what is at a URL. */
struct info_source {
  char name[4096]; /* for messages */
  uint64_t size;
  struct host_file *file; /* or NULL */
  struct store *store;    /* or NULL; it may be given away in the end */
};

/* The file PATH, or what is at that URL.  0, or -1 after log_error. */
extern int info_open (struct info_source *s, const char *path);
extern void info_close (struct info_source *s);

/* The bytes [OFFSET, OFFSET+COUNT) of S, or fewer at its end, or where it
 * cannot be read.
 */
extern size_t info_read (const struct info_source *s, void *buf, size_t count,
                         uint64_t offset);

/* What a file is, so far as a look at it tells. */
struct info_kind {
  const char *name;
  /* Is S of this kind, be it damaged? */
  bool (*probe) (const struct info_source *s);
  /* Say what it is.  What is wrong with it goes to log_error. */
  void (*report) (struct info_source *s, struct report *r);
};

extern const struct info_kind info_layer;
extern const struct info_kind info_striped;
extern const struct info_kind info_vhd1;
extern const struct info_kind info_vhdx;

/* What dynamic and differencing VHDs and all VHDXs have: blocks, and a
 * parent.
 */
extern void info_report_image (struct info_source *s, enum disk_format format,
                               struct report *r);

/* Report the NVMe controller at the PCI address ADDRESS.  Returns what the
 * command exits with.
 */
extern int info_nvme (const char *address, struct report *r);

/* List what was logged, as what is wrong with PATH, which the reader of the
 * report knows: it is left out of the messages.  Returns how many there
 * were.
 */
extern size_t info_report_trouble (struct report *r, const char *path);

#endif /* DISKSTACK_INFO_H */
