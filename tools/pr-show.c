/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-show.h.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/align.h"
#include "pr-show.h"

static int
show_keys (struct reservation_report *r)
{
  const size_t n = r->left / sizeof (be64);
  enum reservation_report_result result;
  uint64_t key;

  if (n == 0)
    printf ("  PR generation=0x%x, there are NO registered reservation keys\n",
            r->generation);
  else
    printf ("  PR generation=0x%x, %zu registered reservation key%s "
            "follow%s:\n",
            r->generation, n, n == 1 ? "" : "s", n == 1 ? "s" : "");
  while ((result = reservation_report_key (r, &key)) == RESERVATION_REPORT_OK)
    printf ("    0x%" PRIx64 "\n", key);
  return result == RESERVATION_REPORT_END ? 0 : -1;
}

static void
show_type (const char *before, enum reservation_type type)
{
  printf ("%sscope: LU_SCOPE,  type: %s\n", before,
          reservation_type_string (type));
}

static int
show_reservation (struct reservation_report *r)
{
  enum reservation_type type;
  uint64_t key;

  switch (reservation_report_reservation (r, &key, &type)) {
  case RESERVATION_REPORT_OK:
    printf ("  PR generation=0x%x, Reservation follows:\n"
            "    Key=0x%" PRIx64 "\n",
            r->generation, key);
    show_type ("    ", type);
    return 0;
  case RESERVATION_REPORT_END:
    printf ("  PR generation=0x%x, there is NO reservation held\n",
            r->generation);
    return 0;
  default:
    return -1;
  }
}

static void
show_registrant (const struct reservation_report_registrant *g)
{
  printf ("    Key=0x%" PRIx64 "\n"
          "      All target ports bit %s\n",
          g->key, g->all_ports ? "set" : "clear");
  if (!g->all_ports)
    printf ("      Relative port address: 0x%x\n", g->port);
  if (g->holder) {
    puts ("      << Reservation holder >>");
    show_type ("      ", g->type);
  }
  else
    puts ("      not reservation holder");
  if (g->name[0] != '\0')
    printf ("      Transport Id of initiator:\n"
            "        iSCSI name: %s\n",
            g->name);
}

static int
show_full_status (struct reservation_report *r)
{
  enum reservation_report_result result;
  struct reservation_report_registrant g;

  printf ("  PR generation=0x%x%s\n", r->generation,
          r->left == 0 ? ", no full status descriptors" : "");
  while ((result = reservation_report_registrant (r, &g)) ==
         RESERVATION_REPORT_OK)
    show_registrant (&g);
  return result == RESERVATION_REPORT_END ? 0 : -1;
}

static int
show_capabilities (const uint8_t *p, size_t size)
{
  /* By the bits of the mask. */
  static const enum reservation_type types[] = {
    RESERVATION_WRITE_EXCLUSIVE_ALL_REGISTRANTS,
    RESERVATION_EXCLUSIVE_ACCESS_REGISTRANTS_ONLY,
    RESERVATION_WRITE_EXCLUSIVE_REGISTRANTS_ONLY,
    RESERVATION_EXCLUSIVE_ACCESS,
    RESERVATION_WRITE_EXCLUSIVE,
    RESERVATION_EXCLUSIVE_ACCESS_ALL_REGISTRANTS,
  };
  struct reservation_capabilities c;

  if (reservation_report_capabilities (p, size, &c) != RESERVATION_REPORT_OK)
    return -1;
  printf ("Report capabilities response:\n"
          "  Replace Lost Reservation Capable(RLR_C): %d\n"
          "  Compatible Reservation Handling(CRH): %d\n"
          "  Specify Initiator Ports Capable(SIP_C): %d\n"
          "  All Target Ports Capable(ATP_C): %d\n"
          "  Persist Through Power Loss Capable(PTPL_C): %d\n"
          "  Type Mask Valid(TMV): %d\n"
          "  Allow Commands: %d\n"
          "  Persist Through Power Loss Active(PTPL_A): %d\n",
          c.replace_lost, c.compatible, c.specify_ports, c.all_ports,
          c.ptpl_capable, c.has_types, c.allow_commands, c.ptpl_active);
  if (!c.has_types)
    return 0;
  puts ("    Support indicated in Type mask:");
  for (size_t i = 0; i < ARRAY_SIZE (types); i++)
    printf ("      %s: %d\n", reservation_type_string (types[i]),
            c.type[types[i]]);
  return 0;
}

int
pr_show (enum reservation_in_action action, const uint8_t *p, size_t size)
{
  struct reservation_report r;

  if (action == RESERVATION_REPORT_CAPABILITIES)
    return show_capabilities (p, size);
  if (reservation_report_begin (&r, p, size) != RESERVATION_REPORT_OK)
    return -1;
  switch (action) {
  case RESERVATION_READ_KEYS:
    return show_keys (&r);
  case RESERVATION_READ_RESERVATION:
    return show_reservation (&r);
  default:
    return show_full_status (&r);
  }
}
