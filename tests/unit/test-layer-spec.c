/* SPDX-License-Identifier: BSD-3-Clause
 *
 * layer-spec: what is accepted means what it says, and every way to be
 * wrong has a message of its own.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "layered/layer-spec.h"
#include "support/alloc-fault.h"
#include "support/main.h"

static struct layer_spec
accepted (const char *text)
{
  struct layer_spec_place place;
  struct layer_spec spec;
  const enum layer_spec_status status = layer_spec_parse (text, &spec, &place);

  ck_assert_msg (status == LAYER_SPEC_OK, "%s: %s %s", text, place.option,
                 layer_spec_status_string (status));
  return spec;
}

START_TEST (ram)
{
  struct layer_spec s = accepted ("ram");

  ck_assert_int_eq (s.kind, LAYER_KIND_RAM);
  ck_assert (!s.read_cache && !s.write_through && !s.write_back);
  ck_assert (!s.read_only && !s.force);
  ck_assert_uint_eq (s.size + s.sector_size + s.max, 0);

  s = accepted ("ram,write-through,max=3M,read-cache,sector-size=4K,size=1G");
  ck_assert (s.read_cache && s.write_through && !s.write_back);
  ck_assert_uint_eq (s.size, UINT64_C (1) << 30);
  ck_assert_uint_eq (s.sector_size, 4096);
  ck_assert_uint_eq (s.max, 3 << 20);

  ck_assert (accepted ("ram,write-back").write_back);
  ck_assert (accepted ("ram,read-only").read_only);
  ck_assert_uint_eq (accepted ("ram,sector-size=64K").sector_size, 65536);
}
END_TEST

START_TEST (sqlite)
{
  struct layer_spec s = accepted ("sqlite,file=a,,b,,,,c=d,force,write-back");

  ck_assert_int_eq (s.kind, LAYER_KIND_SQLITE);
  ck_assert_str_eq (s.file, "a,b,,c=d");
  ck_assert (s.force && s.write_back && !s.read_cache);
  layer_spec_fini (&s);
  ck_assert_ptr_null (s.file);

  s = accepted ("sqlite,key=k,,,cache-dir=/x y");
  ck_assert_str_eq (s.cache_dir, "/x y");
  ck_assert_str_eq (s.key, "k,");
  ck_assert (s.read_cache);
  layer_spec_fini (&s);
}
END_TEST

START_TEST (images)
{
  struct layer_spec s = accepted ("vhdx,file=a,,b,read-cache,force,size=1G,"
                                  "block-size=1M,sector-size=4K");

  ck_assert_int_eq (s.kind, LAYER_KIND_VHDX);
  ck_assert_str_eq (s.file, "a,b");
  ck_assert (s.read_cache && s.force && !s.read_only);
  ck_assert_uint_eq (s.size, UINT64_C (1) << 30);
  ck_assert_uint_eq (s.block_size, 1 << 20);
  ck_assert_uint_eq (s.sector_size, 4096);
  layer_spec_fini (&s);

  s = accepted ("vhd1,file=x,read-only,block-size=4K");
  ck_assert_int_eq (s.kind, LAYER_KIND_VHD1);
  ck_assert_str_eq (s.file, "x");
  ck_assert (s.read_only && s.sector_size == 0);
  ck_assert_uint_eq (s.block_size, 4096);
  layer_spec_fini (&s);
  s = accepted ("vhd1,file=x,block-size=256M");
  ck_assert_uint_eq (s.block_size, 256 << 20);
  layer_spec_fini (&s);
}
END_TEST

START_TEST (disk)
{
  struct layer_spec s = accepted ("disk,vhd1:a,,b,read-only");

  ck_assert_int_eq (s.kind, LAYER_KIND_DISK);
  ck_assert_str_eq (s.store, "vhd1:a,b");
  ck_assert (s.read_only);
  layer_spec_fini (&s);

  s = accepted ("disk,./max,max=1");
  ck_assert_str_eq (s.store, "./max");
  layer_spec_fini (&s);
  s = accepted ("disk,maximum");
  layer_spec_fini (&s);
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *text;
    enum layer_spec_status status;
    const char *kind, *option;
  } cases[] = {
    { "", LAYER_SPEC_NO_KIND, "", "" },
    { ",ram", LAYER_SPEC_NO_KIND, "", "" },
    { "Ram", LAYER_SPEC_UNKNOWN_KIND, "Ram", "" },
    { "ram,,size=1M", LAYER_SPEC_UNKNOWN_KIND, "ram,size=1M", "" },
    { "f\n\xff", LAYER_SPEC_UNKNOWN_KIND, "f??", "" },
    { "ram,", LAYER_SPEC_EMPTY_OPTION, "ram", "" },
    { "sqlite,file=a,", LAYER_SPEC_EMPTY_OPTION, "sqlite", "" },
    { "ram,bogus=1", LAYER_SPEC_UNKNOWN, "ram", "bogus=1" },
    { "ram,Max=1", LAYER_SPEC_UNKNOWN, "ram", "Max=1" },
    { "ram,ma=1", LAYER_SPEC_UNKNOWN, "ram", "ma=1" },
    { "ram,=1", LAYER_SPEC_UNKNOWN, "ram", "=1" },
    { "ram,file=a", LAYER_SPEC_OTHER_KIND, "ram", "file=a" },
    { "ram,force", LAYER_SPEC_OTHER_KIND, "ram", "force" },
    { "vhdx,file=a,max=1M", LAYER_SPEC_OTHER_KIND, "vhdx", "max=1M" },
    { "vhd1,file=a,sector-size=512", LAYER_SPEC_OTHER_KIND, "vhd1",
      "sector-size=512" },
    { "vhd1,cache-dir=a", LAYER_SPEC_OTHER_KIND, "vhd1", "cache-dir=a" },
    { "sqlite,file=a,block-size=1M", LAYER_SPEC_OTHER_KIND, "sqlite",
      "block-size=1M" },
    { "vhdx,file=a,sector-size=1K", LAYER_SPEC_SECTOR_SIZE, "vhdx",
      "sector-size=1K" },
    { "vhdx,file=a,block-size=512K", LAYER_SPEC_BLOCK_SIZE, "vhdx",
      "block-size=512K" },
    { "vhdx,file=a,block-size=512M", LAYER_SPEC_BLOCK_SIZE, "vhdx",
      "block-size=512M" },
    { "vhdx,file=a,block-size=3M", LAYER_SPEC_BLOCK_SIZE, "vhdx",
      "block-size=3M" },
    { "vhd1,file=a,block-size=2K", LAYER_SPEC_BLOCK_SIZE, "vhd1",
      "block-size=2K" },
    { "vhd1,file=a,block-size=x", LAYER_SPEC_BLOCK_SIZE, "vhd1",
      "block-size=x" },
    { "vhdx", LAYER_SPEC_NO_IMAGE, "vhdx", "" },
    { "vhd1,force", LAYER_SPEC_NO_IMAGE, "vhd1", "" },
    { "vhdx,file=a,write-back", LAYER_SPEC_NO_MARKS, "vhdx", "write-back" },
    { "vhd1,file=a,write-through", LAYER_SPEC_NO_MARKS, "vhd1",
      "write-through" },
    { "vhdx,file=a,read-cache,read-only", LAYER_SPEC_CACHE_READ_ONLY, "vhdx",
      "read-only" },
    { "vhdx,file=a,size=1000,sector-size=512", LAYER_SPEC_SIZE_MULTIPLE, "vhdx",
      "size" },
    { "disk,a,size=1M", LAYER_SPEC_OTHER_KIND, "disk", "size=1M" },
    { "ram,max=1,max=1", LAYER_SPEC_TWICE, "ram", "max=1" },
    { "ram,read-cache,read-cache", LAYER_SPEC_TWICE, "ram", "read-cache" },
    { "ram,size", LAYER_SPEC_NEEDS_VALUE, "ram", "size" },
    { "sqlite,file=", LAYER_SPEC_NEEDS_VALUE, "sqlite", "file=" },
    { "sqlite,cache-dir=a,key=", LAYER_SPEC_NEEDS_VALUE, "sqlite", "key=" },
    { "ram,read-cache=on", LAYER_SPEC_TAKES_NO_VALUE, "ram", "read-cache=on" },
    { "ram,size=0", LAYER_SPEC_SIZE, "ram", "size=0" },
    { "ram,size=1Q", LAYER_SPEC_SIZE, "ram", "size=1Q" },
    { "ram,max=-1", LAYER_SPEC_SIZE, "ram", "max=-1" },
    { "ram,sector-size=256", LAYER_SPEC_SECTOR_SIZE, "ram", "sector-size=256" },
    { "ram,sector-size=3K", LAYER_SPEC_SECTOR_SIZE, "ram", "sector-size=3K" },
    { "ram,sector-size=128K", LAYER_SPEC_SECTOR_SIZE, "ram",
      "sector-size=128K" },
    { "sqlite,sector-size=8K", LAYER_SPEC_SECTOR_SIZE, "sqlite",
      "sector-size=8K" },
    { "ram,size=512,sector-size=1K", LAYER_SPEC_SIZE_MULTIPLE, "ram", "size" },
    { "sqlite", LAYER_SPEC_NO_FILE, "sqlite", "" },
    { "sqlite,force", LAYER_SPEC_NO_FILE, "sqlite", "" },
    { "sqlite,key=a", LAYER_SPEC_KEY, "sqlite", "key" },
    { "sqlite,key=a,file=b", LAYER_SPEC_KEY, "sqlite", "key" },
    { "sqlite,file=a,cache-dir=b", LAYER_SPEC_FILE_AND_DIR, "sqlite",
      "cache-dir" },
    { "sqlite,cache-dir=b,write-back", LAYER_SPEC_CACHE_WRITE_BACK, "sqlite",
      "cache-dir" },
    { "sqlite,cache-dir=b,read-only", LAYER_SPEC_CACHE_READ_ONLY, "sqlite",
      "read-only" },
    { "ram,read-cache,read-only", LAYER_SPEC_CACHE_READ_ONLY, "ram",
      "read-only" },
    { "ram,write-back,write-through", LAYER_SPEC_WRITE_TWICE, "ram",
      "write-back" },
    { "ram,read-only,write-back", LAYER_SPEC_READ_ONLY, "ram", "read-only" },
    { "disk,a,write-through,read-only", LAYER_SPEC_READ_ONLY, "disk",
      "read-only" },
    { "disk", LAYER_SPEC_NO_STORE, "disk", "" },
    { "disk,", LAYER_SPEC_NO_STORE, "disk", "" },
    { "disk,read-only", LAYER_SPEC_NO_STORE, "disk", "" },
    { "disk,size=1M", LAYER_SPEC_NO_STORE, "disk", "" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    static const struct layer_spec nothing;
    struct layer_spec_place place;
    struct layer_spec spec;
    const enum layer_spec_status status =
      layer_spec_parse (cases[i].text, &spec, &place);

    ck_assert_msg (status == cases[i].status, "%s: %s", cases[i].text,
                   layer_spec_status_string (status));
    ck_assert_str_eq (place.kind, cases[i].kind);
    ck_assert_str_eq (place.option, cases[i].option);
    ck_assert_int_eq (memcmp (&spec, &nothing, sizeof spec), 0);
  }
}
END_TEST

START_TEST (long_words_are_cut_off)
{
  struct layer_spec_place place;
  struct layer_spec spec;
  char text[200] = "ram,";

  memset (text + 4, 'x', sizeof text - 5);
  text[sizeof text - 1] = '\0';
  ck_assert_int_eq (layer_spec_parse (text, &spec, &place), LAYER_SPEC_UNKNOWN);
  ck_assert_uint_eq (strlen (place.option), LAYER_SPEC_WORD - 1);
}
END_TEST

START_TEST (messages)
{
  for (int i = LAYER_SPEC_OK; i <= LAYER_SPEC_NO_MEMORY; i++) {
    for (int j = LAYER_SPEC_OK; j < i; j++)
      ck_assert_str_ne (layer_spec_status_string (i),
                        layer_spec_status_string (j));
  }
}
END_TEST

START_TEST (no_memory)
{
  static const char *const texts[] = { "sqlite,cache-dir=a,key=b", "disk,a",
                                       "sqlite,file=a,bogus" };

  for (size_t i = 0; i < ARRAY_SIZE (texts); i++) {
    enum layer_spec_status status;
    struct layer_spec_place place;
    struct layer_spec spec;
    uint64_t n = 0;
    bool failed;

    do {
      alloc_fault_nth (++n);
      status = layer_spec_parse (texts[i], &spec, &place);
      failed = alloc_fault_stop ();
      layer_spec_fini (&spec);
      ck_assert_int_eq (failed, status == LAYER_SPEC_NO_MEMORY);
    } while (failed);
    ck_assert_uint_gt (n, 2);
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    ram,      sqlite,    images, disk, refused, long_words_are_cut_off,
    messages, no_memory,
  };

  return test_main ("layer-spec", tests, ARRAY_SIZE (tests));
}
