/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhdx-check.h.  Here: headers, region tables, the order of it all,
 * and mending.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/vhdx/image-vhdx.h"
#include "image/vhdx/vhdx-check-impl.h"
#include "image/vhdx/vhdx-check.h"
#include "store/store-overlay.h"
#include "vhdx/vhdx-guid.h"

static int
no_memory (const struct vhdx_checking *v, int *err)
{
  log_error ("%s: out of memory", v->k.name);
  *err = ENOMEM;
  return -1;
}

/* ------------------------------------------------------------------ */
/* The first MiB */

static int
check_identifier (struct vhdx_checking *v, int *err)
{
  const uint64_t size = store_size (v->file);
  enum vhdx_status status;
  uint8_t signature[8];

  if (size < VHDX_HEADER_AREA) {
    image_check_found (&v->k, IMAGE_FATAL, "too-short", 0, false,
                       "the file %s (%" PRIu64 " bytes)",
                       vhdx_status_string (VHDX_TOO_SHORT), size);
    return 1;
  }
  if (image_check_read (&v->k, v->file, signature, sizeof signature, 0,
                        "the identifier", err) == -1)
    return -1;
  status = vhdx_identifier_parse (signature);
  if (status != VHDX_OK)
    image_check_found (&v->k, IMAGE_FATAL, "identifier", 0, false,
                       "the file %s", vhdx_status_string (status));
  if (!IS_ALIGNED (size, VHDX_MIB))
    image_check_found (&v->k, IMAGE_NOTE, "file-size", IMAGE_NOWHERE, false,
                       "the file, %" PRIu64 " bytes, is not whole MiB", size);
  return 0;
}

static void
check_copies (struct vhdx_checking *v)
{
  const struct vhdx_headers *h = &v->headers;

  for (unsigned i = 0; i < 2; i++)
    if (h->status[i] != VHDX_OK)
      image_check_found (&v->k, IMAGE_WARNING, "header-copy",
                         VHDX_HEADER_OFFSET (i), true,
                         "copy %u of the header is damaged: the file %s", i + 1,
                         vhdx_status_string (h->status[i]));
  if (h->ambiguous)
    image_check_found (&v->k, IMAGE_ERROR, "headers-ambiguous",
                       VHDX_HEADER_OFFSET (1), false,
                       "the two headers differ and have the same number, "
                       "%" PRIu64 ": which one counts is not known",
                       h->header[0].sequence);
}

static int
check_header (struct vhdx_checking *v)
{
  struct vhdx_header *h = &v->header;
  enum vhdx_status status = vhdx_header_check (h, store_size (v->file));
  const uint64_t at = VHDX_HEADER_OFFSET (v->headers.current);

  if (status == VHDX_OK) {
    if (h->log_length == 0)
      image_check_found (&v->k, IMAGE_NOTE, "no-log", at, false,
                         "the file has no log, so it can only be read");
    return 0;
  }
  image_check_found (&v->k, IMAGE_FATAL, "header", at, false,
                     "the file %s (version %u; log: version %u, %" PRIu32
                     " bytes at offset %" PRIu64 ")",
                     vhdx_status_string (status), h->version, h->log_version,
                     h->log_length, h->log_offset);
  if (status == VHDX_HEADER_VERSION)
    return 1;
  /* Look at the rest as if there were none. */
  h->log_length = 0;
  h->log_offset = 0;
  memset (&h->log_id, 0, sizeof h->log_id);
  return 0;
}

static int
check_headers (struct vhdx_checking *v, int *err)
{
  CLEANUP_FREE uint8_t *buf = malloc (2 * VHDX_HEADER_SIZE);

  if (buf == NULL)
    return no_memory (v, err);
  for (unsigned i = 0; i < 2; i++)
    if (image_check_read (&v->k, v->file, buf + i * VHDX_HEADER_SIZE,
                          VHDX_HEADER_SIZE, VHDX_HEADER_OFFSET (i), "a header",
                          err) == -1)
      return -1;
  if (vhdx_headers_parse (buf, buf + VHDX_HEADER_SIZE, &v->headers) !=
      VHDX_OK) {
    image_check_found (&v->k, IMAGE_FATAL, "headers", VHDX_HEADER_OFFSET (0),
                       false,
                       "both copies of the header are damaged: the file %s, "
                       "and %s",
                       vhdx_status_string (v->headers.status[0]),
                       vhdx_status_string (v->headers.status[1]));
    return 1;
  }
  v->header = v->headers.header[v->headers.current];
  check_copies (v);
  return check_header (v);
}

