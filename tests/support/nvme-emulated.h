/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An NVMe controller behind the seam nvme/nvme-hw.h: registers, queues in
 * memory and namespaces in memory, with a thread of its own, and things
 * that go wrong when a test wants it.  It believes nothing that the driver
 * says: addresses that were not allocated, doorbells out of range and
 * commands that the specification forbids are counted as errors of the
 * driver.
 */

#ifndef DISKSTACK_TEST_NVME_EMULATED_H
#define DISKSTACK_TEST_NVME_EMULATED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nvme/nvme-hw.h"

/* What is left of it when it was closed. */
struct nvme_emulated_report {
  _Atomic bool closed; /* the rest is filled in */
  unsigned errors;     /* of the driver */
  unsigned dma_errors; /* of these, uses of memory that it did not allocate */
  bool shut_down;      /* CC.SHN, at last */
  bool disabled;       /* CC.EN is 0 */
  unsigned dma_leaked; /* blocks that were not freed */
  uint64_t writes;     /* that were executed */
};

/* Changes what the driver is told: registers of 32 bits, data that admin
 * commands return, completions (in their four words).  Called one at a time.
 */
struct nvme_emulated_mutator {
  uint32_t (*reg) (void *opaque, uint32_t offset, uint32_t value);
  void (*data) (void *opaque, void *buf, size_t count);
  void (*completion) (void *opaque, uint32_t *words);
  void *opaque;
};

struct nvme_emulated_options {
  /* 0 is what most controllers have. */
  unsigned dstrd, mpsmin; /* as in CAP */
  uint32_t version;       /* as in VS; 0: 2.0 */
  unsigned entries;       /* of a queue; 0: 1024 */
  unsigned mdts;          /* as in Identify; 0: no limit */
  uint32_t sgls;          /* as in Identify; 0: none */
  unsigned queues;        /* granted; 0: 16 */
  unsigned vectors;       /* 0: queues + 1 */
  bool no_vectors;
  uint32_t lba_size; /* 0: 512 */
  uint16_t metadata; /* bytes for each block */
  uint64_t size;     /* bytes of a namespace; 0: 16 MiB */
  unsigned nn;       /* namespaces 1 ... nn; 0: 1 */
  bool volatile_cache, doorbell_buffers, reservations;
  bool no_write_zeroes, no_dataset, no_limits;
  uint8_t wzsl, dmrl; /* as in Identify */
  uint32_t dmrsl;
  uint64_t dmsl;
  uint8_t dlfeat, nsfeat, nsattr;
  uint8_t rescap;     /* with reservations; 0: all types, kept */
  bool short_host_id; /* 64 bits */
  uint16_t npwg;

  bool uuid_only;    /* namespaces have no other identity */
  char serial;       /* the last character of the serial number; 0: '1' */
  uint32_t bar_size; /* 0: as much as is needed */

  /* Becoming ready takes so long, and must not be interrupted. */
  unsigned rise_ms;
  bool enabled_before; /* somebody has left it so, a moment ago */
  /* It stays ready when it is disabled, and what is never ready does not
   * become so, until the function is reset.
   */
  bool stuck, heals;
  bool no_shutdown; /* which never ends */
  bool few_vectors; /* the machine has only VECTORS_HAD */
  unsigned vectors_had;
  bool finishes;             /* what is LATE is done when it is disabled */
  uint32_t replace_at_reset; /* this namespace; 0: none */

  /* Commands are executed by who writes the doorbell. */
  bool no_thread;
  /* Reads and writes move no data. */
  bool null;
  /* The thread looks for work so long before it sleeps. */
  uint32_t spin_ns;

  struct nvme_emulated_report *report; /* may be NULL */
  const struct nvme_emulated_mutator *mutator;
};

extern struct nvme_hw *
nvme_emulated_create (const struct nvme_emulated_options *o);

