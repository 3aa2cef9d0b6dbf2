/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pr-socket and pr-client: clients as QEMU, and those that say who they
 * are; what breaks the protocol, is slow, or too much; servers that answer
 * nonsense.
 */

#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#include "base/align.h"
#include "control-fixture.h"
#include "control/control-server.h"
#include "pr-fixture.h"
#include "pr/pr-client.h"
#include "pr/pr-socket.h"
#include "pr/pr-wire.h"
#include "support/log-memory.h"
#include "support/main.h"

static struct pr_disk *disk;
static struct pr_socket *server;

static void
start (const char *name, unsigned timeout)
{
  disk = pr_disk_create (NULL);
  server = pr_socket_bind (path, name, pr_disk_target (disk));
  ck_assert_ptr_nonnull (server);
  pr_socket_set_timeout (server, timeout);
  ck_assert_int_eq (pr_socket_start (server), 0);
}

static void
stop (void)
{
  pr_socket_close (server);
  pr_disk_free (disk);
}

static void
receive (int fd, void *p, size_t n)
{
  ck_assert_int_eq (recv (fd, p, n, MSG_WAITALL), (ssize_t) n);
}

/* A client that has sent its greeting. */
static int
greet (const char *name, uint32_t features)
{
  const int fd = raw_connect ();
  uint8_t greeting[PR_GREETING_MAX];
  const size_t n = pr_greeting_serialise (name, greeting);
  be32 offer;

  receive (fd, &offer, sizeof offer);
  ck_assert_uint_eq (be32_get (offer), features);
  ck_assert_int_eq (send (fd, greeting, n, MSG_NOSIGNAL), (ssize_t) n);
  return fd;
}

/* REGISTER with KEY, as a request. */
static size_t
make_register (uint64_t key, uint8_t request[PR_REQUEST_MAX])
{
  const struct reservation_command c = { .action = RESERVATION_REGISTER,
                                         .action_key = key };

  memset (request, 0, PR_CDB_SIZE);
  return PR_CDB_SIZE +
         reservation_out_serialise (&c, request, request + PR_CDB_SIZE);
}

static void
expect_status (int fd, unsigned status)
{
  struct pr_reply_disk reply;

  receive (fd, &reply, sizeof reply);
  ck_assert_uint_eq (be32_get (reply.status), status);
  ck_assert_uint_eq (be32_get (reply.count), 0);
}

/* Closed by the server, without a word. */
static void
expect_end (int fd)
{
  char byte;

  ck_assert_int_le (recv (fd, &byte, 1, 0), 0);
  close (fd);
}

/* The initiator of the only key. */
static void
expect_registrant (const char *name)
{
  uint8_t cdb[PR_CDB_SIZE] = { 0 }, data[1024];
  struct pr_target *t = pr_disk_target (disk);
  struct reservation_report_registrant g;
  struct reservation_report r;
  struct pr_answer a;

  reservation_in_serialise (RESERVATION_READ_FULL_STATUS, sizeof data, cdb);
  t->ops->pr_in (t, "", cdb, data, sizeof data, &a);
  ck_assert_int_eq (reservation_report_begin (&r, data, a.count),
                    RESERVATION_REPORT_OK);
  ck_assert_int_eq (reservation_report_registrant (&r, &g),
                    RESERVATION_REPORT_OK);
  ck_assert_str_eq (g.name, name);
  ck_assert_uint_eq (r.left, 0);
}

static unsigned
descriptors (void)
{
  DIR *d = opendir ("/proc/self/fd");
  unsigned n = 0;

  while (readdir (d) != NULL)
    n++;
  closedir (d);
  return n;
}

/* ------------------------------------------------------------------ */

/* As QEMU does it, with a descriptor. */
static void
send_with_fd (int fd, const void *p, size_t n)
{
  union {
    char room[CMSG_SPACE (sizeof (int))];
    struct cmsghdr align;
  } control = { { 0 } };
  struct iovec iov = { .iov_base = (void *) p, .iov_len = n };
  struct msghdr m = { .msg_iov = &iov,
                      .msg_iovlen = 1,
                      .msg_control = &control,
                      .msg_controllen = sizeof control };
  struct cmsghdr *c = CMSG_FIRSTHDR (&m);

  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (c), &fd, sizeof fd);
  ck_assert_int_eq (sendmsg (fd, &m, MSG_NOSIGNAL), (ssize_t) n);
}

