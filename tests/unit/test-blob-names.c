/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of blobs and of objects.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "cloud/blob-names.h"
#include "support/main.h"

static char names[512];

static enum cloud_status
add (void *opaque, const char *name)
{
  strcat (strcat (names, name), "|");
  return strcmp (name, "stop") == 0 ? CLOUD_NO_MEMORY : CLOUD_OK;
}

#define AZURE(blobs, more)                             \
  "<?xml version='1.0'?><EnumerationResults a='b'>"    \
  "<MaxResults>3</MaxResults><Blobs>" blobs "</Blobs>" \
  "<NextMarker>" more "</NextMarker></EnumerationResults>"
#define S3(objects) \
  "<ListBucketResult><Name>b</Name>" objects "</ListBucketResult>"

static const struct {
  const char *text;
  enum cloud_status status;
  const char *names, *marker;
} lists[] = {
  { AZURE ("", ""), CLOUD_OK, "", "" },
  { AZURE ("<Blob><Name>a/b &amp; c</Name><Properties><Name>no</Name>"
           "</Properties></Blob><Blob><Name>d</Name></Blob>"
           "<BlobPrefix><Name>e</Name></BlobPrefix>",
           "m 1"),
    CLOUD_OK, "a/b & c|d|", "m 1" },
  { S3 (""), CLOUD_OK, "", "" },
  { S3 ("<Contents><Key>x</Key><Owner><Key>no</Key></Owner></Contents>"
        "<CommonPrefixes><Key>no</Key></CommonPrefixes>"
        "<Contents><Size>1</Size><Key>y z</Key></Contents>"
        "<NextContinuationToken>t</NextContinuationToken>"),
    CLOUD_OK, "x|y z|", "t" },
  { S3 ("<Contents><Key>stop</Key></Contents>"), CLOUD_NO_MEMORY, "stop|", "" },
  { "<PageList/>", CLOUD_XML_OTHER, "", "" },
  { "<EnumerationResults>", CLOUD_XML_CUT, "", "" },
  { "", CLOUD_XML_CUT, "", "" },
};

START_TEST (read_lists)
{
  struct blob_names *l = blob_names_new (add, NULL);
  struct buffer marker = { NULL };
  const char *text = lists[_i].text;
  enum cloud_status status = CLOUD_OK;

  names[0] = '\0';
  for (size_t i = 0; status == CLOUD_OK && text[i] != '\0'; i++)
    status = blob_names_feed (l, text + i, 1);
  if (status == CLOUD_OK)
    status = blob_names_end (l, &marker);
  ck_assert_int_eq (status, lists[_i].status);
  ck_assert_str_eq (names, lists[_i].names);
  ck_assert_str_eq (buffer_text (&marker), lists[_i].marker);
  buffer_fini (&marker);
  blob_names_free (l);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("blob-names");

  tcase_add_loop_test (test_case (suite, "lists"), read_lists, 0,
                       ARRAY_SIZE (lists));
  return test_run (suite);
}
