/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See vhd-status.h.
 */

#include <config.h>

#include "vhd/vhd-status.h"

const char *
vhd_status_string (enum vhd_status status)
{
  static const char *const strings[] = {
    [VHD_OK] = "is fine",
    [VHD_TOO_SHORT] = "is too short to be a VHD",
    [VHD_NO_COOKIE] = "has no VHD footer at its end",
    [VHD_BAD_CHECKSUM] = "has a VHD footer with a wrong checksum",
    [VHD_BAD_VERSION] = "has a VHD footer of an unknown format version",
    [VHD_BAD_TYPE] = "is a VHD of an unknown type",
    [VHD_BAD_SIZE] = "is a VHD whose size is not a multiple of 512 bytes",
    [VHD_TRUNCATED] = "is shorter than the disk that its VHD footer describes",
    [VHD_NO_GEOMETRY] = "is a VHD whose footer tells no geometry",
    [VHD_DYNAMIC] = "is a dynamic VHD, not a fixed one",
    [VHD_DIFFERENCING] = "is a differencing VHD, not a fixed one",
    [VHD_NO_HEADER] = "has no dynamic header where its VHD footer says",
    [VHD_HEADER_OUTSIDE] = "has no place for the dynamic header that its VHD "
                           "footer speaks of",
    [VHD_HEADER_CHECKSUM] = "has a dynamic header with a wrong checksum",
    [VHD_HEADER_VERSION] = "has a dynamic header of an unknown version",
    [VHD_BAD_BLOCK_SIZE] = "is a VHD with blocks of a size that is not "
                           "supported",
    [VHD_TOO_LARGE] = "is a VHD of more than 2040 GiB",
    [VHD_BAT_TOO_SMALL] = "is a VHD whose block table does not cover the disk",
    [VHD_BAT_OUTSIDE] = "is shorter than its block table requires",
    [VHD_LOCATOR_OUTSIDE] = "is shorter than its parent locators require",
    [VHD_REGIONS_OVERLAP] = "has two structures in one place",
    [VHD_NO_BATMAP] = "has no batmap",
    [VHD_BATMAP_OUTSIDE] = "has a batmap that cannot be",
    [VHD_PATH_ODD] = "is an odd number of bytes of UTF-16",
    [VHD_PATH_UNPAIRED] = "is no UTF-16",
    [VHD_PATH_ZERO] = "contains a zero character",
    [VHD_PATH_TOO_LONG] = "is too long",
    [VHD_PATH_BAD_UTF8] = "is no UTF-8",
    [VHD_PATH_EMPTY] = "is empty",
    [VHD_PATH_UNKNOWN] = "is of a platform that is not known",
  };

  return strings[status];
}
