/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Headers in files, which are read again when a server refuses them.
 */

#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/align.h"
#include "http/http-header-file.h"
#include "unit/http-rig.h"

static struct rig rig;

static int
read_some (void)
{
  uint8_t buf[1000];
  int err;

  if (http_object_read (rig.object, buf, sizeof buf, 0, 500, &err) == -1)
    return err;
  ck_assert_mem_eq (buf, rig.data, sizeof buf);
  return 0;
}

START_TEST (lines)
{
  static const char *const good[] = { "A: b", "A:", "A;", "A-b: c;d: e" };
  static const char *const bad[] = { "",       "A",     "A;b",
                                     "A b: c", ": b",   "A: b\r\nB: c",
                                     ";",      "A: b\n" };

  for (size_t i = 0; i < ARRAY_SIZE (good); i++)
    ck_assert_msg (http_header_line_valid (good[i]), "%s", good[i]);
  for (size_t i = 0; i < ARRAY_SIZE (bad); i++)
    ck_assert_msg (!http_header_line_valid (bad[i]), "%s", bad[i]);
}
END_TEST

static void
write_file (const char *path, const char *text)
{
  FILE *f = fopen (path, "we");

  ck_assert_ptr_nonnull (f);
  ck_assert (fputs (text, f) >= 0 && fclose (f) == 0);
}

/* Who knows the word? */
static int
knows (void *opaque, const struct http_server_request *r)
{
  const char *const *word = opaque;

  return strstr (r->header, *word) != NULL &&
             strstr (r->header, "\r\nX-Empty:\r\n") != NULL &&
             strstr (r->header, "\r\nX-One: 1\r\n") != NULL ?
           HTTP_FAULT_NONE :
           HTTP_FAULT_STATUS + 403;
}

/* Headers in a file, which is read again when they are refused. */
START_TEST (requests)
{
  char path[] = "/tmp/diskstack-headers-XXXXXX";
  const char *word = "\r\nAuthorization: Bearer one\r\n";

  ck_assert_int_eq (close (mkstemp (path)), 0);
  write_file (path, "Authorization: Bearer one\r\n\n\nX-Empty;");
  rig_start (&rig, true);
  http_server_set (rig.server, knows, &word);
  rig.o.header = (const char *const[]){ "X-One: 1" };
  rig.o.nheaders = 1;
  rig.o.header_file = (const char *const[]){ path };
  rig.o.nheader_files = 1;
  rig_open (&rig, http_server_url (rig.server));
  ck_assert_ptr_nonnull (rig.object);
  word = "\r\nAuthorization: Bearer two\r\n";
  ck_assert_int_eq (read_some (), EIO);
  ck_assert (log_memory_contains ("does not permit it"));
  log_memory_clear ();
  write_file (path, "X-Empty;\nAuthorization: Bearer two");
  ck_assert_int_eq (read_some (), 0);
  ck_assert_uint_eq (log_memory_errors (), 0);
  word = "three";
  write_file (path, "Bearer three");
  ck_assert_int_eq (read_some (), EIO);
  ck_assert (log_memory_contains ("must have lines of the form"));
  word = "two";
  ck_assert_int_eq (read_some (), 0); /* as before */
  rig_close (&rig);
  unlink (path);
  ck_assert_ptr_null (http_client_create (&rig.o));
  ck_assert_int_eq (errno, ENOENT);
  ck_assert (log_memory_contains ("No such file"));
  rig_stop (&rig);
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { lines, requests };

  return test_main ("http-header-file", tests, ARRAY_SIZE (tests));
}
