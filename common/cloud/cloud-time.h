/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Times as signatures and tokens have them.  Inside they are seconds
 * since the beginning of 1970, UTC; nothing here looks at a clock.
 */

#ifndef DISKSTACK_CLOUD_TIME_H
#define DISKSTACK_CLOUD_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for each of the formats. */
#define CLOUD_TIME_SIZE 32

/* TIME, taken into the years 1970 to 9999, as text: for HTTP (RFC 9110,
 * 5.6.7) "Fri, 24 May 2013 00:00:00 GMT"; for AWS "20130524T000000Z"; for
 * people "2013-05-24T00:00:00Z".
 */
extern void cloud_time_http (int64_t time, char out[CLOUD_TIME_SIZE]);
extern void cloud_time_aws (int64_t time, char out[CLOUD_TIME_SIZE]);
extern void cloud_time_iso (int64_t time, char out[CLOUD_TIME_SIZE]);

/* Read what a SAS may have ("Specify the signature validity interval"):
 * a day, or a day and a time "Thh:mm", "Thh:mm:ss" or "Thh:mm:ss.fffffff"
 * with "Z" behind it.  A fraction is cut off.  False if it is anything
 * else.
 */
extern bool cloud_time_parse_iso (const char *text, int64_t *time);

/* Read "20130524T000000Z", of pre-signed URLs. */
extern bool cloud_time_parse_aws (const char *text, int64_t *time);

#endif /* DISKSTACK_CLOUD_TIME_H */
