/* SPDX-License-Identifier: BSD-3-Clause
 *
 * diskstack info of NVMe controllers that are bound to vfio-pci: what they
 * are, how they are, and their namespaces.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/align.h"
#include "base/log.h"
#include "command.h"
#include "info.h"
#include "nvme/nvme-identify.h"
#include "nvme/nvme-status.h"
#include "nvme/nvme.h"
#include "tool-log.h"
#include "vfio/vfio.h"

#define KELVIN 273
#define DATA_UNIT 512000 /* bytes */

/* SMART / Health Information (Base 5.16.1.3). */
struct smart_disk {
  uint8_t critical_warning; /* 0x000 */
  le16 temperature;         /* 0x001: kelvins */
  uint8_t spare;            /* 0x003: percent */
  uint8_t spare_threshold;  /* 0x004 */
  uint8_t used;             /* 0x005: percent, may be more than 100 */
  uint8_t reserved_1[26];   /* 0x006 */
  le64 units_read[2];       /* 0x020: of 1000 times 512 bytes */
  le64 units_written[2];    /* 0x030 */
  le64 reads[2];            /* 0x040 */
  le64 writes[2];           /* 0x050 */
  le64 busy_minutes[2];     /* 0x060 */
  le64 power_cycles[2];     /* 0x070 */
  le64 power_on_hours[2];   /* 0x080 */
  le64 unsafe_shutdowns[2]; /* 0x090 */
  le64 media_errors[2];     /* 0x0a0 */
  le64 error_entries[2];    /* 0x0b0 */
  uint8_t reserved_2[320];  /* 0x0c0 */
};
_Static_assert(sizeof (struct smart_disk) == 512, "SMART log");

/* ------------------------------------------------------------------ */
/* Health */

/* As far as 64 bits go. */
static uint64_t
number (const le64 n[2])
{
  return le64_get (n[1]) != 0 ? UINT64_MAX : le64_get (n[0]);
}

static uint64_t
bytes (const le64 units[2])
{
  const uint64_t n = number (units);

  return n > UINT64_MAX / DATA_UNIT ? UINT64_MAX : n * DATA_UNIT;
}

static void
report_smart (struct report *r, const char *name, const struct smart_disk *s)
{
  const uint16_t kelvins = le16_get (s->temperature);
  char text[32];

  report_group (r, "health");
  snprintf (text, sizeof text, "%d C", kelvins - KELVIN);
  report_text (r, "temperature", text);
  report_number (r, "spare", s->spare);
  report_number (r, "spare-threshold", s->spare_threshold);
  report_number (r, "used", s->used);
  report_bytes (r, "data-read", bytes (s->units_read));
  report_bytes (r, "data-written", bytes (s->units_written));
  report_number (r, "power-cycles", number (s->power_cycles));
  report_number (r, "power-on-hours", number (s->power_on_hours));
  report_number (r, "unsafe-shutdowns", number (s->unsafe_shutdowns));
  report_number (r, "media-errors", number (s->media_errors));
  report_number (r, "error-log-entries", number (s->error_entries));
  report_end_group (r);
  for (unsigned bit = 0; bit < 8; bit++) {
    if (s->critical_warning & 1u << bit)
      log_error ("%s: %s", name, nvme_critical_warning_string (bit));
  }
}

/* ------------------------------------------------------------------ */
/* Namespaces */

static void
report_formats (struct report *r, const struct nvme_identify_namespace *id)
{
  const unsigned used = (id->flbas & 0xf) | (id->flbas >> 1 & 0x30);
  char text[64];

  report_list (r, "formats");
  for (unsigned i = 0; i <= id->nlbaf && i < ARRAY_SIZE (id->lbaf); i++) {
    const struct nvme_lba_format *f = &id->lbaf[i];
    const uint16_t metadata = le16_get (f->ms);

    if (f->lbads < 9 || f->lbads > 31)
      continue; /* not in use */
    snprintf (text, sizeof text, "%" PRIu32 "+%u%s", UINT32_C (1) << f->lbads,
              metadata, i == used ? ", in use" : "");
    report_item (r, text);
  }
  report_end_list (r);
}

