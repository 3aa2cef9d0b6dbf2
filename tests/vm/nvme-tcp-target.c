/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nvme-tcp-target PORT: one namespace in memory, with reservations, for the
 * kernel's NVMe/TCP hosts on loopback (NVM Express TCP Transport
 * Specification 1.0, Base 2.0 section 3.3.2.2 for fabrics).  Each connection
 * is a queue and has a thread.  It believes what the kernel says, and ends
 * when something is not as it knows it; data comes with the commands.
 */

#include <config.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nvme/nvme-spec.h"
#include "support/must.h"
#include "support/nvme-reservations.h"

#define LBA 512
#define BLOCKS 32768
#define DATA_MOST 65536 /* in a command: 2^4 pages */
#define CONTROLLERS 8

enum pdu_type {
  PDU_ICREQ = 0,
  PDU_ICRESP = 1,
  PDU_COMMAND = 4,
  PDU_RESPONSE = 5,
  PDU_C2H_DATA = 7,
};

struct pdu {
  uint8_t type, flags, hlen, pdo;
  le32 plen;
};

struct pdu_icresp {
  struct pdu head;
  le16 pfv;
  uint8_t cpda, dgst;
  le32 maxh2cdata;
  uint8_t reserved[112];
};
_Static_assert(sizeof (struct pdu_icresp) == 128, "ICResp");

struct pdu_data {
  struct pdu head;
  le16 cccid;
  uint8_t reserved[2];
  le32 offset, length;
  uint8_t reserved2[4];
};
_Static_assert(sizeof (struct pdu_data) == 24, "C2HData");
#define DATA_LAST 0x04

struct completion {
  le64 result;
  le16 sqhd, sqid, cid, status; /* status with the phase */
};

#define FABRICS_OPCODE 0x7f
enum {
  FABRICS_PROPERTY_SET = 0x00,
  FABRICS_CONNECT = 0x01,
  FABRICS_PROPERTY_GET = 0x04,
};

struct controller {
  uint8_t host[16];
  uint8_t subsystem[256];
  uint32_t cc;
};

