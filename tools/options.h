/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Options that several commands have.
 */

#ifndef DISKSTACK_OPTIONS_H
#define DISKSTACK_OPTIONS_H

#include <getopt.h>

#include "disk.h"
#include "image/image-options.h"

/* All return 0, or -1 after log_error, which begins with NAME. */
extern int option_size (const char *name, const char *value, uint64_t *size);
/* 0 is one, too. */
extern int option_any_size (const char *name, const char *value,
                            uint64_t *size);
extern int option_sector (const char *name, const char *value, uint32_t *size);
extern int option_format (const char *name, const char *value,
                          enum disk_format *format);
extern int option_type (const char *name, const char *value,
                        enum image_type *type);

/* Where parents are looked for. */
enum { OPTION_PARENT_SEARCH = 1000, OPTION_PARENT_MAP };

/* clang-format off */
#define OPTIONS_SEARCH                                                 \
  { "parent-search", required_argument, NULL, OPTION_PARENT_SEARCH },  \
  { "parent-map", required_argument, NULL, OPTION_PARENT_MAP }
/* clang-format on */

/* O is one of those.  0, or -1 after log_error. */
extern int option_search (struct disk_search *s, int o, const char *value);

/* Write out what was printed; STATUS, or COMMAND_FAILED if that fails. */
extern int options_finish (int status);

#endif /* DISKSTACK_OPTIONS_H */
