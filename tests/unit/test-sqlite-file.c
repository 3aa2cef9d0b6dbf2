/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Layer files on a real file system: processes that make the same file
 * at once, what is refused and left as it is, read-only opens.
 */

#include <config.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/align.h"
#include "layered/sqlite-file.h"
#include "support/alloc-fault.h"
#include "support/log-memory.h"
#include "support/main.h"
#include "support/nth-fault.h"

#define SIZE (UINT64_C (3) << 20)
#define FILE_NAME "layer.dbhd"

static const struct layer_below below = {
  .exists = true, .size = SIZE, .sector_size = 512, .export_name = ""
};

static const struct layer_sqlite_options writable = { .name = "unused" };
static const struct layer_sqlite_options read_only = { .name = "unused",
                                                       .read_only = true };

/* Each test has a folder of its own and is in it. */
static char dir[256];

static void
enter (void)
{
  const char *tmp = getenv ("TMPDIR");

  snprintf (dir, sizeof dir, "%s/sqlite-file-XXXXXX", tmp ? tmp : "/tmp");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  ck_assert_int_eq (chdir (dir), 0);
}

/* How many files there are; the last one's name in NAME. */
static unsigned
count_files (char name[256])
{
  DIR *d = opendir (".");
  const struct dirent *e;
  unsigned n = 0;

  while ((e = readdir (d)) != NULL) {
    if (e->d_name[0] == '.')
      continue;
    snprintf (name, 256, "%s", e->d_name);
    n++;
  }
  closedir (d);
  return n;
}

/* The file is there and nothing else, not a trace of how it was made. */
static void
check_alone (void)
{
  char name[256];

  ck_assert_uint_eq (count_files (name), 1);
  ck_assert_str_eq (name, FILE_NAME);
}

static void
leave (void)
{
  char name[256];

  while (count_files (name) > 0)
    ck_assert_int_eq (unlink (name), 0);
  ck_assert_int_eq (chdir ("/"), 0);
  ck_assert_int_eq (rmdir (dir), 0);
}

static struct layer *
open_layer (const struct layer_sqlite_options *o)
{
  log_memory_clear ();
  return sqlite_file_open (FILE_NAME, o, &below);
}

static struct layer *
must_open (const struct layer_sqlite_options *o)
{
  struct layer *l = open_layer (o);

  if (l == NULL)
    log_memory_print ();
  ck_assert_ptr_nonnull (l);
  return l;
}

static void
write_sector (struct layer *l, uint64_t sector, int byte)
{
  char buf[512];
  int err;

  memset (buf, byte, sizeof buf);
  ck_assert_int_eq (l->ops->write (l, buf, sector, 1, LAYER_FUA, &err), 0);
}

/* The byte that the sector is full of, or -1. */
static int
read_sector (struct layer *l, uint64_t sector)
{
  struct marker m;
  uint8_t buf[512];
  bool has;
  int err;

  marker_init (&m, sector, 1);
  ck_assert_int_eq (l->ops->read (l, buf, sector, 1, &m, &err), 0);
  has = marker_full (&m);
  marker_fini (&m);
  return has ? buf[0] : -1;
}

START_TEST (make_and_open)
{
  struct layer *l;

  enter ();
  l = must_open (&writable);
  ck_assert_uint_eq (l->info.nsectors, SIZE / 512);
  write_sector (l, 7, 'x');
  layer_close (l);
  check_alone ();
  l = must_open (&writable);
  ck_assert_int_eq (read_sector (l, 7), 'x');
  layer_close (l);
  check_alone ();
  leave ();
}
END_TEST

/* Processes that make one file at once: each opens a whole layer, or is
 * told that another has it; what any of them wrote is in it.
 */
enum { PROCESSES = 12 };

static void
one_process (int ready, unsigned index)
{
  struct layer *l = NULL;
  char c;

  if (read (ready, &c, 1) != 0) /* until all are there: end of file */
    _exit (2);
  for (unsigned i = 0; i < 3000 && l == NULL; i++) {
    l = open_layer (&writable);
    if (l == NULL && errno != EBUSY) {
      log_memory_print ();
      _exit (3);
    }
    if (l == NULL)
      usleep (10000);
  }
  if (l == NULL)
    _exit (4);
  write_sector (l, index, (int) (1 + index));
  layer_close (l);
  _exit (0);
}

START_TEST (creation_race)
{
  pid_t pid[PROCESSES];
  struct layer *l;
  int fd[2], status;

  enter ();
  ck_assert_int_eq (pipe (fd), 0);
  for (unsigned i = 0; i < PROCESSES; i++) {
    pid[i] = fork ();
    ck_assert_int_ne (pid[i], -1);
    if (pid[i] == 0) {
      close (fd[1]);
      one_process (fd[0], i);
    }
  }
  close (fd[0]);
  close (fd[1]);
  for (unsigned i = 0; i < PROCESSES; i++) {
    ck_assert_int_eq (waitpid (pid[i], &status, 0), pid[i]);
    ck_assert_int_eq (status, 0);
  }
  check_alone ();
  l = must_open (&writable);
  for (unsigned i = 0; i < PROCESSES; i++)
    ck_assert_int_eq (read_sector (l, i), (int) (1 + i));
  layer_close (l);
  leave ();
}
END_TEST

/* One server at a time. */
START_TEST (busy)
{
  struct layer *l;
  int status;
  pid_t pid;

  enter ();
  l = must_open (&writable);
  pid = fork ();
  if (pid == 0)
    _exit (open_layer (&writable) == NULL && errno == EBUSY &&
               log_memory_contains (FILE_NAME) ?
             0 :
             1);
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_int_eq (status, 0);
  layer_close (l);
  leave ();
}
END_TEST

