/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the driver share among themselves.
 */

#ifndef DISKSTACK_NVME_IMPL_H
#define DISKSTACK_NVME_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nvme/nvme-cap.h"
#include "nvme/nvme-identify.h"
#include "nvme/nvme-queue.h"
#include "nvme/nvme.h"

struct nvme {
  struct nvme_hw *hw;    /* NULL when it was given back */
  char *name;            /* of it */
  struct nvme_options o; /* with the defaults filled in */

  /* What the controller says, since the first bring-up. */
  struct nvme_cap cap;
  struct nvme_controller_data data;
  struct nvme_limits_data limits;
  uint32_t version;
  size_t max_part; /* bytes in a command */

  struct nvme_queue admin;
  struct nvme_queue *io;
  unsigned nio, depth;
  unsigned nvectors; /* in use; fd[0] is of the first */
  unsigned nfds;     /* at least as many */
  int *fd;
  struct nvme_memory shadow; /* two pages, if there are such doorbells */

  /* Which queue a thread has. */
  pthread_key_t key;
  bool has_key;
  _Atomic unsigned next_queue;

  /* One admin command at a time, or a bring-up. */
  pthread_mutex_t admin_lock;

  pthread_mutex_t ns_lock; /* the list, and info in it */
  struct nvme_ns *namespaces;

  /* The thread that watches (nvme-events.c). */
  pthread_t watcher;
  bool has_watcher;
  int wake_fd, removal_fd;
  _Atomic bool ending;
  _Atomic bool trouble; /* a reset is wanted; no admin command is given */
  _Atomic bool dead;
  bool no_events;   /* it does not know the command, since the last reset */
  bool vectors_off; /* a reset of the function has switched them off */

  _Atomic uint8_t critical_warning;
  _Atomic uint64_t timeouts, aborts, resets, events;
};

struct nvme_ns {
  struct nvme *n;
  struct nvme_ns *next;
  uint32_t nsid, lba_size;
  bool deac; /* Write Zeroes may deallocate; as when it was opened */
  _Atomic bool gone, write_protected;
  struct nvme_ns_info info;
};

/* ------------------------------------------------------------------ */
/* nvme-bringup.c: with admin_lock, or alone */

/* From any state to one in which all queues exist; they are empty, and not
 * live but for the admin queue.  The first time, FIRST, memory for the
 * queues is allocated; later those must be had again.
 */
extern int nvme_bring_up (struct nvme *n, bool first, int *err);

/* No DMA any more afterwards, if it succeeds. */
extern int nvme_disable (struct nvme *n, int *err);

/* Reset the function: 0, or -1 with *err. */
extern int nvme_reset_function (struct nvme *n, int *err);

/* Tell it that its power may go; waits until it is ready for that. */
extern void nvme_shutdown (struct nvme *n);

/* ------------------------------------------------------------------ */
/* nvme-controller.c */

/* All that the device sees, and its interrupts; when it does no DMA. */
extern void nvme_free_memory (struct nvme *n);

/* ------------------------------------------------------------------ */
/* nvme-admin.c */

/* One admin command, with at most a page of data, to or from the device as
 * its opcode says, and the word that it returns.  BUF and RESULT may be
 * NULL.
 */
extern int nvme_admin_locked (struct nvme *n, const struct nvme_sqe *sqe,
                              void *buf, size_t count, uint32_t *result,
                              int *err);
/* The same, taking admin_lock. */
extern int nvme_admin (struct nvme *n, const struct nvme_sqe *sqe, void *buf,
                       size_t count, uint32_t *result, int *err);

/* ------------------------------------------------------------------ */
/* nvme-namespace.c */

/* Of those that were opened, the last one first: the list only grows, at this
 * end, until the controller is closed.
 */
extern struct nvme_ns *nvme_first_namespace (struct nvme *n);

/* Ask again, with admin_lock, what all that are open are like: after a reset,
 * before what was posted is posted again.  0, or -1 with *err if nothing is
 * answered.
 */
extern int nvme_verify_namespaces (struct nvme *n, int *err);

/* A namespace that was detached has commands end with Invalid Field (Base
 * 3.2.1.4), before we are told of it, or without: is it that, if one ended
 * with STATUS?  Asks the controller.
 */
extern bool nvme_shows_detached (struct nvme_ns *ns, uint16_t status);

/* Ask again what namespace NSID is like, or with NVME_NSID_ALL all that are
 * open.
 */
extern void nvme_refresh_nsid (struct nvme *n, uint32_t nsid);

/* ------------------------------------------------------------------ */
/* nvme-io.c */

/* Each thread keeps to one queue, dealt out in turn. */
extern struct nvme_queue *nvme_queue_of_thread (struct nvme *n);

/* ------------------------------------------------------------------ */
/* nvme-reservation.c: with admin_lock, after each bring-up */

/* Who we are, if that was said in the options and matters. */
extern int nvme_tell_host_id (struct nvme *n, int *err);

/* ------------------------------------------------------------------ */
/* nvme-events.c */

extern int nvme_watch (struct nvme *n, int *err);
extern void nvme_unwatch (struct nvme *n);

/* ------------------------------------------------------------------ */
/* nvme-recovery.c: by the watcher */

/* Reset the controller and post again what was in flight; REASON for the
 * message.
 */
extern void nvme_recover (struct nvme *n, const char *reason);

/* It will never work again: all that is in flight ends with ESHUTDOWN. */
extern void nvme_die (struct nvme *n, const char *reason);

/* When it is dead: wait for those who are in requests, shut it down if it
 * is still there, and give the hardware back, so that it can be removed.
 */
extern void nvme_give_back (struct nvme *n);

/* Look for commands that take too long. */
extern void nvme_check_timeouts (struct nvme *n);

#endif /* DISKSTACK_NVME_IMPL_H */
