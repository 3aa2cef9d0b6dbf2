/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-chain: images of both formats over their parents.
 */

#include <config.h>

#include "image-chain-files.h"

static void
three_of (enum image_type base_type)
{
  struct image_chain_options o = options ();
  struct image_chain *c;
  struct store *s;
  uint64_t sums[2];

  temp_dir_folder ("sub");
  make_base ("base", base_type);
  put ("base", 0xb1, 3 * MIB, 0);
  make_child ("sub/child", "base", "../base");
  refused ("sub/child", &o, ENOENT,
           "sub/child: its parent is not found; name "
           "it with parent=");
  o.search = (const char *const[]){ "." };
  o.nsearch = 1;
  s = open_with ("sub/child", &o, &rw);
  ck_assert_ptr_nonnull (s);
  check (s, 0xb1, 3 * MIB, 0);
  ck_assert_int_eq (store_zero (s, MIB, MIB, 0, &err), 0);
  store_close (s);
  make_child ("grandchild", "sub/child", "sub/child");
  sums[0] = sum_of ("base");
  sums[1] = sum_of ("sub/child");

  c = open_chain ("grandchild", &o);
  ck_assert_ptr_nonnull (c);
  ck_assert_uint_eq (image_chain_length (c), 3);
  ck_assert_str_eq (host_file_path (image_chain_file (c, 0)), "grandchild");
  ck_assert (!host_file_is_writable (image_chain_file (c, 1)));
  ck_assert (!host_file_is_writable (image_chain_file (c, 2)));
  s = image_chain_store (image_chain_ref (c), &rw);
  image_chain_unref (c);
  image_chain_unref (c);
  ck_assert_ptr_nonnull (s);
  ck_assert_ptr_nonnull (store_image_get (s));
  check (s, 0xb1, MIB, 0);
  check (s, 0, MIB, MIB);
  check (s, 0xb1, MIB, 2 * MIB);
  check (s, 0, 3 * MIB, 3 * MIB);
  ck_assert_int_eq (store_write (s, filled (0xc7, 4096), 4096, 512, 0, &err),
                    0);
  check (s, 0xb1, 512, 0);
  check (s, 0xc7, 4096, 512);
  check (s, 0xb1, 512, 4608);
  store_close (s);
  ck_assert_uint_eq (sum_of ("base"), sums[0]);
  ck_assert_uint_eq (sum_of ("sub/child"), sums[1]);
}

START_TEST (three)
{
  static const struct {
    enum image_format_id format;
    enum image_type base;
  } cases[] = {
    { IMAGE_FORMAT_VHD1, IMAGE_DYNAMIC },
    { IMAGE_FORMAT_VHD1, IMAGE_FIXED },
    { IMAGE_FORMAT_VHDX, IMAGE_DYNAMIC },
    { IMAGE_FORMAT_VHDX, IMAGE_FIXED },
  };

  format = cases[_i].format;
  three_of (cases[_i].base);
}
END_TEST

START_TEST (alone_and_single)
{
  struct image_chain_options o;
  struct image_chain *c;
  struct store *s;
  struct image *i;

  format = (enum image_format_id) _i;
  o = options ();
  make_base ("base", IMAGE_DYNAMIC);
  c = open_chain ("base", &o);
  ck_assert_uint_eq (image_chain_length (c), 1);
  s = image_chain_store (c, &rw);
  ck_assert (!s->info.read_only);
  store_close (s);
  s = image_chain_store (c, &ro);
  ck_assert (s->info.read_only);
  store_close (s);
  image_chain_unref (c);

  make_child ("child", "base", "gone");
  o.alone = true;
  c = open_chain ("child", &o);
  ck_assert_uint_eq (image_chain_length (c), 1);
  i = image_chain_image (c, &rw);
  ck_assert_ptr_nonnull (i);
  ck_assert (image_info (i)->parent.exists);
  image_close (i);
  /* What it does not have is not zero. */
  ck_assert_ptr_null (image_chain_store (c, &ro));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("child: has a parent, which was not"));
  image_chain_unref (c);
  image_chain_unref (NULL);
}
END_TEST

START_TEST (fixed_vhd)
{
  struct image_chain_options o;
  struct image_chain *c;
  struct store *s;

  format = IMAGE_FORMAT_VHD1;
  o = options ();
  make_base ("fixed", IMAGE_FIXED);
  c = open_chain ("fixed", &o);
  ck_assert_uint_eq (image_chain_length (c), 1);
  s = image_chain_store (c, &rw);
  ck_assert_str_eq (s->ops->name, "vhd1");
  ck_assert_ptr_null (store_image_get (s));
  store_close (s);
  ck_assert_ptr_null (image_chain_image (c, &ro));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert (log_memory_contains ("fixed: is a fixed VHD"));
  image_chain_unref (c);
}
END_TEST