/* ------------------------------------------------------------------ */
/* Regions */

static void
check_tables (struct vhdx_checking *v, const struct vhdx_region_copies *c)
{
  for (unsigned i = 0; i < 2; i++)
    if (c->status[i] != VHDX_OK)
      image_check_found (&v->k, IMAGE_WARNING, "region-table-copy",
                         VHDX_REGION_OFFSET (i), true,
                         "copy %u of the region table is damaged: the file %s",
                         i + 1, vhdx_status_string (c->status[i]));
  if (c->differ && c->status[0] == VHDX_OK && c->status[1] == VHDX_OK)
    image_check_found (&v->k, IMAGE_WARNING, "region-tables-differ",
                       VHDX_REGION_OFFSET (1), true,
                       "the two region tables differ: the first one counts");
}

static int
read_tables (struct vhdx_checking *v, int *err)
{
  CLEANUP_FREE uint8_t *second = malloc (VHDX_REGION_SIZE);
  struct vhdx_region_copies c;

  v->region_table = malloc (VHDX_REGION_SIZE);
  if (v->region_table == NULL || second == NULL)
    return no_memory (v, err);
  if (image_check_read (&v->k, v->inner, v->region_table, VHDX_REGION_SIZE,
                        VHDX_REGION_OFFSET (0), "a region table", err) == -1 ||
      image_check_read (&v->k, v->inner, second, VHDX_REGION_SIZE,
                        VHDX_REGION_OFFSET (1), "a region table", err) == -1)
    return -1;
  if (vhdx_region_choose (v->region_table, second, &c) != VHDX_OK) {
    image_check_found (
      &v->k, IMAGE_FATAL, "region-tables", VHDX_REGION_OFFSET (0), false,
      "both copies of the region table are damaged: the file "
      "%s, and %s",
      vhdx_status_string (c.status[0]), vhdx_status_string (c.status[1]));
    return 1;
  }
  if (c.current == 1)
    memcpy (v->region_table, second, VHDX_REGION_SIZE);
  check_tables (v, &c);
  return 0;
}

static int
add_region (struct vhdx_checking *v, const struct vhdx_region *r, int *err)
{
  const char *what = "an unknown region";

  if (uuid_equal (&r->id, &vhdx_guid_bat))
    what = "the BAT";
  else if (uuid_equal (&r->id, &vhdx_guid_metadata))
    what = "the metadata region";
  else {
    char id[VHDX_GUID_STRLEN + 1];

    vhdx_guid_format (&r->id, id);
    image_check_found (&v->k, IMAGE_NOTE, "region-unknown", r->offset, false,
                       "the region %s, %" PRIu32 " bytes at offset %" PRIu64
                       ", is not known here and kept as it is",
                       id, r->length, r->offset);
  }
  return image_check_add (&v->k, &v->space, what, IMAGE_NOWHERE, r->offset,
                          r->length, err);
}

static int
check_regions (struct vhdx_checking *v, int *err)
{
  char id[VHDX_GUID_STRLEN + 1];
  enum vhdx_status status;
  const int r = read_tables (v, err);

  if (r != 0)
    return r;
  status = vhdx_region_parse (v->region_table, &v->header,
                              store_size (v->inner), &v->regions);
  if (status != VHDX_OK) {
    vhdx_guid_format (&v->regions.bad.id, id);
    image_check_found (
      &v->k, IMAGE_FATAL, "region", VHDX_REGION_OFFSET (0), false,
      "the file %s (%s, %" PRIu32 " bytes at offset %" PRIu64 ")",
      vhdx_status_string (status), id, v->regions.bad.length,
      v->regions.bad.offset);
    return 1;
  }
  for (unsigned i = 0; i < v->regions.count; i++) {
    const struct vhdx_region region = vhdx_region_get (v->region_table, i);

    if (add_region (v, &region, err) == -1)
      return -1;
  }
  return 0;
}

