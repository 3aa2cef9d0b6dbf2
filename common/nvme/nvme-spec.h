/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an NVMe controller and its host say to each other: registers,
 * commands, completions and data structures, as far as this driver uses
 * them.  Section numbers are of the NVM Express Base Specification 2.0
 * ("Base") and of the NVM Command Set Specification 1.0 ("NVM").
 */

#ifndef DISKSTACK_NVME_SPEC_H
#define DISKSTACK_NVME_SPEC_H

#include <stdint.h>

#include "base/bytes.h"

/* Registers (Base 3.1.3). */
enum {
  NVME_REG_CAP = 0x00, /* 64 bits */
  NVME_REG_VS = 0x08,
  NVME_REG_CC = 0x14,
  NVME_REG_CSTS = 0x1c,
  NVME_REG_AQA = 0x24,
  NVME_REG_ASQ = 0x28, /* 64 bits */
  NVME_REG_ACQ = 0x30, /* 64 bits */
  NVME_REG_DOORBELLS = 0x1000,
};

/* Of the register VS. */
#define NVME_VERSION(major, minor) \
  ((uint32_t) (major) << 16 | (uint32_t) (minor) << 8)

/* What reads of a device return that is not there any more. */
#define NVME_GONE_32 UINT32_MAX
#define NVME_GONE_64 UINT64_MAX

#define NVME_CC_EN (UINT32_C (1) << 0)
#define NVME_CC_CSS_ALL (UINT32_C (6) << 4) /* all I/O command sets */
#define NVME_CC_MPS(mps) ((uint32_t) (mps) << 7)
#define NVME_CC_SHN_MASK (UINT32_C (3) << 14)
#define NVME_CC_SHN_NORMAL (UINT32_C (1) << 14)
#define NVME_CC_IOSQES (UINT32_C (6) << 16) /* entries of 64 bytes */
#define NVME_CC_IOCQES (UINT32_C (4) << 20) /* and of 16 */

#define NVME_CSTS_RDY (UINT32_C (1) << 0)
#define NVME_CSTS_CFS (UINT32_C (1) << 1)
#define NVME_CSTS_SHST_MASK (UINT32_C (3) << 2)
#define NVME_CSTS_SHST_DONE (UINT32_C (2) << 2)

/* A submission queue entry (Base 3.3.3.1). */
struct nvme_sqe {
  uint8_t opcode; /* 0x00 */
  uint8_t flags;  /* 0x01: fused operations, PSDT */
  le16 cid;       /* 0x02 */
  le32 nsid;      /* 0x04 */
  le32 cdw2;      /* 0x08 */
  le32 cdw3;      /* 0x0c */
  le64 mptr;      /* 0x10 */
  le64 prp1;      /* 0x18 */
  le64 prp2;      /* 0x20 */
  le32 cdw10;     /* 0x28 */
  le32 cdw11;     /* 0x2c */
  le32 cdw12;     /* 0x30 */
  le32 cdw13;     /* 0x34 */
  le32 cdw14;     /* 0x38 */
  le32 cdw15;     /* 0x3c */
};
_Static_assert(sizeof (struct nvme_sqe) == 64, "submission queue entry");

/* In the place of the two PRPs there may be one SGL descriptor, of a data
 * block (Base 4.1.2): the address, and 64 bits of which 31:0 are its length
 * and 63:56 its type.
 */
#define NVME_SQE_PSDT_MASK 0xc0u
#define NVME_SQE_PSDT_SGL 0x40u
#define NVME_SGL_TYPE(prp2) ((prp2) >> 56)
#define NVME_SGL_DATA_BLOCK 0x00u

/* A completion queue entry (Base 3.3.3.2): four words, of which the last
 * has the phase, is written last and is read first.
 */
struct nvme_cqe {
  uint32_t dw[4]; /* little endian */
};
_Static_assert(sizeof (struct nvme_cqe) == 16, "completion queue entry");

#define NVME_CQE_PHASE (UINT32_C (1) << 16) /* of dw[3] */

