/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tracer's side of the net. Must not know how a hit is reported. Source: ptrace(2). */
#include "user/catch.h"
#include "base/step.h"
#include "base/urgent.h"
#include "process/sharing.h"
#include "user/entries.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_TIMEOUT_MS 500
/* Somebody else (a job's worker) may be about to let go of the thread, and one of our own tracers (the
 * gate's, or one that looks at it again) does so for certain: it only takes as long as the machine is busy.
 */
#define SEIZE_TIMEOUT_US 20000
#define OWN_SEIZE_TIMEOUT_US 500000
#define SEIZE_PAUSE_US 100
#define UNTRACED_MAX 3
#define PARENT_LOOKS 50 /* at a parent that may be about to stop itself */
#define PARENT_PAUSE_US 2000

typedef struct {
  int owner; /* process that started the tracer */
  LpNet *net;
  const struct lp_net_hit *hit;
  GPtrArray *entities;
  GPtrArray *entries;
  LpCatchResult *result;
  gboolean is_alone;      /* nobody else has run on its memory since it was held */
  gboolean was_signalled; /* the kernel's part sent it SIGSTOP */
  gboolean has_ended;     /* the hold: the thread may be held again by now, in the same slot */
} Catch;

static void
set_outcome (Catch *work, LpMeetOutcome outcome, const char *reason)
{
  work->result->meeting->outcome = outcome;
  g_free (work->result->meeting->reason);
  work->result->meeting->reason = g_strdup (reason);
}

static int
read_number (int tid, const char *field)
{
  g_autoptr (LpProcess) process = lp_process_open (tid, NULL);
  g_autofree char *text = process != NULL ? lp_process_status (process, 0, field) : NULL;

  return text != NULL ? atoi (text) : 0;
}

/* Whether it is worth waiting any longer for a thread that couldn't be seized. Our children are tracers. */
static gboolean
will_be_free (const Catch *work, guint *untraced)
{
  int tracer = read_number ((int)work->hit->tid, "TracerPid");

  /* Let go just now: the next try will do, if it was that. */
  if (tracer == 0)
    return ++*untraced < UNTRACED_MAX;
  return read_number (tracer, "PPid") == work->owner;
}

/* FALSE: errno says why. */
static gboolean
seize (const Catch *work)
{
  int tid = (int)work->hit->tid;
  gint64 started = g_get_monotonic_time ();
  guint untraced = 0;

  while (ptrace (PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) != 0)
    {
      gint64 waited = g_get_monotonic_time () - started;
      if (errno != EPERM || waited > OWN_SEIZE_TIMEOUT_US
          || (waited > SEIZE_TIMEOUT_US && !will_be_free (work, &untraced)))
        {
          errno = errno == ESRCH ? ESRCH : EPERM;
          return FALSE;
        }
      g_usleep (SEIZE_PAUSE_US);
    }
  return ptrace (PTRACE_INTERRUPT, tid, 0, 0) == 0;
}

/* Waits for the seized thread, which leaves the kernel now. Returns a stop over it. Errors:
 * LP_ERROR_PROCESS_GONE, LP_ERROR_PROCESS_BUSY (it goes on unpatched). */
static LpStop *
await_thread (Catch *work, LpProcess *process, GError **error)
{
  LpStop *stop = lp_stop_adopt (process, (int)work->hit->tid);
  LpThread *thread = lp_stop_get_thread (stop, 0);
  int status;

  thread->stopped = FALSE;
  status = lp_stop_wait (stop, thread, STOP_TIMEOUT_MS, error);
  if (status < 0)
    {
      lp_stop_free (stop);
      return NULL;
    }
  /* A signal on its way; the net's own SIGSTOP has served its purpose. */
  if (status >> 16 == 0 && !(WSTOPSIG (status) == SIGSTOP && lp_net_was_signalled (work->net, work->hit)))
    thread->signal = WSTOPSIG (status);
  return stop;
}

