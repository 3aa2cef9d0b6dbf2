/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Namespaces: which there are, what they are like, and when they change.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "nvme/nvme-command.h"
#include "nvme/nvme-impl.h"
#include "nvme/nvme-status.h"

/* ------------------------------------------------------------------ */
/* Which */

/* Before version 1.1 there is no list: those that have a size. */
static int
list_by_trying (struct nvme *n, uint32_t after, uint32_t *nsid, unsigned max,
                int *err)
{
  CLEANUP_FREE struct nvme_identify_namespace *id = malloc (sizeof *id);
  unsigned found = 0;

  if (id == NULL) {
    *err = ENOMEM;
    return -1;
  }
  while (after < n->data.nn && after < NVME_LIST_MAX && found < max) {
    if (nvme_identify (n, NVME_CNS_NAMESPACE, ++after, id, err) == -1)
      return -1;
    if (le64_get (id->nsze) != 0)
      nsid[found++] = after;
  }
  return (int) found;
}

int
nvme_list (struct nvme *n, uint32_t after, uint32_t *nsid, unsigned max,
           int *err)
{
  CLEANUP_FREE le32 *list = malloc (NVME_DATA_SIZE);
  unsigned found = 0;

  if (list == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (after >= NVME_NSID_ALL - 1)
    return 0;
  if (n->version < NVME_VERSION (1, 1))
    return list_by_trying (n, after, nsid, max, err);
  if (nvme_identify (n, NVME_CNS_ACTIVE_LIST, after, list, err) == -1)
    return -1;
  while (found < max && found < NVME_LIST_MAX) {
    const uint32_t next = le32_get (list[found]);

    /* It ends with 0; whoever does not keep the order is not believed. */
    if (next <= after)
      break;
    nsid[found++] = after = next;
  }
  return (int) found;
}

/* ------------------------------------------------------------------ */
/* What */

/* An admin command as nvme_admin, or as nvme_admin_locked. */
typedef int (*admin_fn) (struct nvme *n, const struct nvme_sqe *sqe, void *buf,
                         size_t count, uint32_t *result, int *err);

/* The identity of those that have neither NGUID nor EUI64: a UUID, if they
 * have that.
 */
static int
ask_uuid (struct nvme *n, uint32_t nsid, admin_fn admin,
          struct nvme_namespace_data *data, void *buf, int *err)
{
  const struct nvme_sqe sqe =
    nvme_command_identify (NVME_CNS_DESCRIPTORS, nsid);

  if (n->version < NVME_VERSION (1, 3))
    return 0;
  if (admin (n, &sqe, buf, NVME_DATA_SIZE, NULL, err) == 0)
    nvme_identify_descriptors (buf, data);
  else if (*err != EINVAL)
    return -1;
  return 0;
}

static int
examine (struct nvme *n, uint32_t nsid, admin_fn admin,
         struct nvme_namespace_data *data, enum nvme_identify_status *status,
         int *err)
{
  const struct nvme_sqe sqe = nvme_command_identify (NVME_CNS_NAMESPACE, nsid);
  CLEANUP_FREE struct nvme_identify_namespace *id = malloc (sizeof *id);

  if (id == NULL) {
    *err = ENOMEM;
    return -1;
  }
  if (admin (n, &sqe, id, sizeof *id, NULL, err) == -1)
    return -1;
  *status = nvme_identify_namespace (id, data);
  return *status == NVME_IDENTIFY_OK && !data->has_id ?
           ask_uuid (n, nsid, admin, data, id, err) :
           0;
}

static struct nvme_ns_info
info_of (uint32_t nsid, const struct nvme_namespace_data *data)
{
  struct nvme_ns_info info = {
    .nsid = nsid,
    .size = data->size,
    .lba_size = data->lba_size,
    .physical_size = data->physical_size,
    .optimal = data->optimal,
    .thin = data->thin,
    .deallocated_zero = data->deallocated_zero,
    .write_zeroes_deac = data->write_zeroes_deac,
    .write_protected = data->write_protected,
    .rescap = data->rescap,
    .has_id = data->has_id,
  };

  memcpy (info.id.b, data->id, sizeof info.id.b);
  return info;
}

/* ------------------------------------------------------------------ */
/* Open */

/* What was another disk is not ours any more, for ever: nothing must be
 * written to it.
 */
static bool
is_another (const struct nvme_ns_info *was,
            const struct nvme_namespace_data *data)
{
  return was->lba_size != data->lba_size || was->has_id != data->has_id ||
         memcmp (was->id.b, data->id, sizeof data->id) != 0;
}

/* That was opened before, and is the same disk. */
static struct nvme_ns *
find_same (struct nvme *n, uint32_t nsid,
           const struct nvme_namespace_data *data)
{
  struct nvme_ns *ns;

  LOCK_SCOPE (&n->ns_lock);
  for (ns = n->namespaces; ns != NULL; ns = ns->next) {
    if (ns->nsid == nsid && !ns->gone && !is_another (&ns->info, data)) {
      ns->info = info_of (nsid, data);
      ns->write_protected = data->write_protected;
      break;
    }
  }
  return ns;
}

struct nvme_ns *
nvme_ns_open (struct nvme *n, uint32_t nsid, int *err)
{
  struct nvme_namespace_data data;
  enum nvme_identify_status status;
  struct nvme_ns *ns;

  if (examine (n, nsid, nvme_admin, &data, &status, err) == -1) {
    errno = *err;
    log_error ("nvme %s: cannot identify namespace %u: %m", n->name, nsid);
    return NULL;
  }
  if (status != NVME_IDENTIFY_OK || data.lba_size > n->max_part) {
    log_error ("nvme %s: namespace %u: %s", n->name, nsid,
               status != NVME_IDENTIFY_OK ?
                 nvme_identify_status_string (status) :
                 "its blocks are larger than a transfer can be");
    *err = status == NVME_IDENTIFY_INACTIVE ? ENOENT : EOPNOTSUPP;
    return NULL;
  }
  ns = find_same (n, nsid, &data);
  if (ns != NULL)
    return ns;
  ns = calloc (1, sizeof *ns);
  if (ns == NULL) {
    *err = ENOMEM;
    return NULL;
  }
  ns->n = n;
  ns->nsid = nsid;
  ns->lba_size = data.lba_size;
  ns->deac = data.write_zeroes_deac;
  ns->info = info_of (nsid, &data);
  ns->write_protected = data.write_protected;
  pthread_mutex_lock (&n->ns_lock);
  ns->next = n->namespaces;
  n->namespaces = ns;
  pthread_mutex_unlock (&n->ns_lock);
  return ns;
}

void
nvme_ns_get_info (struct nvme_ns *ns, struct nvme_ns_info *info)
{
  LOCK_SCOPE (&ns->n->ns_lock);
  *info = ns->info;
  info->gone = ns->gone || ns->n->dead;
}

/* ------------------------------------------------------------------ */
/* When they change */

static void
take_over (struct nvme_ns *ns, enum nvme_identify_status status,
           const struct nvme_namespace_data *data)
{
  struct nvme *n = ns->n;

  LOCK_SCOPE (&n->ns_lock);
  if (ns->gone)
    return;
  if (status != NVME_IDENTIFY_OK || is_another (&ns->info, data)) {
    ns->gone = true;
    log_error ("nvme %s: namespace %u: %s", n->name, ns->nsid,
               status != NVME_IDENTIFY_OK ?
                 nvme_identify_status_string (status) :
                 "it is another disk now");
    return;
  }
  if (ns->info.size != data->size)
    log_debug ("nvme %s: namespace %u: %llu bytes now", n->name, ns->nsid,
               (unsigned long long) data->size);
  ns->info = info_of (ns->nsid, data);
  ns->write_protected = data->write_protected;
}

static int
look_again (struct nvme_ns *ns, admin_fn admin, int *err)
{
  struct nvme_namespace_data data;
  enum nvme_identify_status status;

  if (examine (ns->n, ns->nsid, admin, &data, &status, err) == -1) {
    /* Which is how some say that it is not there. */
    if (*err != EINVAL && *err != ESHUTDOWN)
      return -1;
    status = NVME_IDENTIFY_INACTIVE;
  }
  if (ns->n->dead) {
    *err = ESHUTDOWN;
    return -1;
  }
  take_over (ns, status, &data);
  return 0;
}

int
nvme_ns_refresh (struct nvme_ns *ns, int *err)
{
  if (!ns->gone && look_again (ns, nvme_admin, err) == -1)
    return -1;
  if (ns->gone) {
    *err = ESHUTDOWN;
    return -1;
  }
  return 0;
}

struct nvme_ns *
nvme_first_namespace (struct nvme *n)
{
  LOCK_SCOPE (&n->ns_lock);
  return n->namespaces;
}

bool
nvme_shows_detached (struct nvme_ns *ns, uint16_t status)
{
  int err;

  return (status & NVME_STATUS_CODE_MASK) == NVME_SC_INVALID_FIELD &&
         nvme_ns_refresh (ns, &err) == -1 && err == ESHUTDOWN;
}

/* One that cannot be told from others now is not written to any more. */
int
nvme_verify_namespaces (struct nvme *n, int *err)
{
  for (struct nvme_ns *ns = nvme_first_namespace (n); ns != NULL;
       ns = ns->next) {
    if (ns->gone || look_again (ns, nvme_admin_locked, err) == 0)
      continue;
    if (*err != EIO)
      return -1;
    log_error ("nvme %s: namespace %u: cannot be identified after the reset",
               n->name, ns->nsid);
    ns->gone = true;
  }
  return 0;
}

void
nvme_refresh_nsid (struct nvme *n, uint32_t nsid)
{
  int err;

  for (struct nvme_ns *ns = nvme_first_namespace (n); ns != NULL;
       ns = ns->next) {
    if ((nsid == NVME_NSID_ALL || ns->nsid == nsid) && !ns->gone)
      nvme_ns_refresh (ns, &err);
  }
}