static void
report_format (struct report *r, const struct nvme_namespace_data *ns)
{
  report_bytes (r, "size", ns->size);
  report_bytes (r, "block-size", ns->lba_size);
  report_bytes (r, "physical-size", ns->physical_size);
  if (ns->optimal != 0)
    report_bytes (r, "optimal-size", ns->optimal);
  report_bool (r, "thin", ns->thin);
  report_bool (r, "deallocated-zero", ns->deallocated_zero);
  if (ns->has_id) {
    struct uuid id;

    memcpy (&id, ns->id, sizeof id);
    report_uuid (r, "disk-id", &id);
  }
}

static void
report_namespace (struct nvme *n, struct report *r, const char *name,
                  uint32_t nsid)
{
  struct nvme_identify_namespace id;
  struct nvme_namespace_data ns;
  enum nvme_identify_status status;
  int err = 0;

  if (nvme_identify (n, NVME_CNS_NAMESPACE, nsid, &id, &err) == -1) {
    log_error ("%s: namespace %" PRIu32 ": Identify: %s", name, nsid,
               strerror (err));
    return;
  }
  report_begin_object (r);
  report_number (r, "namespace-id", nsid);
  status = nvme_identify_namespace (&id, &ns);
  if (status == NVME_IDENTIFY_OK)
    report_format (r, &ns);
  else
    log_error ("%s: namespace %" PRIu32 ": %s", name, nsid,
               nvme_identify_status_string (status));
  report_formats (r, &id);
  report_end_object (r);
}

static void
report_namespaces (struct nvme *n, struct report *r, const char *name)
{
  uint32_t nsid = 0;
  int err = 0, count;

  report_list (r, "namespaces");
  while ((count = nvme_list (n, nsid, &nsid, 1, &err)) == 1)
    report_namespace (n, r, name, nsid);
  report_end_list (r);
  if (count == -1)
    log_error ("%s: namespaces cannot be listed: %s", name, strerror (err));
}

/* ------------------------------------------------------------------ */
/* The controller */

static void
report_info (struct report *r, const struct nvme_info *i)
{
  char version[32];

  snprintf (version, sizeof version, "%" PRIu32 ".%" PRIu32, i->version >> 16,
            i->version >> 8 & 0xff);
  report_text (r, "model", i->model);
  report_text (r, "serial", i->serial);
  report_text (r, "firmware", i->firmware);
  report_text (r, "nvme-version", version);
  report_bool (r, "volatile-cache", i->volatile_cache);
  report_bool (r, "deallocate", i->deallocate);
  report_bool (r, "write-zeroes", i->write_zeroes);
  report_bool (r, "reservations", i->reservations);
}

static void
report_controller (struct nvme *n, struct report *r, const char *name)
{
  struct nvme_info info;
  struct smart_disk smart;
  int err = 0;

  nvme_get_info (n, &info);
  report_info (r, &info);
  if (nvme_get_log (n, NVME_LOG_SMART, NVME_NSID_ALL, &smart, sizeof smart,
                    &err) == 0)
    report_smart (r, name, &smart);
  else
    log_error ("%s: the SMART log cannot be read: %s", name, strerror (err));
  report_namespaces (n, r, name);
}

static struct nvme *
open_controller (const char *text, char name[PCI_ADDRESS_SIZE])
{
  const struct nvme_options o = { .queue_pairs = 1, .queue_depth = 2 };
  struct pci_address address;
  enum pci_address_status status = pci_address_parse (text, &address);
  struct vfio_group *g;
  struct nvme_hw *hw;
  struct nvme *n;
  int err;

  if (status != PCI_ADDRESS_OK) {
    log_error ("nvme:%s: %s", text, pci_address_status_string (status));
    return NULL;
  }
  pci_address_format (&address, name);
  g = vfio_group_open ("", &address, &err);
  if (g == NULL)
    return NULL;
  hw = vfio_device_open (g, &err);
  if (hw == NULL) {
    vfio_group_close (g);
    return NULL;
  }
  n = nvme_open (hw, &o, &err);
  if (n == NULL)
    hw->ops->close (hw);
  return n;
}

int
info_nvme (const char *address, struct report *r)
{
  char name[PCI_ADDRESS_SIZE];
  struct nvme *n = open_controller (address, name);
  size_t trouble;

  if (n == NULL)
    return COMMAND_FAILED;
  tool_log_keep ();
  report_begin (r);
  report_text (r, "device", name);
  report_text (r, "kind", "nvme");
  report_controller (n, r, name);
  trouble = info_report_trouble (r, name);
  report_end (r);
  tool_log_print ();
  nvme_close (n);
  return trouble > 0 ? COMMAND_TROUBLE : COMMAND_OK;
}
