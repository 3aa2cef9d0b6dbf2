/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is said on a socket for persistent reservations: the protocol between
 * QEMU's pr-manager-helper and its helper program (QEMU's
 * docs/interop/pr-helper.rst), with one feature of our own.  All numbers are
 * big-endian.
 *
 * The server sends 32 bits, the features that it has; the client sends 32
 * bits, those that it wants.  With PR_FEATURE_INITIATOR the client then says
 * which initiator it is: 16 bits, the length, and the name.
 *
 * Then, again and again, the client sends a command block of 16 bytes, and
 * behind one of PERSISTENT RESERVE OUT the parameter list; the server
 * answers with a struct pr_reply_disk, and the data.
 */

#ifndef DISKSTACK_PR_WIRE_H
#define DISKSTACK_PR_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "pr/pr-target.h"
#include "reservation/reservation.h"

/* QEMU asks for no feature at all. */
#define PR_FEATURE_INITIATOR UINT32_C (0x80000000)

enum pr_wire_status {
  PR_WIRE_OK,
  PR_WIRE_INCOMPLETE,   /* more has to come */
  PR_WIRE_BAD_FEATURE,  /* one that the server does not have */
  PR_WIRE_BAD_NAME,     /* not one of an initiator */
  PR_WIRE_NOT_RESERVE,  /* neither PERSISTENT RESERVE IN nor OUT */
  PR_WIRE_LIST_TOO_LONG /* more than PR_LIST_MAX bytes */
};

/* What a client did, without the subject. */
extern const char *pr_wire_status_string (enum pr_wire_status status);

#define PR_GREETING_MAX (4 + 2 + RESERVATION_NAME_MAX)

struct pr_greeting {
  uint32_t features;
  char initiator[RESERVATION_NAME_MAX + 1]; /* "" without the feature */
  size_t size;                              /* bytes that it took */
};

/* The client's greeting in the N bytes at P, to a server with FEATURES.
 * *G is set only on PR_WIRE_OK.
 */
extern enum pr_wire_status pr_greeting_parse (const uint8_t *p, size_t n,
                                              uint32_t features,
                                              struct pr_greeting *g);

/* That of the initiator NAME, or, with NULL, of one who does not say; how
 * many bytes.
 */
extern size_t pr_greeting_serialise (const char *name,
                                     uint8_t buf[PR_GREETING_MAX]);

#define PR_REQUEST_MAX (PR_CDB_SIZE + PR_LIST_MAX)

struct pr_wire_request {
  const uint8_t *cdb, *list; /* in what was parsed */
  size_t list_size;
  size_t size; /* bytes that it took */
};

/* The request that the N bytes at P begin with. */
extern enum pr_wire_status pr_wire_request_parse (const uint8_t *p, size_t n,
                                                  struct pr_wire_request *r);

/* All that IN may ask for. */
#define PR_DATA_MAX 65535

struct pr_reply_disk {
  be32 status;                  /* 0x00 */
  be32 count;                   /* 0x04: bytes of data, which follow */
  uint8_t sense[PR_SENSE_SIZE]; /* 0x08 */
};

_Static_assert(sizeof (struct pr_reply_disk) == 104, "size of the reply");

#endif /* DISKSTACK_PR_WIRE_H */
