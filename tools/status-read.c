/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the JSON of a server to struct status.  Servers of other versions
 * may know less, which is then 0, and more, which is passed over.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "status.h"

/* An object of the document that is being read. */
struct object {
  const struct json_document *d;
  const struct json_value *v;
};

static struct object
inside (struct object o, const char *name)
{
  return (struct object){ o.d, json_get (o.d, o.v, name) };
}

static uint64_t
number (struct object o, const char *name)
{
  uint64_t r;

  return json_read_number (json_get (o.d, o.v, name), &r) ? r : 0;
}

static bool
flag (struct object o, const char *name)
{
  return json_is_true (json_get (o.d, o.v, name));
}

static const char *
text (struct object o, const char *name)
{
  const char *r = json_read_string (json_get (o.d, o.v, name));

  return r != NULL ? r : "";
}

static bool
has (struct object o, const char *name)
{
  return json_get (o.d, o.v, name) != NULL;
}

/* Room for all that is in array NAME, of SIZE each; *N is how many. */
static void *
make_room (struct object o, const char *name, size_t size, unsigned *n)
{
  const struct json_value *v = json_first (o.d, json_get (o.d, o.v, name));

  for (*n = 0; v != NULL; v = json_next (o.d, v))
    (*n)++;
  return calloc (max_u64 (*n, 1), size);
}

/* Returns how many parts there are. */
static unsigned
read_parts (struct object map, const char *name, uint8_t *out)
{
  const struct json_value *v =
    json_first (map.d, json_get (map.d, map.v, name));
  unsigned n = 0;
  uint64_t p;

  for (; v != NULL && n < STATUS_PARTS; v = json_next (map.d, v))
    out[n++] = json_read_number (v, &p) ? (uint8_t) min_u64 (p, 100) : 0;
  return n;
}

static void
read_layer (struct object o, struct status_layer *l)
{
  const struct object map = inside (o, "map");

  *l = (struct status_layer){
    .number = number (o, "layer"),
    .kind = text (o, "kind"),
    .read_only = flag (o, "read-only"),
    .read_cache = flag (o, "read-cache"),
    .write_through = flag (o, "write-through"),
    .write_back = flag (o, "write-back"),
    .has_max = has (o, "max"),
    .has_used = has (o, "used"),
    .max = number (o, "max"),
    .used = number (o, "used"),
    .dirty = number (o, "dirty"),
    .hit = number (o, "hit"),
    .miss = number (o, "miss"),
    .populated = number (o, "populated"),
    .written = number (o, "written"),
    .zeroed = number (o, "zeroed"),
    .cleaned = number (o, "cleaned"),
    .fell_through = number (o, "fell-through"),
    .populate_failures = number (o, "populate-failures"),
    .clean_errors = number (o, "clean-errors"),
    .evicted = number (o, "evicted"),
  };
  l->nparts = read_parts (map, "data", l->part_data);
  read_parts (map, "zero", l->part_zero);
  read_parts (map, "dirty", l->part_dirty);
}

static struct status_latency
read_latency (struct object o)
{
  return (struct status_latency){
    .count = number (o, "count"),
    .sum = number (o, "sum"),
    .p50 = number (o, "p50"),
    .p90 = number (o, "p90"),
    .p99 = number (o, "p99"),
    .p999 = number (o, "p99.9"),
    .max = number (o, "max"),
  };
}

