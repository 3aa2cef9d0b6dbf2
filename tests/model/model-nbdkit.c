/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The model test: a real nbdkit, random requests from several
 * connections, restarts and kills, and an oracle that knows what the
 * disk may hold.  A kill takes nothing from the page cache: cutting the
 * power is for tests/crash.
 *
 *   MODEL_SEED     of the random numbers; printed
 *   MODEL_SECONDS  for each configuration
 *   MODEL_CONFIG   names of configurations, otherwise all
 */

#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/align.h"
#include "model/client.h"
#include "model/configs.h"
#include "model/oracle.h"
#include "model/server.h"
#include "support/must.h"

#define SECONDS 2
#define ARGS_MAX 24

struct run {
  const struct model_config *config;
  struct rng rng;
  struct server server;
  struct oracle *oracle;
  char image[640];
  int image_fd;         /* read-only */
  uint64_t bottom_size; /* of the disk in the image */
  uint64_t image_size;
  char *initial; /* what the image began with */
  char *buf;     /* the disk */
  bool diverged; /* a kill took from a layer what its image has */
  char strings[2048];
  char *args[ARGS_MAX];
  unsigned rounds, kills;
};

static void __attribute__ ((noreturn)) die (const char *what)
{
  perror (what);
  exit (EXIT_FAILURE);
}

/* The arguments in TEMPLATE, with names of files. */
static void
make_args (struct run *r, const char *template)
{
  char *copy = strdup (template), *save = NULL;
  char *out = r->strings;
  unsigned n = 0;

  for (char *w = strtok_r (copy, " ", &save); w != NULL && n < ARGS_MAX - 1;
       w = strtok_r (NULL, " ", &save)) {
    char *at = strchr (w, '@');
    const size_t left = sizeof r->strings - (out - r->strings);

    r->args[n++] = out;
    if (at == NULL)
      out += snprintf (out, left, "%s", w) + 1;
    else if (at[1] == 'B')
      out +=
        snprintf (out, left, "%.*s%s%s", (int) (at - w), w, r->image, at + 2) +
        1;
    else
      out += snprintf (out, left, "%.*s%s/layer%c%s", (int) (at - w), w,
                       r->server.dir, at[1], at + 2) +
             1;
  }
  r->args[n] = NULL;
  free (copy);
}

/* Serve the disk once, to one client, for what that leaves behind; CONTENT
 * is what to put into it, or NULL.
 */
static void
run_once (struct run *r, const char *template, const char *content)
{
  struct client *c;

  make_args (r, template);
  server_start (&r->server, r->args, r->image_fd);
  c = client_connect (&r->server, r->oracle, 1);
  if (content != NULL)
    client_write_initial (c, content);
  client_close (c);
  server_stop (&r->server);
}

static uint64_t
file_size (int fd)
{
  struct stat st;

  if (fstat (fd, &st) == -1)
    die ("fstat");
  return (uint64_t) st.st_size;
}

/* The image: the first content, with holes where it is zero, and what
 * its format has behind that.
 */
static void
make_image (struct run *r)
{
  const uint64_t size = r->bottom_size;
  int fd;

  if (r->config->create != NULL)
    run_once (r, r->config->create, r->config->opaque ? r->initial : NULL);
  fd = open (r->image, O_RDWR | O_CREAT, 0666);
  if (fd == -1 ||
      (r->config->create == NULL && ftruncate (fd, (off_t) size) == -1))
    die (r->image);
  for (uint64_t i = 0; i < size && !r->config->opaque; i += 512) {
    const size_t n = min_u64 (512, size - i);

    if (r->initial[i] != 0 && pwrite (fd, r->initial + i, n, (off_t) i) == -1)
      die (r->image);
  }
  r->image_size = file_size (fd);
  r->initial = must_realloc (r->initial, r->image_size + 1);
  if (pread (fd, r->initial, r->image_size, 0) != (ssize_t) r->image_size)
    die (r->image);
  close (fd);
  r->image_fd = open (r->image, O_RDONLY | O_CLOEXEC);
}

/* Is the image what it should be: as the disk, as far as that goes, if
 * changes go there, or else as it was?  There is no request in flight.
 */
static void
check_image (struct run *r)
{
  const uint64_t written = r->config->writes ? r->bottom_size : 0;
  char *data = must_malloc (r->image_size + 1);

  if (r->diverged || (r->config->opaque && r->config->writes)) {
    free (data);
    return;
  }
  if (pread (r->image_fd, data, r->image_size + 1, 0) !=
      (ssize_t) r->image_size) {
    fprintf (stderr, "model: the image has another size\n");
    exit (EXIT_FAILURE);
  }
  for (uint64_t i = 0; i < r->image_size; i++) {
    if (data[i] == (i < written ? r->buf[i] : r->initial[i]))
      continue;
    server_show_log (&r->server);
    fprintf (stderr, "model: byte %" PRIu64 " of the image is not %s\n", i,
             i < written ? "as the disk's" : "as it was");
    exit (EXIT_FAILURE);
  }
  free (data);
}

static struct client *
connect_some (struct run *r)
{
  return client_connect (&r->server, r->oracle,
                         1 + rng_below (&r->rng, CLIENT_CONNECTIONS));
}

static unsigned
some_depth (struct run *r)
{
  return rng_one_in (&r->rng, 3) ? 1 : 1 + rng_below (&r->rng, CLIENT_DEPTH);
}

