/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this room share: connections, and jobs on them.
 *
 * There are no threads but those that ask.  One of those that wait for a
 * connection leads: it polls the socket and takes in what comes, for all
 * of them; when it has what it wanted, another one of them leads.  So a
 * thread that is alone with a connection is never woken by another one.
 */

#ifndef DISKSTACK_REMOTE_IMPL_H
#define DISKSTACK_REMOTE_IMPL_H

#include <libnbd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "base/extents.h"
#include "nbd/remote.h"

/* Connections, if the server lets us have several. */
#define REMOTE_CONNECTIONS 4

enum remote_kind {
  REMOTE_READ,
  REMOTE_WRITE,
  REMOTE_FLUSH,
  REMOTE_TRIM,
  REMOTE_ZERO,
  REMOTE_CACHE,
  REMOTE_EXTENTS,
};

/* A request, on the stack of the thread that waits for it: any number of
 * commands, each in at most one element of the vector and of at most MOST
 * bytes.
 */
struct remote_job {
  enum remote_kind kind;
  uint64_t offset, left; /* what has not been sent */
  uint32_t most;
  uint32_t flags;          /* LIBNBD_CMD_FLAG_ */
  const struct iovec *iov; /* of reads and writes: the element at OFFSET */
  size_t iov_done;         /* bytes of it that have been sent */
  struct extent_list *out; /* of extents */

  bool started;     /* something has been sent */
  unsigned pending; /* commands that have been sent and are not answered */
  int err;          /* of the first one that failed; or 0 */
  pthread_cond_t changed;
  TAILQ_ENTRY (remote_job) link;
};

struct remote_connection {
  struct nbd_handle *nbd;
  pthread_mutex_t lock; /* for all that follows, and all calls for NBD */
  bool is_led;
  short events; /* what the leader polls for */
  int wake;     /* eventfd, so that it polls for something else */
  TAILQ_HEAD (, remote_job) waiting; /* those that do not lead */
  _Atomic unsigned users;            /* jobs that are on it */
};

struct remote {
  _Atomic unsigned refs;
  char *uri;
  _Atomic bool lost; /* a connection */

  /* As the server said. */
  uint64_t size;
  uint32_t min_block, preferred, max_payload; /* bytes */
  bool read_only, rotational, flush, fua, trim, zero, fast_zero, cache;
  bool extents, multi_conn;

  unsigned nconnections;
  struct remote_connection connection[REMOTE_CONNECTIONS];
};

/* Send the commands of J and wait for the answers.  Returns 0, or -1 with
 * *err; then the answers of all that were sent have come, too.
 */
extern int remote_run (struct remote *r, struct remote_job *j, int *err);

#endif /* DISKSTACK_REMOTE_IMPL_H */
