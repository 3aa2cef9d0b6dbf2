/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How the inputs come to a fuzzer.  In a build with libFuzzer, which has
 * a main function of its own, here is only what it does when it is told
 * nothing; otherwise here is a main function that runs given inputs.
 */

#include <config.h>

#include <stdlib.h>

#include "fuzz/fuzz.h"

#define CORPUS SRCDIR "/tests/fuzz/corpus/"

#ifdef FUZZING

/* Run the corpus, as the tests do, instead of fuzzing for ever. */
extern int LLVMFuzzerInitialize (int *argc, char ***argv);

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  static char corpus[4096], no_runs[] = "-runs=0";
  static char *args[] = { NULL, no_runs, corpus, NULL };

  if (*argc > 1)
    return 0;
  snprintf (corpus, sizeof corpus, "%s%s", CORPUS, fuzz_name);
  args[0] = (*argv)[0];
  *argc = 3;
  *argv = args;
  return 0;
}

#else

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

static unsigned ninputs;

static void
die (const char *what)
{
  fprintf (stderr, "%s: %s\n", what, strerror (errno));
  exit (EXIT_FAILURE);
}

/* In memory of just its size, so that sanitizers see the end of it. */
static void
run_file (const char *path, size_t size)
{
  uint8_t *data = malloc (size ? size : 1);
  FILE *f = fopen (path, "r");

  if (data == NULL || f == NULL || fread (data, 1, size, f) != size)
    die (path);
  fclose (f);
  printf ("%s\n", path); /* the last one, if it crashes */
  fflush (stdout);
  LLVMFuzzerTestOneInput (data, size);
  free (data);
  ninputs++;
}

static void
run_tree (char *path)
{
  char *paths[] = { path, NULL };
  FTS *fts = fts_open (paths, FTS_LOGICAL | FTS_NOCHDIR, NULL);
  FTSENT *e;

  if (fts == NULL)
    die (path);
  while (errno = 0, (e = fts_read (fts)) != NULL) {
    if (e->fts_info == FTS_F)
      run_file (e->fts_path, (size_t) e->fts_statp->st_size);
    else if (e->fts_info != FTS_D && e->fts_info != FTS_DP) {
      errno = e->fts_errno ? e->fts_errno : EINVAL;
      die (e->fts_path);
    }
  }
  if (errno != 0)
    die (path);
  fts_close (fts);
}

int
main (int argc, char *argv[])
{
  char corpus[4096];

  if (argc == 1) {
    snprintf (corpus, sizeof corpus, "%s%s", CORPUS, fuzz_name);
    run_tree (corpus);
  }
  for (int i = 1; i < argc; i++)
    run_tree (argv[i]);
  printf ("%s: %u inputs\n", fuzz_name, ninputs);
  if (ninputs == 0)
    fprintf (stderr, "%s: there was nothing to run\n", fuzz_name);
  return ninputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
