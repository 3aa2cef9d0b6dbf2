/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See reservation.h.  A command works on a copy, so that one that fails
 * has changed nothing; who is concerned is found by comparing the two.
 */

#include <config.h>

#include <string.h>

#include "base/utf8.h"
#include "reservation/reservation.h"

/* ------------------------------------------------------------------ */
/* Types */

bool
reservation_type_valid (unsigned type)
{
  return type <= RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS &&
         type != RESERVATION_NONE && type != 2 && type != 4;
}

const char *
reservation_type_string (enum reservation_type type)
{
  switch (type) {
  case RESERVATION_NONE:
    return "None";
  case RESERVATION_WRITE_EXCLUSIVE:
    return "Write Exclusive";
  case RESERVATION_EXCLUSIVE_ACCESS:
    return "Exclusive Access";
  case RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY:
    return "Write Exclusive, registrants only";
  case RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY:
    return "Exclusive Access, registrants only";
  case RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS:
    return "Write Exclusive, all registrants";
  case RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS:
    return "Exclusive Access, all registrants";
  }
  return "an unknown type";
}

bool
reservation_is_of_all (enum reservation_type type)
{
  return type == RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS ||
         type == RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS;
}

/* Of registrants only, or all. */
static bool
is_of_registrants (enum reservation_type type)
{
  return type >= RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY;
}

static bool
is_write_exclusive (enum reservation_type type)
{
  return type == RESERVATION_WRITE_EXCLUSIVE ||
         type == RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY ||
         type == RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS;
}

/* ------------------------------------------------------------------ */
/* Registrants */

bool
reservation_name_valid (const char *name)
{
  const size_t length = strnlen (name, RESERVATION_NAME_MAX + 1);
  size_t n;

  if (length == 0 || length > RESERVATION_NAME_MAX)
    return false;
  for (; *name != '\0'; name += n) {
    n = utf8_length (name);
    if (n == 0 || (unsigned char) *name < 0x20 || *name == 0x7f)
      return false;
  }
  return true;
}

int
reservation_find (const struct reservation *r, const char *name)
{
  for (unsigned i = 0; i < r->n; i++) {
    if (strcmp (r->registrant[i].name, name) == 0)
      return (int) i;
  }
  return -1;
}

bool
reservation_is_holder (const struct reservation *r, unsigned index)
{
  return r->type != RESERVATION_NONE &&
         (reservation_is_of_all (r->type) || index == r->holder);
}

static void
release (struct reservation *r)
{
  r->type = RESERVATION_NONE;
  r->holder = 0;
}

/* What the last of all registrants, or the holder, had is released. */
static void
remove_registrant (struct reservation *r, unsigned index)
{
  const bool of_all = reservation_is_of_all (r->type);

  if (of_all ? r->n == 1 : reservation_is_holder (r, index))
    release (r);
  r->n--;
  memmove (&r->registrant[index], &r->registrant[index + 1],
           (r->n - index) * sizeof r->registrant[0]);
  memset (&r->registrant[r->n], 0, sizeof r->registrant[0]);
  if (r->type != RESERVATION_NONE && !of_all && r->holder > index)
    r->holder--;
}

/* The index, or -1 if there is no room. */
static int
add_registrant (struct reservation *r, const char *name, uint64_t key)
{
  struct reservation_registrant *g = &r->registrant[r->n];

  if (r->n == RESERVATION_REGISTRANTS_MAX)
    return -1;
  memcpy (g->name, name, strlen (name) + 1);
  g->key = key;
  return (int) r->n++;
}

/* All that have KEY, or, with 0, whatever they have, but for the one named
 * EXCEPT, if that is not NULL.  Were there any?
 */
static bool
remove_all (struct reservation *r, const char *except, uint64_t key)
{
  bool any = false;

  for (unsigned i = r->n; i-- > 0;) {
    const struct reservation_registrant *g = &r->registrant[i];

    if ((key == 0 || g->key == key) &&
        (except == NULL || strcmp (g->name, except) != 0)) {
      remove_registrant (r, i);
      any = true;
    }
  }
  return any;
}

