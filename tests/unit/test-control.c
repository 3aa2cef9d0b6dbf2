/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The server of a control socket, and clients that are as they should
 * be, slow, silent, gone, or full of nonsense.
 */

#include <config.h>

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "base/align.h"
#include "control-fixture.h"
#include "control/control-request.h"
#include "control/control-socket.h"
#include "control/control.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/threads.h"

/* For those who must not be dropped, or must. */
enum { LONG = 50000, SHORT = 100 }; /* milliseconds */

static struct control *c;

/* Threads that cannot be started. */
static atomic_uint refuse_threads;

extern int __real_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                                  void *(*fn) (void *), void *opaque);
extern int __wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                                  void *(*fn) (void *), void *opaque);

int
__wrap_pthread_create (pthread_t *thread, const pthread_attr_t *attr,
                       void *(*fn) (void *), void *opaque)
{
  if (atomic_load (&refuse_threads) > 0) {
    atomic_fetch_sub (&refuse_threads, 1);
    return EAGAIN;
  }
  return __real_pthread_create (thread, attr, fn, opaque);
}

static int
echo (void *opaque, const char *arguments, struct buffer *out)
{
  buffer_printf (out, "%s: %s\n", (const char *) opaque, arguments);
  return 0;
}

static int
fails (void *opaque, const char *arguments, struct buffer *out)
{
  buffer_printf (out, "no %s today", arguments);
  return -1;
}

/* More than sockets hold. */
static int
big (void *opaque, const char *arguments, struct buffer *out)
{
  for (unsigned i = 0; i < 400000; i++)
    buffer_printf (out, "%07u\n", i);
  return 0;
}

static int
too_big (void *opaque, const char *arguments, struct buffer *out)
{
  out->max = 10;
  buffer_puts (out, "0123456789a");
  return 0;
}

static int
cut_off (void *opaque, const char *arguments, struct buffer *out)
{
  buffer_puts (out, "{");
  return 0;
}

static void
start (unsigned timeout)
{
  int err;

  c = control_bind (path);
  ck_assert_ptr_nonnull (c);
  control_set_timeout (c, timeout);
  ck_assert_int_eq (control_add (c, "echo", echo, (void *) "it says"), 0);
  ck_assert_int_eq (control_add (c, "fails", fails, NULL), 0);
  ck_assert_int_eq (control_add (c, "big", big, NULL), 0);
  ck_assert_int_eq (control_start (c, &err), 0);
}

static void
answers (const char *request, const char *expected)
{
  struct buffer out = { NULL };

  ck_assert_int_eq (control_ask (path, request, LONG, &out), 0);
  ck_assert_str_eq (buffer_text (&out), expected);
  buffer_fini (&out);
}

static void
says_no (const char *request, int expected, const char *text)
{
  struct buffer out = { NULL };

  log_memory_clear ();
  ck_assert_int_eq (control_ask (path, request, LONG, &out), -1);
  ck_assert_int_eq (errno, expected);
  ck_assert_msg (log_memory_contains (text), "%s", text);
  buffer_fini (&out);
}

START_TEST (answers_and_errors)
{
  start (LONG);
  answers ("echo", "it says: \n");
  answers ("echo one  two ", "it says: one  two \n");
  answers ("echo \xe2\x82\xac", "it says: \xe2\x82\xac\n");
  says_no ("fails tea", EPROTO, "the server says: no tea today");
  says_no ("nothing", EPROTO, "no such request; there are: echo, fails, big");
  ck_assert_int_eq (control_add (c, "too-big", too_big, NULL), 0);
  says_no ("too-big", EPROTO, "out of memory");
  ck_assert_int_eq (control_add (c, "cut-off", cut_off, NULL), 0);
  says_no ("cut-off", EPIPE, "ended before its answer was complete");
  control_close (c);
}
END_TEST

START_TEST (large_answer)
{
  struct buffer out = { NULL };

  start (LONG);
  buffer_puts (&out, "before ");
  ck_assert_int_eq (control_ask (path, "big", 0, &out), 0);
  ck_assert_uint_eq (out.len, 7 + 400000 * 8);
  ck_assert_str_eq (out.data + out.len - 8, "0399999\n");
  buffer_fini (&out);
  control_close (c);
}
END_TEST

