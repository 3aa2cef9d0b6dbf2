/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Loop devices, which are block devices over files.  They go by
 * themselves when nobody has them open any more, however a test ends.
 */

#ifndef DISKSTACK_TEST_LOOP_DEVICE_H
#define DISKSTACK_TEST_LOOP_DEVICE_H

#include <stdint.h>

#define LOOP_DEVICE_PATH 32

/* Make a sparse file of SIZE bytes, which has no name, in the folder DIR,
 * and a device with sectors of SECTOR_SIZE bytes over it.  Its path goes to
 * PATH.  Returns a descriptor, which keeps it, or -1 with errno set where
 * there are no loop devices or one may not make them.
 */
extern int loop_device_create (const char *dir, uint64_t size,
                               uint32_t sector_size,
                               char path[LOOP_DEVICE_PATH]);

#endif /* DISKSTACK_TEST_LOOP_DEVICE_H */
