/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack: what a person needs beside the server.  Here is only the
 * choice of the command; each is in a file of its own name.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "command.h"

static const struct command {
  const char *name;
  int (*run) (int argc, char *argv[]);
  const char *usage, *help;
} commands[] = {
  { "check", command_check, "check [OPTIONS] FILE",
    "find what is wrong with a VHD or VHDX, and mend it" },
  { "commit", command_commit, "commit [OPTIONS] FILE [DISK]",
    "move what a layer or an image holds into the disk below it" },
  { "compact", command_compact, "compact [OPTIONS] FILE",
    "give back what a VHD or VHDX keeps without need" },
  { "convert", command_convert, "convert [OPTIONS] SOURCE TARGET",
    "copy any disk into a new raw disk, VHD or VHDX" },
  { "create", command_create, "create [OPTIONS] FILE [SIZE]",
    "make a raw disk, a VHD or a VHDX" },
  { "info", command_info, "info [--json] FILE...",
    "what a VHD or a layer file is, and what is wrong with it" },
  { "pr", command_pr, "pr [OPTIONS] SOCKET",
    "persistent reservations of a running server" },
  { "rebase", command_rebase, "rebase [OPTIONS] CHILD PARENT",
    "give a differencing image another parent" },
  { "resize", command_resize, "resize [OPTIONS] FILE SIZE",
    "make a disk larger, or smaller" },
  { "status", command_status, "status [OPTIONS] SOCKET",
    "what goes on in the layers of a running server" },
};

static void
print_usage (FILE *f)
{
  fprintf (f, "usage: diskstack COMMAND [ARGUMENTS]\n\n");
  for (size_t i = 0; i < ARRAY_SIZE (commands); i++)
    fprintf (f, "  diskstack %-27s %s\n", commands[i].usage, commands[i].help);
  fprintf (f, "\n  diskstack --help, diskstack --version\n"
              "\nThe manual: diskstack(1).\n");
}

int
main (int argc, char *argv[])
{
  const char *name = argc > 1 ? argv[1] : "";

  for (size_t i = 0; i < ARRAY_SIZE (commands); i++) {
    if (strcmp (name, commands[i].name) == 0)
      return commands[i].run (argc - 1, argv + 1);
  }
  if (strcmp (name, "--version") == 0 || strcmp (name, "-V") == 0) {
    puts (PACKAGE_STRING);
    return COMMAND_OK;
  }
  if (strcmp (name, "--help") == 0 || strcmp (name, "-h") == 0) {
    print_usage (stdout);
    return COMMAND_OK;
  }
  if (argc > 1)
    fprintf (stderr, "diskstack: there is no command \"%s\"\n\n", name);
  print_usage (stderr);
  return COMMAND_FAILED;
}
