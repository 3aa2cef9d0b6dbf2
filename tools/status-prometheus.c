/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A status as Prometheus' text exposition format, version 0.0.4.  All
 * samples of one metric stand together, so what goes through the disks
 * and layers is inside of what goes through the metrics.
 */

#include <config.h>

#include <inttypes.h>
#include <stddef.h>

#include "base/align.h"
#include "status.h"

/* A number in a structure, and how it is called. */
struct metric {
  const char *name, *type, *help;
  size_t offset;
  bool is_flag;
  ptrdiff_t has; /* where the flag is that says that it is there; -1: it is */
};

#define NUMBER(name, type, help, s, member)                  \
  {                                                          \
    name, type, help, offsetof (struct s, member), false, -1 \
  }
#define FLAG(name, help, s, member)                            \
  {                                                            \
    name, "gauge", help, offsetof (struct s, member), true, -1 \
  }
#define OPTIONAL(name, help, s, member)                      \
  {                                                          \
    name, "gauge", help, offsetof (struct s, member), false, \
      offsetof (struct s, has_##member)                      \
  }

/* clang-format off */
static const struct metric layer_metrics[] = {
  OPTIONAL ("max_bytes", "What the layer may use.", status_layer, max),
  OPTIONAL ("used_bytes", "What the layer uses.", status_layer, used),
  NUMBER ("dirty_bytes", "gauge", "What has to be moved down.",
          status_layer, dirty),
  NUMBER ("hit_bytes_total", "counter", "Read from the layer.",
          status_layer, hit),
  NUMBER ("miss_bytes_total", "counter", "Read from below the layer.",
          status_layer, miss),
  NUMBER ("populated_bytes_total", "counter",
          "Stored after it was read from below.", status_layer, populated),
  NUMBER ("populate_failures_total", "counter",
          "Times that this was not possible.", status_layer,
          populate_failures),
  NUMBER ("written_bytes_total", "counter", "Written to the layer.",
          status_layer, written),
  NUMBER ("zeroed_bytes_total", "counter", "Zeroed in the layer.",
          status_layer, zeroed),
  NUMBER ("cleaned_bytes_total", "counter", "Moved down.",
          status_layer, cleaned),
  NUMBER ("clean_errors_total", "counter", "Times that this failed.",
          status_layer, clean_errors),
  NUMBER ("evicted_clusters_total", "counter",
          "Given up to stay within the bound.", status_layer, evicted),
  NUMBER ("fell_through_bytes_total", "counter",
          "Written below as there was no room.", status_layer, fell_through),
};

static const struct metric disk_metrics[] = {
  NUMBER ("disk_size_bytes", "gauge", "Size of the disk.", status_disk, size),
  FLAG ("disk_read_only", "Is the disk read-only?", status_disk, read_only),
  FLAG ("disk_gone", "Has the disk gone?", status_disk, gone),
  NUMBER ("disk_resizes_total", "counter",
          "Times that the disk has changed its size.", status_disk, resizes),
  NUMBER ("below_requests_total", "counter",
          "Reads from below the lowest layer.", status_disk, below_requests),
  NUMBER ("below_bytes_total", "counter",
          "Read from below the lowest layer.", status_disk, below_bytes),
  NUMBER ("below_shared_total", "counter",
          "Readers that waited for the same read of another one.",
          status_disk, below_shared),
  NUMBER ("below_readahead_bytes_total", "counter",
          "Read ahead of time from below the lowest layer.", status_disk,
          below_readahead),
  FLAG ("hydration_active", "Is the disk being brought in?", status_disk,
        hydrating),
  FLAG ("hydration_finished", "Has the disk been brought in?", status_disk,
        hydrated),
  NUMBER ("hydration_done_bytes", "gauge", "How much of it is done.",
          status_disk, hydration_done),
  NUMBER ("hydration_total_bytes", "gauge", "How much there is to do.",
          status_disk, hydration_total),
  NUMBER ("hydration_bytes_per_second", "gauge", "How fast that is.",
          status_disk, hydration_rate),
};

static const struct metric controller_metrics[] = {
  FLAG ("gone", "Has the controller gone?", status_controller, gone),
  NUMBER ("commands_total", "counter", "Commands that it was given.",
          status_controller, commands),
  NUMBER ("sgls_total", "counter", "Commands with SGLs.",
          status_controller, sgls),
  NUMBER ("doorbells_total", "counter", "Writes of doorbell registers.",
          status_controller, doorbells),
  NUMBER ("interrupts_total", "counter", "Interrupts that were slept for.",
          status_controller, interrupts),
  NUMBER ("timeouts_total", "counter", "Commands that took too long.",
          status_controller, timeouts),
  NUMBER ("aborts_total", "counter", "Commands that were to be aborted.",
          status_controller, aborts),
  NUMBER ("resets_total", "counter", "Times that it was reset.",
          status_controller, resets),
  NUMBER ("bad_completions_total", "counter", "Completions of no command.",
          status_controller, bad_completions),
  NUMBER ("events_total", "counter", "Events that it told.",
          status_controller, events),
};
/* clang-format on */

static void
put_label (struct buffer *out, const char *name, const char *value)
{
  buffer_printf (out, "%s=\"", name);
  for (; *value != '\0'; value++) {
    if (*value == '\n')
      buffer_puts (out, "\\n");
    else {
      if (*value == '"' || *value == '\\')
        buffer_putc (out, '\\');
      buffer_putc (out, *value);
    }
  }
  buffer_putc (out, '"');
}

static void
put_head (struct buffer *out, const char *prefix, const char *name,
          const char *type, const char *help)
{
  buffer_printf (out,
                 "# HELP diskstack_%s%s %s\n"
                 "# TYPE diskstack_%s%s %s\n",
                 prefix, name, help, prefix, name, type);
}

static void
put_value (struct buffer *out, const struct metric *m, const void *s)
{
  const char *at = (const char *) s + m->offset;

  buffer_printf (out, " %" PRIu64 "\n",
                 m->is_flag ? *(const bool *) at : *(const uint64_t *) at);
}

static void
put_layers (struct buffer *out, const struct metric *m,
            const struct status_disk *k)
{
  for (unsigned i = 0; i < k->nlayers; i++) {
    const struct status_layer *l = &k->layer[i];

    if (m->has >= 0 && !*(const bool *) ((const char *) l + m->has))
      continue;
    buffer_printf (out, "diskstack_layer_%s{", m->name);
    put_label (out, "export", k->export_name);
    buffer_printf (out, ",layer=\"%" PRIu64 "\",", l->number);
    put_label (out, "kind", l->kind);
    buffer_putc (out, '}');
    put_value (out, m, l);
  }
}

/* One sample of the times of requests, in seconds. */
static void
put_time (struct buffer *out, const char *suffix, const struct status_disk *k,
          const char *request, const char *quantile, uint64_t ns)
{
  buffer_printf (out, "diskstack_request%s_seconds%s{",
                 suffix[0] == 'm' ? "_max" : "",
                 suffix[0] == 'm' ? "" : suffix);
  put_label (out, "export", k->export_name);
  buffer_putc (out, ',');
  put_label (out, "request", request);
  if (quantile != NULL) {
    buffer_putc (out, ',');
    put_label (out, "quantile", quantile);
  }
  buffer_printf (out, "} %" PRIu64 ".%09" PRIu64 "\n", ns / 1000000000,
                 ns % 1000000000);
}

static void
put_summary (struct buffer *out, const struct status_disk *k,
             const char *request, const struct status_latency *l)
{
  put_time (out, "", k, request, "0.5", l->p50);
  put_time (out, "", k, request, "0.9", l->p90);
  put_time (out, "", k, request, "0.99", l->p99);
  put_time (out, "", k, request, "0.999", l->p999);
  put_time (out, "_sum", k, request, NULL, l->sum);
  buffer_puts (out, "diskstack_request_seconds_count{");
  put_label (out, "export", k->export_name);
  buffer_printf (out, ",request=\"%s\"} %" PRIu64 "\n", request, l->count);
}

static void
put_requests (struct buffer *out, const struct status *s)
{
  put_head (out, "", "request_seconds", "summary",
            "Time that requests of clients took.");
  for (unsigned i = 0; i < s->ndisks; i++) {
    if (!s->disk[i].has_requests)
      continue;
    put_summary (out, &s->disk[i], "read", &s->disk[i].read);
    put_summary (out, &s->disk[i], "write", &s->disk[i].write);
    put_summary (out, &s->disk[i], "flush", &s->disk[i].flush);
  }
  put_head (out, "", "request_max_seconds", "gauge",
            "The longest time that one took.");
  for (unsigned i = 0; i < s->ndisks; i++) {
    if (!s->disk[i].has_requests)
      continue;
    put_time (out, "max", &s->disk[i], "read", NULL, s->disk[i].read.max);
    put_time (out, "max", &s->disk[i], "write", NULL, s->disk[i].write.max);
    put_time (out, "max", &s->disk[i], "flush", NULL, s->disk[i].flush.max);
  }
}

static void
put_sample_head (struct buffer *out, const char *name,
                 const struct status_controller *c)
{
  buffer_printf (out, "diskstack_nvme_%s{", name);
  put_label (out, "address", c->address);
  buffer_putc (out, ',');
  put_label (out, "serial", c->serial);
  buffer_putc (out, '}');
}

static void
put_controller (struct buffer *out, const struct status_controller *c)
{
  for (size_t i = 0; i < ARRAY_SIZE (controller_metrics); i++) {
    const struct metric *m = &controller_metrics[i];

    put_head (out, "nvme_", m->name, m->type, m->help);
    put_sample_head (out, m->name, c);
    put_value (out, m, c);
  }
  put_head (out, "nvme_", "warnings", "gauge",
            "How many critical warnings it has.");
  put_sample_head (out, "warnings", c);
  buffer_printf (out, " %u\n", c->nwarnings);
}

void
status_prometheus (struct buffer *out, const struct status *s)
{
  put_head (out, "", "info", "gauge", "Which version the server has.");
  buffer_puts (out, "diskstack_info{");
  put_label (out, "version", s->version);
  buffer_puts (out, "} 1\n");
  for (size_t i = 0; i < ARRAY_SIZE (disk_metrics); i++) {
    const struct metric *m = &disk_metrics[i];

    put_head (out, "", m->name, m->type, m->help);
    for (unsigned j = 0; j < s->ndisks; j++) {
      buffer_printf (out, "diskstack_%s{", m->name);
      put_label (out, "export", s->disk[j].export_name);
      buffer_putc (out, '}');
      put_value (out, m, &s->disk[j]);
    }
  }
  for (size_t i = 0; i < ARRAY_SIZE (layer_metrics); i++) {
    const struct metric *m = &layer_metrics[i];

    put_head (out, "layer_", m->name, m->type, m->help);
    for (unsigned j = 0; j < s->ndisks; j++)
      put_layers (out, m, &s->disk[j]);
  }
  put_requests (out, s);
  if (s->has_controller)
    put_controller (out, &s->controller);
}
