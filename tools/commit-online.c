/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack commit SOCKET: have a running server move down what is dirty
 * in its write-back layers.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "command.h"
#include "commit-online.h"
#include "control/control-socket.h"

bool
commit_is_online (const char *path)
{
  struct stat st;

  return stat (path, &st) == 0 && S_ISSOCK (st.st_mode);
}

int
commit_online (const char *path, const char *export_name, bool quiet)
{
  CLEANUP (buffer_fini) struct buffer answer = { 0 };
  CLEANUP_FREE char *request = NULL;

  if (asprintf (&request, "commit%s%s", export_name ? " " : "",
                export_name ? export_name : "") == -1) {
    request = NULL;
    log_error ("out of memory");
    return COMMAND_FAILED;
  }
  /* It takes as long as it takes. */
  if (control_ask (path, request, 0, &answer) == -1)
    return COMMAND_FAILED;
  if (!quiet)
    fwrite (answer.data, 1, answer.len, stdout);
  return COMMAND_OK;
}
