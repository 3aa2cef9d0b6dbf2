/* SPDX-License-Identifier: BSD-3-Clause
 *
 * layered-explain=true: what the parameters come to, for people.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "layered-config.h"

static void
print_place (const struct layered_config_layer *l, FILE *fp)
{
  const struct layer_spec *spec = &l->spec;

  if (spec->cache_dir != NULL) {
    fprintf (fp, " cache-dir=%s", l->place.path);
    fprintf (fp, spec->key ? " key=%s" : " key=(the id of the disk)",
             spec->key);
  }
  else if (spec->file != NULL)
    fprintf (fp, " file=%s%s", layered_config_path (l),
             layered_config_file (l) ? "" : " (to be made)");
  else if (spec->store != NULL)
    fprintf (fp, " %s", spec->store);
}

static void
print_flags (const struct layer_spec *spec, FILE *fp)
{
  const struct {
    bool on;
    const char *name;
  } flags[] = {
    { spec->read_cache, "read-cache" },
    { spec->write_through, "write-through" },
    { spec->write_back, "write-back" },
    { spec->read_only, "read-only" },
    { spec->force, "force" },
  };
  bool any = false;

  fprintf (fp, "; flags:");
  for (size_t i = 0; i < ARRAY_SIZE (flags); i++) {
    if (flags[i].on)
      fprintf (fp, " %s", flags[i].name);
    any |= flags[i].on;
  }
  if (!any)
    fprintf (fp, " none");
}

static void
print_number (const char *name, uint64_t n, const char *otherwise, FILE *fp)
{
  if (n != 0)
    fprintf (fp, "; %s: %" PRIu64, name, n);
  else
    fprintf (fp, "; %s: %s", name, otherwise);
}

static void
print_layer (const struct layered_config *c, unsigned i, FILE *fp)
{
  const struct layered_config_layer *l = &c->layer[i];
  const char *unknown =
    layered_config_file (l) != NULL ? "as in the file" : "as below";

  fprintf (fp, "layer %u: %s", i + 1, layer_kind_name (l->spec.kind));
  print_place (l, fp);
  print_flags (&l->spec, fp);
  print_number ("size", l->size, unknown, fp);
  print_number ("sector size", l->sector_size, unknown, fp);
  print_number ("max", l->spec.max, "any", fp);
  fprintf (fp, "\n");
}

static void
print_writes (const struct layered_config *c, FILE *fp)
{
  unsigned i = 0;

  fprintf (fp, "writes: to layer 1");
  while (i < c->nlayers &&
         (c->layer[i].spec.write_through || c->layer[i].spec.write_back)) {
    fprintf (fp, c->layer[i].spec.write_back ? ", later to " : ", at once to ");
    i++;
    if (i < c->nlayers)
      fprintf (fp, "layer %u", i + 1);
    else
      fprintf (fp, "the disk below");
  }
  fprintf (fp, i < c->nlayers ? "; what is below stays as it is\n" : "\n");
}

void
layered_config_explain (const struct layered_config *c, FILE *fp)
{
  for (unsigned i = 0; i < c->nlayers; i++)
    print_layer (c, i, fp);
  fprintf (fp,
           "bottom: the disk below, opened %s; size and sector size show with "
           "the first connection\n",
           layered_config_writes (c, c->nlayers) ? "for writing" : "read-only");
  print_writes (c, fp);
}