/* Whether @error may be gone at the next try. */
static gboolean
may_pass (const GError *error)
{
  return g_error_matches (error, LP_ERROR, LP_ERROR_PROCESS_BUSY)
         || g_error_matches (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH)
         || g_error_matches (error, LP_ERROR, LP_ERROR_CHANGED);
}

/* Whether a thread of process @pid can't be stopped at present. */
static gboolean
is_unstoppable (int pid)
{
  g_autoptr (LpProcess) process = lp_process_open (pid, NULL);
  g_autoptr (GArray) threads = process != NULL ? lp_process_threads (process, NULL) : NULL;

  for (guint i = 0; threads != NULL && i < threads->len; i++)
    {
      g_autofree char *state = lp_process_status (process, g_array_index (threads, int, i), "State");
      if (state != NULL && state[0] == 'D')
        return TRUE;
    }
  return FALSE;
}

/* Everybody else in the memory of the process, whose threads stand still. */
static gboolean
stop_sharers (LpTarget *target, LpStop *stop, const GArray *sharers, int known_number, GError **error)
{
  int pid = lp_process_pid (lp_target_process (target));

  /* Who waits for the end of its vfork() waits for whom we hold: to wait for him would take all of the time.
   */
  for (guint i = 0; i < sharers->len; i++)
    if (is_unstoppable (g_array_index (sharers, int, i)))
      {
        lp_error_set (error, LP_ERROR_PROCESS_BUSY, NULL,
                      "process %d: process %d, which shares its memory, can't be stopped", pid,
                      g_array_index (sharers, int, i));
        return FALSE;
      }
  lp_target_set_sharers (target, sharers, known_number);
  return lp_target_stop_everybody (target, stop, error);
}

/* *@held is the target, if there is one, to be freed after @stop. */
static void
patch_here (Catch *work, LpStop *stop, LpTarget **held)
{
  g_autoptr (GError) error = NULL;
  /* To look for them takes longer than all the rest. */
  int known_number = work->is_alone ? 0 : lp_process_last_number ();
  g_autoptr (GArray) sharers
      = work->is_alone ? NULL : lp_process_sharers ((int)work->hit->pid, /* since= */ 0);

  if (!lp_stop_all (stop, STOP_TIMEOUT_MS, &error))
    {
      set_outcome (work, LP_MEET_LATER, error->message);
      return;
    }
  LpTarget *target = *held = lp_target_new ((int)work->hit->pid, work->entities, &error);
  if (target == NULL)
    {
      set_outcome (work, LP_MEET_FAILED, error->message);
      return;
    }
  if (sharers != NULL && !stop_sharers (target, stop, sharers, known_number, &error))
    {
      set_outcome (work, LP_MEET_LATER, error->message);
      return;
    }
  lp_target_keep_order (target, NULL);
  work->result->was_patched = !lp_target_needs (target, LP_STEP_ACTIVATE);
  if (!work->result->was_patched
      && (!lp_target_check (target, LP_STEP_ACTIVATE, LP_CONSISTENCY_STRICT, &error)
          || !lp_target_activate_held (target, stop, /* is_new= */ FALSE, &error)))
    {
      set_outcome (work, may_pass (error) ? LP_MEET_LATER : LP_MEET_FAILED, error->message);
      lp_stop_release (stop);
      /* A busy process is tried again soon, and others may have seen the image by now. */
      if (!g_error_matches (error, LP_ERROR, LP_ERROR_PROCESS_BUSY))
        lp_target_unmap (target, /* only_placed= */ TRUE, NULL, NULL);
      return;
    }
  set_outcome (work, work->result->was_patched ? LP_MEET_NOT_CONCERNED : LP_MEET_PATCHED, "");
  LpThread *thread = lp_stop_get_thread (stop, 0);
  lp_entries_restore (target, thread->tid, work->entities, work->entries);
  if (thread->tid == (int)work->hit->tid && lp_stop_read_registers (stop, thread, NULL))
    work->result->old_call = !lp_entries_is_redirect (target, lp_registers_pc (&thread->registers));
}

/* Some parents stop themselves when they see a child of theirs stopped, as runuser(1) and su(1) do for the
 * shell's sake, and nobody would wake them. Called after a SIGSTOP of ours was taken back. */