/* ------------------------------------------------------------------ */
/* All of it */

static int
add_fixed (struct vhdx_checking *v, int *err)
{
  if (image_check_add (&v->k, &v->space, "the header area", IMAGE_NOWHERE, 0,
                       VHDX_HEADER_AREA, err) == -1)
    return -1;
  if (v->header.log_length == 0)
    return 0;
  return image_check_add (&v->k, &v->space, "the log", IMAGE_NOWHERE,
                          v->header.log_offset, v->header.log_length, err);
}

static int
check_all (struct vhdx_checking *v, int *err)
{
  int (*const steps[]) (struct vhdx_checking *, int *) = {
    check_identifier, check_headers,       vhdx_check_log, add_fixed,
    check_regions,    vhdx_check_metadata, vhdx_check_bat,
  };

  for (size_t i = 0; i < ARRAY_SIZE (steps); i++) {
    const int r = steps[i](v, err);

    if (r != 0)
      return r;
  }
  /* What the log would lengthen it by is not there yet. */
  return image_check_judge (&v->k, &v->space, v->file, store_size (v->file),
                            VHDX_MIB, err);
}

/* HEADERS (may be NULL): those of the file, if it was understood so far. */
static int
check (struct store *inner, const char *name, const struct image_check *c,
       struct image_check_result *result, struct vhdx_headers *headers,
       int *err)
{
  struct vhdx_checking v = { .file = inner, .inner = inner };
  int r;

  image_check_begin (&v.k, name, c, result);
  r = check_all (&v, err);
  image_check_end (&v.k);
  if (v.inner != inner)
    store_overlay_dissolve (v.inner);
  image_check_free (&v.space);
  free (v.region_table);
  if (headers != NULL)
    *headers = v.headers;
  return r == -1 ? -1 : 0;
}

int
vhdx_check (struct store *inner, const char *name, const struct image_check *c,
            struct image_check_result *result, int *err)
{
  return check (inner, name, c, result, NULL, err);
}

/* ------------------------------------------------------------------ */
/* Mending */

/* The good header with the next number in place of the bad one. */
static int
mend_header (struct store *inner, const char *name,
             const struct vhdx_headers *h, int *err)
{
  const unsigned bad = 1 - h->current;
  struct vhdx_header header = h->header[h->current];
  CLEANUP_FREE uint8_t *buf = NULL;

  if (h->status[bad] == VHDX_OK)
    return 0;
  if (header.sequence == UINT64_MAX) {
    log_error ("%s: there are no more numbers for headers", name);
    *err = EINVAL;
    return -1;
  }
  buf = malloc (VHDX_HEADER_SIZE);
  if (buf == NULL) {
    log_error ("%s: out of memory", name);
    *err = ENOMEM;
    return -1;
  }
  header.sequence++;
  vhdx_header_serialise (&header, buf);
  if (store_write (inner, buf, VHDX_HEADER_SIZE, VHDX_HEADER_OFFSET (bad), 0,
                   err) == 0 &&
      store_flush (inner, err) == 0)
    return 0;
  errno = *err;
  log_error ("%s: writing copy %u of the header: %m", name, bad + 1);
  return -1;
}

static int
prepare (struct store *inner, const char *name, int *err)
{
  struct image_check_worst worst = { .severity = IMAGE_WARNING };
  const struct image_check c = { .found = image_check_note_worst,
                                 .opaque = &worst };
  struct image_check_result result;
  struct vhdx_headers headers;

  if (check (inner, name, &c, &result, &headers, err) == -1)
    return -1;
  if (worst.severity > IMAGE_WARNING) {
    log_error ("%s: cannot be mended: %s", name, worst.text);
    *err = EINVAL;
    return -1;
  }
  return mend_header (inner, name, &headers, err);
}

int
vhdx_repair (struct store *inner, const char *name)
{
  const struct image_open_options o = { .name = name };
  struct image *image;
  int err;

  if (prepare (inner, name, &err) == -1) {
    store_close (inner);
    errno = err;
    return -1;
  }
  /* The rest is mended by opening it. */
  image = image_vhdx_open (inner, &o);
  if (image == NULL) {
    err = errno;
    store_close (inner);
    errno = err;
    return -1;
  }
  image_close (image);
  return 0;
}
