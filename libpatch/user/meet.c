/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tracer's side of the gate: seize, let the kernel go on, catch the thread before the target's code,
 * patch, let go. Must not know fanotify. Source: ptrace(2). */
#include "user/meet.h"
#include "base/step.h"
#include "base/urgent.h"
#include "process/stop.h"
#include "user/entries.h"
#include "user/target.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A stop is mostly reached within this time, so it is awaited without sleeping. */
#define SPIN_US 200
#define PAUSE_NS 50000
/* ld.so needs about a dozen system calls between opening a library and having it mapped. A reader of the file
 * needs fewer to show that it is one; both are let go after this many. */
#define CALLS_MAX 40
#define STATUS_SYSCALL (SIGTRAP | 0x80)
#define STATUS_EVENT(status) ((status) >> 16)

typedef struct {
  int owner;         /* process that started the tracer */
  int tid;           /* as waitpid() names it: becomes the process's id at exec */
  gboolean exec;     /* the gate held it inside exec */
  gboolean executed; /* the exec has happened */
  guint calls;       /* system calls seen since it was let through */
  gboolean maps;     /* one of them may have mapped code; nobody has looked since */
  gint64 deadline;   /* monotonic microseconds */
  GPtrArray *entities;
  const LpMeetKeeper *keeper;
  gboolean left; /* the keeper was told that we are leaving */
  LpMeetResult *result;
} Meeting;

static void
set_outcome (Meeting *meeting, LpMeetOutcome outcome, const char *reason)
{
  meeting->result->outcome = outcome;
  g_free (meeting->result->reason);
  meeting->result->reason = g_strdup (reason);
}

/* Waits for the next stop. FALSE: the thread ended, or the time is over. */
static gboolean
await_stop (Meeting *meeting, int *status)
{
  gint64 started = g_get_monotonic_time ();

  for (;;)
    {
      /* Any of our tracees: an exec by a thread that isn't the leader changes its id. This tracer has no
       * other. */
      pid_t got = waitpid (-1, status, __WALL | __WNOTHREAD | WNOHANG);
      gint64 now = g_get_monotonic_time ();

      if (got > 0 && WIFSTOPPED (*status))
        {
          meeting->tid = got;
          return TRUE;
        }
      if (got < 0 && errno != EINTR)
        {
          set_outcome (meeting, LP_MEET_NOT_CONCERNED, "the process has ended");
          return FALSE;
        }
      if (now > meeting->deadline)
        {
          set_outcome (meeting, LP_MEET_LATER, "it did not come to the point in time");
          return FALSE;
        }
      if (now - started < SPIN_US)
        sched_yield ();
      else
        nanosleep (&(struct timespec){ 0, PAUSE_NS }, NULL);
    }
}

static void
tell_leaving (Meeting *meeting)
{
  if (!meeting->left)
    meeting->keeper->leaving (meeting->keeper->user_data);
  meeting->left = TRUE;
}

static gboolean
resume (const Meeting *meeting, int request, int signal)
{
  return ptrace (request, meeting->tid, 0, (long)signal) == 0;
}

static gboolean
is_single_threaded (const LpProcess *process)
{
  g_autoptr (GArray) threads = lp_process_threads (process, NULL);

  return threads != NULL && threads->len == 1;
}