static int
read_disk (struct object o, struct status_disk *k)
{
  const struct object below = inside (o, "bottom");
  const struct object latency = inside (o, "latency");
  const struct object hydration = inside (o, "hydration");
  struct object layer = { o.d,
                          json_first (o.d, json_get (o.d, o.v, "layers")) };

  *k = (struct status_disk){
    .export_name = text (o, "export"),
    .id = text (o, "id"),
    .size = number (o, "size"),
    .sector_size = number (o, "sector-size"),
    .read_only = flag (o, "read-only"),
    .gone = flag (o, "gone"),
    .resizes = number (o, "resizes"),
    .size_before = number (o, "size-before"),
    .has_requests = latency.v != NULL,
    .has_below = below.v != NULL,
    .below_requests = number (below, "requests"),
    .below_bytes = number (below, "bytes"),
    .below_shared = number (below, "shared"),
    .below_readahead = number (below, "readahead"),
    .read = read_latency (inside (latency, "read")),
    .write = read_latency (inside (latency, "write")),
    .flush = read_latency (inside (latency, "flush")),
    .hydrating = flag (hydration, "active"),
    .hydrated = flag (hydration, "finished"),
    .hydration_done = number (hydration, "done"),
    .hydration_total = number (hydration, "total"),
    .hydration_rate = number (hydration, "rate"),
  };
  k->layer = make_room (o, "layers", sizeof *k->layer, &k->nlayers);
  if (k->layer == NULL)
    return -1;
  for (unsigned i = 0; layer.v != NULL; layer.v = json_next (o.d, layer.v))
    read_layer (layer, &k->layer[i++]);
  return 0;
}

static void
read_controller (struct object o, struct status_controller *c)
{
  const struct json_value *v =
    json_first (o.d, json_get (o.d, o.v, "warnings"));
  const char *words;

  *c = (struct status_controller){
    .address = text (o, "address"),
    .model = text (o, "model"),
    .serial = text (o, "serial"),
    .firmware = text (o, "firmware"),
    .gone = flag (o, "gone"),
    .queue_pairs = number (o, "queue-pairs"),
    .queue_depth = number (o, "queue-depth"),
    .commands = number (o, "commands"),
    .sgls = number (o, "sgls"),
    .doorbells = number (o, "doorbells"),
    .interrupts = number (o, "interrupts"),
    .polls = number (o, "polls"),
    .timeouts = number (o, "timeouts"),
    .aborts = number (o, "aborts"),
    .resets = number (o, "resets"),
    .bad_completions = number (o, "bad-completions"),
    .events = number (o, "events"),
  };
  for (; v != NULL && c->nwarnings < ARRAY_SIZE (c->warning);
       v = json_next (o.d, v)) {
    words = json_read_string (v);
    if (words != NULL)
      c->warning[c->nwarnings++] = words;
  }
}

int
status_read (struct status *s, const char *path, const char *bytes, size_t n)
{
  enum json_status why;
  struct object o, disk;
  size_t where;

  memset (s, 0, sizeof *s);
  why = json_parse (&s->document, bytes, n, &where);
  if (why != JSON_OK) {
    log_error ("%s: what the server says %s, at byte %zu", path,
               json_status_string (why), where);
    return -1;
  }
  o = (struct object){ &s->document, json_root (&s->document) };
  if (!has (o, "disks")) {
    log_error ("%s: what answers is not a server of diskstack", path);
    status_fini (s);
    return -1;
  }
  s->version = text (o, "version");
  s->milliseconds = number (o, "milliseconds");
  s->has_controller = has (o, "controller");
  read_controller (inside (o, "controller"), &s->controller);
  s->disk = make_room (o, "disks", sizeof *s->disk, &s->ndisks);
  disk = (struct object){ o.d, json_first (o.d, json_get (o.d, o.v, "disks")) };
  for (unsigned i = 0; s->disk != NULL && disk.v != NULL;
       disk.v = json_next (o.d, disk.v)) {
    if (read_disk (disk, &s->disk[i++]) == -1) {
      status_fini (s);
      s->disk = NULL;
      break;
    }
  }
  if (s->disk == NULL) {
    log_error ("%s: out of memory", path);
    return -1;
  }
  return 0;
}

void
status_fini (struct status *s)
{
  for (unsigned i = 0; s->disk != NULL && i < s->ndisks; i++)
    free (s->disk[i].layer);
  free (s->disk);
  json_fini (&s->document);
  memset (s, 0, sizeof *s);
}
