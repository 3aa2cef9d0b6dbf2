/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parameters of plugins: helpers for .config.  All functions return 0,
 * or -1 after nbdkit_error, which names the key.
 */

#ifndef DISKSTACK_GLUE_PARAMS_H
#define DISKSTACK_GLUE_PARAMS_H

#include <stdint.h>

/* One word that stands for a value; a list ends with { NULL, -1 }. */
struct glue_word {
  const char *word;
  int value;
};

/* The value of WORD, or that of the end of the list. */
extern int glue_find_word (const struct glue_word *words, const char *word);

/* VALUE must be one of WORDS. */
extern int glue_param_word (const char *key, const char *value,
                            const struct glue_word *words, int *r);

/* A size in bytes, more than 0. */
extern int glue_param_size (const char *key, const char *value, uint64_t *r);

/* Each key may be given once: PARAM is its number, below 32, and *GIVEN
 * remembers.
 */
extern int glue_param_once (const char *key, unsigned param, unsigned *given);

#endif /* DISKSTACK_GLUE_PARAMS_H */
