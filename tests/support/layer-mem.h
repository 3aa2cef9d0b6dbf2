/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plainest layer there can be: one state and one buffer for each
 * sector, and one mutex.  It is what the layer suite compares the others
 * with, and stands in for a layer where a test needs one.
 */

#ifndef DISKSTACK_TEST_LAYER_MEM_H
#define DISKSTACK_TEST_LAYER_MEM_H

#include "layer/layer.h"

/* Nothing present.  It keeps marks if INFO says so.  Never NULL. */
extern struct layer *layer_mem_create (const struct layer_info *info);

#endif /* DISKSTACK_TEST_LAYER_MEM_H */
