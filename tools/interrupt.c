/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See interrupt.h.
 */

#include <config.h>

#include <signal.h>
#include <stddef.h>

#include "interrupt.h"

static volatile sig_atomic_t came;

static void
on_signal (int signal)
{
  came = 1;
}

void
interrupt_catch (void)
{
  struct sigaction sa = { .sa_handler = on_signal,
                          .sa_flags = SA_RESETHAND | SA_RESTART };

  sigaction (SIGINT, &sa, NULL);
  sigaction (SIGTERM, &sa, NULL);
}

bool
interrupt_came (void)
{
  return came != 0;
}
