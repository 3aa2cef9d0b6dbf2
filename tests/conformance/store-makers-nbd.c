/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Disks of an NBD server, nbdkit's memory plugin, for the suite.  The
 * server ends with its last client, or at the latest with the test.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conformance/store-suite.h"
#include "nbd/store-nbd.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"

static void __attribute__ ((noreturn))
serve (const char *sock, const char *ready, const struct store_spec *o,
       bool blocks)
{
  char size[32], minimum[64];
  const char *argv[20] = { "nbdkit", "--exit-with-parent",
                           "-f",     "--filter=exitlast",
                           "-U",     sock,
                           "-P",     ready };
  unsigned n = 8;

  snprintf (size, sizeof size, "%llu", (unsigned long long) o->size);
  snprintf (minimum, sizeof minimum, "blocksize-minimum=%u", o->sector_size);
  if (o->read_only)
    argv[n++] = "-r";
  if (blocks)
    argv[n++] = "--filter=blocksize-policy";
  argv[n++] = "memory";
  argv[n++] = size;
  if (blocks) {
    argv[n++] = minimum;
    argv[n++] = "blocksize-preferred=4096";
    argv[n++] = "blocksize-maximum=64K";
    argv[n++] = "blocksize-error-policy=error";
  }
  execvp (argv[0], (char **) argv);
  perror (argv[0]);
  _exit (EXIT_FAILURE);
}

/* It listens when the file READY is there; the socket is there before. */
static void
start (const char *sock, const char *ready, const struct store_spec *o,
       bool blocks)
{
  const struct timespec moment = { .tv_nsec = 2000000 };
  struct stat st;
  const pid_t pid = fork ();

  if (pid == -1)
    abort ();
  if (pid == 0)
    serve (sock, ready, o, blocks);
  for (unsigned i = 0; stat (ready, &st) == -1; i++) {
    if (i == 15000)
      abort ();
    nanosleep (&moment, NULL);
  }
}

static struct store *
make (struct store_env *env, const struct store_spec *o, bool blocks)
{
  const bool was = alloc_fault_suspend (true);
  char sock[4096], ready[5000], uri[5000];
  struct remote *r;
  struct store *s;

  snprintf (sock, sizeof sock, "%s/sock", make_dir (env));
  snprintf (uri, sizeof uri, "nbd+unix:///?socket=%s", sock);
  snprintf (ready, sizeof ready, "%s.ready", sock);
  start (sock, ready, o, blocks);
  alloc_fault_suspend (was);
  r = remote_open (uri);
  s = r != NULL ? store_nbd_create (r, o->read_only) : NULL;
  remote_unref (r);
  if (s == NULL && errno != ENOMEM) {
    log_memory_print ();
    abort ();
  }
  return s;
}

struct store *
make_nbd (struct store_env *env, const struct store_spec *o)
{
  return make (env, o, false);
}

struct store *
make_nbd_blocks (struct store_env *env, const struct store_spec *o)
{
  return make (env, o, true);
}
