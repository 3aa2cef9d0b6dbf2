/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An NVMe controller (NVM Express Base Specification 2.0, NVM Command Set
 * 1.0), driven through the hardware seam of nvme-hw.h; its namespaces and
 * the commands that disks need.  docs/nvme-driver.md tells the sequence of
 * its life, who owns what memory when, and what each timeout does.
 *
 * Threads: any number may be in any number of commands at once; each
 * thread that does I/O is given a queue pair of its own as far as the
 * controller grants so many, others share.  nvme_close comes alone and
 * last.
 *
 * Errors: 0, or -1 with *err.  EIO (the medium, or an internal error of
 * the controller), ENOSPC (capacity exceeded), EINVAL (out of range),
 * EPERM (a reservation forbids it, write-protected), ETIMEDOUT,
 * ESHUTDOWN (the controller or the namespace is gone), EOPNOTSUPP.
 */

#ifndef DISKSTACK_NVME_H
#define DISKSTACK_NVME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/uuid.h"
#include "nvme/nvme-hw.h"

struct nvme;

struct nvme_options {
  unsigned queue_pairs;     /* at most; 0: one for each CPU */
  unsigned queue_depth;     /* commands in a queue, 2 to 4096; 0: 256 */
  unsigned command_seconds; /* until a command is aborted; 0: 30 */
  struct uuid host_id;      /* who reserves (Base 5.27.1.25); nil: nobody can */
  unsigned spin_ns;         /* poll for so long before sleeping; 0: adaptive */
};

struct nvme_info {
  char serial[21], model[41], firmware[9]; /* trimmed, printable ASCII */
  uint32_t version;                        /* register VS */
  uint32_t nn;                             /* largest namespace id */
  unsigned queue_pairs, queue_depth;       /* in use */
  bool volatile_cache, write_zeroes, deallocate, reservations;
  bool long_host_id;        /* 128 bits of host_id matter, not the first 64 */
  uint8_t critical_warning; /* SMART, as last heard */
};

struct nvme_ns_info {
  uint32_t nsid;
  uint64_t size;          /* bytes */
  uint32_t lba_size;      /* bytes: 512 or 4096 ... */
  uint32_t physical_size; /* NPWG, or lba_size */
  uint32_t optimal;       /* preferred I/O size, bytes: NOWS, NOIOB; or 0 */
  bool thin;              /* NSFEAT bit 0 */
  bool deallocated_zero;  /* DLFEAT: reads of deallocated blocks are zero */
  bool write_zeroes_deac; /* DLFEAT bit 3 */
  bool write_protected;   /* NSATTR bit 0: writes fail with EPERM */
  uint8_t rescap;         /* RESCAP: reservations that it can have */
  bool gone;              /* for ever: detached, or it is another disk now */
  bool has_id;            /* NGUID, else EUI64 in its first half */
  struct uuid id;
};

/* Reset and bring up the controller behind HW, which belongs to the
 * result on success only.  NULL after log_error with *err.  O may be NULL.
 */
extern struct nvme *nvme_open (struct nvme_hw *hw, const struct nvme_options *o,
                               int *err);

/* Orderly: shutdown notification (CC.SHN), waits for it to be done, then
 * closes the hardware.  N may be NULL.
 */
extern void nvme_close (struct nvme *n);

extern void nvme_get_info (struct nvme *n, struct nvme_info *info);

/* The ids of the active namespaces, ascending: at most MAX of them from
 * the first after AFTER on; returns how many, or -1 with *err.
 */
extern int nvme_list (struct nvme *n, uint32_t after, uint32_t *nsid,
                      unsigned max, int *err);

/* Use namespace NSID: its format is examined, and refused with a message
 * that says why (metadata, LBA size).  Ends with nvme_close; until then the
 * same disk is the same namespace, however often it is opened.  NULL with
 * *err after log_error.
 */
struct nvme_ns;
extern struct nvme_ns *nvme_ns_open (struct nvme *n, uint32_t nsid, int *err);
/* As it is now: the size may change while it is in use. */
extern void nvme_ns_get_info (struct nvme_ns *ns, struct nvme_ns_info *info);

/* Ask the controller now, for those that do not tell by themselves.  Returns
 * 0, or -1 with ESHUTDOWN if the namespace is gone.
 */
extern int nvme_ns_refresh (struct nvme_ns *ns, int *err);

/* OFFSET and the sum of the vector are multiples of the LBA size, of any
 * length; elements of any length and alignment.  Split to what the
 * controller takes, all parts in flight at once.
 */
extern int nvme_read (struct nvme_ns *ns, const struct iovec *iov, int niov,
                      uint64_t offset, int *err);
extern int nvme_write (struct nvme_ns *ns, const struct iovec *iov, int niov,
                       uint64_t offset, bool fua, int *err);
extern int nvme_flush (struct nvme_ns *ns, int *err);
/* DEALLOCATE: may leave a hole.  EOPNOTSUPP if there is no such command. */
extern int nvme_zero (struct nvme_ns *ns, uint64_t count, uint64_t offset,
                      bool deallocate, bool fua, int *err);
/* Deallocate (Dataset Management), in as many ranges and commands as the
 * limits ask for; what a limit does not allow is left as it is.
 */
extern int nvme_trim (struct nvme_ns *ns, uint64_t count, uint64_t offset,
                      int *err);

/* A command of reservations (Base 7.2 to 7.6) with the dwords 10 and 11,
 * and COUNT bytes of data, a multiple of 4 and at most what a command
 * transfers, to or from the device as OPCODE says.  0 with the code of its
 * completion in *STATUS, whatever that is; -1 with *err if there is none:
 * ESHUTDOWN, ETIMEDOUT, EIO (the controller was reset).  It is never given
 * twice; but for ESHUTDOWN because the namespace is gone nobody knows what
 * became of it then.
 */
extern int nvme_reservation (struct nvme_ns *ns, uint8_t opcode, uint32_t cdw10,
                             uint32_t cdw11, void *buf, size_t count,
                             uint16_t *status, int *err);

/* An admin command that only asks (Identify, Get Log Page, Get Features):
 * BUF, of COUNT bytes, is what the device returned.  SMART: log 2.
 */
extern int nvme_identify (struct nvme *n, uint8_t cns, uint32_t nsid, void *buf,
                          int *err); /* 4096 bytes */
extern int nvme_get_log (struct nvme *n, uint8_t log, uint32_t nsid, void *buf,
                         uint32_t count, int *err);

/* Counters since nvme_open, for status and for the measurements. */
struct nvme_counts {
  uint64_t commands, doorbells, interrupts, polls;
  uint64_t sgls; /* commands whose data one SGL descriptor names */
  uint64_t timeouts, aborts, resets, bad_completions, events;
};
extern void nvme_get_counts (struct nvme *n, struct nvme_counts *c);

#endif /* DISKSTACK_NVME_H */