START_TEST (qemu)
{
  uint8_t request[PR_REQUEST_MAX];
  const size_t n = make_register (1, request);
  unsigned before;
  int fd;

  start ("vm1", 5000);
  fd = greet (NULL, 0);
  ck_assert_int_eq (send (fd, request, n, 0), (ssize_t) n);
  expect_status (fd, GOOD);
  expect_registrant ("vm1");
  before = descriptors ();
  for (unsigned i = 0; i < 3; i++) {
    send_with_fd (fd, request, PR_CDB_SIZE);
    ck_assert_int_eq (send (fd, request + PR_CDB_SIZE, n - PR_CDB_SIZE, 0),
                      (ssize_t) (n - PR_CDB_SIZE));
    expect_status (fd, CONFLICT);
    ck_assert_uint_eq (descriptors (), before);
  }
  close (fd);
  /* Nobody else can be somebody there. */
  expect_end (greet ("other", 0));
  stop ();
}
END_TEST

START_TEST (names)
{
  uint8_t request[PR_REQUEST_MAX];
  const size_t n = make_register (1, request);
  char user[32];
  int fd;

  snprintf (user, sizeof user, "uid:%u", geteuid ());
  start (NULL, 5000);
  fd = greet (NULL, PR_FEATURE_INITIATOR);
  send (fd, request, n, 0);
  expect_status (fd, GOOD);
  expect_registrant (user);
  close (fd);
  stop ();
  start (NULL, 5000);
  fd = greet ("iqn.2026-11.org.example:b", PR_FEATURE_INITIATOR);
  /* A byte at a time, and the next request right behind. */
  for (size_t i = 0; i < n; i++)
    ck_assert_int_eq (send (fd, request + i, 1, 0), 1);
  send (fd, request, n, 0);
  expect_status (fd, GOOD);
  expect_status (fd, CONFLICT);
  expect_registrant ("iqn.2026-11.org.example:b");
  close (fd);
  stop ();
}
END_TEST

/* What a client says after it was offered features, and is shown the door
 * for.
 */
