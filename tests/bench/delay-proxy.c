/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A line that is long: delay-proxy PORT TO-PORT MICROSECONDS passes on what
 * comes to PORT of the loopback, each byte so much later, both ways; a
 * connection takes one round trip more, as its opening does.  Any number of
 * connections, as fast as the machine.  Runs until it is killed.
 */

#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE 65536
/* What may be under way in one direction. */
#define PIECES_MAX 512

struct piece {
  struct timespec due;
  size_t n;
  STAILQ_ENTRY (piece) link;
  char data[PIECE];
};

/* One direction of one connection. */
struct way {
  int from, to;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  STAILQ_HEAD (, piece) pieces;
  unsigned n;
};

static struct timespec delay;
static int to_port;

static struct timespec
due_from_now (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  t.tv_sec += delay.tv_sec;
  t.tv_nsec += delay.tv_nsec;
  if (t.tv_nsec >= 1000000000) {
    t.tv_nsec -= 1000000000;
    t.tv_sec++;
  }
  return t;
}

/* The end is a piece of nothing. */
static void *
take_in (void *v)
{
  struct way *w = v;
  size_t got;

  do {
    struct piece *p = malloc (sizeof *p);
    const ssize_t n = p != NULL ? recv (w->from, p->data, PIECE, 0) : -1;

    if (p == NULL)
      abort ();
    got = p->n = n > 0 ? n : 0;
    p->due = due_from_now ();
    pthread_mutex_lock (&w->lock);
    while (w->n == PIECES_MAX)
      pthread_cond_wait (&w->changed, &w->lock);
    STAILQ_INSERT_TAIL (&w->pieces, p, link);
    w->n++;
    pthread_cond_broadcast (&w->changed);
    pthread_mutex_unlock (&w->lock);
  } while (got > 0);
  return NULL;
}

static void
send_all (int fd, const char *data, size_t n)
{
  while (n > 0) {
    const ssize_t r = send (fd, data, n, MSG_NOSIGNAL);

    if (r <= 0)
      return;
    data += r;
    n -= r;
  }
}

static void *
give_out (void *v)
{
  struct way *w = v;
  struct piece *p;
  size_t n;

  do {
    pthread_mutex_lock (&w->lock);
    while (STAILQ_EMPTY (&w->pieces))
      pthread_cond_wait (&w->changed, &w->lock);
    p = STAILQ_FIRST (&w->pieces);
    STAILQ_REMOVE_HEAD (&w->pieces, link);
    w->n--;
    pthread_cond_broadcast (&w->changed);
    pthread_mutex_unlock (&w->lock);
    clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &p->due, NULL);
    n = p->n;
    send_all (w->to, p->data, n);
    free (p);
  } while (n > 0);
  shutdown (w->to, SHUT_WR);
  shutdown (w->from, SHUT_RD);
  return NULL;
}

static int
connect_to (int port)
{
  const struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons (port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const int fd = socket (AF_INET, SOCK_STREAM, 0), one = 1;

  if (fd == -1 || connect (fd, (const struct sockaddr *) &a, sizeof a) == -1)
    return -1;
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

static void
start (struct way *w, int from, int to, pthread_t *t)
{
  *w = (struct way){ .from = from, .to = to };
  pthread_mutex_init (&w->lock, NULL);
  pthread_cond_init (&w->changed, NULL);
  STAILQ_INIT (&w->pieces);
  if (pthread_create (&t[0], NULL, take_in, w) != 0 ||
      pthread_create (&t[1], NULL, give_out, w) != 0)
    abort ();
}

static void *
serve (void *v)
{
  const int client = (int) (intptr_t) v;
  const struct timespec rtt = { .tv_sec = delay.tv_sec * 2,
                                .tv_nsec = delay.tv_nsec * 2 };
  struct way there, back;
  pthread_t t[4];
  int server;

  nanosleep (&rtt, NULL); /* which the opening takes */
  server = connect_to (to_port);
  if (server == -1) {
    close (client);
    return NULL;
  }
  start (&there, client, server, &t[0]);
  start (&back, server, client, &t[2]);
  for (unsigned i = 0; i < 4; i++)
    pthread_join (t[i], NULL);
  close (client);
  close (server);
  return NULL;
}

int
main (int argc, char *argv[])
{
  struct sockaddr_in a = { .sin_family = AF_INET,
                           .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const int fd = socket (AF_INET, SOCK_STREAM, 0), one = 1;

  if (argc != 4) {
    fprintf (stderr, "usage: delay-proxy PORT TO-PORT MICROSECONDS\n");
    return EXIT_FAILURE;
  }
  a.sin_port = htons (atoi (argv[1]));
  to_port = atoi (argv[2]);
  delay.tv_nsec = atol (argv[3]) * 1000; /* less than half a second */
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind (fd, (struct sockaddr *) &a, sizeof a) == -1 ||
      listen (fd, 128) == -1) {
    perror ("delay-proxy");
    return EXIT_FAILURE;
  }
  for (;;) {
    const int client = accept (fd, NULL, NULL);
    pthread_t t;

    if (client == -1)
      continue;
    setsockopt (client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (pthread_create (&t, NULL, serve, (void *) (intptr_t) client) != 0)
      abort ();
    pthread_detach (t);
  }
}
