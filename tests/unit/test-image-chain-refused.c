/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image-chain: parents that are none, and everything else that fails.
 */

#include <config.h>

#include "image-chain-files.h"
#include "support/alloc-fault.h"
#include "support/nth-fault.h"

START_TEST (wrong_parent)
{
  struct image_chain_options o;

  format = (enum image_format_id) _i;
  o = options ();
  make_base ("base", IMAGE_DYNAMIC);
  make_child ("child", "base", "base");
  ck_assert_int_eq (rename ("base", "was"), 0);
  make_base ("base", IMAGE_DYNAMIC);
  refused ("child", &o, EINVAL, "base: is not the parent that child was made");

  /* Something that is no image, or one of the other format. */
  ck_assert_int_eq (unlink ("base"), 0);
  temp_dir_file ("base", "text");
  refused ("child", &o, EINVAL, "base: ");
  ck_assert_int_eq (unlink ("base"), 0);
  format = (enum image_format_id) !_i;
  make_base ("base", IMAGE_DYNAMIC);
  refused ("child", &o, EINVAL, "base: ");
}
END_TEST

START_TEST (sectors)
{
  struct image_chain_options o;
  struct uuid id;

  format = IMAGE_FORMAT_VHDX;
  o = options ();
  make ("base", &(struct recipe){ .type = IMAGE_DYNAMIC, .sector_size = 4096 });
  id = link_id ("base");
  make ("child", &(struct recipe){
                   .type = IMAGE_DIFFERENCING, .id = &id, .relative = "base" });
  refused ("child", &o, EINVAL, "child: has sectors of 512 bytes, and its");
  make ("child2", &(struct recipe){ .type = IMAGE_DIFFERENCING,
                                    .sector_size = 4096,
                                    .id = &id,
                                    .relative = "base" });
  store_close (open_store ("child2", &rw));
}
END_TEST

/* Make the child PATH say ID and OTHER of its parent. */
static void
say (const char *path, const struct uuid *id, const struct uuid *other)
{
  const struct image_create_parent p = { .link_id = *id,
                                         .has_other_id = true,
                                         .other_id = *other };
  struct image_chain_options o = options ();
  struct image_chain *c;
  struct image *i;

  o.alone = true;
  c = open_chain (path, &o);
  i = image_chain_image (c, &rw);
  ck_assert_ptr_nonnull (i);
  ck_assert_int_eq (image_set_parent (i, &p, &err), 0);
  image_close (i);
  image_chain_unref (c);
}

/* A parent may be known by either of two identities. */
START_TEST (two_identities)
{
  static const struct uuid no = { { 5 } };
  struct image_chain_options o;
  struct uuid id;

  format = IMAGE_FORMAT_VHDX;
  o = options ();
  make_base ("base", IMAGE_DYNAMIC);
  make_child ("child", "base", "base");
  id = link_id ("base");
  say ("child", &id, &no);
  store_close (open_store ("child", &rw));
  say ("child", &no, &id);
  store_close (open_store ("child", &rw));
  say ("child", &no, &no);
  refused ("child", &o, EINVAL, "base: is not the parent that child was made");
}
END_TEST

START_TEST (loop)
{
  struct image_chain_options o;
  struct uuid id;

  format = (enum image_format_id) _i;
  o = options ();
  make ("b", &(struct recipe){ .type = IMAGE_DIFFERENCING, .relative = "a" });
  id = link_id ("b");
  make ("a", &(struct recipe){
               .type = IMAGE_DIFFERENCING, .id = &id, .relative = "b" });
  refused ("a", &o, ELOOP, "which is in the chain already");
  make ("self",
        &(struct recipe){ .type = IMAGE_DIFFERENCING, .relative = "self" });
  refused ("self", &o, ELOOP, "self, which is in the chain already");
}
END_TEST

START_TEST (very_long)
{
  struct image_chain_options o;
  struct image_chain *c;
  char name[16], parent[16] = "0";

  format = IMAGE_FORMAT_VHD1;
  o = options ();
  make_base ("0", IMAGE_DYNAMIC);
  for (unsigned i = 1; i <= IMAGE_CHAIN_MAX + 1; i++) {
    snprintf (name, sizeof name, "%u", i);
    make_child (name, parent, parent);
    strcpy (parent, name);
  }
  refused (name, &o, ELOOP, "257: has more than 256 ancestors");
  c = open_chain ("256", &o);
  ck_assert_ptr_nonnull (c);
  ck_assert_uint_eq (image_chain_length (c), IMAGE_CHAIN_MAX + 1);
  image_chain_unref (c);
}
END_TEST

