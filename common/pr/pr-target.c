/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See pr-target.h.
 */

#include <config.h>

#include "pr/pr-target.h"

void
pr_answer_set (struct pr_answer *a, enum reservation_status status)
{
  const struct reservation_sense sense = reservation_status_sense (status);

  *a = (struct pr_answer){ .status = sense.status };
  if (sense.key == 0)
    return;
  a->sense[0] = 0x70; /* of this command, in the fixed format */
  a->sense[2] = sense.key;
  a->sense[7] = 10; /* bytes that follow */
  a->sense[12] = (uint8_t) (sense.asc >> 8);
  a->sense[13] = (uint8_t) sense.asc;
}