/* Admin commands (Base 5). */
enum {
  NVME_ADMIN_DELETE_SQ = 0x00,
  NVME_ADMIN_CREATE_SQ = 0x01,
  NVME_ADMIN_GET_LOG = 0x02,
  NVME_ADMIN_DELETE_CQ = 0x04,
  NVME_ADMIN_CREATE_CQ = 0x05,
  NVME_ADMIN_IDENTIFY = 0x06,
  NVME_ADMIN_ABORT = 0x08,
  NVME_ADMIN_SET_FEATURES = 0x09,
  NVME_ADMIN_GET_FEATURES = 0x0a,
  NVME_ADMIN_ASYNC_EVENT = 0x0c,
  NVME_ADMIN_DOORBELL_BUFFERS = 0x7c,
};

/* I/O commands (NVM 3). */
enum {
  NVME_CMD_FLUSH = 0x00,
  NVME_CMD_WRITE = 0x01,
  NVME_CMD_READ = 0x02,
  NVME_CMD_WRITE_ZEROES = 0x08,
  NVME_CMD_DATASET = 0x09,
};

/* I/O commands for reservations (Base 7). */
enum {
  NVME_CMD_RESERVATION_REGISTER = 0x0d,
  NVME_CMD_RESERVATION_REPORT = 0x0e,
  NVME_CMD_RESERVATION_ACQUIRE = 0x11,
  NVME_CMD_RESERVATION_RELEASE = 0x15,
};

/* Does data go to the controller (Base 3.3.3.1: the opcode's bits 1:0)? */
#define NVME_OPCODE_SENDS(opcode) (((opcode) &3u) == 1)

#define NVME_CDW12_DEAC (UINT32_C (1) << 25) /* Write Zeroes */
#define NVME_CDW12_FUA (UINT32_C (1) << 30)
#define NVME_DATASET_DEALLOCATE (UINT32_C (1) << 2) /* cdw11 */

enum {
  NVME_CNS_NAMESPACE = 0x00,
  NVME_CNS_CONTROLLER = 0x01,
  NVME_CNS_ACTIVE_LIST = 0x02,
  NVME_CNS_DESCRIPTORS = 0x03,    /* identities of a namespace */
  NVME_CNS_CONTROLLER_NVM = 0x06, /* limits of the NVM command set */
};

enum {
  NVME_FEATURE_QUEUES = 0x07,
  NVME_FEATURE_ASYNC_EVENTS = 0x0b,
  NVME_FEATURE_HOST_ID = 0x81,
};

#define NVME_HOST_ID_EXTENDED (1u << 0) /* cdw11: 128 bits, not 64 */
#define NVME_HOST_ID_SHORT 8            /* bytes of the others */

enum {
  NVME_LOG_SMART = 0x02,
  NVME_LOG_CHANGED_NAMESPACES = 0x04,
};

#define NVME_DATA_SIZE 4096 /* of most data structures */
#define NVME_NSID_ALL UINT32_MAX
#define NVME_LIST_MAX 1024 /* namespace ids in a list */

/* Identify Controller (Base 5.17.2.1). */
struct nvme_identify_controller {
  uint8_t vid[4];         /* 0x000 */
  char sn[20];            /* 0x004 */
  char mn[40];            /* 0x018 */
  char fr[8];             /* 0x040 */
  uint8_t rab[5];         /* 0x048 */
  uint8_t mdts;           /* 0x04d */
  le16 cntlid;            /* 0x04e */
  le32 ver;               /* 0x050 */
  le32 rtd3r;             /* 0x054 */
  le32 rtd3e;             /* 0x058: microseconds for a shutdown */
  le32 oaes;              /* 0x05c */
  le32 ctratt;            /* 0x060 */
  uint8_t rrls[156];      /* 0x064 */
  le16 oacs;              /* 0x100 */
  uint8_t acl;            /* 0x102 */
  uint8_t aerl;           /* 0x103 */
  uint8_t frmw[252];      /* 0x104 */
  uint8_t sqes;           /* 0x200 */
  uint8_t cqes;           /* 0x201 */
  le16 maxcmd;            /* 0x202 */
  le32 nn;                /* 0x204 */
  le16 oncs;              /* 0x208 */
  uint8_t fuses[3];       /* 0x20a */
  uint8_t vwc;            /* 0x20d */
  uint8_t awun[10];       /* 0x20e */
  le32 sgls;              /* 0x218 */
  uint8_t reserved[3556]; /* 0x21c */
};
_Static_assert(sizeof (struct nvme_identify_controller) == 4096,
               "Identify Controller");
