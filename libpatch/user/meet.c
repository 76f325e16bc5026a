/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tracer's side of the gate: seize, let the kernel go on, catch the thread before the target's code,
 * patch, let go. Must not know fanotify. Source: ptrace(2). */
#include "user/meet.h"
#include "base/step.h"
#include "base/urgent.h"
#include "process/sharing.h"
#include "process/stop.h"
#include "user/entries.h"
#include "user/target.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ld.so needs about a dozen system calls between opening a library and having it mapped. A reader of the file
 * needs fewer to show that it is one; both are let go after this many. */
#define CALLS_MAX 40
#define MAPPED_MAX 8
/* Of an exec that we wait for no event is wanted: the stop at its end tells enough, and each one costs. */
#define OPTIONS PTRACE_O_TRACESYSGOOD
#define STATUS_SYSCALL (SIGTRAP | 0x80)
#define STATUS_EVENT(status) ((status) >> 16)

typedef struct {
  int tid;                /* as waitpid() names it: becomes the process's id at exec */
  gboolean exec;          /* the gate held it inside exec; known from its first stop on */
  gboolean executed;      /* the exec has happened */
  gboolean has_registers; /* at the end of exec, with nothing of the new program executed: */
  LpRegisters registers;
  guint calls;                /* system call stops since it was let through */
  guint64 maps_at;            /* first argument of the call that it is in */
  gboolean maps;              /* the call that it is in may map code */
  guint64 mapped[MAPPED_MAX]; /* where it has mapped code */
  guint n_mapped;
  gint64 deadline; /* monotonic microseconds */
  GPtrArray *entities;
  const LpMeetKeeper *keeper;
  gboolean left;     /* the keeper was told that we are leaving */
  gboolean let_go;   /* nobody is attached any more */
  gboolean orphaned; /* and that its process has ended */
  LpMeetResult *result;
} Meeting;

static void
set_outcome (Meeting *meeting, LpMeetOutcome outcome, const char *reason)
{
  meeting->result->outcome = outcome;
  g_free (meeting->result->reason);
  meeting->result->reason = g_strdup (reason);
}

/* Process id of thread @tid, 0 when it is gone. */
static int
process_of (int tid)
{
  /* Mostly it is the first thread, and to ask for a signal costs a tenth of opening files. */
  if (syscall (SYS_tgkill, tid, tid, 0) == 0)
    return tid;
  g_autoptr (LpProcess) process = lp_process_open (tid, NULL);
  g_autofree char *tgid = process != NULL ? lp_process_status (process, 0, "Tgid") : NULL;

  return tgid != NULL ? (int)g_ascii_strtoll (tgid, NULL, 10) : 0;
}

/* Not before it is needed: the thread is held meanwhile. */
static int
meeting_pid (Meeting *meeting)
{
  if (meeting->result->pid == 0)
    meeting->result->pid = process_of (meeting->tid);
  return meeting->result->pid;
}

/* The gate lives as long as the descriptors that we share with its owner. */
static void
look_for_owner (Meeting *meeting)
{
  if (meeting->orphaned || getppid () == meeting->keeper->owner)
    return;
  meeting->orphaned = TRUE;
  meeting->keeper->orphaned (meeting->keeper->user_data);
}