/* Connect, work, look at everything, hang up. */
static void
session (struct run *r)
{
  struct client *c = connect_some (r);

  client_run (c, &r->rng, 50 + rng_below (&r->rng, 400), some_depth (r), true);
  client_read_all (c, r->buf);
  if (!r->config->later)
    check_image (r);
  client_close (c);
}

static void
kill_server (struct run *r)
{
  struct client *c = connect_some (r);

  client_run (c, &r->rng, rng_below (&r->rng, 400), some_depth (r), false);
  server_kill (&r->server);
  client_close (c);
  oracle_crash (r->oracle, r->config->loses);
  r->diverged |= r->config->loses && r->config->writes && !r->config->later;
  r->kills++;
}

/* From the start of the server to its end. */
static void
serve (struct run *r)
{
  struct client *c;

  server_start (&r->server, r->args, r->image_fd);
  c = client_connect (&r->server, r->oracle, 1);
  client_read_all (c, r->buf);
  oracle_settle (r->oracle);
  client_close (c);
  for (unsigned n = rng_below (&r->rng, 3); n > 0; n--)
    session (r);
  if (rng_one_in (&r->rng, 2))
    kill_server (r);
  else {
    server_stop (&r->server);
    if (r->config->later)
      check_image (r);
  }
  if (r->config->forgets)
    oracle_reset (r->oracle);
  r->rounds++;
}

static void
set_up (struct run *r, uint64_t seed)
{
  const struct model_config *config = r->config;
  const char *tmp = getenv ("TMPDIR");
  /* Whole sectors, none of which may be torn, or requests that are
   * unaligned.
   */
  uint32_t unit = config->sector != 0 ? config->sector : 512;

  rng_init (&r->rng, seed);
  if (rng_one_in (&r->rng, 2))
    unit = 64;
  r->bottom_size = config->bottom != 0 ? config->bottom : config->size;
  r->image_fd = -1;
  r->oracle = oracle_create (config->size, unit,
                             config->no_image ? 0 : r->bottom_size, seed);
  r->buf = must_malloc (config->size);
  r->initial = must_malloc (config->size);
  oracle_initial (r->oracle, r->initial);
  snprintf (r->server.dir, sizeof r->server.dir, "%s/model-XXXXXX",
            tmp != NULL ? tmp : "/tmp");
  if (mkdtemp (r->server.dir) == NULL)
    die (r->server.dir);
  snprintf (r->image, sizeof r->image, "%s/image", r->server.dir);
  make_image (r);
  if (config->prepare != NULL)
    run_once (r, config->prepare, NULL);
  make_args (r, config->args);
}

static void
clean_up (struct run *r)
{
  static const char *const names[] = { "image",  "image.dbhd", "layer1",
                                       "layer2", "log",        "pid",
                                       "sock" };

  for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[640];

    snprintf (path, sizeof path, "%s/%s", r->server.dir, names[i]);
    unlink (path);
  }
  rmdir (r->server.dir);
  close (r->image_fd);
  oracle_free (r->oracle);
  free (r->initial);
  free (r->buf);
}

static bool
has_o_direct (const struct run *r)
{
  const int fd = open (r->image, O_RDONLY | O_DIRECT | O_CLOEXEC);

  close (fd);
  return fd != -1;
}

static bool
is_built (const struct model_config *config)
{
  struct run r = { .config = config };

  make_args (&r, config->args);
  return server_is_possible (r.args);
}

static void
run_config (const struct model_config *config, uint64_t seed, time_t seconds)
{
  struct run r = { .config = config };
  const time_t end = time (NULL) + seconds;

  if (!is_built (config)) {
    printf ("%s: its modules are not built\n", config->name);
    return;
  }
  set_up (&r, seed);
  if (config->direct && !has_o_direct (&r))
    printf ("%s: no O_DIRECT here\n", config->name);
  else {
    do
      serve (&r);
    while (time (NULL) < end);
    printf ("%s: %u rounds, %u kills\n", config->name, r.rounds, r.kills);
  }
  fflush (stdout);
  clean_up (&r);
}

/* Is NAME one of the words of LIST? */
static bool
is_wanted (const char *name, const char *list)
{
  const size_t n = strlen (name);

  for (const char *p = list; p != NULL; p = strchr (p, ' ')) {
    p += strspn (p, " ");
    if (strncmp (p, name, n) == 0 && (p[n] == ' ' || p[n] == '\0'))
      return true;
  }
  return list == NULL;
}

int
main (void)
{
  const char *seed_text = getenv ("MODEL_SEED");
  const char *seconds_text = getenv ("MODEL_SECONDS");
  const char *only = getenv ("MODEL_CONFIG");
  uint64_t seed = seed_text != NULL ? strtoull (seed_text, NULL, 0) :
                                      rng_seed ("model-nbdkit");

  for (size_t i = 0; i < model_nconfigs; i++) {
    if (!is_wanted (model_configs[i].name, only))
      continue;
    printf ("MODEL_CONFIG=%s MODEL_SEED=%" PRIu64 "\n", model_configs[i].name,
            seed);
    fflush (stdout);
    /* Not the same choices in all of them. */
    run_config (&model_configs[i], seed + i,
                seconds_text != NULL ? atoi (seconds_text) : SECONDS);
  }
  return EXIT_SUCCESS;
}
