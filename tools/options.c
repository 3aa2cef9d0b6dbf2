/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See options.h.
 */

#include <config.h>

#include <stdio.h>

#include "base/log.h"
#include "base/parse.h"
#include "command.h"
#include "disk-make.h"
#include "options.h"

int
option_any_size (const char *name, const char *value, uint64_t *size)
{
  if (parse_size (value, size))
    return 0;
  log_error ("%s=%s: not a size", name, value);
  return -1;
}

int
option_size (const char *name, const char *value, uint64_t *size)
{
  if (option_any_size (name, value, size) == -1)
    return -1;
  if (*size > 0)
    return 0;
  log_error ("%s=%s: must not be 0", name, value);
  return -1;
}

int
option_sector (const char *name, const char *value, uint32_t *size)
{
  if (disk_sector_size_parse (value, size))
    return 0;
  log_error ("%s=%s: must be 512 or 4096", name, value);
  return -1;
}

int
option_format (const char *name, const char *value, enum disk_format *format)
{
  if (disk_format_parse (value, format))
    return 0;
  log_error ("%s=%s: must be raw, vhd1 or vhdx", name, value);
  return -1;
}

int
option_type (const char *name, const char *value, enum image_type *type)
{
  if (disk_type_parse (value, type))
    return 0;
  log_error ("%s=%s: must be fixed, dynamic or differencing", name, value);
  return -1;
}

int
option_search (struct disk_search *s, int o, const char *value)
{
  return o == OPTION_PARENT_MAP ? disk_search_add_map (s, value) :
                                  disk_search_add_dir (s, value);
}

int
options_finish (int status)
{
  if (fflush (stdout) != EOF && !ferror (stdout))
    return status;
  log_error ("standard output: %m");
  return COMMAND_FAILED;
}