struct connection {
  int fd;
  struct controller *c; /* since Connect */
  uint16_t cntlid;
  uint16_t qid;
  uint8_t *data; /* of the command, or what it returns */
  size_t count;  /* bytes that it returns */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct controller controllers[CONTROLLERS]; /* by CNTLID - 1 */
static unsigned ncontrollers;
static struct nvme_reservations reservations;
static uint8_t disk[BLOCKS * LBA];

/* ------------------------------------------------------------------ */

/* False at the end of the connection. */
static bool
get (int fd, void *buf, size_t count)
{
  uint8_t *p = buf;

  while (count > 0) {
    const ssize_t n = read (fd, p, count);

    if (n <= 0)
      return false;
    p += n;
    count -= (size_t) n;
  }
  return true;
}

static bool
put (int fd, const void *buf, size_t count)
{
  const uint8_t *p = buf;

  while (count > 0) {
    const ssize_t n = send (fd, p, count, MSG_NOSIGNAL);

    if (n <= 0)
      return false;
    p += n;
    count -= (size_t) n;
  }
  return true;
}

static uint32_t
get32 (const void *p)
{
  le32 x;

  memcpy (&x, p, sizeof x);
  return le32_get (x);
}

/* ------------------------------------------------------------------ */
/* Fabrics: the SQE has other fields from byte 40 on */

static uint16_t
do_connect (struct connection *n, const uint8_t *sqe, uint64_t *result)
{
  uint16_t id = (uint16_t) (n->data[16] | n->data[17] << 8);

  n->qid = (uint16_t) (sqe[42] | sqe[43] << 8);
  if (n->qid == 0) {
    if (ncontrollers == CONTROLLERS)
      return NVME_SC_INTERNAL;
    id = (uint16_t) ++ncontrollers;
    memcpy (controllers[id - 1].host, n->data, 16);
    memcpy (controllers[id - 1].subsystem, n->data + 256, 256);
  }
  if (id == 0 || id > ncontrollers)
    return NVME_SC_INVALID_FIELD;
  n->cntlid = id;
  n->c = &controllers[id - 1];
  *result = id;
  return NVME_SC_SUCCESS;
}

/* CAP: 128 entries, contiguous, 5 seconds, the NVM command set. */
static uint64_t
property (const struct connection *n, uint32_t offset)
{
  switch (offset) {
  case NVME_REG_CAP:
    return 127 | UINT64_C (1) << 16 | UINT64_C (10) << 24 | UINT64_C (1) << 37;
  case NVME_REG_VS:
    return 0x010300;
  case NVME_REG_CC:
    return n->c->cc;
  case NVME_REG_CSTS:
    return (n->c->cc & NVME_CC_EN ? NVME_CSTS_RDY : 0) |
           (n->c->cc & NVME_CC_SHN_MASK ? NVME_CSTS_SHST_DONE : 0);
  default:
    return 0;
  }
}

static uint16_t
do_fabrics (struct connection *n, const uint8_t *sqe, uint64_t *result)
{
  switch (sqe[4]) {
  case FABRICS_CONNECT:
    return do_connect (n, sqe, result);
  case FABRICS_PROPERTY_GET:
    *result = property (n, get32 (sqe + 44));
    return NVME_SC_SUCCESS;
  case FABRICS_PROPERTY_SET:
    if (get32 (sqe + 44) == NVME_REG_CC)
      n->c->cc = get32 (sqe + 48);
    return NVME_SC_SUCCESS;
  default:
    return NVME_SC_INVALID_FIELD;
  }
}

/* ------------------------------------------------------------------ */
/* Admin commands */

static void
identify_controller (struct connection *n)
{
  struct nvme_identify_controller *id = (void *) n->data;

  memcpy (id->sn, "TEST-1              ", sizeof id->sn);
  memset (id->mn, ' ', sizeof id->mn);
  memcpy (id->mn, "Test target", 11);
  memcpy (id->fr, "1       ", sizeof id->fr);
  id->mdts = 4;
  id->cntlid = le16_put (n->cntlid);
  id->ver = le32_put (0x010300);
  id->ctratt = le32_put (NVME_CTRATT_HOST_ID_128);
  n->data[111] = 1;  /* CNTRLTYPE: I/O */
  n->data[320] = 10; /* KAS */
  id->sqes = 0x66;
  id->cqes = 0x44;
  id->maxcmd = le16_put (128);
  id->nn = le32_put (1);
  id->oncs = le16_put (NVME_ONCS_RESERVATIONS);
  n->data[536] = 1; /* SGLS */
  memcpy (n->data + 768, n->c->subsystem, 256);
  /* IOCCSZ and IORCSZ, in 16 bytes. */
  n->data[1792] = (uint8_t) ((64 + DATA_MOST) / 16);
  n->data[1793] = (uint8_t) ((64 + DATA_MOST) / 16 >> 8);
  n->data[1796] = 1;
}

static void
identify_namespace (struct connection *n)
{
  struct nvme_identify_namespace *id = (void *) n->data;

  id->nsze = id->ncap = id->nuse = le64_put (BLOCKS);
  id->rescap = NVME_RESCAP_TYPES | NVME_RESCAP_PERSIST;
  id->lbaf[0].lbads = 9;
}

static uint16_t
do_identify (struct connection *n, const struct nvme_sqe *sqe)
{
  memset (n->data, 0, NVME_DATA_SIZE);
  n->count = NVME_DATA_SIZE;
  switch (le32_get (sqe->cdw10) & 0xff) {
  case NVME_CNS_CONTROLLER:
    identify_controller (n);
    return NVME_SC_SUCCESS;
  case NVME_CNS_NAMESPACE:
    identify_namespace (n);
    return NVME_SC_SUCCESS;
  case NVME_CNS_ACTIVE_LIST:
    n->data[0] = le32_get (sqe->nsid) == 0;
    return NVME_SC_SUCCESS;
  case 0x03: /* descriptors: a UUID of its own for each subsystem */
    n->data[0] = 3;
    n->data[1] = 16;
    n->data[4] = (uint8_t) n->cntlid;
    n->data[19] = 1;
    return NVME_SC_SUCCESS;
  default:
    n->count = 0;
    return NVME_SC_INVALID_FIELD;
  }
}

static uint16_t
do_admin (struct connection *n, const struct nvme_sqe *sqe, uint64_t *result)
{
  const uint32_t cdw10 = le32_get (sqe->cdw10);

  switch (sqe->opcode) {
  case NVME_ADMIN_IDENTIFY:
    return do_identify (n, sqe);
  case NVME_ADMIN_GET_LOG:
    n->count = ((cdw10 >> 16) + (size_t) 1) * 4;
    if (n->count > DATA_MOST)
      return NVME_SC_INVALID_FIELD;
    memset (n->data, 0, n->count);
    return NVME_SC_SUCCESS;
  case NVME_ADMIN_SET_FEATURES:
    *result = cdw10 == NVME_FEATURE_QUEUES ? UINT32_C (0x00010001) : 0;
    return NVME_SC_SUCCESS;
  case NVME_ADMIN_GET_FEATURES:
    if ((cdw10 & 0xff) != NVME_FEATURE_HOST_ID)
      return NVME_SC_INVALID_FIELD;
    n->count = sizeof n->c->host;
    memcpy (n->data, n->c->host, n->count);
    return NVME_SC_SUCCESS;
  case 0x18: /* Keep Alive */
    return NVME_SC_SUCCESS;
  default:
    return NVME_SC_INVALID_OPCODE;
  }
}

/* ------------------------------------------------------------------ */
/* I/O commands */

static uint16_t
do_blocks (struct connection *n, const struct nvme_sqe *sqe)
{
  const size_t count = ((le32_get (sqe->cdw12) & 0xffff) + (size_t) 1) * LBA;
  const size_t offset = (size_t) le32_get (sqe->cdw10) * LBA;

  if (count > DATA_MOST || offset + count > sizeof disk)
    return NVME_SC_LBA_RANGE;
  if (sqe->opcode == NVME_CMD_WRITE) {
    memcpy (disk + offset, n->data, count);
    return NVME_SC_SUCCESS;
  }
  memcpy (n->data, disk + offset, count);
  n->count = count;
  return NVME_SC_SUCCESS;
}

static uint16_t
do_io (struct connection *n, const struct nvme_sqe *sqe)
{
  const uint32_t cdw10 = le32_get (sqe->cdw10);
  struct nvme_reservation_keys keys = { 0 };

  switch (sqe->opcode) {
  case NVME_CMD_READ:
  case NVME_CMD_WRITE:
  case NVME_CMD_FLUSH:
    if (!nvme_reservations_allow (&reservations, n->c->host,
                                  sqe->opcode != NVME_CMD_READ))
      return NVME_SC_RESERVATION | NVME_STATUS_DNR;
    return sqe->opcode == NVME_CMD_FLUSH ? NVME_SC_SUCCESS : do_blocks (n, sqe);
  case NVME_CMD_RESERVATION_REPORT:
    n->count = (cdw10 + (size_t) 1) * 4;
    if (n->count > DATA_MOST)
      return NVME_SC_INVALID_FIELD;
    if (!(le32_get (sqe->cdw11) & NVME_REPORT_EXTENDED))
      return NVME_SC_HOST_ID_FORMAT | NVME_STATUS_DNR;
    nvme_reservations_report (&reservations, true, n->data, n->count);
    return NVME_SC_SUCCESS;
  default:
    memcpy (&keys, n->data,
            sqe->opcode == NVME_CMD_RESERVATION_RELEASE ? 8 : sizeof keys);
    return nvme_reservations_do (&reservations, n->c->host, sqe->opcode, cdw10,
                                 &keys);
  }
}

/* ------------------------------------------------------------------ */
/* Connections */

static bool
initialise (int fd)
{
  struct pdu_icresp r = {
    .head = { PDU_ICRESP, 0, sizeof r, 0, le32_put (sizeof r) },
    .maxh2cdata = le32_put (DATA_MOST),
  };
  uint8_t request[128];

  return get (fd, request, sizeof request) && request[0] == PDU_ICREQ &&
         put (fd, &r, sizeof r);
}

static bool
respond (const struct connection *n, le16 cid, uint16_t status, uint64_t result)
{
  const struct pdu_data data = {
    .head = { PDU_C2H_DATA, DATA_LAST, sizeof data, sizeof data,
              le32_put ((uint32_t) (sizeof data + n->count)) },
    .cccid = cid,
    .length = le32_put ((uint32_t) n->count),
  };
  const struct completion c = {
    .result = le64_put (result),
    .sqid = le16_put (n->qid),
    .cid = cid,
    .status = le16_put ((uint16_t) (status << 1)),
  };
  const struct pdu head = { PDU_RESPONSE, 0, sizeof head + sizeof c, 0,
                            le32_put (sizeof head + sizeof c) };

  if (status == 0 && n->count > 0 &&
      (!put (n->fd, &data, sizeof data) || !put (n->fd, n->data, n->count)))
    return false;
  return put (n->fd, &head, sizeof head) && put (n->fd, &c, sizeof c);
}

/* The data that came with a command begins at PDO. */
static bool
get_command (struct connection *n, struct nvme_sqe *sqe)
{
  uint8_t padding[256];
  struct pdu head;
  uint32_t left;

  if (!get (n->fd, &head, sizeof head) || head.type != PDU_COMMAND ||
      !get (n->fd, sqe, sizeof *sqe))
    return false;
  left = le32_get (head.plen) - (uint32_t) (sizeof head + sizeof *sqe);
  if (left == 0)
    return true;
  if (head.pdo < sizeof head + sizeof *sqe ||
      !get (n->fd, padding, head.pdo - sizeof head - sizeof *sqe))
    return false;
  left = le32_get (head.plen) - head.pdo;
  return left <= DATA_MOST && get (n->fd, n->data, left);
}

/* An event that never comes is not answered. */
static bool
do_command (struct connection *n, const struct nvme_sqe *sqe)
{
  uint64_t result = 0;
  uint16_t status;

  n->count = 0;
  if (sqe->opcode == NVME_ADMIN_ASYNC_EVENT && n->qid == 0)
    return true;
  if (sqe->opcode != FABRICS_OPCODE && n->c == NULL)
    return false;
  pthread_mutex_lock (&lock);
  if (sqe->opcode == FABRICS_OPCODE)
    status = do_fabrics (n, (const uint8_t *) sqe, &result);
  else if (n->qid == 0)
    status = do_admin (n, sqe, &result);
  else
    status = do_io (n, sqe);
  pthread_mutex_unlock (&lock);
  return respond (n, sqe->cid, status, result);
}

static void *
serve (void *opaque)
{
  struct connection *n = opaque;
  struct nvme_sqe sqe;

  if (initialise (n->fd)) {
    while (get_command (n, &sqe) && do_command (n, &sqe))
      ;
  }
  close (n->fd);
  free (n->data);
  free (n);
  return NULL;
}

static int
listen_on (uint16_t port)
{
  const struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons (port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd == -1 || bind (fd, (const struct sockaddr *) &a, sizeof a) == -1 ||
      listen (fd, 16) == -1) {
    perror ("nvme-tcp-target");
    exit (EXIT_FAILURE);
  }
  return fd;
}

int
main (int argc, char *argv[])
{
  const int one = 1;
  int fd;

  if (argc != 2) {
    fprintf (stderr, "usage: nvme-tcp-target PORT\n");
    return EXIT_FAILURE;
  }
  fd = listen_on ((uint16_t) atoi (argv[1]));
  for (;;) {
    struct connection *n = must_calloc (1, sizeof *n);
    pthread_t thread;

    n->data = must_malloc (DATA_MOST);
    n->fd = accept (fd, NULL, NULL);
    if (n->fd == -1 || pthread_create (&thread, NULL, serve, n) != 0)
      return EXIT_FAILURE;
    setsockopt (n->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    pthread_detach (thread);
  }
}