/* What is not a layer is refused and not touched. */
START_TEST (foreign_file)
{
  static const char text[] = "This is not a layer.\n";
  char back[sizeof text];
  struct stat st;
  int fd;

  enter ();
  fd = open (FILE_NAME, O_RDWR | O_CREAT, 0600);
  ck_assert_int_eq (write (fd, text, sizeof text), sizeof text);
  ck_assert_ptr_null (open_layer (&writable));
  ck_assert (log_memory_contains (FILE_NAME ": the file is too short"));
  ck_assert_ptr_null (open_layer (&read_only));
  ck_assert_int_eq (ftruncate (fd, 5 << 20), 0);
  ck_assert_ptr_null (open_layer (&writable));
  ck_assert (log_memory_contains (FILE_NAME ": the file is not an SQLite"));
  ck_assert_int_eq (fstat (fd, &st), 0);
  ck_assert_int_eq (st.st_size, 5 << 20);
  ck_assert_int_eq (pread (fd, back, sizeof back, 0), sizeof back);
  ck_assert_mem_eq (back, text, sizeof text);
  close (fd);
  leave ();
}
END_TEST

START_TEST (read_only_file)
{
  struct stat before, after;
  struct layer *l;

  enter ();
  /* It is not made. */
  ck_assert_ptr_null (open_layer (&read_only));
  l = must_open (&writable);
  write_sector (l, 3, 'r');
  layer_close (l);
  ck_assert_int_eq (stat (FILE_NAME, &before), 0);
  l = must_open (&read_only);
  ck_assert (l->info.read_only);
  ck_assert_int_eq (read_sector (l, 3), 'r');
  ck_assert_int_eq (read_sector (l, 4), -1);
  layer_close (l);
  ck_assert_int_eq (stat (FILE_NAME, &after), 0);
  ck_assert_int_eq (before.st_size, after.st_size);
  ck_assert (before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
             before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  check_alone ();
  leave ();
}
END_TEST

/* A copy of a layer that was killed, opened read-only, is recovered in
 * memory; the file stays as it is.
 */
START_TEST (read_only_recovery)
{
  struct stat before, after;
  struct layer *l;

  enter ();
  l = must_open (&writable);
  write_sector (l, 3, 'r');
  ck_assert_int_eq (system ("cp " FILE_NAME " copy"), 0);
  layer_close (l);
  ck_assert_int_eq (rename ("copy", FILE_NAME), 0);
  ck_assert_int_eq (stat (FILE_NAME, &before), 0);
  for (unsigned i = 0; i < 2; i++) {
    l = must_open (&read_only);
    ck_assert_int_eq (read_sector (l, 3), 'r');
    layer_close (l);
  }
  ck_assert_int_eq (stat (FILE_NAME, &after), 0);
  ck_assert (before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
             before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  check_alone ();
  leave ();
}
END_TEST

START_TEST (another_disk)
{
  struct layer_below other = below;
  struct layer_sqlite_options forced = writable;

  enter ();
  layer_close (must_open (&writable));
  other.size += 512;
  log_memory_clear ();
  ck_assert_ptr_null (sqlite_file_open (FILE_NAME, &writable, &other));
  ck_assert (
    log_memory_contains (FILE_NAME ": the layer was made for another"));
  forced.force = true;
  layer_close (sqlite_file_open (FILE_NAME, &forced, &other));
  leave ();
}
END_TEST

/* No folder, or no permission for it. */
START_TEST (cannot_make)
{
  enter ();
  log_memory_clear ();
  ck_assert_ptr_null (
    sqlite_file_open ("nowhere/" FILE_NAME, &writable, &below));
  ck_assert (log_memory_contains ("nowhere/" FILE_NAME));
  leave ();
}
END_TEST

/* Whatever allocation fails, there is no layer or a whole one, and no
 * trace of half of one.
 */
START_TEST (no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  while (nth_fault_next (&f)) {
    struct layer *l;
    char name[256];

    enter ();
    log_memory_clear ();
    alloc_fault_nth (f.n);
    l = sqlite_file_open (FILE_NAME, &writable, &below);
    f.fired = alloc_fault_stop ();
    ck_assert (l != NULL || f.fired);
    if (l == NULL) {
      ck_assert_uint_ge (log_memory_errors (), 1);
      ck_assert_uint_le (count_files (name), 1);
      l = must_open (&writable);
    }
    layer_close (l);
    check_alone ();
    leave ();
  }
}
END_TEST

START_TEST (read_only_no_memory)
{
  struct nth_fault f = NTH_FAULT_INIT;

  enter ();
  layer_close (must_open (&writable));
  while (nth_fault_next (&f)) {
    struct layer *l;

    log_memory_clear ();
    alloc_fault_nth (f.n);
    l = sqlite_file_open (FILE_NAME, &read_only, &below);
    f.fired = alloc_fault_stop ();
    ck_assert (l != NULL || f.fired);
    if (l == NULL)
      ck_assert_uint_ge (log_memory_errors (), 1);
    layer_close (l);
  }
  leave ();
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { make_and_open,  creation_race,
                                 busy,           foreign_file,
                                 read_only_file, read_only_recovery,
                                 another_disk,   cannot_make,
                                 no_memory,      read_only_no_memory };

  return test_main ("sqlite-file", tests, ARRAY_SIZE (tests));
}
