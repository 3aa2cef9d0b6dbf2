/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as a request of a control socket: what is accepted is what
 * the header says, and comes to the same when it arrives in pieces.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "base/utf8.h"
#include "control/control-request.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "control";

static void
check_text (const char *s)
{
  size_t n;

  for (; *s != '\0'; s += n) {
    n = utf8_length (s);
    fuzz_assert (n > 0);
    fuzz_assert ((unsigned char) *s >= 0x20 && *s != 0x7f);
  }
}

/* What was accepted is the line that came. */
static void
check_request (const struct control_request *r, const char *bytes, size_t n)
{
  char line[sizeof r->name + sizeof r->arguments + 2];

  fuzz_assert (r->name[0] != '\0' && strlen (r->name) <= CONTROL_NAME_MAX);
  fuzz_assert (strspn (r->name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
               strlen (r->name));
  check_text (r->arguments);
  snprintf (line, sizeof line, "%s%s%s", r->name,
            n == strlen (r->name) + 1 ? "" : " ", r->arguments);
  fuzz_assert (strlen (line) + 1 == n && bytes[n - 1] == '\n');
  fuzz_assert (memcmp (line, bytes, n - 1) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *bytes = (const char *) data;
  enum control_status status = CONTROL_INCOMPLETE;
  struct control_request r;
  size_t n;

  /* As a server gets it, until it knows. */
  for (n = 0; n <= size && status == CONTROL_INCOMPLETE; n++) {
    /* In memory of just that size, so that sanitizers see its end. */
    char *piece = malloc (n ? n : 1);

    fuzz_assert (piece != NULL);
    memcpy (piece, bytes, n);
    status = control_request_parse (piece, n, &r);
    free (piece);
    fuzz_assert (control_status_string (status) != NULL);
    fuzz_assert (n <= CONTROL_LINE_MAX);
    fuzz_assert ((n < CONTROL_LINE_MAX && memchr (bytes, '\n', n) == NULL) ==
                 (status == CONTROL_INCOMPLETE));
  }
  if (status == CONTROL_OK)
    check_request (&r, bytes, n - 1);
  /* All at once: the same, or that there is more. */
  if (status != CONTROL_INCOMPLETE) {
    const enum control_status all = control_request_parse (bytes, size, &r);

    fuzz_assert (
      all == (status == CONTROL_OK && size > n - 1 ? CONTROL_MORE : status));
  }
  return 0;
}
