/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as commands of a few initiators: each is a byte that says who,
 * a command block, a byte that says how long the parameter list is, and
 * that.  Whatever comes, the state stays in order, and is told in whole.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "reservation/reservation-scsi.h"

const char fuzz_name[] = "reservation";

static void
check_state (const struct reservation *r)
{
  fuzz_assert (r->n <= RESERVATION_REGISTRANTS_MAX);
  fuzz_assert (r->type == RESERVATION_NONE ||
               (reservation_type_valid (r->type) && r->holder < r->n));
  for (unsigned i = 0; i < r->n; i++) {
    fuzz_assert (r->registrant[i].key != 0);
    fuzz_assert (reservation_find (r, r->registrant[i].name) == (int) i);
  }
}

static void
ask (const struct reservation *r, const uint8_t *cdb)
{
  static uint8_t buf[RESERVATION_DATA_MAX];
  const size_t most = (size_t) cdb[7] << 8 | cdb[8];
  size_t n;

  if (reservation_in (r, cdb, buf, sizeof buf, &n) != RESERVATION_GOOD)
    fuzz_assert (n == 0);
  fuzz_assert (n <= most);
}

static void
note (void *opaque, const char *name, enum reservation_notice notice)
{
  fuzz_assert (strcmp (name, opaque) != 0);
}

static void
tell (struct reservation *r, const char *who, const uint8_t *cdb,
      const uint8_t *list, size_t size)
{
  char to[RESERVATION_NAME_MAX + 1], name[2];
  struct reservation_command c;
  enum reservation_status status =
    reservation_out_parse (cdb, list, size, &c, to);

  memcpy (name, who, sizeof name);
  if (status == RESERVATION_GOOD)
    status = reservation_do (r, name, &c, note, name);
  fuzz_assert (reservation_status_string (status) != NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const char *const names[] = { "a", "b", "c", "d" };
  static struct reservation r;

  memset (&r, 0, sizeof r);
  while (size >= 2 + RESERVATION_CDB_SIZE) {
    const char *who = names[data[0] % ARRAY_SIZE (names)];
    const uint8_t *cdb = data + 1, *list = cdb + RESERVATION_CDB_SIZE + 1;
    const size_t n = min_u64 (list[-1], size - 2 - RESERVATION_CDB_SIZE);

    if (cdb[0] == RESERVATION_IN_OPCODE)
      ask (&r, cdb);
    else
      tell (&r, who, cdb, list, n);
    check_state (&r);
    data = list + n;
    size -= 2 + RESERVATION_CDB_SIZE + n;
  }
  return 0;
}
