/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See client.h.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <libnbd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "model/client.h"
#include "support/must.h"

#define EXTENTS_MAX 64
#define PATIENCE 300 /* seconds for a reply */

enum kind { READ, WRITE, ZERO, TRIM, FLUSH, CACHE, STATUS };

static const char *const kind_names[] = {
  "read", "write", "zero", "trim", "flush", "cache", "block status",
};

/* A request in flight. */
struct slot {
  bool busy;
  enum kind kind;
  int64_t cookie;
  uint64_t cell, n; /* cells */
  uint64_t start;   /* of the oracle's time */
  bool fua;
  char *buf; /* of a read or write */
  /* of block status; bytes and flags in turns */
  uint32_t extents[2 * EXTENTS_MAX];
  size_t nextents;
};

struct connection {
  struct nbd_handle *nbd;
  struct slot slot[CLIENT_DEPTH];
};

struct client {
  struct server *server;
  struct oracle *oracle;
  uint32_t unit;
  unsigned nconnections;
  struct connection connection[CLIENT_CONNECTIONS];
};

static void __attribute__ ((noreturn))
fail (const struct client *c, const char *what)
{
  server_show_log (c->server);
  fprintf (stderr, "model: %s: %s\n", what, nbd_get_error ());
  exit (EXIT_FAILURE);
}

/* Connections. */

struct client *
client_connect (struct server *s, struct oracle *o, unsigned nconnections)
{
  struct client *c = must_calloc (1, sizeof *c);

  c->server = s;
  c->oracle = o;
  c->unit = oracle_bytes (o, 0, 1);
  c->nconnections = nconnections;
  for (unsigned i = 0; i < nconnections; i++) {
    struct nbd_handle *nbd = nbd_create ();

    /* Requests may be unaligned: the server copes. */
    if (nbd == NULL ||
        nbd_set_strict_mode (nbd, LIBNBD_STRICT_MASK & ~LIBNBD_STRICT_ALIGN) ==
          -1 ||
        nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1 ||
        nbd_connect_unix (nbd, s->socket) == -1)
      fail (c, "connect");
    c->connection[i].nbd = nbd;
  }
  return c;
}

void
client_close (struct client *c)
{
  for (unsigned i = 0; i < c->nconnections; i++) {
    struct connection *conn = &c->connection[i];

    nbd_close (conn->nbd);
    for (unsigned j = 0; j < CLIENT_DEPTH; j++)
      free (conn->slot[j].buf);
  }
  free (c);
}

/* Requests. */

/* Where: often in a small part of the disk, so that requests meet; some
 * at the end.  How much: mostly little.
 */
static void
choose_range (struct client *c, struct rng *rng, struct slot *s)
{
  const uint64_t ncells = oracle_ncells (c->oracle);
  const uint64_t span = rng_one_in (rng, 2) ? min_u64 (24, ncells) : ncells;
  uint64_t most = 12;

  s->cell = rng_below (rng, span);
  if (rng_one_in (rng, 20))
    s->cell = ncells - 1 - rng_below (rng, min_u64 (8, ncells));
  if (rng_one_in (rng, 10))
    most = 1500;
  if (s->kind != READ && s->kind != WRITE && rng_one_in (rng, 20))
    most = ncells;
  s->n = 1 + rng_below (rng, min_u64 (most, ncells - s->cell));
}

static enum kind
choose_kind (struct rng *rng)
{
  static const enum kind kinds[] = {
    READ,  READ,  READ,  READ, READ, READ,  WRITE, WRITE,  WRITE,
    WRITE, WRITE, WRITE, ZERO, TRIM, FLUSH, CACHE, STATUS,
  };

  return kinds[rng_below (rng, sizeof kinds / sizeof kinds[0])];
}

static int
note_extents (void *opaque, const char *context, uint64_t offset,
              uint32_t *entries, size_t n, int *error)
{
  struct slot *s = opaque;

  s->nextents = min_u64 (n, 2 * EXTENTS_MAX);
  memcpy (s->extents, entries, s->nextents * sizeof *entries);
  return 0;
}

