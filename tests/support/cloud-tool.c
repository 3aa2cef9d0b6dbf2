/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What common/cloud says, for scripts: the headers that sign a request,
 * for curl to send them, and what it reads in answers.  Nothing here
 * looks at a clock either.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "cloud/azure-connection.h"
#include "cloud/azure-key.h"
#include "cloud/azure-sas.h"
#include "cloud/azure-url.h"
#include "cloud/bearer-token.h"
#include "cloud/cloud-error.h"
#include "cloud/page-ranges.h"
#include "cloud/s3-sign.h"

static const char usage[] =
  "cloud-tool azure CONNECTION TIME METHOD URL [HEADER VALUE]...\n"
  "cloud-tool s3 ID SECRET TOKEN REGION TIME METHOD URL [HEADER VALUE]...\n"
  "cloud-tool identity TIME < ANSWER\n"
  "cloud-tool url CONNECTION CONTAINER BLOB\n"
  "cloud-tool request URL MORE\n"
  "cloud-tool sas URL TIME\n"
  "cloud-tool ranges SIZE START END < ANSWER\n"
  "cloud-tool error HTTP-STATUS < ANSWER\n";

static int
check (enum cloud_status status, const char *what)
{
  if (status == CLOUD_OK)
    return 0;
  fprintf (stderr, "cloud-tool: the %s %s\n", what,
           cloud_status_string (status));
  return 1;
}

static void
print_lines (const struct buffer *lines)
{
  for (const char *l = buffer_text (lines); *l != '\0'; l = cloud_line_next (l))
    puts (l);
}

/* METHOD URL [HEADER VALUE]... */
static struct cloud_request
request_of (char *argv[], struct cloud_header headers[CLOUD_LIST_MAX])
{
  struct cloud_request r = { .method = argv[0],
                             .url = argv[1],
                             .headers = headers };

  for (argv += 2; argv[0] != NULL && argv[1] != NULL; argv += 2)
    headers[r.nheaders++] = (struct cloud_header){ argv[0], argv[1] };
  return r;
}

static int
sign_azure (char *argv[])
{
  struct cloud_header headers[CLOUD_LIST_MAX];
  const struct cloud_request r = request_of (argv + 2, headers);
  struct azure_connection c;
  struct azure_key key;
  struct buffer lines = { NULL };
  int failed;

  failed = check (azure_connection_parse (argv[0], &c), "connection string");
  if (!failed && c.key != NULL) {
    failed = check (azure_key_parse (c.account, c.key, &key), "key") ||
             check (azure_key_sign (&key, &r, atoll (argv[1]), &lines), "URL");
    azure_key_wipe (&key);
  }
  print_lines (&lines);
  buffer_fini (&lines);
  azure_connection_fini (&c);
  return failed;
}

static int
sign_s3 (char *argv[])
{
  struct cloud_header headers[CLOUD_LIST_MAX];
  const struct cloud_request r = request_of (argv + 5, headers);
  const struct s3_key key = { .access_key = argv[0],
                              .secret = argv[1],
                              .token = argv[2][0] != '\0' ? argv[2] : NULL,
                              .region = argv[3],
                              .service = "s3" };
  struct buffer lines = { NULL };
  const int failed =
    check (s3_sign (&key, &r, atoll (argv[4]), NULL, &lines), "request");

  print_lines (&lines);
  buffer_fini (&lines);
  return failed;
}

static size_t
read_input (char *bytes, size_t size)
{
  const size_t n = fread (bytes, 1, size, stdin);

  if (ferror (stdin)) {
    perror ("cloud-tool: standard input");
    exit (EXIT_FAILURE);
  }
  return n;
}

/* The header for a token out of the answer of an identity. */
static int
identity (char *argv[])
{
  static char text[BEARER_TOKEN_MAX];
  const size_t n = read_input (text, sizeof text);
  struct buffer token = { NULL }, message = { NULL }, lines = { NULL };
  int64_t expires;
  int failed;

  failed = check (bearer_identity_read (text, n, atoll (argv[0]), &token,
                                        &expires, &message),
                  "answer") ||
           check (bearer_token_lines (buffer_text (&token), &lines), "token");
  print_lines (&lines);
  buffer_fini (&lines);
  buffer_fini (&token);
  buffer_fini (&message);
  return failed;
}