/* Patches the process, which stands in a PTRACE_EVENT_STOP. */
static void
patch_here (Meeting *meeting)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpTarget) target = lp_target_new (meeting->result->pid, meeting->entities, &error);

  if (target == NULL)
    {
      set_outcome (meeting, LP_MEET_FAILED, error->message);
      return;
    }
  if (!lp_target_needs (target, LP_STEP_ACTIVATE))
    {
      set_outcome (meeting, LP_MEET_NOT_CONCERNED, "");
      return;
    }

  if (meeting->exec && !meeting->executed && !is_single_threaded (lp_target_process (target)))
    {
      set_outcome (meeting, LP_MEET_LATER, "its other threads run the target already");
      return;
    }
  g_autoptr (LpStop) stop = lp_stop_adopt (lp_target_process (target), meeting->tid);
  gboolean done = lp_target_check (target, LP_STEP_ACTIVATE, LP_CONSISTENCY_STRICT, &error)
                  && lp_target_activate_held (target, stop, &error);
  if (done && meeting->keeper->entries != NULL)
    lp_entries_restore (target, meeting->tid, meeting->entities, meeting->keeper->entries);
  lp_step ("opener patched");
  tell_leaving (meeting);
  lp_stop_release (stop);
  lp_step ("opener let go");
  if (done)
    {
      set_outcome (meeting, LP_MEET_PATCHED, "");
      return;
    }
  /* A symbol that isn't there yet will be when the program runs. */
  gboolean may_come = g_error_matches (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH)
                      || g_error_matches (error, LP_ERROR, LP_ERROR_PROCESS_BUSY);
  set_outcome (meeting, may_come ? LP_MEET_LATER : LP_MEET_FAILED, error->message);
  lp_target_unmap (target, /* only_placed= */ TRUE, NULL, NULL);
}

/* Whether some target is completely mapped now: the dynamic linker has gone on to other things. */
static gboolean
is_mapped (Meeting *meeting)
{
  g_autoptr (LpTarget) target = lp_target_new (meeting->result->pid, meeting->entities, NULL);

  return target != NULL && lp_target_needs (target, LP_STEP_ACTIVATE);
}

/* Whether a system call may give the process code that it didn't have. */
static gboolean
maps_code (guint64 number, const guint64 *args)
{
  if (number == SYS_mmap || number == SYS_mprotect || number == SYS_pkey_mprotect)
    return (args[2] & PROT_EXEC) != 0;
  return number == SYS_mremap;
}

/* A system call stop of an opener. TRUE: it has mapped the library, and is at the entry of a call that is no
 * longer part of the mapping. To look is dear: a dynamic linker makes some calls more for each of its
 * libraries.
 */
static gboolean
opener_has_mapped (Meeting *meeting)
{
  struct __ptrace_syscall_info info;

  meeting->calls++;
  if (ptrace (PTRACE_GET_SYSCALL_INFO, meeting->tid, sizeof info, &info) <= 0
      || info.op != PTRACE_SYSCALL_INFO_ENTRY)
    return FALSE;
  meeting->maps |= maps_code (info.entry.nr, info.entry.args);
  if (!meeting->maps || info.entry.nr == SYS_mmap || info.entry.nr == SYS_mprotect)
    return FALSE;
  meeting->maps = FALSE;
  return is_mapped (meeting);
}

/* One stop on the way. TRUE: go on waiting. */
static gboolean
handle_stop (Meeting *meeting, int status, gboolean *may_patch)
{
  int event = STATUS_EVENT (status), signal = WSTOPSIG (status);

  if (event == PTRACE_EVENT_EXEC)
    {
      /* Still inside exec: the next stop is on its way out, with nothing executed. */
      meeting->executed = TRUE;
      lp_step ("opener has executed");
      meeting->result->pid = meeting->tid;
      *may_patch = meeting->exec;
      return ptrace (PTRACE_INTERRUPT, meeting->tid, 0, 0) == 0 && resume (meeting, PTRACE_CONT, 0);
    }
  if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
    {
      set_outcome (meeting, LP_MEET_LATER, "it is being stopped by a signal");
      return FALSE;
    }
  if (event == PTRACE_EVENT_STOP && (*may_patch || meeting->exec))
    {
      /* Inside exec and no exec seen: it has failed, and the process is back in its old program; or we came
       * just too late to see it. */
      patch_here (meeting);
      return FALSE;
    }
  if (event == PTRACE_EVENT_STOP)
    return !is_mapped (meeting)
           && resume (meeting, PTRACE_SYSCALL, 0); /* mapped already: others may be running in it */
  if (signal == STATUS_SYSCALL)
    {
      *may_patch = opener_has_mapped (meeting);
      if (*may_patch)
        return ptrace (PTRACE_INTERRUPT, meeting->tid, 0, 0) == 0 && resume (meeting, PTRACE_CONT, 0);
      return meeting->calls < 2 * CALLS_MAX && resume (meeting, PTRACE_SYSCALL, 0);
    }
  return resume (meeting, meeting->exec ? PTRACE_CONT : PTRACE_SYSCALL,
                 signal); /* the program's own signal */
}

