/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reservations of NVMe namespaces that the kernel drives: what it is asked
 * by its ioctls, and each of them that fails.  (That it works is shown in a
 * virtual machine.)
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "nvme/nvme-spec.h"
#include "pr/pr-device.h"
#include "support/log-memory.h"
#include "support/main.h"

#include "pr-fixture.h"

#define ALL (NVME_RESCAP_TYPES | NVME_RESCAP_PERSIST)

/* The device. */
static struct {
  uint8_t rescap;
  uint16_t oncs;
  bool long_host_id;
  uint8_t host_id; /* each byte of it */

  unsigned count;   /* of commands */
  unsigned fail_at; /* this one fails ... */
  int error;        /* with this errno, or, if it is negative, status */
  uint8_t opcode;   /* of the last one */
  uint32_t nsid;
} device;

static void
identify (const struct nvme_passthru_cmd *c)
{
  void *data = (void *) (uintptr_t) c->addr;

  memset (data, 0, c->data_len);
  if (c->cdw10 == NVME_CNS_NAMESPACE) {
    struct nvme_identify_namespace *id = data;

    ck_assert_uint_eq (c->nsid, 7);
    id->rescap = device.rescap;
  }
  else {
    struct nvme_identify_controller *id = data;

    ck_assert_uint_eq (c->nsid, 0);
    id->oncs = le16_put (device.oncs);
    id->ctratt = le32_put (device.long_host_id ? NVME_CTRATT_HOST_ID_128 : 0);
  }
}

static int
execute (const struct nvme_passthru_cmd *c)
{
  void *data = (void *) (uintptr_t) c->addr;

  device.opcode = c->opcode;
  device.nsid = c->nsid;
  if (++device.count == device.fail_at) {
    errno = device.error;
    return device.error > 0 ? -1 : -device.error;
  }
  switch (c->opcode) {
  case NVME_ADMIN_IDENTIFY:
    identify (c);
    break;
  case NVME_ADMIN_GET_FEATURES:
    ck_assert_uint_eq (c->data_len, device.long_host_id ? 16 : 8);
    memset (data, device.host_id, c->data_len);
    break;
  default:
    if (!NVME_OPCODE_SENDS (c->opcode))
      memset (data, 0, c->data_len);
  }
  return 0;
}

extern int __real_ioctl (int fd, unsigned long request, ...);
extern int __wrap_ioctl (int fd, unsigned long request, ...);

int
__wrap_ioctl (int fd, unsigned long request, ...)
{
  va_list args;
  void *p;

  va_start (args, request);
  p = va_arg (args, void *);
  va_end (args);
  if (request == NVME_IOCTL_ID)
    return 7;
  if (request == NVME_IOCTL_ADMIN_CMD || request == NVME_IOCTL_IO_CMD)
    return execute (p);
  return __real_ioctl (fd, request, p);
}

static int fd;

static void
set_up (void)
{
  memset (&device, 0, sizeof device);
  device.rescap = ALL;
  device.oncs = NVME_ONCS_RESERVATIONS;
  device.long_host_id = true;
  device.host_id = 0x55;
  log_memory_clear ();
  fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  ck_assert_int_ge (fd, 0);
}

static void
tear_down (void)
{
  close (fd);
}

START_TEST (commands)
{
  struct pr_device *d = pr_device_create (fd, "nvme7");
  struct pr_target *t;
  uint64_t key;

  ck_assert_ptr_nonnull (d);
  ck_assert_uint_eq (device.count, 3);
  t = pr_device_target (d);
  ck_assert_uint_eq (pr_keys (t, &key), 0);
  ck_assert_uint_eq (device.nsid, 7);
  ck_assert_uint_eq (
    pr_do (t, "host", RESERVATION_CLEAR, RESERVATION_NONE, 1, 0), GOOD);
  ck_assert_uint_eq (device.opcode, NVME_CMD_RESERVATION_RELEASE);
  device.fail_at = device.count + 1;
  device.error = -(NVME_SC_RESERVATION | NVME_STATUS_DNR);
  ck_assert_uint_eq (
    pr_do (t, "host", RESERVATION_CLEAR, RESERVATION_NONE, 1, 0), CONFLICT);
  ck_assert_uint_eq (log_memory_errors (), 0);
  device.fail_at = device.count + 1;
  device.error = EACCES;
  ck_assert_uint_eq (
    pr_do (t, "host", RESERVATION_CLEAR, RESERVATION_NONE, 1, 0), CHECK);
  ck_assert (log_memory_contains ("nvme7: reservation command 0x15"));
  pr_device_free (d);
}
END_TEST

/* Each question fails, by the kernel and by the device. */
START_TEST (questions_fail)
{
  device.fail_at = (unsigned) _i / 2 + 1;
  device.error = _i % 2 == 0 ? EACCES : -NVME_SC_INVALID_FIELD;
  ck_assert_ptr_null (pr_device_create (fd, "nvme7"));
  ck_assert_int_eq (errno, _i % 2 == 0 ? EACCES : EOPNOTSUPP);
  ck_assert_uint_eq (log_memory_errors (), 1);
  ck_assert (log_memory_contains ("nvme7: NVMe admin command 0x"));
}
END_TEST

START_TEST (without)
{
  if (_i == 0)
    device.rescap = NVME_RESCAP_PERSIST;
  else
    device.oncs = 0;
  ck_assert_ptr_null (pr_device_create (fd, "nvme7"));
  ck_assert_int_eq (errno, EOPNOTSUPP);
  ck_assert (log_memory_contains ("nvme7: the namespace has no persistent"));
}
END_TEST

/* A host that nobody gave an identity sees, and changes nothing. */
START_TEST (nobody)
{
  struct pr_device *d;
  uint64_t key;

  device.host_id = 0;
  device.long_host_id = false;
  d = pr_device_create (fd, "nvme7");
  ck_assert_ptr_nonnull (d);
  ck_assert_uint_eq (pr_keys (pr_device_target (d), &key), 0);
  device.count = 0;
  ck_assert_uint_eq (pr_do (pr_device_target (d), "host", RESERVATION_REGISTER,
                            RESERVATION_NONE, 0, 1),
                     CHECK);
  ck_assert_uint_eq (device.count, 0);
  ck_assert (log_memory_contains ("identifier"));
  pr_device_free (d);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("pr-device");
  TCase *c = test_case (suite, "nvme");

  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, commands);
  tcase_add_loop_test (c, questions_fail, 0, 6);
  tcase_add_loop_test (c, without, 0, 2);
  tcase_add_test (c, nobody);
  return test_run (suite);
}