static int
make_url (char *argv[])
{
  struct azure_connection c;
  struct buffer url = { NULL };
  const int failed =
    check (azure_connection_parse (argv[0], &c), "connection string") ||
    check (azure_url_make (c.endpoint, argv[1], argv[2], NULL, false, &url),
           "URL");

  if (!failed)
    puts (buffer_text (&url));
  buffer_fini (&url);
  azure_connection_fini (&c);
  return failed;
}

/* The URL to send, as credentials and further parameters make it. */
static int
request_url (char *argv[])
{
  struct azure_url a;
  struct buffer url = { NULL };
  const int failed =
    check (azure_url_parse (argv[0], &a), "URL") ||
    check (azure_url_request (&a, argv[1], NULL, &url), "request");

  if (!failed)
    puts (buffer_text (&url));
  buffer_fini (&url);
  azure_url_fini (&a);
  return failed;
}

static int
check_sas (char *argv[])
{
  struct azure_url a;
  struct azure_sas s;
  const int failed =
    check (azure_url_parse (argv[0], &a), "URL") ||
    check (azure_sas_parse (buffer_text (&a.sas), &s), "SAS") ||
    check (azure_sas_check (&s, a.https, atoll (argv[1])), "SAS");

  azure_url_fini (&a);
  return failed;
}

/* Lines "OFFSET COUNT data" or "hole"; last "marker MARKER". */
static int
print_ranges (char *argv[])
{
  struct extent_list list;
  struct buffer marker = { NULL };
  struct page_ranges *p;
  char bytes[4000];
  size_t n;
  enum cloud_status status = CLOUD_OK;

  extent_list_init (&list, strtoull (argv[1], NULL, 10),
                    strtoull (argv[2], NULL, 10), false);
  p = page_ranges_new (strtoull (argv[0], NULL, 10), &list);
  if (p == NULL)
    return check (CLOUD_NO_MEMORY, "answer");
  while (status == CLOUD_OK && (n = read_input (bytes, sizeof bytes)) > 0)
    status = page_ranges_feed (p, bytes, n);
  if (status == CLOUD_OK)
    status = page_ranges_end (p, &marker);
  page_ranges_free (p);
  for (size_t i = 0; status == CLOUD_OK && i < list.len; i++)
    printf ("%" PRIu64 " %" PRIu64 " %s\n", list.v[i].offset, list.v[i].count,
            list.v[i].type == 0 ? "data" : "hole");
  if (status == CLOUD_OK && marker.len > 0)
    printf ("marker %s\n", buffer_text (&marker));
  extent_list_fini (&list);
  buffer_fini (&marker);
  return check (status, "answer");
}

static int
explain (char *argv[])
{
  static char body[CLOUD_ERROR_MAX];
  const size_t n = read_input (body, sizeof body);
  struct cloud_error e;
  struct buffer out = { NULL };
  const int failed = check (cloud_error_read (body, n, &e), "answer");

  cloud_error_format (&e, (unsigned) atoi (argv[0]), &out);
  puts (buffer_text (&out));
  buffer_fini (&out);
  return failed;
}

int
main (int argc, char *argv[])
{
  static const struct {
    const char *name;
    int min, max; /* arguments */
    int (*run) (char *argv[]);
  } commands[] = {
    { "azure", 4, 4 + 2 * CLOUD_LIST_MAX, sign_azure },
    { "s3", 7, 7 + 2 * CLOUD_LIST_MAX, sign_s3 },
    { "identity", 1, 1, identity },
    { "url", 3, 3, make_url },
    { "request", 2, 2, request_url },
    { "sas", 2, 2, check_sas },
    { "ranges", 3, 3, print_ranges },
    { "error", 1, 1, explain },
  };

  for (size_t i = 0; argc > 1 && i < ARRAY_SIZE (commands); i++) {
    if (strcmp (argv[1], commands[i].name) == 0 &&
        argc - 2 >= commands[i].min && argc - 2 <= commands[i].max)
      return commands[i].run (argv + 2);
  }
  fputs (usage, stderr);
  return 2;
}