START_TEST (nonsense)
{
  static const struct {
    const char *bytes;
    size_t n;
    const char *expected;
  } cases[] = {
    { "", 0, "does not end in a newline" },
    { "echo", 4, "does not end in a newline" },
    { "\n", 1, "does not begin with a name" },
    { " echo\n", 6, "does not begin with a name" },
    { "ECHO\n", 5, "does not begin with a name" },
    { "echo\t1\n", 7, "is not a line of UTF-8" },
    { "echo\r\n", 6, "is not a line of UTF-8" },
    { "echo\0\n", 6, "is not a line of UTF-8" },
    { "echo \xff\n", 7, "is not a line of UTF-8" },
    { "\x7f"
      "ELF\1\2\3\n",
      8, "is not a line of UTF-8" },
    { "echo\necho\n", 10, "is more than one line" },
    { "echo\n\n", 6, "is more than one line" },
    { "a-name-of-exactly-thirty-three-ch\n", 34, "does not begin with a name" },
    { "a-name-of-exactly-thirty-two-chr\n", 33, "no such request" },
  };
  char answer[300], line[3 * CONTROL_LINE_MAX];

  start (LONG);
  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    raw_ask (cases[i].bytes, cases[i].n, answer, sizeof answer);
    ck_assert_msg (strncmp (answer, "error: ", 7) == 0 &&
                     strstr (answer, cases[i].expected) != NULL &&
                     strchr (answer, '\n') == answer + strlen (answer) - 1,
                   "%zu: %s", i, answer);
  }
  memset (line, 'e', sizeof line);
  raw_ask (line, sizeof line, answer, sizeof answer);
  ck_assert_ptr_nonnull (strstr (answer, "is longer than 1024 bytes"));
  raw_ask (line, CONTROL_LINE_MAX, answer, sizeof answer);
  ck_assert_ptr_nonnull (strstr (answer, "is longer than 1024 bytes"));
  line[CONTROL_LINE_MAX - 1] = '\n';
  memcpy (line, "echo ", 5);
  raw_ask (line, CONTROL_LINE_MAX, answer, sizeof answer);
  ck_assert_ptr_nonnull (strstr (answer, "it says: eee"));
  control_close (c);
}
END_TEST

/* One byte at a time is fine, too. */
START_TEST (in_pieces)
{
  static const char request[] = "echo slowly\n";
  char answer[100];
  int fd;

  start (LONG);
  fd = raw_connect ();
  for (const char *p = request; *p != '\0'; p++)
    ck_assert_int_eq (send (fd, p, 1, 0), 1);
  raw_read (fd, answer, sizeof answer);
  ck_assert_str_eq (answer, "it says: slowly\n");
  control_close (c);
}
END_TEST

/* Whoever takes too long is told so, or just dropped. */
START_TEST (too_slow)
{
  char answer[100];
  int silent, reader;

  start (SHORT);
  silent = raw_connect ();
  reader = raw_connect ();
  ck_assert_int_eq (send (reader, "big\n", 4, 0), 4);
  raw_read (silent, answer, sizeof answer);
  ck_assert_str_eq (answer, "error: the request took too long\n");
  answers ("echo", "it says: \n");
  /* Joins the thread that writes to one who does not read. */
  control_close (c);
  close (reader);
}
END_TEST

/* All places are taken by clients that do nothing: one more is told so,
 * and when one leaves, there is a place.
 */
START_TEST (too_many)
{
  struct buffer out = { NULL };
  int fd[CONTROL_CLIENTS];
  char answer[100];
  bool served = false;

  start (LONG);
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
    fd[i] = raw_connect ();
  raw_read (raw_connect (), answer, sizeof answer);
  ck_assert_str_eq (answer, "error: too many clients at once\n");
  says_no ("echo", EPROTO, "too many clients at once");
  close (fd[3]); /* gone without a word */
  while (!served) {
    buffer_clear (&out);
    served = control_ask (path, "echo", LONG, &out) == 0;
    ck_assert (served || errno == EPROTO);
  }
  buffer_fini (&out);
  /* The others are still silent, and have a long time for it. */
  control_close (c);
  for (unsigned i = 0; i < CONTROL_CLIENTS; i++) {
    if (i != 3)
      close (fd[i]);
  }
}
END_TEST

/* Asked before it is started, it answers then. */
START_TEST (early)
{
  char answer[100];
  int fd, err;

  c = control_bind (path);
  fd = raw_connect ();
  ck_assert_int_eq (send (fd, "echo early\n", 11, 0), 11);
  ck_assert_int_eq (control_add (c, "echo", echo, (void *) "it says"), 0);
  ck_assert_int_eq (control_start (c, &err), 0);
  raw_read (fd, answer, sizeof answer);
  ck_assert_str_eq (answer, "it says: early\n");
  control_close (c);
}
END_TEST

START_TEST (handlers)
{
  static const char *const names[CONTROL_HANDLERS] = {
    "a", "b", "c", "d", "e", "f", "g", "h",
    "i", "j", "k", "l", "m", "n", "o", "p",
  };

  c = control_bind (path);
  control_remove (c, "nothing");
  for (unsigned i = 0; i < CONTROL_HANDLERS; i++)
    ck_assert_int_eq (control_add (c, names[i], echo, NULL), 0);
  ck_assert_int_eq (control_add (c, "c", echo, NULL), -1);
  ck_assert_int_eq (errno, EEXIST);
  ck_assert_int_eq (control_add (c, "q", echo, NULL), -1);
  ck_assert_int_eq (errno, ENOSPC);
  control_remove (c, "c");
  ck_assert_int_eq (control_add (c, "q", echo, NULL), 0);
  control_close (c);
  control_close (NULL);
}
END_TEST

static sem_t entered, leave;
static atomic_bool left;

