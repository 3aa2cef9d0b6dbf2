/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See device-report.h.
 */

#include <config.h>

#include <pthread.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json-writer.h"
#include "store/host-device.h"

#include "device-report.h"

static struct {
  pthread_mutex_t lock;
  bool known;
  uint64_t size, before; /* bytes; 0: there is none any more */
  uint64_t changes;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

void
device_report_look (struct host_file *device)
{
  const int64_t r = host_file_size (device);
  const uint64_t size = r > 0 ? (uint64_t) r : 0;

  LOCK_SCOPE (&seen.lock);
  if (seen.known && seen.size == size)
    return;
  if (seen.known) {
    seen.before = seen.size;
    seen.changes++;
  }
  seen.known = true;
  seen.size = size;
}

static void
put_device (struct json_writer *w, struct host_file *device)
{
  struct host_device d;

  host_device_probe (host_file_fd (device), &d);
  LOCK_SCOPE (&seen.lock);
  json_begin_object (w, NULL);
  json_string (w, "export", "");
  json_number (w, "size", seen.size);
  json_number (w, "sector-size", d.logical_size);
  json_bool (w, "read-only", !host_file_is_writable (device));
  json_bool (w, "gone", seen.size == 0);
  json_number (w, "resizes", seen.changes);
  if (seen.changes > 0)
    json_number (w, "size-before", seen.before);
  json_end_object (w);
}

void
device_report (void *device, struct buffer *out)
{
  struct json_writer w = { .out = out };

  device_report_look (device);
  json_begin_object (&w, NULL);
  json_string (&w, "version", PACKAGE_VERSION);
  json_number (&w, "milliseconds", clock_ns () / CLOCK_MILLISECOND);
  json_begin_array (&w, "disks");
  put_device (&w, device);
  json_end_array (&w);
  json_end_object (&w);
  json_finish (&w);
}
