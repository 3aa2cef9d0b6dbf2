/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file of bytes that tell where they are, a server of it, and a client.
 */

#ifndef DISKSTACK_TEST_HTTP_RIG_H
#define DISKSTACK_TEST_HTTP_RIG_H

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "http/http-client.h"
#include "support/http-server.h"
#include "support/log-memory.h"
#include "support/main.h"

#define RIG_SIZE (300 * 1024 + 77)

struct rig {
  uint8_t data[RIG_SIZE];
  struct http_server *server;
  struct http_client_options o;
  struct http_client *client;
  struct http_object *object;
  /* For the chooser: the requests from FROM on, N of them. */
  atomic_uint from, n;
  atomic_int fault;
};

static inline int
rig_choose (void *opaque, const struct http_server_request *r)
{
  struct rig *rig = opaque;
  const unsigned from = atomic_load (&rig->from);

  return r->number >= from && r->number - from < atomic_load (&rig->n) ?
           atomic_load (&rig->fault) :
           HTTP_FAULT_NONE;
}

/* The next N requests have that fault. */
static inline void
rig_fault (struct rig *rig, int fault, unsigned n)
{
  atomic_store (&rig->fault, fault);
  atomic_store (&rig->from, http_server_requests (rig->server));
  atomic_store (&rig->n, n);
}

/* DRIVES: may who waits drive the client? */
static inline void
rig_start (struct rig *rig, bool drives)
{
  signal (SIGPIPE, drives ? SIG_IGN : SIG_DFL);
  for (unsigned i = 0; i < RIG_SIZE; i++)
    rig->data[i] = (i * 7 + i / 251) % 255 + 1;
  rig->server = http_server_start (rig->data, RIG_SIZE);
  http_server_set (rig->server, rig_choose, rig);
  rig->o = http_client_defaults ();
  rig->o.retries = 1;
  rig->o.retry_delay = 10;
  rig->o.timeout = 120;
  atomic_store (&rig->n, 0);
  log_memory_clear ();
}

static inline void
rig_open (struct rig *rig, const char *url)
{
  rig->client = http_client_create (&rig->o);
  ck_assert_ptr_nonnull (rig->client);
  rig->object = http_object_open (rig->client, url);
}

/* 0 or an errno. */
static inline int
rig_read (struct rig *rig, uint64_t offset, size_t count, size_t part)
{
  static _Thread_local uint8_t buf[RIG_SIZE];
  int err;

  memset (buf, 0, count);
  if (http_object_read (rig->object, buf, count, offset, part, &err) == -1)
    return err;
  quick_assert (memcmp (buf, rig->data + offset, count) == 0);
  return 0;
}

static inline void
rig_open_good (struct rig *rig)
{
  rig_open (rig, http_server_url (rig->server));
  if (rig->object == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (rig->object);
  ck_assert_uint_eq (http_object_size (rig->object), RIG_SIZE);
}

static inline void
rig_close (struct rig *rig)
{
  http_object_close (rig->object);
  http_client_close (rig->client);
  rig->object = NULL;
  rig->client = NULL;
}

static inline void
rig_stop (struct rig *rig)
{
  rig_close (rig);
  http_server_stop (rig->server);
}

#endif /* DISKSTACK_TEST_HTTP_RIG_H */
