/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a test asks of the emulated controller.  See nvme-emulated.h.
 */

#include <config.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "support/nvme-emulated-impl.h"

void
nvme_emulated_fault (struct nvme_hw *hw, const struct nvme_emulated_fault *f)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->fault = *f;
}

struct nvme_emulated_options *
nvme_emulated_options (struct nvme_hw *hw)
{
  return &to_emulated (hw)->o;
}

void
nvme_emulated_break (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->csts |= NVME_CSTS_CFS;
}

bool
nvme_emulated_fault_done (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->fault.count == 0;
}

static void
set_flag (struct nvme_hw *hw, bool *flag, bool on)
{
  LOCK_SCOPE (&to_emulated (hw)->lock);
  *flag = on;
}

void
nvme_emulated_no_abort (struct nvme_hw *hw, bool on)
{
  set_flag (hw, &to_emulated (hw)->no_abort, on);
}

void
nvme_emulated_never_ready (struct nvme_hw *hw, bool on)
{
  set_flag (hw, &to_emulated (hw)->never_ready, on);
}

void
nvme_emulated_no_reset (struct nvme_hw *hw, bool on)
{
  set_flag (hw, &to_emulated (hw)->no_reset, on);
}

void
nvme_emulated_release (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  emulated_execute_late (e);
}

unsigned
nvme_emulated_nlate (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->nlate;
}

unsigned
nvme_emulated_nevents (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->nevents;
}

void
nvme_emulated_remove (struct nvme_hw *hw)
{
  to_emulated (hw)->gone = true;
}

void
nvme_emulated_ask_removal (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);
  const uint64_t one = 1;

  LOCK_SCOPE (&e->lock);
  if (write (e->removal_fd, &one, sizeof one) == -1)
    abort ();
}

static void
changed (struct emulated *e, uint32_t nsid)
{
  e->changed[nsid] = true;
  if (e->event_wanted & NVME_ASYNC_NAMESPACE && e->npending < 8)
    e->event_pending[e->npending++] =
      NVME_LOG_CHANGED_NAMESPACES << 16 | NVME_EVENT_NOTICE;
  emulated_tell_events (e);
}

void
nvme_emulated_resize (struct nvme_hw *hw, uint32_t nsid, uint64_t size)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  if (size > e->ns[nsid - 1].most)
    abort ();
  e->ns[nsid - 1].size = size;
  changed (e, nsid);
}

void
nvme_emulated_replace (struct nvme_hw *hw, uint32_t nsid)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->ns[nsid - 1].id ^= 0x80;
  changed (e, nsid);
}

void
nvme_emulated_warn (struct nvme_hw *hw, uint8_t warning)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->warning = warning;
  if (e->event_wanted & warning && e->npending < 8)
    e->event_pending[e->npending++] = NVME_LOG_SMART << 16 | NVME_EVENT_SMART;
  emulated_tell_events (e);
}

uint8_t *
nvme_emulated_data (struct nvme_hw *hw, uint32_t nsid)
{
  return to_emulated (hw)->ns[nsid - 1].data;
}

struct nvme_emulated_counts
nvme_emulated_counts (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  e->counts.doorbells = e->ndoorbells;
  return e->counts;
}

unsigned
nvme_emulated_errors (struct nvme_hw *hw)
{
  struct emulated *e = to_emulated (hw);

  LOCK_SCOPE (&e->lock);
  return e->errors;
}