/* Waits for the next stop. FALSE: the thread ended, or the time is over. */
static gboolean
await_stop (Meeting *meeting, int *status)
{
  for (;;)
    {
      /* Any of our tracees: an exec by a thread that isn't the leader changes its id. This tracer has no
       * other. Its ticks interrupt the wait. */
      pid_t got = waitpid (-1, status, __WALL | __WNOTHREAD);

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
      if (g_get_monotonic_time () > meeting->deadline)
        {
          set_outcome (meeting, LP_MEET_LATER, "it did not come to the point in time");
          return FALSE;
        }
      look_for_owner (meeting);
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

/* Whether nobody else runs on its memory, neither a thread nor a process made by clone(CLONE_VM). */
static gboolean
is_alone (const LpProcess *process)
{
  g_autoptr (GArray) threads = lp_process_threads (process, NULL);
  g_autoptr (GArray) sharers = lp_process_sharers (lp_process_pid (process), /* since= */ 0);

  return threads != NULL && threads->len == 1 && sharers->len == 0;
}

static LpStop *
adopt_thread (const Meeting *meeting, LpTarget *target)
{
  LpStop *stop = lp_stop_adopt (lp_target_process (target), meeting->tid);
  LpThread *thread = lp_stop_get_thread (stop, 0);

  thread->has_registers = meeting->has_registers;
  thread->registers = meeting->registers;
  thread->is_new = meeting->has_registers;
  return stop;
}

static gboolean
activate (const Meeting *meeting, LpTarget *target, LpStop *stop, GError **error)
{
  gboolean done = lp_target_activate_held (target, stop, /* is_new= */ TRUE, error);

  if (done && meeting->keeper->entries != NULL)
    lp_entries_restore (target, meeting->tid, meeting->entities, meeting->keeper->entries);
  return done;
}

static void
let_go (Meeting *meeting, LpStop *stop)
{
  lp_step ("opener patched");
  tell_leaving (meeting);
  lp_stop_release (stop);
  meeting->let_go = TRUE;
  lp_step ("opener let go");
}

static void
set_patched (Meeting *meeting, const LpTarget *target)
{
  set_outcome (meeting, LP_MEET_PATCHED, "");
  meeting->result->code = lp_target_code (target);
}

/* Patches @target, whose thread stands in a PTRACE_EVENT_STOP or at the end of a system call that has
 * succeeded.
 */
static void
patch_target (Meeting *meeting, LpTarget *target)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpStop) stop = adopt_thread (meeting, target);
  gboolean done = lp_target_check (target, LP_STEP_ACTIVATE, LP_CONSISTENCY_STRICT, &error)
                  && activate (meeting, target, stop, &error);
  gboolean kept = !done && lp_process_keep (lp_target_process (target), NULL);

  let_go (meeting, stop);
  if (done)
    {
      set_patched (meeting, target);
      return;
    }
  /* A symbol that isn't there yet will be when the program runs. */
  gboolean may_come = g_error_matches (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH)
                      || g_error_matches (error, LP_ERROR, LP_ERROR_PROCESS_BUSY);
  set_outcome (meeting, may_come ? LP_MEET_LATER : LP_MEET_FAILED, error->message);
  if (kept)
    lp_target_unmap (target, /* only_placed= */ TRUE, NULL, NULL);
}

/* The usual case of it, for which the process needn't be looked at in /proc. FALSE: it isn't, or it didn't
 * work; nothing has changed. */
static gboolean
patch_fresh (Meeting *meeting)
{
  g_autoptr (LpTarget) target
      = meeting->has_registers && lp_registers_are_64_bit (&meeting->registers)
            ? lp_target_new_fresh (meeting->tid, lp_registers_sp (&meeting->registers), meeting->entities)
            : NULL;

  if (target == NULL)
    return FALSE;
  lp_step ("new program known by its stack");
  g_autoptr (LpStop) stop = adopt_thread (meeting, target);
  if (!activate (meeting, target, stop, NULL))
    {
      lp_stop_disown (stop);
      return FALSE;
    }
  let_go (meeting, stop);
  set_patched (meeting, target);
  return TRUE;
}

/* At the end of an exec: patches the program before its first instruction. */
static void
patch_program (Meeting *meeting)
{
  if (patch_fresh (meeting))
    return;
  g_autoptr (GError) error = NULL;
  g_autoptr (LpTarget) target = lp_target_new_held (meeting_pid (meeting), meeting->entities, &error);

  if (target == NULL)
    set_outcome (meeting, LP_MEET_FAILED, error->message);
  else if (!lp_target_needs (target, LP_STEP_ACTIVATE))
    set_outcome (meeting, LP_MEET_NOT_CONCERNED, "");
  else if (!meeting->executed && !is_alone (lp_target_process (target)))
    set_outcome (meeting, LP_MEET_LATER, "others run the target in its memory already");
  else
    patch_target (meeting, target);
}

/* At the end of a call that may have mapped code: patches a library when it is all there. FALSE: it isn't
 * yet. */