_Static_assert(offsetof (struct nvme_identify_controller, mdts) == 77, "");
_Static_assert(offsetof (struct nvme_identify_controller, oaes) == 92, "");
_Static_assert(offsetof (struct nvme_identify_controller, oacs) == 256, "");
_Static_assert(offsetof (struct nvme_identify_controller, sqes) == 512, "");
_Static_assert(offsetof (struct nvme_identify_controller, nn) == 516, "");
_Static_assert(offsetof (struct nvme_identify_controller, vwc) == 525, "");
_Static_assert(offsetof (struct nvme_identify_controller, sgls) == 536, "");

#define NVME_OACS_DOORBELL_BUFFERS (1u << 8)
#define NVME_ONCS_DATASET (1u << 2)
#define NVME_ONCS_WRITE_ZEROES (1u << 3)
#define NVME_ONCS_RESERVATIONS (1u << 5)
#define NVME_VWC_PRESENT 1u
#define NVME_CTRATT_HOST_ID_128 (UINT32_C (1) << 0)
#define NVME_SGLS_MASK 3u /* 0: no SGLs; 3 is reserved */
#define NVME_SGLS_ANY 1u
#define NVME_SGLS_DWORDS 2u /* aligned to four bytes, address and length */

/* Identify Controller for the NVM command set (NVM 4.1.5.2). */
struct nvme_identify_limits {
  uint8_t vsl;            /* 0x000 */
  uint8_t wzsl;           /* 0x001: 2^n smallest pages; 0: no limit */
  uint8_t wusl;           /* 0x002 */
  uint8_t dmrl;           /* 0x003: ranges in a command; 0: no limit */
  le32 dmrsl;             /* 0x004: blocks in a range; 0: no limit */
  le64 dmsl;              /* 0x008: blocks in a command; 0: no limit */
  uint8_t reserved[4080]; /* 0x010 */
};
_Static_assert(sizeof (struct nvme_identify_limits) == 4096,
               "Identify Controller, NVM command set");

/* An LBA format (NVM 4.1.5.1). */
struct nvme_lba_format {
  le16 ms;       /* 0x00: bytes of metadata */
  uint8_t lbads; /* 0x02: size of a block is 2^n */
  uint8_t rp;    /* 0x03 */
};
_Static_assert(sizeof (struct nvme_lba_format) == 4, "LBA format");

/* Identify Namespace (NVM 4.1.5.1). */
struct nvme_identify_namespace {
  le64 nsze;                       /* 0x000: blocks */
  le64 ncap;                       /* 0x008 */
  le64 nuse;                       /* 0x010 */
  uint8_t nsfeat;                  /* 0x018 */
  uint8_t nlbaf;                   /* 0x019: formats less one */
  uint8_t flbas;                   /* 0x01a */
  uint8_t mc[4];                   /* 0x01b */
  uint8_t rescap;                  /* 0x01f */
  uint8_t fpi;                     /* 0x020 */
  uint8_t dlfeat;                  /* 0x021 */
  uint8_t nawun[12];               /* 0x022 */
  le16 noiob;                      /* 0x02e: blocks */
  uint8_t nvmcap[16];              /* 0x030 */
  le16 npwg;                       /* 0x040: blocks less one */
  le16 npwa;                       /* 0x042 */
  le16 npdg;                       /* 0x044 */
  le16 npda;                       /* 0x046 */
  le16 nows;                       /* 0x048: blocks less one */
  uint8_t mssrl[25];               /* 0x04a */
  uint8_t nsattr;                  /* 0x063 */
  le32 nvmsetid;                   /* 0x064 */
  uint8_t nguid[16];               /* 0x068 */
  uint8_t eui64[8];                /* 0x078 */
  struct nvme_lba_format lbaf[64]; /* 0x080 */
  uint8_t reserved[3712];          /* 0x180 */
};
_Static_assert(sizeof (struct nvme_identify_namespace) == 4096,
               "Identify Namespace");
