/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One layer as a person writes it:
 *
 *   ram[,OPTION]...
 *   sqlite,file=PATH[,OPTION]...
 *   sqlite,cache-dir=DIR[,key=KEY][,OPTION]...
 *   vhdx,file=PATH[,OPTION]...          a differencing image, and what
 *   vhd1,file=PATH[,OPTION]...          its parent is does not matter
 *   disk,STORE[,OPTION]...              STORE as store-open.h has it
 *
 * Options with a value: size=SIZE for all but disk, max=SIZE for all but
 * images, sector-size=N for ram, sqlite and vhdx, block-size=SIZE for
 * images; without one: read-cache, read-only, force for sqlite and images,
 * write-through and write-back for all but images.  A comma that belongs
 * to a path or key is written twice.
 *
 * The parser only looks at the text; what it says need not exist.
 */

#ifndef DISKSTACK_LAYER_SPEC_H
#define DISKSTACK_LAYER_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum layer_kind {
  LAYER_KIND_RAM,
  LAYER_KIND_SQLITE,
  LAYER_KIND_VHD1,
  LAYER_KIND_VHDX,
  LAYER_KIND_DISK
};

/* "ram", "sqlite", "vhd1", "vhdx", "disk". */
extern const char *layer_kind_name (enum layer_kind kind);

struct layer_spec {
  enum layer_kind kind;
  /* Owned, or NULL: of sqlite and images the file, or of sqlite the
   * directory of caches and the key in it, of disk the store.
   */
  char *file, *cache_dir, *key, *store;
  uint64_t size;        /* bytes; 0 as below */
  uint32_t sector_size; /* 0 as below */
  uint64_t block_size;  /* bytes, of a new image; 0: the default */
  uint64_t max;         /* bytes; 0: any */
  bool read_cache;      /* also with cache_dir, without being said */
  bool write_through, write_back, read_only, force;
};

/* What is wrong with the text. */
enum layer_spec_status {
  LAYER_SPEC_OK,
  LAYER_SPEC_NO_KIND,
  LAYER_SPEC_UNKNOWN_KIND,
  LAYER_SPEC_EMPTY_OPTION,
  LAYER_SPEC_UNKNOWN,
  LAYER_SPEC_OTHER_KIND, /* an option of another kind of layer */
  LAYER_SPEC_TWICE,
  LAYER_SPEC_NEEDS_VALUE,
  LAYER_SPEC_TAKES_NO_VALUE,
  LAYER_SPEC_SIZE,
  LAYER_SPEC_SECTOR_SIZE,
  LAYER_SPEC_BLOCK_SIZE,
  LAYER_SPEC_SIZE_MULTIPLE,
  LAYER_SPEC_NO_FILE,
  LAYER_SPEC_NO_IMAGE,
  LAYER_SPEC_NO_MARKS, /* write-back or -through, of an image */
  LAYER_SPEC_NO_STORE,
  LAYER_SPEC_FILE_AND_DIR,
  LAYER_SPEC_KEY,
  LAYER_SPEC_CACHE_WRITE_BACK,
  LAYER_SPEC_CACHE_READ_ONLY,
  LAYER_SPEC_WRITE_TWICE,
  LAYER_SPEC_READ_ONLY,
  LAYER_SPEC_NO_MEMORY,
};

/* Enough for most options; a longer one is cut off in messages. */
#define LAYER_SPEC_WORD 48

/* Where it is wrong, for messages: the kind of layer and the option as
 * they are written, "" if there is none.  Nothing but printable ASCII.
 */
struct layer_spec_place {
  char kind[LAYER_SPEC_WORD];
  char option[LAYER_SPEC_WORD];
};

/* Fill in *SPEC from TEXT, to be freed with layer_spec_fini.  What is
 * not LAYER_SPEC_OK leaves nothing to free, and *PLACE says where.
 */
extern enum layer_spec_status layer_spec_parse (const char *text,
                                                struct layer_spec *spec,
                                                struct layer_spec_place *place);

/* A sentence without its subject, which is the option, or the layer if
 * there is none; it says what to change.
 */
extern const char *layer_spec_status_string (enum layer_spec_status status);

extern void layer_spec_fini (struct layer_spec *spec);

#endif /* DISKSTACK_LAYER_SPEC_H */
