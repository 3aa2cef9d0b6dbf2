/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the checks of all formats share: telling findings, reading, and
 * which bytes of the file are whose.
 */

#ifndef DISKSTACK_IMAGE_CHECK_IMPL_H
#define DISKSTACK_IMAGE_CHECK_IMPL_H

#include <stddef.h>

#include "image/image-check.h"
#include "store/store.h"

#define IMAGE_CHECK_RULES 64
#define IMAGE_NOWHERE UINT64_MAX

struct image_check_rule {
  const char *name;
  enum image_severity severity;
  bool repairable;
  uint64_t count;
};

/* A check that is going on. */
struct image_checker {
  const struct image_check *c;
  struct image_check_result *result;
  const char *name; /* of the file */
  struct image_check_rule rule[IMAGE_CHECK_RULES];
  unsigned nrules;
};

extern void image_check_begin (struct image_checker *k, const char *name,
                               const struct image_check *c,
                               struct image_check_result *result);

/* Tell of a finding (printf).  RULE is a literal, and has always the same
 * SEVERITY.  OFFSET may be IMAGE_NOWHERE.
 */
extern void image_check_found (struct image_checker *k,
                               enum image_severity severity, const char *rule,
                               uint64_t offset, bool repairable, const char *fs,
                               ...) __attribute__ ((format (printf, 6, 7)));

/* Tell of those that were too many. */
extern void image_check_end (struct image_checker *k);

/* A function for struct image_check that keeps the first of the findings
 * that are worst, for a message why something cannot be mended.
 */
struct image_check_worst {
  enum image_severity severity; /* to begin with: what is no reason */
  char text[256];
};
extern void image_check_note_worst (void *opaque,
                                    const struct image_finding *f);

/* Read any COUNT bytes at OFFSET of INNER, which has them, whatever
 * alignment it wants.  Returns 0, or -1 with *err after log_error with
 * WHAT.
 */
extern int image_check_read (const struct image_checker *k, struct store *inner,
                             void *buf, size_t count, uint64_t offset,
                             const char *what, int *err);

/* ------------------------------------------------------------------ */
/* image-check-space.c: which bytes are whose */

/* Things of one kind that lie one behind the other in the file and have
 * consecutive numbers.
 */
struct image_check_run {
  uint64_t offset, count; /* bytes, of each */
  uint64_t index;         /* of the first; of a structure, 0 */
  uint64_t n;
  const char *what; /* "block", with a number, or "the log" without */
  bool numbered;
  bool weak;
};

struct image_check_space {
  struct image_check_run *run;
  size_t n, allocated;
};

/* COUNT > 0 bytes at OFFSET, which do not reach beyond INT64_MAX, are
 * WHAT, a literal; INDEX: IMAGE_NOWHERE if it has no number.  Returns 0,
 * or -1 with *err = ENOMEM, logged.
 */
extern int image_check_add (const struct image_checker *k,
                            struct image_check_space *s, const char *what,
                            uint64_t index, uint64_t offset, uint64_t count,
                            int *err);

/* The same for space that WHAT names but does not need: that another has
 * it, too, is only worth a note, "overlap-kept".
 */
extern int image_check_add_weak (const struct image_checker *k,
                                 struct image_check_space *s, const char *what,
                                 uint64_t index, uint64_t offset,
                                 uint64_t count, int *err);
extern void image_check_free (struct image_check_space *s);

/* All is added: tell of overlaps as errors by the rule "overlap", and of
 * space of INNER before END that nothing has, as far as it holds
 * something: notes "leak", or the warning "leak-end" for what is behind
 * all that is used.  Gaps of less than SMALL bytes are none.  Sets used
 * and leaked.  0, or -1 with *err.
 */
extern int image_check_judge (struct image_checker *k,
                              struct image_check_space *s, struct store *inner,
                              uint64_t end, uint64_t small, int *err);

#endif /* DISKSTACK_IMAGE_CHECK_IMPL_H */
