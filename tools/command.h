/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The commands of diskstack(1).
 */

#ifndef DISKSTACK_COMMAND_H
#define DISKSTACK_COMMAND_H

/* What a command exits with. */
enum {
  COMMAND_OK = 0,
  COMMAND_FAILED = 1,  /* it could not do what it was asked for */
  COMMAND_TROUBLE = 2, /* it did, and the image is not as it should be */
};

/* Each runs with ARGV[0] being its own name, may use getopt from there
 * on, and returns what the program exits with.
 */
extern int command_check (int argc, char *argv[]);
extern int command_commit (int argc, char *argv[]);
extern int command_compact (int argc, char *argv[]);
extern int command_convert (int argc, char *argv[]);
extern int command_create (int argc, char *argv[]);
extern int command_info (int argc, char *argv[]);
extern int command_pr (int argc, char *argv[]);
extern int command_rebase (int argc, char *argv[]);
extern int command_resize (int argc, char *argv[]);
extern int command_status (int argc, char *argv[]);

#endif /* DISKSTACK_COMMAND_H */
