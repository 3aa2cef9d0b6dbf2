/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack info of the disks of a striped set that has labels.
 */

#include <config.h>

#include "base/log.h"
#include "info.h"
#include "stripe/stripe-label.h"

static enum stripe_status
read_label (const struct info_source *s, struct stripe_label *l)
{
  uint8_t label[STRIPE_LABEL_SIZE] = { 0 };

  info_read (s, label, sizeof label, 0);
  return stripe_label_parse (label, l);
}

static bool
probe (const struct info_source *s)
{
  struct stripe_label l;

  return read_label (s, &l) != STRIPE_NO_LABEL;
}

static void
report_label (struct report *r, const struct stripe_label *l)
{
  report_uuid (r, "disk-id", &l->set);
  report_number (r, "place", l->index + 1);
  report_number (r, "disks", l->count);
  report_bytes (r, "size", l->size);
  report_bytes (r, "stripe-size", l->stripe_size);
  report_bytes (r, "data-offset", l->data_offset);
}

static void
report (struct info_source *s, struct report *r)
{
  struct stripe_label l;
  enum stripe_status status = read_label (s, &l);

  if (status == STRIPE_OK) {
    report_label (r, &l);
    status = stripe_label_check_size (&l, s->size);
  }
  if (status != STRIPE_OK)
    log_error ("%s: %s", s->name, stripe_status_string (status));
}

const struct info_kind info_striped = {
  .name = "striped",
  .probe = probe,
  .report = report,
};