_Static_assert(offsetof (struct nvme_identify_namespace, rescap) == 31, "");
_Static_assert(offsetof (struct nvme_identify_namespace, dlfeat) == 33, "");
_Static_assert(offsetof (struct nvme_identify_namespace, noiob) == 46, "");
_Static_assert(offsetof (struct nvme_identify_namespace, npwg) == 64, "");
_Static_assert(offsetof (struct nvme_identify_namespace, nsattr) == 99, "");
_Static_assert(offsetof (struct nvme_identify_namespace, nguid) == 104, "");
_Static_assert(offsetof (struct nvme_identify_namespace, lbaf) == 128, "");

#define NVME_NSFEAT_THIN (1u << 0)
#define NVME_NSFEAT_OPTPERF (1u << 4) /* NPWG ... NOWS are told */
#define NVME_NSATTR_WRITE_PROTECTED (1u << 0)
#define NVME_DLFEAT_READ_MASK 7u
#define NVME_DLFEAT_READ_ZERO 1u
#define NVME_DLFEAT_WRITE_ZEROES_DEAC (1u << 3)

/* A range of Dataset Management (NVM 3.2.3). */
struct nvme_range {
  le32 attributes; /* 0x00 */
  le32 nlb;        /* 0x04: not less one */
  le64 slba;       /* 0x08 */
};
_Static_assert(sizeof (struct nvme_range) == 16, "range");

/* A descriptor of an identity (Base 5.17.2.3); as many bytes follow as its
 * length says, and then the next, until one of length 0.
 */
struct nvme_id_descriptor {
  uint8_t nidt;        /* 0x00 */
  uint8_t nidl;        /* 0x01 */
  uint8_t reserved[2]; /* 0x02 */
};
_Static_assert(sizeof (struct nvme_id_descriptor) == 4, "descriptor");
#define NVME_NIDT_UUID 3

#define NVME_RANGES_MAX 256 /* in a command */

/* RESCAP: kept through power loss; the types follow, from bit 1 on. */
#define NVME_RESCAP_PERSIST (1u << 0)
#define NVME_RESCAP_TYPES 0x7eu

/* cdw10 of Reservation Register, Acquire and Release: the action in bits
 * 2:0, the type in 15:8.
 */
enum {
  NVME_REGISTER = 0,
  NVME_UNREGISTER = 1,
  NVME_REPLACE = 2,
};
enum {
  NVME_ACQUIRE = 0,
  NVME_PREEMPT = 1,
  NVME_PREEMPT_AND_ABORT = 2,
};
enum {
  NVME_RELEASE = 0,
  NVME_CLEAR = 1,
};
#define NVME_RESERVATION_IGNORE_KEY (UINT32_C (1) << 3)
#define NVME_RESERVATION_TYPE(type) ((uint32_t) (type) << 8)
#define NVME_RESERVATION_NOT_KEPT (UINT32_C (2) << 30) /* CPTPL */
#define NVME_RESERVATION_KEPT (UINT32_C (3) << 30)

/* cdw11 of Reservation Report: host identifiers of 128 bits. */
#define NVME_REPORT_EXTENDED (1u << 0)

/* The data of Register, Acquire and, without its second half, Release. */
struct nvme_reservation_keys {
  le64 current; /* 0x00: CRKEY */
  le64 other;   /* 0x08: NRKEY, PRKEY */
};
_Static_assert(sizeof (struct nvme_reservation_keys) == 16, "keys");

