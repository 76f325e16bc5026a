/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard: a small process that outlives the trigger and lets go whom the net has stopped by a signal. Must
 * not need anything but the shared page: no allocation, no locks, no descriptors. */
#include "user/net.h"
#include "base/urgent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel's part may still be about to send SIGSTOP when we wake up, for as long as its patience and a
 * scheduler's mood last. */
#define ROUNDS 100
#define PAUSE_MS 20

/* A stopped process may be continued twice: SIGCONT does nothing to one that runs. At the @last time a signal
 * that still doesn't come is left to the one who sends it, to be undone. */
static void
continue_all (struct lp_net_control *control, gboolean last)
{
  for (guint i = 0; i < LP_NET_SLOTS; i++)
    {
      struct lp_net_slot *slot = &control->slots[i];
      guint state = __atomic_load_n (&slot->state, __ATOMIC_SEQ_CST);
      if (last && LP_NET_HOW (state) == LP_NET_STOPPING
          && __atomic_compare_exchange_n (&slot->state, &state, LP_NET_FREE, FALSE, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST))
        continue;
      if (LP_NET_HOW (state) >= LP_NET_STOPPING)
        kill ((pid_t)slot->pid, SIGCONT);
    }
}

static void
run_guard (struct lp_net_control *control, int parent)
{
  struct pollfd end = { .fd = parent, .events = POLLIN };
  sigset_t all;

  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  prctl (PR_SET_NAME, "syscare-guard");
  setsid ();
  lp_urgent_end ();
  /* All of the trigger's descriptors but the one of itself: what ends with the trigger must end with it. */
  if (parent > 0)
    syscall (SYS_close_range, 0, parent - 1, 0);
  syscall (SYS_close_range, parent + 1, ~0u, 0);
  while (poll (&end, 1, -1) < 0 && errno == EINTR)
    ;
  control->alive_until = 0;
  for (guint i = 0; i < ROUNDS; i++)
    {
      continue_all (control, i == ROUNDS - 1);
      nanosleep (&(struct timespec){ 0, PAUSE_MS * 1000000L }, NULL);
    }
  _exit (0);
}

int
lp_net_guard_start (struct lp_net_control *control, int *pid)
{
  int parent = (int)syscall (SYS_pidfd_open, getpid (), 0);

  if (parent < 0)
    return -1;
  *pid = fork ();
  if (*pid == 0)
    run_guard (control, parent);
  close (parent);
  return *pid > 0 ? (int)syscall (SYS_pidfd_open, *pid, 0) : -1;
}
