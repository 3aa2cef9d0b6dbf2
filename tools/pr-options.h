/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The command line of diskstack pr: the options of sg_persist(8).
 */

#ifndef DISKSTACK_PR_OPTIONS_H
#define DISKSTACK_PR_OPTIONS_H

#include <stdbool.h>

#include "reservation/reservation-report.h"

struct pr_options {
  const char *path;      /* of the socket */
  const char *initiator; /* or NULL */
  bool out;
  enum reservation_in_action in_action;
  struct reservation_command command; /* of OUT */
};

/* Returns -1 to go on, or what the command exits with. */
extern int pr_options_parse (struct pr_options *o, int argc, char *argv[]);

#endif /* DISKSTACK_PR_OPTIONS_H */
