/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as what a client of a socket for reservations says: a greeting,
 * then requests, which a disk is told.  What is complete stays the same when
 * more follows, and what is not is so however it is cut off.
 */

#include <config.h>

#include <string.h>

#include "fuzz/fuzz.h"
#include "pr/pr-disk.h"
#include "pr/pr-wire.h"
#include "reservation/reservation-scsi.h"

const char fuzz_name[] = "pr-wire";

static size_t
greet (const uint8_t *data, size_t size, struct pr_greeting *g)
{
  const enum pr_wire_status status =
    pr_greeting_parse (data, size, PR_FEATURE_INITIATOR, g);
  uint8_t again[PR_GREETING_MAX];
  struct pr_greeting other;

  fuzz_assert (pr_wire_status_string (status) != NULL);
  if (status != PR_WIRE_OK)
    return 0;
  fuzz_assert (g->size <= size);
  fuzz_assert (pr_greeting_parse (data, g->size - 1, PR_FEATURE_INITIATOR,
                                  &other) == PR_WIRE_INCOMPLETE);
  fuzz_assert (pr_greeting_serialise (g->features ? g->initiator : NULL,
                                      again) == g->size);
  fuzz_assert (memcmp (again, data, g->size) == 0);
  return g->size;
}

static void
tell (struct pr_target *t, const char *who, const struct pr_wire_request *r)
{
  static uint8_t data[PR_DATA_MAX];
  struct pr_answer a;

  if (r->cdb[0] == RESERVATION_OUT_OPCODE)
    t->ops->pr_out (t, who, r->cdb, r->list, r->list_size, &a);
  else
    t->ops->pr_in (t, who, r->cdb, data, sizeof data, &a);
  fuzz_assert (a.count <= sizeof data);
  fuzz_assert (a.status == 0 || a.count == 0);
  fuzz_assert ((a.status == 2) == (a.sense[0] != 0));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct pr_disk *d = pr_disk_create (NULL);
  struct pr_greeting g;
  struct pr_wire_request r;
  size_t n = greet (data, size, &g);

  fuzz_assert (d != NULL);
  while (n > 0) {
    data += n;
    size -= n;
    n = 0;
    if (pr_wire_request_parse (data, size, &r) == PR_WIRE_OK) {
      fuzz_assert (r.size <= size);
      tell (pr_disk_target (d), g.features ? g.initiator : "uid:0", &r);
      n = r.size;
    }
  }
  pr_disk_free (d);
  return 0;
}