/* The head of Reservation Report (Base 7.4.1). */
struct nvme_reservation_report {
  le32 gen;            /* 0x00 */
  uint8_t rtype;       /* 0x04 */
  uint8_t regctl[2];   /* 0x05 */
  uint8_t reserved[2]; /* 0x07 */
  uint8_t ptpls;       /* 0x09 */
  uint8_t rest[14];    /* 0x0a */
};
_Static_assert(sizeof (struct nvme_reservation_report) == 24, "report");
#define NVME_REPORT_EXTENDED_HEAD 64

/* A registered controller, and with a host identifier of 128 bits. */
struct nvme_registered {
  le16 cntlid;         /* 0x00 */
  uint8_t rcsts;       /* 0x02: bit 0: its host holds the reservation */
  uint8_t reserved[5]; /* 0x03 */
  uint8_t hostid[8];   /* 0x08 */
  le64 rkey;           /* 0x10 */
};
_Static_assert(sizeof (struct nvme_registered) == 24, "registered controller");

struct nvme_registered_extended {
  le16 cntlid;           /* 0x00 */
  uint8_t rcsts;         /* 0x02 */
  uint8_t reserved[5];   /* 0x03 */
  le64 rkey;             /* 0x08 */
  uint8_t hostid[16];    /* 0x10 */
  uint8_t reserved2[32]; /* 0x20 */
};
_Static_assert(sizeof (struct nvme_registered_extended) == 64,
               "registered controller, extended");

#define NVME_RCSTS_HOLDER 1u

/* SMART / Health Information (Base 5.16.1.3): all that is used of it. */
#define NVME_SMART_SIZE 512
#define NVME_SMART_CRITICAL_WARNING 0 /* the offset of that byte */

/* Status of a completion (Base 3.3.3.2.1) without the phase: code type in
 * bits 10:8, code in 7:0.
 */
#define NVME_STATUS_CODE_MASK 0x7ffu
#define NVME_STATUS_CRD(s) ((s) >> 11 & 3u)
#define NVME_STATUS_DNR (1u << 14) /* do not retry */
enum {
  NVME_SC_SUCCESS = 0x000,
  NVME_SC_INVALID_OPCODE = 0x001,
  NVME_SC_INVALID_FIELD = 0x002,
  NVME_SC_DATA_TRANSFER = 0x004,
  NVME_SC_POWER_LOSS = 0x005,
  NVME_SC_INTERNAL = 0x006,
  NVME_SC_ABORT_REQUESTED = 0x007,
  NVME_SC_SQ_DELETED = 0x008,
  NVME_SC_INVALID_NAMESPACE = 0x00b,
  NVME_SC_SEQUENCE = 0x00c,
  NVME_SC_HOST_ID_FORMAT = 0x018,
  NVME_SC_WRITE_PROTECTED = 0x020,
  NVME_SC_INTERRUPTED = 0x021,
  NVME_SC_TRANSIENT = 0x022,
  NVME_SC_LBA_RANGE = 0x080,
  NVME_SC_CAPACITY = 0x081,
  NVME_SC_NOT_READY = 0x082,
  NVME_SC_RESERVATION = 0x083,
  NVME_SC_CQ_INVALID = 0x100,
  NVME_SC_INVALID_QID = 0x101,
  NVME_SC_INVALID_SIZE = 0x102,
  NVME_SC_ASYNC_LIMIT = 0x105,
  NVME_SC_WRITE_FAULT = 0x280,
  NVME_SC_READ_ERROR = 0x281,
  NVME_SC_ACCESS_DENIED = 0x286,
};

/* Asynchronous events (Base 5.2.1): type in bits 2:0 of the result,
 * information in 15:8.
 */
enum {
  NVME_EVENT_ERROR = 0,
  NVME_EVENT_SMART = 1,
  NVME_EVENT_NOTICE = 2,
};
#define NVME_NOTICE_NAMESPACE 0 /* attributes of a namespace changed */

/* Which are wanted (feature 0x0b): SMART warnings, namespace notices. */
#define NVME_ASYNC_SMART 0xffu
#define NVME_ASYNC_NAMESPACE (1u << 8)

#endif /* DISKSTACK_NVME_SPEC_H */
