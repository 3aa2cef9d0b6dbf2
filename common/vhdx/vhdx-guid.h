/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GUIDs of a VHDX.  A struct uuid holds the 16 bytes as they lie in the
 * file; in the text form of Windows the first three groups are
 * little-endian numbers, so uuid_format would show others than
 * everybody else does.
 */

#ifndef DISKSTACK_VHDX_GUID_H
#define DISKSTACK_VHDX_GUID_H

#include <stdbool.h>

#include "base/uuid.h"

#define VHDX_GUID_STRLEN 38 /* with the braces, without the terminator */

/* "{2dc27766-f623-4200-9d64-115e9bfd4a08}" */
extern void vhdx_guid_format (const struct uuid *u,
                              char out[VHDX_GUID_STRLEN + 1]);

/* The reverse, with or without braces, in any case.  False unless the
 * whole of S is one GUID.
 */
extern bool vhdx_guid_parse (const char *s, struct uuid *u);

/* Regions. */
extern const struct uuid vhdx_guid_bat;
extern const struct uuid vhdx_guid_metadata;

/* Metadata items. */
extern const struct uuid vhdx_guid_file_parameters;
extern const struct uuid vhdx_guid_disk_size;
extern const struct uuid vhdx_guid_disk_id;
extern const struct uuid vhdx_guid_sector_size;
extern const struct uuid vhdx_guid_physical_sector_size;
extern const struct uuid vhdx_guid_parent_locator;
/* Not in the specification; the last one says that a conversion of the
 * file did not end.
 */
extern const struct uuid vhdx_guid_geometry;
extern const struct uuid vhdx_guid_pmem_label;
extern const struct uuid vhdx_guid_incomplete;

/* The only type of parent locator. */
extern const struct uuid vhdx_guid_locator_vhdx;

#endif /* DISKSTACK_VHDX_GUID_H */