static int
slow (void *opaque, const char *arguments, struct buffer *out)
{
  sem_post (&entered);
  sem_wait (&leave);
  atomic_store (&left, true);
  buffer_puts (out, "done\n");
  return 0;
}

static void *
release (void *opaque)
{
  sem_post (&leave);
  return NULL;
}

/* One that takes its time keeps nobody else waiting; only who removes it. */
START_TEST (slow_handler)
{
  char answer[100];
  pthread_t thread;
  int fd;

  sem_init (&entered, 0, 0);
  sem_init (&leave, 0, 0);
  start (LONG);
  ck_assert_int_eq (control_add (c, "slow", slow, NULL), 0);
  fd = raw_connect ();
  ck_assert_int_eq (send (fd, "slow\n", 5, 0), 5);
  sem_wait (&entered);
  answers ("echo", "it says: \n");
  ck_assert (!atomic_load (&left));
  ck_assert_int_eq (pthread_create (&thread, NULL, release, NULL), 0);
  control_remove (c, "slow");
  ck_assert (atomic_load (&left));
  pthread_join (thread, NULL);
  raw_read (fd, answer, sizeof answer);
  ck_assert_str_eq (answer, "done\n");
  says_no ("slow", EPROTO, "no such request");
  control_close (c);
}
END_TEST

/* Threads 0 adds and removes what the others ask for. */
static void
crowd (void *opaque, unsigned index)
{
  for (unsigned i = 0; i < 50; i++) {
    struct buffer out = { NULL };

    if (index == 0) {
      quick_assert (control_add (c, "now-and-then", echo, (void *) "x") == 0);
      control_remove (c, "now-and-then");
    }
    else if (index == 1)
      close (raw_connect ());
    else if (control_ask (path, index % 2 ? "echo" : "now-and-then", LONG,
                          &out) == 0)
      quick_assert (
        strcmp (buffer_text (&out), index % 2 ? "it says: \n" : "x: \n") == 0);
    else
      quick_assert (errno == EPROTO);
    buffer_fini (&out);
  }
}

START_TEST (many_clients)
{
  start (LONG);
  threads_run (8, crowd, NULL);
  answers ("echo", "it says: \n");
  control_close (c);
}
END_TEST

START_TEST (no_threads)
{
  int err = 0;

  c = control_bind (path);
  atomic_store (&refuse_threads, 1);
  ck_assert_int_eq (control_start (c, &err), -1);
  ck_assert_int_eq (err, EAGAIN);
  ck_assert_int_eq (control_add (c, "echo", echo, (void *) "it says"), 0);
  ck_assert_int_eq (control_start (c, &err), 0);
  atomic_store (&refuse_threads, 1);
  says_no ("echo", EPROTO, "too many clients at once");
  answers ("echo", "it says: \n");
  control_close (c);
}
END_TEST

static void
limit_descriptors (rlim_t n)
{
  struct rlimit l;

  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &l), 0);
  l.rlim_cur = n < l.rlim_max ? n : l.rlim_max;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &l), 0);
}

/* ThreadSanitizer's runtime does not get along without descriptors in a
 * process that was forked.
 */
#ifdef __SANITIZE_THREAD__
#define CAN_LIMIT false
#else
#define CAN_LIMIT true
#endif

/* Standard input and output are there, and poll takes no more descriptors
 * than there may be.
 */
#define NONE 3

/* While there are none, clients wait, and the server can be stopped.  (The
 * sockets are there before, and connecting needs no other.)
 */
START_TEST (no_descriptors)
{
  const int first = socket (AF_UNIX, SOCK_STREAM, 0);
  const int second = socket (AF_UNIX, SOCK_STREAM, 0);
  const struct sockaddr_un a = address ();
  char answer[100];

  if (!CAN_LIMIT)
    return;
  log_memory_clear ();
  limit_descriptors (NONE);
  c = control_bind (path);
  ck_assert_int_eq (errno, EMFILE);
  limit_descriptors (100);
  ck_assert_ptr_null (c);
  ck_assert (log_memory_contains ("Too many open files"));

  start (LONG);
  limit_descriptors (NONE);
  ck_assert_int_eq (connect (first, (const struct sockaddr *) &a, sizeof a), 0);
  ck_assert_int_eq (send (first, "echo\n", 5, 0), 5);
  limit_descriptors (100);
  raw_read (first, answer, sizeof answer);
  ck_assert_str_eq (answer, "it says: \n");
  limit_descriptors (NONE);
  ck_assert_int_eq (connect (second, (const struct sockaddr *) &a, sizeof a),
                    0);
  control_close (c);
  limit_descriptors (100);
  close (second);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = {
    answers_and_errors, large_answer, nonsense,   in_pieces,
    too_slow,           too_many,     early,      handlers,
    slow_handler,       many_clients, no_threads, no_descriptors,
  };
  Suite *suite = suite_create ("control");
  TCase *tcase = test_case (suite, "control");

  tcase_add_checked_fixture (tcase, set_up, tear_down);
  for (size_t i = 0; i < ARRAY_SIZE (tests); i++)
    tcase_add_test (tcase, tests[i]);
  return test_run (suite);
}