/* Of other sizes than the parent. */
START_TEST (sizes)
{
  struct uuid id;
  struct store *s;

  format = (enum image_format_id) _i;
  make_base ("base", IMAGE_DYNAMIC);
  put ("base", 0xe5, SIZE, 0);
  id = link_id ("base");
  make ("long", &(struct recipe){ .type = IMAGE_DIFFERENCING,
                                  .size = SIZE + 3 * MIB + 512,
                                  .id = &id,
                                  .relative = "base" });
  make ("short", &(struct recipe){ .type = IMAGE_DIFFERENCING,
                                   .size = MIB + 512,
                                   .id = &id,
                                   .relative = "base" });
  s = open_store ("long", &rw);
  check (s, 0xe5, SIZE, 0);
  check (s, 0, 3 * MIB + 512, SIZE);
  store_close (s);
  s = open_store ("short", &rw);
  ck_assert_uint_eq (store_size (s), MIB + 512);
  check (s, 0xe5, MIB + 512, 0);
  /* What the parent has behind it does not come to light. */
  ck_assert_int_eq (store_resize (s, 4 * MIB, &err), 0);
  check (s, 0xe5, MIB + 512, 0);
  check (s, 0, 3 * MIB - 512, MIB + 512);
  store_close (s);
}
END_TEST

/* The child's own folder is the one that it is in, not that of a link. */
START_TEST (through_a_link)
{
  format = (enum image_format_id) _i;
  temp_dir_folder ("real");
  make_base ("real/base", IMAGE_DYNAMIC);
  put ("real/base", 0x77, 512, 0);
  make_child ("real/child", "real/base", "base");
  temp_dir_link ("real/child", "link");
  {
    struct store *s = open_store ("link", &ro);

    check (s, 0x77, 512, 0);
    store_close (s);
  }
}
END_TEST

START_TEST (given_and_mapped)
{
  struct image_chain_options o;
  struct uuid id;
  struct store *s;

  format = (enum image_format_id) _i;
  o = options ();
  temp_dir_folder ("far");
  make_base ("far/base", IMAGE_DYNAMIC);
  put ("far/base", 0x99, 512, 0);
  make_base ("other", IMAGE_DYNAMIC);
  make_child ("child", "far/base", "nowhere");

  o.parent = "";
  refused ("child", &o, ENOENT, "nowhere (No such file or directory)");
  o.parent = "far/gone";
  refused ("child", &o, ENOENT, "parent=far/gone: No such file");
  o.parent = "far";
  refused ("child", &o, EISDIR, "parent=far: ");
  o.parent = "other";
  refused ("child", &o, EINVAL, "is not the parent that child was made over");
  o.parent = "far/base";
  s = open_with ("child", &o, &rw);
  ck_assert_ptr_nonnull (s);
  check (s, 0x99, 512, 0);
  store_close (s);

  o.parent = NULL;
  o.search = (const char *const[]){ "far", "gone" };
  o.nsearch = 2;
  refused ("child", &o, ENOENT, "parent-search=: gone: No such file");
  o.search = (const char *const[]){ "other" };
  o.nsearch = 1;
  refused ("child", &o, ENOTDIR, "parent-search=: other: Not a directory");
  o.nsearch = 0;

  id = link_id ("far/base");
  make ("mapped", &(struct recipe){ .type = IMAGE_DIFFERENCING,
                                    .id = &id,
                                    .absolute = "/old/place/base" });
  refused ("mapped", &o, ENOENT, "mapped: its parent is not found");
  o.map_from = (const char *const[]){ "/old/place" };
  o.map_to = (const char *const[]){ "far" };
  o.nmap = 1;
  s = open_with ("mapped", &o, &ro);
  ck_assert_ptr_nonnull (s);
  check (s, 0x99, 512, 0);
  store_close (s);
  o.map_to = (const char *const[]){ "gone" };
  refused ("mapped", &o, ENOENT, "parent-map=: gone: No such file");
}
END_TEST

START_TEST (direct)
{
  const struct host_file_options ho = { .path = "child", .direct = true };
  const struct store_file_options so = { .cache = STORE_FILE_CACHE_DIRECT };
  struct image_chain_options o;
  struct image_chain *c;
  struct host_file *f;
  struct store *s;

  format = _i > 0 ? IMAGE_FORMAT_VHDX : IMAGE_FORMAT_VHD1;
  o = options ();
  make_base ("base", _i == 2 ? IMAGE_DYNAMIC : IMAGE_FIXED);
  put ("base", 0x3c, 2 * MIB, 0);
  make_child ("child", "base", "base");
  f = host_file_open (&ho);
  if (f == NULL) {
    ck_assert (log_memory_contains ("has no O_DIRECT"));
    return;
  }
  o.direct = true;
  c = image_chain_open (f, &o);
  host_file_unref (f);
  ck_assert_ptr_nonnull (c);
  s = image_chain_store (c, &so);
  ck_assert_ptr_nonnull (s);
  check (s, 0x3c, 2 * MIB, 0);
  ck_assert_int_eq (store_write (s, filled (0x4d, 512), 512, 512, 0, &err), 0);
  check (s, 0x3c, 512, 0);
  check (s, 0x4d, 512, 512);
  check (s, 0x3c, 512, 1024);
  store_close (s);
  image_chain_unref (c);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-chain");
  TCase *c = test_case (suite, "image-chain");
  const TTest *const both[] = {
    alone_and_single,
    sizes,
    through_a_link,
    given_and_mapped,
  };

  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_loop_test (c, three, 0, 4);
  tcase_add_loop_test (c, direct, 0, 3);
  tcase_add_test (c, fixed_vhd);
  for (size_t i = 0; i < ARRAY_SIZE (both); i++)
    tcase_add_loop_test (c, both[i], 0, 2);
  return test_run (suite);
}
