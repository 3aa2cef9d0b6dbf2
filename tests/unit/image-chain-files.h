/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of image-chain share: a folder with real images of one
 * format, each over the one that it names.
 */

#ifndef DISKSTACK_TEST_IMAGE_CHAIN_FILES_H
#define DISKSTACK_TEST_IMAGE_CHAIN_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "image/image-chain.h"
#include "image/store-image.h"
#include "image/vhd1/image-vhd1.h"
#include "image/vhdx/image-vhdx.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/temp-dir.h"

#define MIB (UINT64_C (1) << 20)
#define SIZE (6 * MIB)

static const struct store_file_options ro = { .read_only = true };
static const struct store_file_options rw = { .read_only = false };

static struct temp_dir dir;
static enum image_format_id format;
static int err;

static inline void
set_up (void)
{
  temp_dir_create (&dir);
}

static inline void
tear_down (void)
{
  temp_dir_remove (&dir);
}

/* ------------------------------------------------------------------ */
/* Images */

static inline struct host_file *
open_file (const char *path)
{
  const struct host_file_options o = { .path = path };
  struct host_file *f = host_file_open (&o);

  ck_assert_msg (f != NULL, "%s", path);
  return f;
}

/* What a child of PATH must name. */
static inline struct uuid
link_id (const char *path)
{
  const struct image_chain_options o = { .format = format, .alone = true };
  struct host_file *f = open_file (path);
  struct image_chain *c = image_chain_open (f, &o);
  struct image *i = image_chain_image (c, &ro);
  struct store *s = NULL;
  struct uuid id;

  if (i != NULL)
    id = image_info (i)->own_link_id;
  else {
    s = image_chain_store (c, &ro);
    ck_assert_ptr_nonnull (s);
    id = s->info.id;
  }
  if (i != NULL)
    image_close (i);
  store_close (s);
  image_chain_unref (c);
  host_file_unref (f);
  log_memory_clear ();
  return id;
}

struct recipe {
  enum image_type type;
  uint64_t size;         /* 0: SIZE */
  uint32_t sector_size;  /* 0: 512 */
  const struct uuid *id; /* of the parent */
  const char *relative;  /* to the parent, or NULL */
  const char *absolute;
};

static inline void
make (const char *path, const struct recipe *r)
{
  const struct host_file_options ho = { .path = path };
  const struct image_create_parent parent = {
    .link_id = r->id != NULL ? *r->id : (struct uuid){ { 1 } },
    .relative = r->relative,
    .absolute = r->absolute,
  };
  const struct image_create_options o = {
    .name = path,
    .type = r->type,
    .size = r->size != 0 ? r->size : SIZE,
    .block_size = r->type == IMAGE_FIXED ? 0 : MIB,
    .sector_size = r->sector_size,
    .parent = r->type == IMAGE_DIFFERENCING ? &parent : NULL,
  };
  struct host_file *f = host_file_create (&ho, 0);
  struct store *s = store_file_create (f, &rw);

  ck_assert_int_eq (format == IMAGE_FORMAT_VHDX ? image_vhdx_format (s, &o) :
                                                  image_vhd1_format (s, &o),
                    0);
  store_close (s);
  host_file_unref (f);
}

static inline void
make_base (const char *path, enum image_type type)
{
  make (path, &(struct recipe){ .type = type });
}

/* A child of PARENT, which it finds by RELATIVE. */
static inline void
make_child (const char *path, const char *parent, const char *relative)
{
  const struct uuid id = link_id (parent);

  make (path, &(struct recipe){
                .type = IMAGE_DIFFERENCING, .id = &id, .relative = relative });
}

static inline struct image_chain_options
options (void)
{
  return (struct image_chain_options){ .format = format };
}

static inline struct image_chain *
open_chain (const char *path, const struct image_chain_options *o)
{
  struct host_file *f = open_file (path);
  struct image_chain *c = image_chain_open (f, o);
  const int saved = errno;

  host_file_unref (f);
  errno = saved;
  return c;
}

static inline struct store *
open_with (const char *path, const struct image_chain_options *co,
           const struct store_file_options *so)
{
  struct image_chain *c = open_chain (path, co);
  struct store *s = NULL;

  if (c != NULL)
    s = image_chain_store (c, so);
  else
    return NULL;
  image_chain_unref (c);
  return s;
}

static inline struct store *
open_store (const char *path, const struct store_file_options *so)
{
  const struct image_chain_options o = options ();
  struct store *s = open_with (path, &o, so);

  if (s == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (s);
  return s;
}

/* Refused with ERROR and a message with TEXT. */
static inline void
refused (const char *path, const struct image_chain_options *o, int error,
         const char *text)
{
  struct image_chain *c;

  log_memory_clear ();
  c = open_chain (path, o);
  ck_assert_ptr_null (c);
  ck_assert_int_eq (errno, error);
  if (!log_memory_contains (text))
    log_memory_print ();
  ck_assert_msg (log_memory_contains (text), "%s", text);
}

/* Write COUNT bytes of BYTE at OFFSET of the disk PATH. */
static inline void
put (const char *path, uint8_t byte, uint64_t count, uint64_t offset)
{
  struct store *s = open_store (path, &rw);
  CLEANUP_FREE uint8_t *buf = malloc (count);

  memset (buf, byte, count);
  ck_assert_int_eq (store_write (s, buf, count, offset, 0, &err), 0);
  ck_assert_int_eq (store_flush (s, &err), 0);
  store_close (s);
}

static inline const void *
filled (uint8_t byte, size_t count)
{
  static uint8_t buf[4096];

  ck_assert_uint_le (count, sizeof buf);
  return memset (buf, byte, count);
}

static inline void
check (struct store *s, uint8_t byte, uint64_t count, uint64_t offset)
{
  CLEANUP_FREE uint8_t *buf = malloc (count);

  ck_assert_int_eq (store_read (s, buf, count, offset, &err), 0);
  for (uint64_t i = 0; i < count; i++)
    quick_assert (buf[i] == byte);
}

static inline uint64_t
sum_of (const char *path)
{
  CLEANUP_CLOSE int fd = open (path, O_RDONLY);
  static uint8_t buf[65536];
  uint64_t sum = 0;
  ssize_t n;

  while ((n = read (fd, buf, sizeof buf)) > 0) {
    for (ssize_t i = 0; i < n; i++)
      sum = sum * 31 + buf[i];
  }
  return sum;
}

#endif /* DISKSTACK_TEST_IMAGE_CHAIN_FILES_H */
