/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See striped-labels.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "store/striped-labels.h"
#include "stripe/stripe-map.h"

/* Bytes of a member that are its label's alone. */
#define AREA STRIPE_LABEL_DATA_OFFSET

/* ------------------------------------------------------------------ */
/* Reading */

static int
failed (const struct store_striped_member *m, unsigned i, const char *what,
        int error)
{
  errno = error;
  log_error ("striped: member %u (%s): %s: %m", i + 1, m[i].name, what);
  return -1;
}

/* The first COUNT bytes of member I, or all that it has; the rest of BUF,
 * AREA bytes, is zeroes.
 */
static int
read_area (const struct store_striped_member *m, unsigned i, uint64_t count,
           uint8_t *buf)
{
  const size_t n = min_u64 (min_u64 (count, AREA), store_size (m[i].store));
  int err = 0;

  memset (buf + n, 0, AREA - n);
  if (store_read (m[i].store, buf, n, 0, &err) == -1)
    return failed (m, i, "reading the label", err);
  return 0;
}

/* As little of it as the member lets us read, for the label alone. */
static int
read_start (const struct store_striped_member *m, unsigned i, uint8_t *buf)
{
  return read_area (m, i, max_u64 (STRIPE_LABEL_SIZE, m[i].store->info.align),
                    buf);
}

static uint8_t *
new_area (void)
{
  uint8_t *area = calloc (1, AREA);

  if (area == NULL)
    log_error ("striped: %m");
  return area;
}

int
striped_labels_none (const struct store_striped_member *m, unsigned n)
{
  CLEANUP_FREE uint8_t *area = new_area ();
  struct stripe_label l;

  for (unsigned i = 0; area != NULL && i < n; i++) {
    if (read_start (m, i, area) == -1)
      return -1;
    if (stripe_label_parse (area, &l) != STRIPE_OK)
      continue;
    log_error ("striped: member %u (%s) has a stripe label: give label=true "
               "for the set that it belongs to, or label=false to take it "
               "for data",
               i + 1, m[i].name);
    errno = EINVAL;
    return -1;
  }
  return area != NULL ? 0 : -1;
}

/* What is wrong with the set. */
static void
refuse_set (enum stripe_status status, const struct store_striped_member *m,
            const struct stripe_label *l, unsigned n, unsigned which)
{
  const char *const what = stripe_status_string (status);

  if (status == STRIPE_MISSING)
    log_error ("striped: number %u of the set's %u members %s", which + 1,
               l[0].count, what);
  else if (status == STRIPE_WRONG_ORDER || status == STRIPE_DUPLICATE)
    log_error ("striped: member %u (%s) %s: it is number %u of the set",
               which + 1, m[which].name, what, l[which].index + 1);
  else
    log_error ("striped: member %u (%s) %s; member 1 is %s", which + 1,
               m[which].name, what, m[0].name);
}

static int
read_label (const struct store_striped_member *m, unsigned i, uint8_t *area,
            struct stripe_label *l)
{
  enum stripe_status status;

  if (read_start (m, i, area) == -1)
    return -1;
  status = stripe_label_parse (area, l);
  if (status == STRIPE_OK)
    status = stripe_label_check_size (l, store_size (m[i].store));
  if (status == STRIPE_OK)
    return 0;
  log_error ("striped: member %u (%s) %s", i + 1, m[i].name,
             stripe_status_string (status));
  errno = EINVAL;
  return -1;
}

int
striped_labels_read (const struct store_striped_member *m, unsigned n,
                     struct stripe_label *l)
{
  CLEANUP_FREE uint8_t *area = new_area ();
  struct stripe_label all[STRIPE_MAX_MEMBERS];
  enum stripe_status status;
  unsigned which;

  if (area == NULL)
    return -1;
  if (n > STRIPE_MAX_MEMBERS) {
    log_error ("striped: the disk %s",
               stripe_status_string (STRIPE_MANY_MEMBERS));
    errno = EINVAL;
    return -1;
  }
  for (unsigned i = 0; i < n; i++) {
    if (read_label (m, i, area, &all[i]) == -1)
      return -1;
  }
  status = stripe_label_check_set (all, n, &which);
  if (status != STRIPE_OK) {
    refuse_set (status, m, all, n, which);
    errno = EINVAL;
    return -1;
  }
  *l = all[0];
  return 0;
}

/* ------------------------------------------------------------------ */
/* Writing */

static int
check_zero (const struct store_striped_member *m, unsigned i, uint8_t *area)
{
  struct stripe_label l;

  if (read_area (m, i, AREA, area) == -1)
    return -1;
  if (area[0] == 0 && memcmp (area, area + 1, AREA - 1) == 0)
    return 0;
  if (stripe_label_parse (area, &l) == STRIPE_OK)
    log_error ("striped: member %u (%s) has a stripe label already; "
               "label=overwrite makes it one of a new set",
               i + 1, m[i].name);
  else
    log_error ("striped: member %u (%s) has data in its first %d bytes, "
               "where the label will be; label=overwrite gives it up",
               i + 1, m[i].name, AREA);
  errno = EINVAL;
  return -1;
}

static int
check_members (const struct store_striped_options *o, bool overwrite,
               uint8_t *area)
{
  for (unsigned i = 0; i < o->count; i++) {
    if (o->member[i].store->info.read_only)
      return failed (o->member, i, "writing the label", EPERM);
    if (!overwrite && check_zero (o->member, i, area) == -1)
      return -1;
  }
  return 0;
}

static int
write_all (const struct store_striped_options *o, struct stripe_label *l,
           uint8_t *area)
{
  memset (area, 0, AREA);
  for (unsigned i = 0; i < o->count; i++) {
    int err = 0;

    l->index = i;
    stripe_label_serialise (l, area);
    if (store_write (o->member[i].store, area, AREA, 0, STORE_FUA, &err) == -1)
      return failed (o->member, i, "writing the label", err);
  }
  return 0;
}

int
striped_labels_write (const struct store_striped_options *o, bool overwrite)
{
  struct stripe_label l = { .count = o->count,
                            .stripe_size = o->chunk,
                            .data_offset = AREA };
  CLEANUP_FREE uint8_t *area = new_area ();

  if (area == NULL || store_striped_check (o, &l.size) == -1 ||
      check_members (o, overwrite, area) == -1)
    return -1;
  if (uuid_random (&l.set) == -1) {
    log_error ("striped: random numbers: %m");
    return -1;
  }
  return write_all (o, &l, area);
}