static gboolean
patch_library (Meeting *meeting)
{
  g_autoptr (LpTarget) target = lp_target_new_held (meeting_pid (meeting), meeting->entities, NULL);

  if (target == NULL || !lp_target_needs (target, LP_STEP_ACTIVATE)
      || !lp_target_was_mapped_at (target, meeting->mapped, meeting->n_mapped))
    return FALSE;
  patch_target (meeting, target);
  return TRUE;
}

/* Whether a system call may give the process code that it didn't have. */
static gboolean
maps_code (guint64 number, const guint64 *args)
{
  if (number == SYS_mmap || number == SYS_mprotect || number == SYS_pkey_mprotect)
    return (args[2] & PROT_EXEC) != 0;
  return number == SYS_mremap;
}

/* A system call stop of an opener. TRUE: it is a call's end, by which code was mapped. To look at the process
 * is dear: a dynamic linker makes some calls more for each of its libraries. */
static gboolean
has_mapped (Meeting *meeting)
{
  struct __ptrace_syscall_info info;

  meeting->calls++;
  if (ptrace (PTRACE_GET_SYSCALL_INFO, meeting->tid, sizeof info, &info) <= 0)
    return FALSE;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
    {
      meeting->maps = maps_code (info.entry.nr, info.entry.args);
      meeting->maps_at = info.entry.args[0];
      return FALSE;
    }
  gboolean done = meeting->maps && info.op == PTRACE_SYSCALL_INFO_EXIT && !info.exit.is_error;
  meeting->maps = FALSE;
  if (done && meeting->n_mapped < MAPPED_MAX) /* mprotect() returns 0, the others where */
    meeting->mapped[meeting->n_mapped++] = info.exit.rval != 0 ? (guint64)info.exit.rval : meeting->maps_at;
  return done;
}

/* Whether the thread's first stop is at the end of an exec, and of one that has happened: then with nothing
 * of the new program executed. */
static void
recognise_exec (Meeting *meeting)
{
  if (meeting->exec) /* PTRACE_EVENT_EXEC has told it */
    {
      meeting->has_registers = ptrace (PTRACE_GETREGS, meeting->tid, 0, &meeting->registers) == 0;
      return;
    }
  meeting->exec = ptrace (PTRACE_GETREGS, meeting->tid, 0, &meeting->registers) == 0
                  && lp_registers_leave_exec (&meeting->registers, &meeting->executed);
  meeting->has_registers = meeting->executed;
  if (!meeting->executed)
    return;
  meeting->result->pid = meeting->tid;
  lp_step ("opener has executed");
}

/* The opener wanted something else than mapping the file, or had mapped it before. */
static void
look_at_reader (Meeting *meeting)
{
  g_autoptr (LpTarget) target = lp_target_new_held (meeting_pid (meeting), meeting->entities, NULL);

  if (target != NULL && lp_target_needs (target, LP_STEP_ACTIVATE))
    set_outcome (meeting, LP_MEET_LATER, "it may be running the target already");
}

/* One stop on the way. TRUE: go on waiting. */
static gboolean
handle_stop (Meeting *meeting, int status)
{
  int event = STATUS_EVENT (status), signal = WSTOPSIG (status);

  if (event == PTRACE_EVENT_EXEC)
    {
      /* Still inside exec: the next stop is on its way out, with nothing executed. */
      meeting->exec = meeting->executed = TRUE;
      lp_step ("opener has executed");
      meeting->result->pid = meeting->tid;
      return ptrace (PTRACE_INTERRUPT, meeting->tid, 0, 0) == 0 && resume (meeting, PTRACE_CONT, 0);
    }
  if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
    {
      set_outcome (meeting, LP_MEET_LATER, "it is being stopped by a signal");
      return FALSE;
    }
  if (event == PTRACE_EVENT_STOP)
    recognise_exec (meeting);
  if (event == PTRACE_EVENT_STOP && meeting->exec)
    {
      patch_program (meeting);
      return FALSE;
    }
  if (event == PTRACE_EVENT_STOP)
    /* It may yet start a program: what that opens isn't asked about while we are here. */
    return ptrace (PTRACE_SETOPTIONS, meeting->tid, 0, OPTIONS | PTRACE_O_TRACEEXEC) == 0
           && resume (meeting, PTRACE_SYSCALL, 0);
  if (signal == STATUS_SYSCALL)
    {
      if (has_mapped (meeting) && patch_library (meeting))
        return FALSE;
      if (meeting->calls < 2 * CALLS_MAX)
        return resume (meeting, PTRACE_SYSCALL, 0);
      look_at_reader (meeting);
      return FALSE;
    }
  return resume (meeting, meeting->exec ? PTRACE_CONT : PTRACE_SYSCALL,
                 signal); /* the program's own signal */
}