static void
begin_change (struct client *c, struct slot *s)
{
  struct oracle *o = c->oracle;
  uint32_t version = VERSION_ZERO;

  if (s->kind == WRITE) {
    version = oracle_new_version (o);
    s->buf = must_malloc (oracle_bytes (o, s->cell, s->n));
    oracle_fill (o, s->buf, s->cell, s->n, version);
  }
  s->start = oracle_begin_change (o, s->cell, s->n, version, s->kind == TRIM);
}

static int64_t
send_request (struct nbd_handle *nbd, struct slot *s, uint64_t offset,
              uint64_t count, struct rng *rng)
{
  const nbd_completion_callback none = NBD_NULL_COMPLETION;
  const uint32_t fua = s->fua ? LIBNBD_CMD_FLAG_FUA : 0;

  switch (s->kind) {
  case READ:
    return nbd_aio_pread (nbd, s->buf, count, offset, none, 0);
  case WRITE:
    return nbd_aio_pwrite (nbd, s->buf, count, offset, none, fua);
  case ZERO:
    return nbd_aio_zero (nbd, count, offset, none,
                         fua |
                           (rng_one_in (rng, 2) ? LIBNBD_CMD_FLAG_NO_HOLE : 0));
  case TRIM:
    return nbd_aio_trim (nbd, count, offset, none, fua);
  case FLUSH:
    return nbd_aio_flush (nbd, none, 0);
  case CACHE:
    return nbd_aio_cache (nbd, count, offset, none, 0);
  case STATUS:
    return nbd_aio_block_status (
      nbd, count, offset,
      (nbd_extent_callback){ .callback = note_extents, .user_data = s }, none,
      0);
  }
  abort ();
}

static void
start_request (struct client *c, struct nbd_handle *nbd, struct slot *s,
               struct rng *rng)
{
  *s = (struct slot){ .busy = true, .kind = choose_kind (rng) };
  if (s->kind == CACHE && nbd_can_cache (nbd) != 1)
    s->kind = FLUSH;
  choose_range (c, rng, s);
  s->fua = rng_one_in (rng, 8);
  if (s->kind == WRITE || s->kind == ZERO || s->kind == TRIM)
    begin_change (c, s);
  else
    s->start = oracle_begin (c->oracle);
  if (s->kind == READ)
    s->buf = must_malloc (oracle_bytes (c->oracle, s->cell, s->n));
  s->cookie = send_request (nbd, s, s->cell * c->unit,
                            oracle_bytes (c->oracle, s->cell, s->n), rng);
  if (s->cookie == -1)
    fail (c, kind_names[s->kind]);
}

/* Cells that are said to be zero must be. */
static bool
check_extents (struct client *c, const struct slot *s)
{
  const uint64_t ncells = oracle_ncells (c->oracle);
  const uint64_t size = oracle_bytes (c->oracle, 0, ncells);
  uint64_t offset = s->cell * c->unit;

  for (size_t i = 0; i + 1 < s->nextents; i += 2) {
    const uint64_t end = min_u64 (offset + s->extents[i], size);
    const uint64_t first = DIV_ROUND_UP (offset, (uint64_t) c->unit);
    const uint64_t last = end == size ? ncells : end / c->unit;

    if ((s->extents[i + 1] & LIBNBD_STATE_ZERO) && first < last &&
        !oracle_check_zero (c->oracle, first, last - first, s->start))
      return false;
    offset = end;
  }
  return true;
}

static void
end_request (struct client *c, struct slot *s)
{
  bool ok = true;

  switch (s->kind) {
  case READ:
    ok = oracle_check_read (c->oracle, s->buf, s->cell, s->n, s->start);
    break;
  case WRITE:
  case ZERO:
  case TRIM:
    oracle_end_change (c->oracle, s->cell, s->n, s->start, s->fua);
    break;
  case FLUSH:
    oracle_end_flush (c->oracle, s->start);
    break;
  case STATUS:
    ok = check_extents (c, s);
    break;
  case CACHE:
    break;
  }
  if (!ok) {
    server_show_log (c->server);
    exit (EXIT_FAILURE);
  }
  free (s->buf);
  s->buf = NULL;
  s->busy = false;
}