/* What it is like, to be changed while the driver does nothing. */
extern struct nvme_emulated_options *nvme_emulated_options (struct nvme_hw *hw);

/* CSTS.CFS, now. */
extern void nvme_emulated_break (struct nvme_hw *hw);

enum nvme_fault {
  NVME_FAULT_STATUS,       /* not executed, ends with a status */
  NVME_FAULT_STALE,        /* the same, and the next one of the opcode is not
                            * executed and has its completion, with success
                            */
  NVME_FAULT_LATE,         /* executed and completed by _release */
  NVME_FAULT_LOST,         /* executed, never completed */
  NVME_FAULT_IGNORED,      /* neither */
  NVME_FAULT_NO_INTERRUPT, /* completed silently */
  NVME_FAULT_TWICE,        /* completed twice */
  NVME_FAULT_BAD_CID,
  NVME_FAULT_BAD_SQID,
  NVME_FAULT_BAD_SQHD,
  NVME_FAULT_CFS,  /* not executed: CSTS.CFS is set, all stops */
  NVME_FAULT_GONE, /* not executed: surprise removal */
};

#define NVME_ANY_OPCODE 0x100

/* The next COUNT I/O commands (with ADMIN: admin commands) of OPCODE fail
 * so, after the SKIP first.
 */
struct nvme_emulated_fault {
  enum nvme_fault kind;
  bool admin;
  unsigned opcode;
  unsigned skip, count;
  uint16_t status; /* without phase */
};
extern void nvme_emulated_fault (struct nvme_hw *hw,
                                 const struct nvme_emulated_fault *f);
/* Has it happened as often as was asked for? */
extern bool nvme_emulated_fault_done (struct nvme_hw *hw);

/* Aborts are not obeyed; a reset does not become ready; FLR is possible. */
extern void nvme_emulated_no_abort (struct nvme_hw *hw, bool on);
extern void nvme_emulated_never_ready (struct nvme_hw *hw, bool on);
extern void nvme_emulated_no_reset (struct nvme_hw *hw, bool on);

/* Those that are LATE. */
extern void nvme_emulated_release (struct nvme_hw *hw);
extern unsigned nvme_emulated_nlate (struct nvme_hw *hw);

/* All-ones from now on. */
extern void nvme_emulated_remove (struct nvme_hw *hw);
/* Signal the eventfd of set_removal. */
extern void nvme_emulated_ask_removal (struct nvme_hw *hw);

/* A namespace has SIZE bytes now (0: it is detached), or is another disk;
 * the driver is told if it has asked to be.
 */
extern void nvme_emulated_resize (struct nvme_hw *hw, uint32_t nsid,
                                  uint64_t size);
extern void nvme_emulated_replace (struct nvme_hw *hw, uint32_t nsid);
/* How many requests for events wait. */
extern unsigned nvme_emulated_nevents (struct nvme_hw *hw);
/* SMART says so. */
extern void nvme_emulated_warn (struct nvme_hw *hw, uint8_t warning);

/* Another host, ID, gives a command of reservations; its status. */
extern uint16_t nvme_emulated_reserve_as (struct nvme_hw *hw, uint32_t nsid,
                                          const uint8_t id[16], uint8_t opcode,
                                          uint32_t cdw10, uint64_t current,
                                          uint64_t other);

/* The content of a namespace, the largest size that it had. */
extern uint8_t *nvme_emulated_data (struct nvme_hw *hw, uint32_t nsid);

/* How often the driver did things. */
struct nvme_emulated_counts {
  uint64_t doorbells, interrupts, commands, resets, aborts;
  uint64_t writes, flushes, fua, zeroes, deallocates, ranges, sgls, prp_lists;
  uint32_t largest; /* bytes in a read or write */
};
extern struct nvme_emulated_counts nvme_emulated_counts (struct nvme_hw *hw);
extern unsigned nvme_emulated_errors (struct nvme_hw *hw);

#endif /* DISKSTACK_TEST_NVME_EMULATED_H */