/* Until the opener is let through, the tracer may wait for it while it waits for an answer from the gate,
 * which our descriptor keeps open: if our owner is killed, nobody gives that answer any more, and only our
 * end closes the gate. Nothing has been changed in the opener by then. FALSE: the owner has ended already. */
static gboolean
end_with_owner (const Meeting *meeting)
{
  return prctl (PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid () == meeting->keeper->owner;
}

/* Attaches to the held thread, and asks it to stop on its way out of the kernel. A thread that isn't its
 * process's first becomes that by exec, on which (Linux 6.18) it forgets that it was asked: then the exec has
 * to tell. */
static gboolean
seize (const Meeting *meeting)
{
  gboolean is_first = syscall (SYS_tgkill, meeting->tid, meeting->tid, 0) == 0;
  int options = is_first ? OPTIONS : OPTIONS | PTRACE_O_TRACEEXEC;

  return ptrace (PTRACE_SEIZE, meeting->tid, 0, options) == 0
         && ptrace (PTRACE_INTERRUPT, meeting->tid, 0, 0) == 0;
}

/* In a signal handler, while we wait to be attached. */
static void
allow_first (gpointer data)
{
  Meeting *meeting = data;

  meeting->result->was_slow = TRUE;
  meeting->keeper->allow (meeting->keeper->user_data);
}

static void
hold_meeting (Meeting *meeting)
{
  if (!end_with_owner (meeting))
    return;
  /* The kernel lets nobody attach to a thread that holds its cred_guard_mutex, as inside exec when the
   * interpreter of a script or ld.so is opened, and before Linux 6.8 when the program is: then we would wait
   * for that exec, which waits for us. It goes on first, and we attach at the end of the exec, still before
   * the first instruction in nearly all cases. */
  lp_ptracer_watch (allow_first, meeting, meeting->keeper->is_slow);
  lp_step ("opener about to be seized");
  gboolean seized = seize (meeting);
  int number = errno;

  lp_ptracer_watch (NULL, NULL, FALSE);
  lp_step ("opener seized");
  meeting->keeper->allow (meeting->keeper->user_data);
  prctl (PR_SET_PDEATHSIG, 0);
  /* An urgent one would send the thread to another processor at each of its steps, because it keeps this one
   * from it; an ordinary one that waits is woken where the thread stops. */
  lp_urgent_end ();
  lp_step ("opener let through");
  if (!seized)
    {
      g_autofree char *reason = g_strdup_printf ("can't attach: %s", g_strerror (number));
      meeting_pid (meeting);
      set_outcome (meeting, number == ESRCH ? LP_MEET_NOT_CONCERNED : LP_MEET_LATER, reason);
      tell_leaving (meeting);
      return;
    }

  int status;
  gboolean go_on = TRUE;
  while (go_on && await_stop (meeting, &status))
    go_on = handle_stop (meeting, status);
  meeting_pid (meeting);
  tell_leaving (meeting);
  if (!meeting->let_go)
    ptrace (PTRACE_DETACH, meeting->tid, 0, 0);
}

LpMeetResult *
lp_meet (int tid, GPtrArray *entities, guint timeout_ms, const LpMeetKeeper *keeper)
{
  LpMeetResult *result = g_new0 (LpMeetResult, 1);
  gint64 started = g_get_monotonic_time ();
  Meeting meeting = { .tid = tid,
                      .deadline = started + (gint64)timeout_ms * 1000,
                      .entities = entities,
                      .keeper = keeper,
                      .result = result };

  result->reason = g_strdup ("");
  result->outcome = LP_MEET_NOT_CONCERNED;
  hold_meeting (&meeting);
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