static void
reserve (struct reservation *r, const char *name, enum reservation_type type)
{
  r->type = type;
  r->holder =
    reservation_is_of_all (type) ? 0 : (unsigned) reservation_find (r, name);
}

/* ------------------------------------------------------------------ */
/* Commands (SPC-4, 5.13.7 to 5.13.11) */

static enum reservation_status
do_register (struct reservation *r, const char *name,
             const struct reservation_command *c)
{
  const bool ignore = c->action == RESERVATION_REGISTER_AND_IGNORE;
  const int i = reservation_find (r, name);

  if (!ignore && c->key != (i >= 0 ? r->registrant[i].key : 0))
    return RESERVATION_CONFLICT;
  if (i >= 0 && c->action_key == 0)
    remove_registrant (r, (unsigned) i);
  else if (i >= 0)
    r->registrant[i].key = c->action_key;
  else if (c->action_key == 0)
    return RESERVATION_GOOD; /* nothing was there, and nothing is */
  else if (add_registrant (r, name, c->action_key) == -1)
    return RESERVATION_FULL;
  r->aptpl = c->aptpl;
  r->generation++;
  return RESERVATION_GOOD;
}

static enum reservation_status
do_reserve (struct reservation *r, const char *name,
            const struct reservation_command *c)
{
  const int i = reservation_find (r, name);

  if (r->type == RESERVATION_NONE)
    reserve (r, name, c->type);
  else if (!reservation_is_holder (r, (unsigned) i) || r->type != c->type)
    return RESERVATION_CONFLICT;
  return RESERVATION_GOOD;
}

static enum reservation_status
do_release (struct reservation *r, const char *name,
            const struct reservation_command *c)
{
  const int i = reservation_find (r, name);

  if (!reservation_is_holder (r, (unsigned) i))
    return RESERVATION_GOOD;
  if (r->type != c->type)
    return RESERVATION_BAD_RELEASE;
  release (r);
  return RESERVATION_GOOD;
}

static enum reservation_status
do_clear (struct reservation *r)
{
  *r = (struct reservation){ .generation = r->generation + 1,
                             .aptpl = r->aptpl,
                             .no_ptpl = r->no_ptpl };
  return RESERVATION_GOOD;
}

/* Does KEY stand for who holds the reservation?  0 stands for all of them
 * together.
 */
static bool
names_holder (const struct reservation *r, uint64_t key)
{
  if (r->type == RESERVATION_NONE)
    return false;
  return reservation_is_of_all (r->type) ? key == 0 :
                                           r->registrant[r->holder].key == key;
}

/* Who preempts without taking the reservation can unregister itself by
 * that, but not from a reservation of all registrants: there it may name
 * its own key, to no effect.
 */
static enum reservation_status
do_preempt (struct reservation *r, const char *name,
            const struct reservation_command *c)
{
  const bool takes = names_holder (r, c->action_key);
  const bool stays = takes || reservation_is_of_all (r->type);
  const bool matches = stays && c->action_key == c->key;

  if (c->action_key == 0 && !takes)
    return RESERVATION_BAD_PARAMETER;
  if (takes)
    release (r);
  if (!remove_all (r, stays ? name : NULL, c->action_key) && !takes && !matches)
    return RESERVATION_CONFLICT;
  if (takes)
    reserve (r, name, c->type);
  r->generation++;
  return RESERVATION_GOOD;
}

static enum reservation_status
do_move (struct reservation *r, const char *name,
         const struct reservation_command *c)
{
  int i = reservation_find (r, name), to;

  if (!reservation_is_holder (r, (unsigned) i) ||
      reservation_is_of_all (r->type))
    return RESERVATION_CONFLICT;
  if (c->action_key == 0 || strcmp (c->to, name) == 0)
    return RESERVATION_BAD_PARAMETER;
  to = reservation_find (r, c->to);
  if (to == -1)
    to = add_registrant (r, c->to, c->action_key);
  if (to == -1)
    return RESERVATION_FULL;
  r->registrant[to].key = c->action_key;
  r->holder = (unsigned) to;
  if (c->unregister)
    remove_registrant (r, (unsigned) i);
  r->aptpl = c->aptpl;
  r->generation++;
  return RESERVATION_GOOD;
}

