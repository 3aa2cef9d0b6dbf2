/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys and passphrases from where nbdkit's password parameters say: -,
 * +FILE or -FD.  Not from the command line, which everybody can see.
 */

#ifndef DISKSTACK_CRYPT_SECRET_H
#define DISKSTACK_CRYPT_SECRET_H

#include "base/secret.h"

/* All that is there, as it is.  0, or -1 after log_error, which names KEY. */
extern int crypt_secret_read (const char *key, const char *value,
                              struct secret *s);

/* The same of a file. */
extern int crypt_secret_read_file (const char *key, const char *path,
                                   struct secret *s);

/* Of what was read, only the first line, without its end. */
extern void crypt_secret_first_line (struct secret *s);

/* What was read is a key, raw or in hexadecimal: make it raw.  What is both,
 * 64 hexadecimal digits, is hexadecimal.  False if it is neither.
 */
extern bool crypt_secret_to_key (struct secret *s);

#endif /* DISKSTACK_CRYPT_SECRET_H */
