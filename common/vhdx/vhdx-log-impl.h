/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What reading and writing the log have in common.
 */

#ifndef DISKSTACK_VHDX_LOG_IMPL_H
#define DISKSTACK_VHDX_LOG_IMPL_H

#include "vhdx/vhdx-log.h"

#define LOG_ENTRY_SIGNATURE "loge"
#define LOG_DATA_DESCRIPTOR "desc"
#define LOG_ZERO_DESCRIPTOR "zero"
#define LOG_DATA_SIGNATURE "data"

#endif /* DISKSTACK_VHDX_LOG_IMPL_H */
