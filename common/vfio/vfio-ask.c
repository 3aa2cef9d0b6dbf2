/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Answers of VFIO that may be longer than a program was built for: a
 * structure that begins with its size, then perhaps a chain of
 * capabilities, each with the offset of the next.  See vfio-impl.h.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "vfio/vfio-impl.h"

/* More than any kernel says. */
#define MAX_ANSWER (64 * 1024)

static uint32_t
size_of_answer (const void *answer)
{
  uint32_t size;

  memcpy (&size, answer, sizeof size);
  return size;
}

static void *
ask_once (int fd, unsigned long request, const void *ask, size_t ask_size,
          uint32_t size)
{
  char *answer = calloc (1, size);

  if (answer == NULL)
    return NULL;
  memcpy (answer, ask, ask_size);
  memcpy (answer, &size, sizeof size);
  if (ioctl (fd, request, answer) == -1) {
    free (answer);
    return NULL;
  }
  return answer;
}

void *
vfio_ask (int fd, unsigned long request, const void *ask, size_t size)
{
  char *answer = ask_once (fd, request, ask, size, (uint32_t) size);
  uint32_t n;

  if (answer == NULL)
    return NULL;
  n = size_of_answer (answer);
  if (n <= size || n > MAX_ANSWER)
    return answer;
  free (answer);
  return ask_once (fd, request, ask, size, n);
}

const char *
vfio_find_cap (const void *answer, uint32_t offset, uint16_t id, void *head,
               size_t size, size_t *n)
{
  const uint32_t total = size_of_answer (answer);
  struct vfio_info_cap_header h;
  const char *p = answer;
  uint32_t before = 0;

  /* Offsets ascend, so that there is an end. */
  while (offset > before && range_inside (offset, sizeof h, total)) {
    memcpy (&h, p + offset, sizeof h);
    if (h.id == id) {
      if (!range_inside (offset, size, total))
        return NULL;
      memcpy (head, p + offset, size);
      *n = total - offset - size;
      return p + offset + size;
    }
    before = offset;
    offset = h.next;
  }
  return NULL;
}
