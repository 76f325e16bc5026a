/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guard: a small process that outlives the trigger and lets go whom the net has stopped by a signal. Must
 * not need anything but the shared page and system calls: no allocation, no locks. Source: proc(5). */
#include "user/net.h"
#include "base/urgent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel's part may still be about to send SIGSTOP when we wake up, for as long as its patience and a
 * scheduler's mood last. */
#define ROUNDS 100
#define PAUSE_MS 20

#define STATUS_SIZE 4096 /* bytes of /proc/PID/status; it has some 1,500 */
#define NUMBER_SIZE 12   /* of an id in decimal digits */
#define PENDING_DIGITS 16

static char *
append (char *to, const char *text)
{
  while (*text != '\0')
    *to++ = *text++;
  *to = '\0';
  return to;
}

static char *
append_number (char *to, guint number)
{
  char digits[NUMBER_SIZE] = "";
  guint i = sizeof digits - 1;

  do
    digits[--i] = (char)('0' + number % 10);
  while ((number /= 10) != 0);
  return append (to, digits + i);
}

/* FALSE: the thread is gone. */
static gboolean
read_status (guint pid, guint tid, char text[STATUS_SIZE])
{
  char path[sizeof "/proc//task//status" + 2 * NUMBER_SIZE];

  append (append_number (append (append_number (append (path, "/proc/"), pid), "/task/"), tid), "/status");
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gssize size = fd >= 0 ? read (fd, text, STATUS_SIZE - 1) : -1;
  if (fd >= 0)
    close (fd);
  text[MAX (size, 0)] = '\0';
  return size > 0;
}

/* Whether SIGSTOP waits for the thread of status @text. */
static gboolean
is_about_to_stop (const char *text)
{
  const char *field = "\nSigPnd:\t";
  const char *pending = strstr (text, field);
  const guint bit = SIGSTOP - 1;

  if (pending == NULL || strlen (pending) < strlen (field) + PENDING_DIGITS)
    return FALSE;
  int digit = g_ascii_xdigit_value (pending[strlen (field) + PENDING_DIGITS - 1 - bit / 4]);
  return digit >= 0 && (digit & 1 << bit % 4) != 0;
}

/* Whoever isn't stopped mustn't be told to go on: it may have a handler for that, and its calls come back
 * with EINTR. One whom something keeps from stopping (the freezer, say) may stop when nobody is there any
 * more: at the @last time its signal is taken back. */
static void
continue_stopped (struct lp_net_slot *slot, guint state, gboolean last)
{
  char text[STATUS_SIZE];

  if (!read_status (slot->pid, state >> 3, text)
      || (strstr (text, "\nState:\tT") == NULL && !(last && is_about_to_stop (text))))
    return;
  kill ((pid_t)slot->pid, SIGCONT);
  __atomic_compare_exchange_n (&slot->state, &state, LP_NET_FREE, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* At the @last time a signal that still doesn't come is left to the one who sends it, to be undone. */
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
      if (LP_NET_HOW (state) == LP_NET_STOPPED)
        continue_stopped (slot, state, last);
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