static bool
has_type (enum reservation_action action)
{
  return action == RESERVATION_RESERVE || action == RESERVATION_RELEASE ||
         action == RESERVATION_PREEMPT ||
         action == RESERVATION_PREEMPT_AND_ABORT;
}

static bool
registers (enum reservation_action action)
{
  return action == RESERVATION_REGISTER ||
         action == RESERVATION_REGISTER_AND_IGNORE ||
         action == RESERVATION_REGISTER_AND_MOVE;
}

/* All others are for who is registered, with the right key. */
static enum reservation_status
do_action (struct reservation *r, const char *name,
           const struct reservation_command *c)
{
  const int i = reservation_find (r, name);

  if (has_type (c->action) && !reservation_type_valid (c->type))
    return RESERVATION_BAD_CDB;
  if (registers (c->action) && c->aptpl && r->no_ptpl)
    return RESERVATION_BAD_PARAMETER;
  if (c->action == RESERVATION_REGISTER ||
      c->action == RESERVATION_REGISTER_AND_IGNORE)
    return do_register (r, name, c);
  if (i == -1 || r->registrant[i].key != c->key)
    return RESERVATION_CONFLICT;
  switch (c->action) {
  case RESERVATION_RESERVE:
    return do_reserve (r, name, c);
  case RESERVATION_RELEASE:
    return do_release (r, name, c);
  case RESERVATION_CLEAR:
    return do_clear (r);
  case RESERVATION_PREEMPT:
  case RESERVATION_PREEMPT_AND_ABORT:
    return do_preempt (r, name, c);
  case RESERVATION_REGISTER_AND_MOVE:
    return do_move (r, name, c);
  default:
    return RESERVATION_BAD_CDB;
  }
}

/* ------------------------------------------------------------------ */
/* Who is told */

/* Is a reservation whose end others have to know of gone, or another? */
static bool
is_released (const struct reservation *before, const struct reservation *after)
{
  return is_of_registrants (before->type) && after->type != before->type;
}

static void
tell (const struct reservation *before, const struct reservation *after,
      const char *name, enum reservation_action action,
      reservation_notice_fn fn, void *opaque)
{
  const bool released = is_released (before, after);

  for (unsigned i = 0; i < before->n; i++) {
    const char *other = before->registrant[i].name;

    if (strcmp (other, name) == 0)
      continue;
    if (reservation_find (after, other) >= 0) {
      if (released)
        fn (opaque, other, RESERVATION_NOTICE_RELEASED);
    }
    else if (action == RESERVATION_CLEAR)
      fn (opaque, other, RESERVATION_NOTICE_PREEMPTED);
    else
      fn (opaque, other,
          action == RESERVATION_PREEMPT_AND_ABORT ?
            RESERVATION_NOTICE_ABORTED :
            RESERVATION_NOTICE_UNREGISTERED);
  }
}

enum reservation_status
reservation_do (struct reservation *r, const char *name,
                const struct reservation_command *c, reservation_notice_fn fn,
                void *opaque)
{
  struct reservation after = *r, before;
  const enum reservation_status status = do_action (&after, name, c);

  if (status != RESERVATION_GOOD)
    return status;
  before = *r;
  *r = after;
  if (fn != NULL)
    tell (&before, r, name, c->action, fn, opaque);
  return RESERVATION_GOOD;
}

/* ------------------------------------------------------------------ */

bool
reservation_allows (const struct reservation *r, const char *name, bool write)
{
  const int i = reservation_find (r, name);

  if (r->type == RESERVATION_NONE || (!write && is_write_exclusive (r->type)))
    return true;
  return i >= 0 && (is_of_registrants (r->type) ||
                    reservation_is_holder (r, (unsigned) i));
}
