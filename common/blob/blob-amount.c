/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How much is fetched for who reads here and there, and how much at once.
 */

#include <config.h>

#include "base/align.h"
#include "blob/blob-impl.h"
#include "http/http-pace.h"

uint32_t
blob_unit (uint64_t worth, uint32_t fetch)
{
  uint32_t unit = BLOB_PAGE;

  if (worth >= fetch || fetch <= unit)
    return fetch;
  while (2ull * unit <= worth)
    unit *= 2;
  return unit;
}

uint64_t
blob_under_way (uint64_t worth)
{
  const uint64_t least = 512 * 1024, times = 8 * HTTP_PACE_PART;

  return worth > UINT64_MAX / times ? UINT64_MAX :
                                      max_u64 (least, times * worth);
}