/* Files are opened once, and looked at again when they are used. */
START_TEST (changed_meanwhile)
{
  struct image_chain_options o;
  struct image_chain *c;

  format = (enum image_format_id) _i;
  o = options ();
  make_base ("base", IMAGE_DYNAMIC);
  make_child ("child", "base", "base");
  make_child ("grandchild", "child", "child");
  c = open_chain ("grandchild", &o);
  ck_assert_ptr_nonnull (c);

  /* By name does not matter. */
  ck_assert_int_eq (rename ("base", "moved"), 0);
  {
    struct store *s = image_chain_store (c, &rw);

    ck_assert_ptr_nonnull (s);
    store_close (s);
  }
  /* In place does. */
  make_base ("base", IMAGE_DYNAMIC);
  ck_assert_int_eq (system ("cat base > moved"), 0);
  ck_assert_ptr_null (image_chain_store (c, &rw));
  ck_assert_int_eq (errno, EINVAL);
  ck_assert_int_eq (system ("cat base > child"), 0);
  ck_assert_ptr_null (image_chain_store (c, &rw));
  ck_assert_int_eq (system ("cat base > grandchild"), 0);
  ck_assert_ptr_null (image_chain_store (c, &rw));
  image_chain_unref (c);
}
END_TEST

START_TEST (locks)
{
  struct image_chain_options o;
  struct image_chain *c;
  struct store *s, *other;

  format = (enum image_format_id) _i;
  o = options ();
  make_base ("base", IMAGE_DYNAMIC);
  make_child ("child", "base", "base");
  make_child ("sibling", "base", "base");
  c = open_chain ("child", &o);
  /* No lock yet. */
  other = open_store ("base", &rw);
  ck_assert_ptr_null (image_chain_store (c, &rw));
  ck_assert_int_eq (errno, EBUSY);
  refused ("sibling", &o, EBUSY, "base: cannot be locked for reading");
  store_close (other);
  s = image_chain_store (c, &rw);
  ck_assert_ptr_nonnull (s);
  ck_assert_ptr_null (open_with ("base", &o, &rw));
  ck_assert_int_eq (errno, EBUSY);
  other = open_store ("sibling", &rw);
  store_close (other);
  store_close (s);
  image_chain_unref (c);
  store_close (open_store ("base", &rw));

  /* Nobody is asked. */
  other = open_store ("base", &rw);
  o.no_lock = true;
  {
    const struct host_file_options ho = { .path = "child", .no_lock = true };
    struct host_file *f = host_file_open (&ho);

    c = image_chain_open (f, &o);
    host_file_unref (f);
  }
  s = image_chain_store (c, &rw);
  ck_assert_ptr_nonnull (s);
  store_close (s);
  image_chain_unref (c);
  store_close (other);
}
END_TEST

START_TEST (no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;
  struct image_chain_options o;

  format = (enum image_format_id) _i;
  o = options ();
  o.search = (const char *const[]){ "." };
  o.nsearch = 1;
  make_base ("base", IMAGE_DYNAMIC);
  make_child ("child", "base", "nowhere\\BASE");
  while (nth_fault_next (&f)) {
    struct host_file *file = open_file ("child");
    struct image_chain *c;
    struct store *s = NULL;

    alloc_fault_nth (f.n);
    c = image_chain_open (file, &o);
    if (c != NULL)
      s = image_chain_store (c, &rw);
    f.fired = alloc_fault_stop ();
    /* Where it was not found for lack of memory, that is what is said. */
    ck_assert (s != NULL || f.fired);
    if (s == NULL)
      ck_assert_uint_ge (log_memory_errors (), 1);
    store_close (s);
    image_chain_unref (c);
    host_file_unref (file);
    log_memory_clear ();
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("image-chain-refused");
  TCase *c = test_case (suite, "image-chain-refused");
  const TTest *const both[] = {
    wrong_parent, loop, changed_meanwhile, locks, no_memory,
  };

  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, sectors);
  tcase_add_test (c, two_identities);
  tcase_add_test (c, very_long);
  for (size_t i = 0; i < ARRAY_SIZE (both); i++)
    tcase_add_loop_test (c, both[i], 0, 2);
  return test_run (suite);
}
