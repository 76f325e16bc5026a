/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small process beside the trigger that outlives neither it nor, for long, the service: kills a trigger
 * that doesn't end with its service. Must not know what a trigger does. */
#include "trigger-minder.h"

#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A trigger that works has ended by then: whom it is just meeting it leaves after a second. A kill that comes
 * too early does no harm either. */
#define PATIENCE_MS 1500

static void
mind (int trigger)
{
  struct pollfd service = { .fd = SC_WIRE_FD }; /* hang-up is always told */
  sigset_t all;

  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  prctl (PR_SET_NAME, "syscare-minder");
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setsid ();
  syscall (SYS_close_range, 0, SC_WIRE_FD - 1, 0);
  syscall (SYS_close_range, SC_WIRE_FD + 1, ~0u, 0);
  if (getppid () != trigger)
    _exit (0);
  while (poll (&service, 1, -1) < 0 && errno == EINTR)
    ;
  nanosleep (&(struct timespec){ PATIENCE_MS / 1000, PATIENCE_MS % 1000 * 1000000L }, NULL);
  if (getppid () == trigger)
    kill (trigger, SIGKILL);
  _exit (0);
}

gboolean
sc_trigger_minder_start (void)
{
  int trigger = getpid (), pid = fork ();

  if (pid == 0)
    mind (trigger);
  return pid > 0;
}
