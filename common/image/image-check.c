/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See image-check.h and image-check-impl.h.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/image-check-impl.h"

const char *
image_severity_name (enum image_severity severity)
{
  static const char *const names[IMAGE_SEVERITIES] = {
    [IMAGE_NOTE] = "note",
    [IMAGE_WARNING] = "warning",
    [IMAGE_ERROR] = "error",
    [IMAGE_FATAL] = "fatal",
  };

  return names[severity];
}

void
image_check_begin (struct image_checker *k, const char *name,
                   const struct image_check *c,
                   struct image_check_result *result)
{
  memset (k, 0, sizeof *k);
  memset (result, 0, sizeof *result);
  k->name = name;
  k->c = c;
  k->result = result;
}

static struct image_check_rule *
find_rule (struct image_checker *k, const char *name)
{
  for (unsigned i = 0; i < k->nrules; i++)
    if (strcmp (k->rule[i].name, name) == 0)
      return &k->rule[i];
  if (k->nrules == IMAGE_CHECK_RULES)
    return NULL; /* it is told all the same */
  k->rule[k->nrules].name = name;
  return &k->rule[k->nrules++];
}

void
image_check_found (struct image_checker *k, enum image_severity severity,
                   const char *rule, uint64_t offset, bool repairable,
                   const char *fs, ...)
{
  struct image_check_rule *r = find_rule (k, rule);
  char text[512];
  va_list args;
  const struct image_finding f = {
    .severity = severity,
    .rule = rule,
    .has_offset = offset != IMAGE_NOWHERE,
    .offset = offset != IMAGE_NOWHERE ? offset : 0,
    .text = text,
    .repairable = repairable,
  };

  k->result->count[severity]++;
  if (repairable && severity != IMAGE_NOTE)
    k->result->repairable++;
  if (r != NULL) {
    r->severity = severity;
    r->repairable = repairable;
    /* The last call for a rule is for the rest. */
    if (++r->count >= IMAGE_CHECK_PER_RULE)
      return;
  }
  va_start (args, fs);
  vsnprintf (text, sizeof text, fs, args);
  va_end (args);
  k->c->found (k->c->opaque, &f);
}

void
image_check_end (struct image_checker *k)
{
  for (unsigned i = 0; i < k->nrules; i++) {
    const struct image_check_rule *r = &k->rule[i];
    char text[80];
    const struct image_finding f = {
      .severity = r->severity,
      .rule = r->name,
      .text = text,
      .repairable = r->repairable,
    };

    if (r->count < IMAGE_CHECK_PER_RULE)
      continue;
    snprintf (text, sizeof text, "and %" PRIu64 " more of that",
              r->count - IMAGE_CHECK_PER_RULE + 1);
    k->c->found (k->c->opaque, &f);
  }
}

void
image_check_note_worst (void *opaque, const struct image_finding *f)
{
  struct image_check_worst *w = opaque;

  if (f->severity <= w->severity)
    return;
  w->severity = f->severity;
  snprintf (w->text, sizeof w->text, "%s", f->text);
}

int
image_check_read (const struct image_checker *k, struct store *inner, void *buf,
                  size_t count, uint64_t offset, const char *what, int *err)
{
  if (store_read_any (inner, buf, count, offset, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: reading %s at %" PRIu64 ": %m", k->name, what, offset);
  return -1;
}
