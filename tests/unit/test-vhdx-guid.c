/* SPDX-License-Identifier: BSD-3-Clause
 *
 * vhdx-guid: the text form, in which the first three groups are numbers;
 * vhdx-status: every status has a phrase of its own.
 */

#include <config.h>

#include <check.h>
#include <string.h>

#include "base/align.h"
#include "support/main.h"
#include "vhdx/vhdx-guid.h"
#include "vhdx/vhdx-status.h"

START_TEST (as_bytes_lie)
{
  static const struct uuid u = { { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00,
                                   0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd,
                                   0x4a, 0x08 } };
  char text[VHDX_GUID_STRLEN + 1];
  struct uuid parsed;

  ck_assert (uuid_equal (&u, &vhdx_guid_bat));
  vhdx_guid_format (&u, text);
  ck_assert_str_eq (text, "{2dc27766-f623-4200-9d64-115e9bfd4a08}");
  ck_assert (vhdx_guid_parse (text, &parsed));
  ck_assert (uuid_equal (&u, &parsed));
  ck_assert (vhdx_guid_parse ("2DC27766-F623-4200-9D64-115E9bfd4a08", &parsed));
  ck_assert (uuid_equal (&u, &parsed));
}
END_TEST

START_TEST (known)
{
  static const struct {
    const struct uuid *id;
    const char *text;
  } cases[] = {
    { &vhdx_guid_bat, "{2dc27766-f623-4200-9d64-115e9bfd4a08}" },
    { &vhdx_guid_metadata, "{8b7ca206-4790-4b9a-b8fe-575f050f886e}" },
    { &vhdx_guid_file_parameters, "{caa16737-fa36-4d43-b3b6-33f0aa44e76b}" },
    { &vhdx_guid_disk_size, "{2fa54224-cd1b-4876-b211-5dbed83bf4b8}" },
    { &vhdx_guid_disk_id, "{beca12ab-b2e6-4523-93ef-c309e000c746}" },
    { &vhdx_guid_sector_size, "{8141bf1d-a96f-4709-ba47-f233a8faab5f}" },
    { &vhdx_guid_physical_sector_size,
      "{cda348c7-445d-4471-9cc9-e9885251c556}" },
    { &vhdx_guid_parent_locator, "{a8d35f2d-b30b-454d-abf7-d3d84834ab0c}" },
    { &vhdx_guid_geometry, "{da02d7bc-3d3a-423c-ac88-2a36ab21479b}" },
    { &vhdx_guid_pmem_label, "{10e1ae8a-4b7e-4169-a40f-cd70de928393}" },
    { &vhdx_guid_incomplete, "{71cc85f0-1b69-4e28-9558-c3bf83ae75d3}" },
    { &vhdx_guid_locator_vhdx, "{b04aefb7-d19e-4a81-b789-25b8e9445913}" },
  };

  for (size_t i = 0; i < ARRAY_SIZE (cases); i++) {
    char text[VHDX_GUID_STRLEN + 1];

    vhdx_guid_format (cases[i].id, text);
    ck_assert_str_eq (text, cases[i].text);
  }
}
END_TEST

START_TEST (refused)
{
  static const char *const bad[] = {
    "",
    "{}",
    "{2dc27766-f623-4200-9d64-115e9bfd4a08",
    "2dc27766-f623-4200-9d64-115e9bfd4a08}",
    "(2dc27766-f623-4200-9d64-115e9bfd4a08)",
    "{2dc27766-f623-4200-9d64-115e9bfd4a0g}",
    "{2dc27766-f623-4200-9d64-115e9bfd4a08} ",
    " 2dc27766-f623-4200-9d64-115e9bfd4a08",
    "2dc27766f62342009d64115e9bfd4a08",
    "{2dc277660f623-4200-9d64-115e9bfd4a08}",
    "{{dc27766-f623-4200-9d64-115e9bfd4a08}}",
  };
  const struct uuid before = vhdx_guid_bat;
  struct uuid u = before;

  for (size_t i = 0; i < ARRAY_SIZE (bad); i++)
    ck_assert_msg (!vhdx_guid_parse (bad[i], &u), "%s", bad[i]);
  ck_assert (uuid_equal (&u, &before));
}
END_TEST

START_TEST (strings)
{
  for (int i = VHDX_OK; i < VHDX_STATUS_COUNT; i++) {
    ck_assert_msg (vhdx_status_string (i) != NULL, "%d", i);
    for (int k = VHDX_OK; k < i; k++)
      ck_assert_str_ne (vhdx_status_string (i), vhdx_status_string (k));
  }
}
END_TEST

int
main (void)
{
  const TTest *const tests[] = { as_bytes_lie, known, refused, strings };

  return test_main ("vhdx-guid", tests, ARRAY_SIZE (tests));
}
