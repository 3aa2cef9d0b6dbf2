/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any text as the description of a layer: what is accepted keeps its
 * promises, and what is refused has a message that can be printed.
 */

#include <config.h>

#include <string.h>

#include "base/align.h"
#include "fuzz/fuzz.h"
#include "layered/layer-spec.h"

const char fuzz_name[] = "layer-spec";

static void
check_word (const char *word)
{
  fuzz_assert (strlen (word) < LAYER_SPEC_WORD);
  for (; *word != '\0'; word++)
    fuzz_assert (*word >= 0x20 && *word < 0x7f);
}

static void
check_refused (enum layer_spec_status status, const struct layer_spec *spec)
{
  static const struct layer_spec nothing;

  fuzz_assert (status != LAYER_SPEC_NO_MEMORY);
  fuzz_assert (memcmp (spec, &nothing, sizeof nothing) == 0);
}

static void
check_accepted (const struct layer_spec *spec, size_t length)
{
  const bool sqlite = spec->kind == LAYER_KIND_SQLITE;
  const bool image =
    spec->kind == LAYER_KIND_VHD1 || spec->kind == LAYER_KIND_VHDX;

  fuzz_assert ((sqlite || image) ==
               (spec->file != NULL || spec->cache_dir != NULL));
  fuzz_assert (sqlite || spec->cache_dir == NULL);
  fuzz_assert (!image ||
               (spec->max == 0 && !spec->write_back && !spec->write_through));
  fuzz_assert (spec->block_size == 0 ||
               (image && is_power_of_2 (spec->block_size) &&
                spec->block_size <= 256 << 20));
  fuzz_assert (spec->file == NULL || spec->cache_dir == NULL);
  fuzz_assert (spec->key == NULL || spec->cache_dir != NULL);
  fuzz_assert (spec->cache_dir == NULL || spec->read_cache);
  fuzz_assert ((spec->kind == LAYER_KIND_DISK) == (spec->store != NULL));
  fuzz_assert (spec->store == NULL ||
               (*spec->store != '\0' && strlen (spec->store) < length));
  fuzz_assert (!spec->write_back || !spec->write_through);
  fuzz_assert (!spec->read_only || (!spec->write_back && !spec->write_through &&
                                    !spec->read_cache));
  fuzz_assert (spec->sector_size == 0 ||
               (is_power_of_2 (spec->sector_size) && spec->sector_size >= 512 &&
                spec->sector_size <= 65536 &&
                IS_ALIGNED (spec->size, spec->sector_size)));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  char *text = malloc (size + 1);
  enum layer_spec_status status;
  struct layer_spec_place place;
  struct layer_spec spec;

  fuzz_assert (text != NULL);
  memcpy (text, data, size);
  text[size] = '\0';
  status = layer_spec_parse (text, &spec, &place);
  fuzz_assert (layer_spec_status_string (status) != NULL);
  check_word (place.kind);
  check_word (place.option);
  if (status == LAYER_SPEC_OK)
    check_accepted (&spec, strlen (text));
  else
    check_refused (status, &spec);
  layer_spec_fini (&spec);
  free (text);
  return 0;
}
