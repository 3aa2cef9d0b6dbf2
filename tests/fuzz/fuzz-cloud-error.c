/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Any bytes as the body of a refusal: the message made of it is one line,
 * and what must not be seen is not in it.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "cloud/cloud-error.h"
#include "fuzz/fuzz.h"

const char fuzz_name[] = "cloud-error";

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct cloud_error e;
  struct buffer out = { NULL };
  const unsigned http_status = size > 0 ? 400 + data[0] : 400;
  int err;

  fuzz_assert (cloud_status_string (cloud_error_read (data, size, &e)) != NULL);
  fuzz_assert (strlen (e.code) < sizeof e.code &&
               strlen (e.message) < sizeof e.message &&
               strlen (e.request_id) < sizeof e.request_id);
  err = cloud_error_errno (&e, http_status);
  fuzz_assert (err == EPERM || err == EIO);
  cloud_error_format (&e, http_status, &out);
  fuzz_assert (!buffer_failed (&out));
  for (size_t i = 0; i < out.len; i++)
    fuzz_assert ((unsigned char) out.data[i] >= ' ' && out.data[i] != 0x7f);
  buffer_fini (&out);
  return 0;
}
