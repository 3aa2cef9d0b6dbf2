/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests of checks: what was found, as one line of rules.
 */

#ifndef DISKSTACK_TEST_CHECK_FINDINGS_H
#define DISKSTACK_TEST_CHECK_FINDINGS_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "image/image-check.h"
#include "support/main.h"

struct findings {
  char rules[2048]; /* "error overlap, warning leak-end*"; *: repairable */
  char last[512];   /* text of the last one */
  unsigned n;
};

static inline void
findings_add (void *opaque, const struct image_finding *f)
{
  struct findings *r = opaque;
  const size_t used = strlen (r->rules);

  quick_assert (f->text[0] != '\0' && strchr (f->text, '\n') == NULL);
  snprintf (r->last, sizeof r->last, "%s", f->text);
  r->n++;
  snprintf (r->rules + used, sizeof r->rules - used, "%s%s %s%s",
            used > 0 ? ", " : "", image_severity_name (f->severity), f->rule,
            f->repairable ? "*" : "");
}

#endif /* DISKSTACK_TEST_CHECK_FINDINGS_H */
