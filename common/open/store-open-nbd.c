/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See store-open-nbd.h.
 */

#include <config.h>

#include "nbd/store-nbd.h"
#include "open/store-open-nbd.h"

static void *
open_remote (const char *spec)
{
  return remote_open (spec);
}

static bool
is_writable (const void *opened)
{
  return remote_is_writable (opened);
}

static struct store *
make_store (void *opened, bool read_only)
{
  return store_nbd_create (opened, read_only);
}

static void
unref (void *opened)
{
  remote_unref (opened);
}

#define NBD(prefix)                                     \
  {                                                     \
    prefix, open_remote, is_writable, make_store, unref \
  }

const struct store_open_kind store_open_nbd[] = {
  NBD ("nbd"),
  NBD ("nbd+unix"),
  { NULL },
};