/* The loop. */

/* The oracle may forget what ended before all that is in flight. */
static void
tell_oldest (struct client *c)
{
  uint64_t oldest = UINT64_MAX;

  for (unsigned i = 0; i < c->nconnections; i++) {
    for (unsigned j = 0; j < CLIENT_DEPTH; j++) {
      const struct slot *s = &c->connection[i].slot[j];

      if (s->busy)
        oldest = min_u64 (oldest, s->start);
    }
  }
  oracle_oldest (c->oracle, oldest);
}

/* End what has had its reply; how many are left. */
static unsigned
collect (struct client *c, struct connection *conn)
{
  unsigned left = 0;

  for (unsigned i = 0; i < CLIENT_DEPTH; i++) {
    struct slot *s = &conn->slot[i];

    if (!s->busy)
      continue;
    switch (nbd_aio_command_completed (conn->nbd, s->cookie)) {
    case -1:
      fail (c, kind_names[s->kind]);
    case 0:
      left++;
      break;
    default:
      tell_oldest (c);
      end_request (c, s);
      break;
    }
  }
  return left;
}

static void
wait_for_replies (struct client *c)
{
  struct pollfd fds[CLIENT_CONNECTIONS];

  for (unsigned i = 0; i < c->nconnections; i++) {
    struct nbd_handle *nbd = c->connection[i].nbd;
    const unsigned direction = nbd_aio_get_direction (nbd);

    fds[i] = (struct pollfd){ .fd = nbd_aio_get_fd (nbd) };
    if (direction & LIBNBD_AIO_DIRECTION_READ)
      fds[i].events |= POLLIN;
    if (direction & LIBNBD_AIO_DIRECTION_WRITE)
      fds[i].events |= POLLOUT;
  }
  if (poll (fds, c->nconnections, PATIENCE * 1000) == 0)
    fail (c, "no reply");
  for (unsigned i = 0; i < c->nconnections; i++) {
    struct nbd_handle *nbd = c->connection[i].nbd;

    if ((fds[i].revents & (POLLIN | POLLHUP)) &&
        nbd_aio_notify_read (nbd) == -1)
      fail (c, "receive");
    if ((fds[i].revents & POLLOUT) && nbd_aio_notify_write (nbd) == -1)
      fail (c, "send");
  }
}

void
client_run (struct client *c, struct rng *rng, unsigned n, unsigned depth,
            bool finish)
{
  unsigned left;

  do {
    left = 0;
    for (unsigned i = 0; i < c->nconnections; i++) {
      struct connection *conn = &c->connection[i];

      for (unsigned j = 0; j < depth && n > 0; j++) {
        if (conn->slot[j].busy)
          continue;
        start_request (c, conn->nbd, &conn->slot[j], rng);
        n--;
      }
      left += collect (c, conn);
    }
    if (left > 0 && (n > 0 || finish))
      wait_for_replies (c);
  } while (n > 0 || (finish && left > 0));
}

void
client_write_initial (struct client *c, const char *buf)
{
  struct nbd_handle *nbd = c->connection[0].nbd;
  const uint64_t size = oracle_bytes (c->oracle, 0, oracle_ncells (c->oracle));

  /* What is zero stays unwritten. */
  for (uint64_t i = 0; i < size; i += 512) {
    const size_t n = min_u64 (512, size - i);

    if (buf[i] != 0 && nbd_pwrite (nbd, buf + i, n, i, 0) == -1)
      fail (c, "write");
  }
  if (nbd_flush (nbd, 0) == -1)
    fail (c, "flush");
}

void
client_read_all (struct client *c, char *buf)
{
  const uint64_t ncells = oracle_ncells (c->oracle);
  const uint64_t start = oracle_begin (c->oracle);

  if (nbd_pread (c->connection[0].nbd, buf, oracle_bytes (c->oracle, 0, ncells),
                 0, 0) == -1)
    fail (c, "read");
  tell_oldest (c);
  if (!oracle_check_read (c->oracle, buf, 0, ncells, start)) {
    server_show_log (c->server);
    exit (EXIT_FAILURE);
  }
}