static void
wake_parent (const LpProcess *process)
{
  g_autofree char *number = lp_process_status (process, lp_process_pid (process), "PPid");
  int pid = number != NULL ? atoi (number) : 0;
  g_autoptr (LpProcess) parent = pid > 1 ? lp_process_open (pid, NULL) : NULL;

  for (guint i = 0; parent != NULL && i < PARENT_LOOKS; i++)
    {
      g_autofree char *state = lp_process_status (parent, pid, "State");
      if (state == NULL || (state[0] == 'T' && kill (pid, SIGCONT) == 0))
        return;
      g_usleep (PARENT_PAUSE_US);
    }
}

static gboolean
catch_in_tracer (gpointer data, GError **error)
{
  Catch *work = data;
  g_autoptr (LpProcess) process = lp_process_open ((int)work->hit->pid, NULL);

  if (process == NULL || !seize (work))
    {
      gboolean gone = process == NULL || errno == ESRCH;
      set_outcome (work, gone ? LP_MEET_NOT_CONCERNED : LP_MEET_LATER, gone ? "" : "another tracer has it");
      work->result->old_call = !gone;
      work->result->was_held = lp_net_is_held (work->net, work->hit);
      lp_net_end (work->net, work->hit);
      work->has_ended = TRUE;
      return TRUE;
    }
  lp_step ("caught thread seized");
  work->is_alone
      = work->hit->slot < LP_NET_SLOTS && lp_net_seize (work->net, work->hit) && work->hit->is_alone;
  work->result->was_held = lp_net_is_held (work->net, work->hit);
  lp_urgent_end ();
  lp_step ("caught thread taken over");
  g_autoptr (GError) local_error = NULL;
  g_autoptr (LpTarget) target = NULL; /* freed last */
  g_autoptr (LpStop) stop = await_thread (work, process, &local_error);
  lp_step ("caught thread stopped");
  if (stop != NULL)
    patch_here (work, stop, &target);
  else if (g_error_matches (local_error, LP_ERROR, LP_ERROR_PROCESS_GONE))
    set_outcome (work, LP_MEET_NOT_CONCERNED, "");
  else
    set_outcome (work, LP_MEET_LATER, local_error->message);
  lp_step ("caught process patched");
  work->was_signalled = lp_net_was_signalled (work->net, work->hit);
  /* While it is held still, so that it never is seen to be stopped by a signal longer than needed. */
  lp_net_end (work->net, work->hit);
  work->has_ended = TRUE;
  lp_step ("hold ended");
  return TRUE;
}

LpCatchResult *
lp_catch (LpNet *net, const struct lp_net_hit *hit, GPtrArray *entities, GPtrArray *entries)
{
  LpCatchResult *result = g_new0 (LpCatchResult, 1);
  gint64 started = g_get_monotonic_time ();
  Catch work = {
    .owner = getpid (), .net = net, .hit = hit, .entities = entities, .entries = entries, .result = result
  };
  g_autoptr (GError) error = NULL;

  result->meeting = g_new0 (LpMeetResult, 1);
  result->meeting->pid = (int)hit->pid;
  result->meeting->reason = g_strdup ("");
  result->old_call = TRUE;
  result->was_held = lp_net_is_held (net, hit);
  if (!lp_ptracer_run (catch_in_tracer, &work, &error))
    set_outcome (&work, LP_MEET_LATER, error->message);
  lp_step ("catch's tracer over");
  if (!work.has_ended) /* there was no tracer, or it was killed */
    lp_net_end (net, hit);
  g_autoptr (LpProcess) process = work.was_signalled ? lp_process_open ((int)hit->pid, NULL) : NULL;
  if (process != NULL)
    wake_parent (process);
  result->meeting->held_ns = (guint64)(g_get_monotonic_time () - started) * 1000;
  return result;
}

void
lp_catch_result_free (LpCatchResult *result)
{
  if (result == NULL)
    return;
  lp_meet_result_free (result->meeting);
  g_free (result);
}
