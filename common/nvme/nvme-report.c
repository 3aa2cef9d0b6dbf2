/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See nvme-report.h.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json-writer.h"
#include "nvme/nvme-impl.h"
#include "nvme/nvme-report.h"
#include "nvme/nvme-status.h"

static void
put_warnings (struct json_writer *w, uint8_t warning)
{
  json_begin_array (w, "warnings");
  for (unsigned bit = 0; bit < 8; bit++) {
    if (warning & 1u << bit)
      json_string (w, NULL, nvme_critical_warning_string (bit));
  }
  json_end_array (w);
}

static void
put_counts (struct nvme *n, struct json_writer *w)
{
  struct nvme_counts c;

  nvme_get_counts (n, &c);
  json_number (w, "commands", c.commands);
  json_number (w, "sgls", c.sgls);
  json_number (w, "doorbells", c.doorbells);
  json_number (w, "interrupts", c.interrupts);
  json_number (w, "polls", c.polls);
  json_number (w, "timeouts", c.timeouts);
  json_number (w, "aborts", c.aborts);
  json_number (w, "resets", c.resets);
  json_number (w, "bad-completions", c.bad_completions);
  json_number (w, "events", c.events);
}

static void
put_controller (struct nvme *n, struct json_writer *w)
{
  struct nvme_info info;

  nvme_get_info (n, &info);
  json_begin_object (w, "controller");
  json_string (w, "address", n->name);
  json_string (w, "model", info.model);
  json_string (w, "serial", info.serial);
  json_string (w, "firmware", info.firmware);
  json_bool (w, "gone", n->dead);
  json_number (w, "queue-pairs", info.queue_pairs);
  json_number (w, "queue-depth", info.queue_depth);
  put_warnings (w, info.critical_warning);
  put_counts (n, w);
  json_end_object (w);
}

static void
put_namespace (struct json_writer *w, const struct nvme_ns_info *info)
{
  char text[UUID_STRLEN + 1];

  json_begin_object (w, NULL);
  snprintf (text, sizeof text, "%" PRIu32, info->nsid);
  json_string (w, "export", text);
  if (info->has_id) {
    uuid_format (&info->id, text);
    json_string (w, "id", text);
  }
  json_number (w, "size", info->size);
  json_number (w, "sector-size", info->lba_size);
  json_bool (w, "read-only", info->write_protected);
  json_bool (w, "gone", info->gone);
  json_end_object (w);
}

/* Those that are gone are told of as long as nothing else is there. */
static bool
is_followed (struct nvme *n, const struct nvme_ns *ns)
{
  for (struct nvme_ns *p = nvme_first_namespace (n); p != ns; p = p->next) {
    if (p->nsid == ns->nsid)
      return true;
  }
  return false;
}

void
nvme_report (struct nvme *n, struct buffer *out)
{
  struct json_writer w = { .out = out };
  struct nvme_ns_info info;

  json_begin_object (&w, NULL);
  json_string (&w, "version", PACKAGE_VERSION);
  json_number (&w, "milliseconds", clock_ns () / CLOCK_MILLISECOND);
  put_controller (n, &w);
  json_begin_array (&w, "disks");
  for (struct nvme_ns *ns = nvme_first_namespace (n); ns != NULL;
       ns = ns->next) {
    nvme_ns_get_info (ns, &info);
    if (!is_followed (n, ns))
      put_namespace (&w, &info);
  }
  json_end_array (&w);
  json_end_object (&w);
  json_finish (&w);
}
