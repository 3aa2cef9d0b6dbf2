/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An engine for the file store that does what a test wants: jobs are done
 * by pread and pwrite when they are waited for, in an odd order, and any
 * of them can be cut short or fail.
 */

#ifndef DISKSTACK_TEST_FAKE_ENGINE_H
#define DISKSTACK_TEST_FAKE_ENGINE_H

#include "store/file-engine.h"

/* What happens, and what happened.  Numbers of jobs begin with 1; 0 is
 * none.  One thread at a time.
 */
struct fake_engine_plan {
  int open_error;    /* open fails with this */
  unsigned odd_job;  /* this job ... */
  int odd_error;     /* ... fails with this, having done nothing, or else */
  size_t odd_count;  /* ... moves only so many bytes */
  unsigned break_at; /* when so many have been reported, wait fails */
  int break_error;   /* with this */

  unsigned opened, closed; /* channels */
  unsigned jobs;           /* reported */
  unsigned most;           /* were in flight at once */
};

extern struct fake_engine_plan fake_engine_plan;
extern const struct file_engine fake_engine;

#endif /* DISKSTACK_TEST_FAKE_ENGINE_H */
