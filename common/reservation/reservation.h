/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SCSI persistent reservations of one disk: who is registered, who holds
 * a reservation, what each command does to that, and what it allows (SPC-4
 * revision 37, 5.13).  It is pure: whoever has one takes turns.
 *
 * An initiator is told apart by its name; that is its I_T nexus, as there
 * is one target port.  There are no unit attentions here: those whom a
 * command by somebody else concerns are told of it by a function of the
 * caller's.
 */

#ifndef DISKSTACK_RESERVATION_H
#define DISKSTACK_RESERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "reservation/reservation-status.h"

/* Bytes of an initiator's name, without the zero behind it: what an iSCSI
 * TransportID can hold.
 */
#define RESERVATION_NAME_MAX 223

#define RESERVATION_REGISTRANTS_MAX 128

/* SPC-4, table 62: the codes on the wire. */
enum reservation_type {
  RESERVATION_NONE = 0,
  RESERVATION_WRITE_EXCLUSIVE = 1,
  RESERVATION_EXCLUSIVE_ACCESS = 3,
  RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 5,
  RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY = 6,
  RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS = 7,
  RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS = 8,
};

struct reservation_registrant {
  char name[RESERVATION_NAME_MAX + 1];
  uint64_t key; /* not 0 */
};

/* All zeroes is a disk without registrants.  Invariants: names differ;
 * with a type other than RESERVATION_NONE there is a registrant; HOLDER is
 * less than N then, and of no meaning for the types of all registrants.
 */
struct reservation {
  uint32_t generation;
  bool aptpl;   /* keep it through power loss */
  bool no_ptpl; /* that is not possible: then aptpl is false */
  enum reservation_type type;
  unsigned holder; /* index */
  unsigned n;
  struct reservation_registrant registrant[RESERVATION_REGISTRANTS_MAX];
};

/* The service actions of PERSISTENT RESERVE OUT: the codes on the wire. */
enum reservation_action {
  RESERVATION_REGISTER = 0,
  RESERVATION_RESERVE = 1,
  RESERVATION_RELEASE = 2,
  RESERVATION_CLEAR = 3,
  RESERVATION_PREEMPT = 4,
  RESERVATION_PREEMPT_AND_ABORT = 5,
  RESERVATION_REGISTER_AND_IGNORE = 6,
  RESERVATION_REGISTER_AND_MOVE = 7,
};

struct reservation_command {
  enum reservation_action action;
  enum reservation_type type; /* of the four that have one */
  uint64_t key;               /* RESERVATION KEY */
  uint64_t action_key;        /* SERVICE ACTION RESERVATION KEY */
  bool aptpl;                 /* of those that register */
  bool unregister;            /* UNREG of REGISTER AND MOVE */
  const char *to;             /* whom that moves to */
};

/* What an initiator is told of somebody else's command (the additional
 * sense of the unit attention).
 */
enum reservation_notice {
  RESERVATION_NOTICE_PREEMPTED,    /* the reservation: CLEAR */
  RESERVATION_NOTICE_RELEASED,     /* the reservation */
  RESERVATION_NOTICE_UNREGISTERED, /* its registration: PREEMPT */
  RESERVATION_NOTICE_ABORTED,      /* the same, and its requests end */
};

typedef void (*reservation_notice_fn) (void *opaque, const char *name,
                                       enum reservation_notice notice);

/* Can an initiator have this name?  It has 1 to RESERVATION_NAME_MAX bytes,
 * and is UTF-8 without control characters.
 */
extern bool reservation_name_valid (const char *name);

/* Is it a type that can be reserved? */
extern bool reservation_type_valid (unsigned type);

/* As sg_persist(8) calls it, also RESERVATION_NONE. */
extern const char *reservation_type_string (enum reservation_type type);

/* Are all registrants holders? */
extern bool reservation_is_of_all (enum reservation_type type);

/* Who is registered as NAME: an index, or -1. */
extern int reservation_find (const struct reservation *r, const char *name);

/* Does the registrant with this index hold the reservation? */
extern bool reservation_is_holder (const struct reservation *r, unsigned index);

/* Do what the initiator NAME, which is valid, says.
 * R changes only if it is RESERVATION_GOOD.  FN, which may be NULL, is
 * called for each other initiator that the change concerns, afterwards,
 * and must not change R.
 */
extern enum reservation_status
reservation_do (struct reservation *r, const char *name,
                const struct reservation_command *c, reservation_notice_fn fn,
                void *opaque);

/* May the initiator NAME, registered or not, read the disk (or ask what is
 * where), or WRITE, zero or trim it (SPC-4, table 52 and SBC-3, table 13)?
 * Flushing is a write there.
 */
extern bool reservation_allows (const struct reservation *r, const char *name,
                                bool write);

#endif /* DISKSTACK_RESERVATION_H */