static const struct {
  const char *bytes;
  size_t n;
  const char *said;
} wrong[] = {
  { "\x40\0\0\0", 4, "wants a feature" },
  { "\x80\0\0\0\0\0", 6, "has a name" },
  { "\x80\0\0\0\0\1\n", 7, "has a name" },
  { "\x80\0\0\0\0\2a\0", 8, "has a name" },
  { "\x80\0\0\0\1\0", 6, "has a name" },
  { "\0\0\0\0\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, "sent another command" },
  { "\0\0\0\0\x5f\0\0\0\0\0\0\x20\1\0\0\0\0\0\0\0", 20, "of more than 8192" },
  { "\0\0\0\0\x5f\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0", 20, "of more than" },
};

START_TEST (protocol)
{
  be32 offer;
  int fd;

  start (NULL, 5000);
  log_memory_clear ();
  fd = raw_connect ();
  receive (fd, &offer, sizeof offer);
  ck_assert_int_eq (send (fd, wrong[_i].bytes, wrong[_i].n, 0),
                    (ssize_t) wrong[_i].n);
  expect_end (fd);
  stop ();
  ck_assert (log_memory_contains (wrong[_i].said));
  ck_assert_uint_eq (log_memory_errors (), 0);
}
END_TEST

START_TEST (slow)
{
  uint8_t request[PR_REQUEST_MAX];
  const size_t n = make_register (1, request);
  int fd, silent;

  start (NULL, 200);
  silent = raw_connect ();
  fd = greet ("a", PR_FEATURE_INITIATOR);
  /* Who has nothing to say may wait. */
  poll (NULL, 0, 300);
  send (fd, request, n, 0);
  expect_status (fd, GOOD);
  send (fd, request, n - 1, 0);
  expect_end (fd);
  receive (silent, request, 4);
  expect_end (silent);
  /* The end comes at once, for all of them. */
  fd = greet ("a", PR_FEATURE_INITIATOR);
  send (fd, request, n - 1, 0);
  silent = greet ("b", PR_FEATURE_INITIATOR);
  stop ();
  expect_end (fd);
  expect_end (silent);
}
END_TEST

START_TEST (too_many)
{
  int fd[CONTROL_CLIENTS];

  start (NULL, 5000);
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
    fd[i] = greet ("a", PR_FEATURE_INITIATOR);
  expect_end (raw_connect ());
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
    close (fd[i]);
  stop ();
}
END_TEST

/* ------------------------------------------------------------------ */
/* The client */

START_TEST (client)
{
  uint8_t request[PR_REQUEST_MAX], data[64];
  const size_t n = make_register (5, request);
  struct pr_answer a;
  struct pr_client *c;

  start (NULL, 5000);
  c = pr_client_connect (path, "a", 5000);
  ck_assert_ptr_nonnull (c);
  ck_assert_int_eq (pr_client_ask (c, request, request + PR_CDB_SIZE,
                                   n - PR_CDB_SIZE, NULL, 0, &a),
                    0);
  ck_assert_uint_eq (a.status, GOOD);
  reservation_in_serialise (RESERVATION_READ_KEYS, sizeof data, request);
  ck_assert_int_eq (pr_client_ask (c, request, NULL, 0, data, sizeof data, &a),
                    0);
  ck_assert_uint_eq (a.count, 16);
  ck_assert_uint_eq (data[15], 5);
  /* Another action of IN than there are. */
  request[1] = 0x1f;
  ck_assert_int_eq (pr_client_ask (c, request, NULL, 0, data, sizeof data, &a),
                    0);
  ck_assert_uint_eq (a.status, CHECK);
  ck_assert_uint_eq (a.sense[12], 0x24);
  ck_assert_uint_eq (a.count, 0);
  pr_client_close (c);
  stop ();
  log_memory_clear ();
  ck_assert_ptr_null (pr_client_connect (path, "a", 5000));
  ck_assert_uint_eq (log_memory_errors (), 1);
  start ("b", 5000);
  ck_assert_ptr_null (pr_client_connect (path, "a", 5000));
  ck_assert (log_memory_contains ("cannot choose which initiator"));
  stop ();
}
END_TEST

/* A server that sends what it has been given, and then closes. */
struct liar {
  int fd;
  const uint8_t *bytes;
  size_t n;
};

static void *
liar_main (void *opaque)
{
  const struct liar *l = opaque;
  const int fd = accept (l->fd, NULL, NULL);

  send (fd, l->bytes, l->n, MSG_NOSIGNAL);
  shutdown (fd, SHUT_WR);
  poll (NULL, 0, 100);
  close (fd);
  return NULL;
}

START_TEST (liars)
{
  uint8_t bytes[4 + sizeof (struct pr_reply_disk) + 8] = { 0 };
  static const uint8_t cdb[PR_CDB_SIZE] = { 0x5e };
  struct liar l = { .fd = socket (AF_UNIX, SOCK_STREAM, 0), .bytes = bytes };
  const struct sockaddr_un a = address ();
  struct pr_answer answer;
  struct pr_client *c;
  pthread_t thread;
  uint8_t data[8];

  ck_assert_int_eq (bind (l.fd, (const struct sockaddr *) &a, sizeof a), 0);
  ck_assert_int_eq (listen (l.fd, 1), 0);
  bytes[11] = 9; /* bytes of data, where there is room for 8 */
  for (l.n = 0; l.n <= sizeof bytes; l.n++) {
    log_memory_clear ();
    ck_assert_int_eq (pthread_create (&thread, NULL, liar_main, &l), 0);
    c = pr_client_connect (path, NULL, 5000);
    if (c != NULL)
      ck_assert_int_eq (
        pr_client_ask (c, cdb, NULL, 0, data, sizeof data, &answer), -1);
    ck_assert (c != NULL || l.n < 4);
    pr_client_close (c);
    pthread_join (thread, NULL);
    ck_assert_uint_eq (log_memory_errors (), 1);
    if (l.n >= 4 + sizeof (struct pr_reply_disk))
      ck_assert (log_memory_contains ("9 bytes, more than the 8"));
    if (l.n == 5)
      l.n = sizeof bytes - 10; /* nothing is different between */
  }
  close (l.fd);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { qemu, names, slow, too_many, client, liars };
  Suite *suite = suite_create ("pr-socket");
  TCase *c = test_case (suite, "pr-socket");

  tcase_add_checked_fixture (c, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (c, tests[i]);
  tcase_add_loop_test (c, protocol, 0, ARRAY_SIZE (wrong));
  return test_run (suite);
}