/* Process id of thread @tid, 0 when it is gone. */
static int
process_of (int tid)
{
  g_autoptr (LpProcess) process = lp_process_open (tid, NULL);
  g_autofree char *tgid = process != NULL ? lp_process_status (process, 0, "Tgid") : NULL;

  return tgid != NULL ? (int)g_ascii_strtoll (tgid, NULL, 10) : 0;
}

/* Until the opener is let through, the tracer may wait for it while it waits for an answer from the gate,
 * which our descriptor keeps open: if our owner is killed, nobody gives that answer any more, and only our
 * end closes the gate. Nothing has been changed in the opener by then. FALSE: the owner has ended already. */
static gboolean
end_with_owner (const Meeting *meeting)
{
  return prctl (PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid () == meeting->owner;
}

/* The whole meeting, in the tracer. */
static gboolean
hold_meeting (gpointer data, GError **error)
{
  Meeting *meeting = data;

  if (!end_with_owner (meeting))
    return TRUE;
  lp_step ("opener about to be seized");
  gboolean seized = ptrace (PTRACE_SEIZE, meeting->tid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD) == 0
                    && ptrace (PTRACE_INTERRUPT, meeting->tid, 0, 0) == 0;
  int number = errno;

  lp_step ("opener seized");
  meeting->keeper->allow (meeting->keeper->user_data);
  prctl (PR_SET_PDEATHSIG, 0);
  lp_urgent_end ();
  lp_step ("opener let through");
  if (!seized)
    {
      g_autofree char *reason = g_strdup_printf ("can't attach: %s", g_strerror (number));
      set_outcome (meeting, number == ESRCH ? LP_MEET_NOT_CONCERNED : LP_MEET_LATER, reason);
      tell_leaving (meeting);
      return TRUE;
    }

  int status;
  gboolean may_patch = FALSE, go_on = TRUE;
  while (go_on && await_stop (meeting, &status))
    go_on = handle_stop (meeting, status, &may_patch);
  tell_leaving (meeting);
  ptrace (PTRACE_DETACH, meeting->tid, 0, 0); /* fails when it was let go already */
  return TRUE;
}

LpMeetResult *
lp_meet (int tid, gboolean exec, GPtrArray *entities, guint timeout_ms, const LpMeetKeeper *keeper)
{
  LpMeetResult *result = g_new0 (LpMeetResult, 1);
  gint64 started = g_get_monotonic_time ();
  Meeting meeting = { .owner = getpid (),
                      .tid = tid,
                      .exec = exec,
                      .deadline = started + (gint64)timeout_ms * 1000,
                      .entities = entities,
                      .keeper = keeper,
                      .result = result };
  g_autoptr (GError) error = NULL;

  result->pid = process_of (tid);
  result->reason = g_strdup ("");
  result->outcome = LP_MEET_NOT_CONCERNED;
  if (!lp_stop_run (hold_meeting, &meeting, &error))
    {
      set_outcome (&meeting, LP_MEET_LATER, error->message);
      tell_leaving (&meeting);
    }
  result->held_ns = (guint64)(g_get_monotonic_time () - started) * 1000;
  return result;
}

void
lp_meet_result_free (LpMeetResult *result)
{
  if (result == NULL)
    return;
  g_free (result->reason);
  g_free (result);
}
