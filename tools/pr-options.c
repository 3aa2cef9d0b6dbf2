/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-options.h.
 */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "command.h"
#include "pr-options.h"

enum { OPTION_INITIATOR = 1000 };

static const struct option options[] = {
  { "in", no_argument, NULL, 'i' },
  { "out", no_argument, NULL, 'o' },
  { "read-keys", no_argument, NULL, 'k' },
  { "read-reservation", no_argument, NULL, 'r' },
  { "report-capabilities", no_argument, NULL, 'c' },
  { "read-full-status", no_argument, NULL, 's' },
  { "register", no_argument, NULL, 'G' },
  { "register-ignore", no_argument, NULL, 'I' },
  { "register-move", no_argument, NULL, 'M' },
  { "reserve", no_argument, NULL, 'R' },
  { "release", no_argument, NULL, 'L' },
  { "clear", no_argument, NULL, 'C' },
  { "preempt", no_argument, NULL, 'P' },
  { "preempt-abort", no_argument, NULL, 'A' },
  { "param-rk", required_argument, NULL, 'K' },
  { "param-sark", required_argument, NULL, 'S' },
  { "prout-type", required_argument, NULL, 'T' },
  { "param-aptpl", no_argument, NULL, 'Z' },
  { "param-unreg", no_argument, NULL, 'U' },
  { "transport-id", required_argument, NULL, 'X' },
  { "initiator", required_argument, NULL, OPTION_INITIATOR },
  { "help", no_argument, NULL, 'h' },
  { NULL },
};

static void
print_usage (FILE *f)
{
  fprintf (f,
           "usage: diskstack pr [--in] [--initiator=NAME]\n"
           "           [--read-keys|--read-reservation|--read-full-status|\n"
           "            --report-capabilities] SOCKET\n"
           "       diskstack pr --out [--initiator=NAME]\n"
           "           --register|--register-ignore|--register-move|--reserve|"
           "\n"
           "           --release|--clear|--preempt|--preempt-abort\n"
           "           [--param-rk=KEY] [--param-sark=KEY] [--prout-type=TYPE]"
           "\n"
           "           [--param-aptpl] [--param-unreg] [--transport-id=NAME]\n"
           "           SOCKET\n");
}

/* Hexadecimal, as with sg_persist, with 0x or without. */
static int
parse_hex (const char *name, const char *value, uint64_t max, uint64_t *r)
{
  char *end;

  errno = 0;
  *r = strtoull (value, &end, 16);
  if (errno == 0 && end != value && *end == '\0' &&
      strchr (value, '-') == NULL && *r <= max)
    return 0;
  log_error ("--%s=%s: must be a hexadecimal number, at most %llx", name, value,
             (unsigned long long) max);
  return -1;
}

static int
parse_name (const char *name, const char *value, const char **r)
{
  *r = value;
  if (reservation_name_valid (value))
    return 0;
  log_error ("--%s=%s: must be the name of an initiator", name, value);
  return -1;
}

static int
parse_type (struct pr_options *o, const char *value)
{
  uint64_t type;

  if (parse_hex ("prout-type", value, 15, &type) == -1)
    return -1;
  o->command.type = (enum reservation_type) type;
  return 0;
}

/* The option C, if it has an argument. */
static int
set_value (struct pr_options *o, int c)
{
  switch (c) {
  case 'K':
    return parse_hex ("param-rk", optarg, UINT64_MAX, &o->command.key);
  case 'S':
    return parse_hex ("param-sark", optarg, UINT64_MAX, &o->command.action_key);
  case 'T':
    return parse_type (o, optarg);
  case 'X':
    return parse_name ("transport-id", optarg, &o->command.to);
  default:
    return parse_name ("initiator", optarg, &o->initiator);
  }
}

static const char in_actions[] = "krcs";
static const char out_actions[] = "GRLCPAIM";

struct seen {
  int direction, action; /* the option, or 0 */
};

static int
once (int *seen, int c)
{
  if (*seen != 0 && *seen != c) {
    log_error ("-%c and -%c: only one of these", *seen, c);
    return -1;
  }
  *seen = c;
  return 0;
}

/* The option C.  0, or -1 after log_error. */
static int
take (struct pr_options *o, struct seen *seen, int c)
{
  if (c == 'i' || c == 'o')
    return once (&seen->direction, c);
  if (c < 128 &&
      (strchr (in_actions, c) != NULL || strchr (out_actions, c) != NULL))
    return once (&seen->action, c);
  if (c == 'Z')
    o->command.aptpl = true;
  else if (c == 'U')
    o->command.unregister = true;
  else
    return set_value (o, c);
  return 0;
}

static int
check (struct pr_options *o, const struct seen *seen)
{
  const char *in = strchr (in_actions, seen->action ? seen->action : 'k');
  const char *out = seen->action ? strchr (out_actions, seen->action) : NULL;

  o->out = seen->direction == 'o';
  if (o->out ? out == NULL : in == NULL) {
    log_error (o->out ? "--out needs one of --register, --register-ignore, "
                        "--register-move, --reserve, --release, --clear, "
                        "--preempt and --preempt-abort" :
                        "what changes something needs --out");
    return -1;
  }
  if (!o->out)
    o->in_action = (enum reservation_in_action) (in - in_actions);
  else
    o->command.action = (enum reservation_action) (out - out_actions);
  if (o->out && o->command.action == RESERVATION_REGISTER_AND_MOVE &&
      o->command.to == NULL) {
    log_error ("--register-move needs --transport-id");
    return -1;
  }
  return 0;
}

int
pr_options_parse (struct pr_options *o, int argc, char *argv[])
{
  struct seen seen = { 0 };
  int c;

  *o = (struct pr_options){ .path = NULL };
  while ((c = getopt_long (argc, argv, "iokrcsGIMRLCPAK:S:T:ZUX:h", options,
                           NULL)) != -1) {
    if (c == 'h') {
      print_usage (stdout);
      return COMMAND_OK;
    }
    if (c == '?') {
      print_usage (stderr);
      return COMMAND_FAILED;
    }
    if (take (o, &seen, c) == -1)
      return COMMAND_FAILED;
  }
  if (argc - optind != 1) {
    print_usage (stderr);
    return COMMAND_FAILED;
  }
  o->path = argv[optind];
  return check (o, &seen) == 0 ? -1 : COMMAND_FAILED;
}
