/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stops and releases the threads of a process. Must not know why. Source: ptrace(2). */
#include "process/stop.h"

#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEIZE_TRIES 100
#define SEIZE_PAUSE_US 500

struct LpStop {
  LpProcess *process;
  GPtrArray *sharers; /* LpProcess, borrowed */
  GPtrArray *threads; /* LpThread */
  guint64 started_ns;
  guint64 duration_ns;
  void (*give_back) (gpointer borrower);
  gpointer borrower;
};

static guint64
now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return (guint64)t.tv_sec * G_GUINT64_CONSTANT (1000000000) + t.tv_nsec;
}

/* In a signal handler, amidst anything: all go on as they were. What they would be told beyond that (a call
 * that is made again) needs memory. */
static void
rescue (gpointer data)
{
  const LpStop *stop = data;

  if (stop->give_back != NULL)
    stop->give_back (stop->borrower);
  for (guint i = 0; i < stop->threads->len; i++)
    {
      const LpThread *thread = g_ptr_array_index (stop->threads, i);
      if (thread->stopped && !thread->gone)
        ptrace (PTRACE_DETACH, thread->tid, 0, (long)thread->signal);
    }
}

LpStop *
lp_stop_new (LpProcess *process)
{
  LpStop *stop = g_new0 (LpStop, 1);

  stop->process = process;
  stop->sharers = g_ptr_array_new ();
  stop->threads = g_ptr_array_new_with_free_func (g_free);
  lp_ptracer_set_rescue (rescue, stop);
  return stop;
}

void
lp_stop_set_borrower (LpStop *stop, void (*give_back) (gpointer borrower), gpointer borrower)
{
  stop->give_back = NULL;
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  stop->borrower = borrower;
  __atomic_signal_fence (__ATOMIC_SEQ_CST);
  stop->give_back = give_back;
}

void
lp_stop_add_sharer (LpStop *stop, LpProcess *sharer)
{
  g_ptr_array_add (stop->sharers, sharer);
}

LpStop *
lp_stop_adopt (LpProcess *process, int tid)
{
  LpStop *stop = lp_stop_new (process);
  LpThread *thread = g_new0 (LpThread, 1);

  thread->tid = tid;
  thread->process = process;
  thread->stopped = TRUE;
  g_ptr_array_add (stop->threads, thread);
  stop->started_ns = now_ns ();
  return stop;
}

void
lp_stop_disown (LpStop *stop)
{
  g_ptr_array_set_size (stop->threads, 0);
}

void
lp_stop_free (LpStop *stop)
{
  if (stop == NULL)
    return;
  lp_stop_release (stop);
  lp_ptracer_set_rescue (NULL, NULL);
  g_ptr_array_unref (stop->threads);
  g_ptr_array_unref (stop->sharers);
  g_free (stop);
}

LpProcess *
lp_stop_process (LpStop *stop)
{
  return stop->process;
}

guint
lp_stop_n_threads (const LpStop *stop)
{
  return stop->threads->len;
}

LpThread *
lp_stop_get_thread (LpStop *stop, guint index)
{
  return g_ptr_array_index (stop->threads, index);
}

guint64
lp_stop_duration (const LpStop *stop)
{
  return stop->duration_ns;
}

static LpThread *
find_thread (LpStop *stop, int tid)
{
  /* Thread lists come in ascending order, so the searched one is mostly near the end of what we have. */
  for (guint i = stop->threads->len; i-- > 0;)
    {
      LpThread *thread = g_ptr_array_index (stop->threads, i);
      if (thread->tid == tid)
        return thread;
    }
  return NULL;
}

/* The status says that the thread has left for good. */
static gboolean
is_end (int status)
{
  return WIFEXITED (status) || WIFSIGNALED (status);
}

/* Takes note of the threads of @data, an LpStop, that have ended. Until then an exec of their process waits
 * for them, and who waits for that exec, to attach to its thread or for it to stop, waits for itself. Does
 * only what a signal handler may. Source: ptrace(2). */
static void
reap_ended (gpointer data)
{
  const LpStop *stop = data;

  for (guint i = 0; i < stop->threads->len; i++)
    {
      LpThread *thread = g_ptr_array_index (stop->threads, i);
      siginfo_t info = { .si_pid = 0 };

      /* Of a traced thread the kernel always tells stops, too: they are left for who waits for them. */
      if (!thread->gone && waitid (P_PID, (id_t)thread->tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0
          && info.si_pid != 0
          && (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED))
        thread->gone = waitid (P_PID, (id_t)thread->tid, &info, WEXITED | WNOHANG | __WALL) == 0;
    }
}

int
lp_stop_wait (LpStop *stop, LpThread *thread, guint timeout_ms, GError **error)
{
  guint64 start = now_ns ();

  for (;;)
    {
      int status = 0;
      pid_t got = waitpid (thread->tid, &status, __WALL);
      int number = got < 0 ? errno : 0;
      guint64 waited = now_ns () - start;

      if (got == thread->tid && !is_end (status))
        {
          thread->stopped = TRUE;
          return status;
        }
      if (got == thread->tid || number == ECHILD)
        {
          thread->gone = TRUE;
          lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d: thread %d has ended",
                        lp_process_pid (thread->process), thread->tid);
          return -1;
        }
      reap_ended (stop);
      if (waited > (guint64)timeout_ms * 1000000)
        {
          g_autofree char *where = lp_process_thread_waits_in (thread->process, thread->tid);
          lp_error_set (error, LP_ERROR_PROCESS_BUSY, "try again when it has finished what it waits for",
                        "process %d: thread %d does not stop%s%s", lp_process_pid (thread->process),
                        thread->tid, where[0] != '\0' ? ": it is in " : "", where);
          return -1;
        }
    }
}

/* Explains why the kernel refused to attach; TRUE when the thread is only ending and needn't be stopped. */
static gboolean
explain_seize_failure (LpProcess *process, int tid, int errnum, const char *tracer, GError **error)
{
  g_autofree char *state = lp_process_status (process, tid, "State");
  int pid = lp_process_pid (process);

  if (errnum == ESRCH || state == NULL || state[0] == 'Z' || state[0] == 'X')
    return TRUE;
  if (tracer != NULL && strcmp (tracer, "0") != 0)
    lp_error_set (error, LP_ERROR_PROCESS_BUSY, "end the debugger's session or detach it",
                  "process %d is being traced by process %s", pid, tracer);
  else
    lp_error_set_errno (error, LP_ERROR_ACCESS_DENIED, errnum, "process %d: can't attach to thread %d", pid,
                        tid);
  return FALSE;
}

/* FALSE: errno says why. */
static gboolean
attach (LpStop *stop, int tid)
{
  lp_ptracer_watch (reap_ended, stop, FALSE);
  gboolean done = ptrace (PTRACE_SEIZE, tid, 0, PTRACE_O_TRACESYSGOOD) == 0;
  int number = errno;
  lp_ptracer_watch (NULL, NULL, FALSE);
  errno = number;
  return done;
}

/* Another tracer of ours may have had the thread in that moment, and let it go before anybody could tell who
 * it was: then once more. FALSE: errno says why, and *@tracer, to be freed, who has it ("0" or NULL: nobody).
 */
static gboolean
seize (LpStop *stop, LpProcess *process, int tid, char **tracer)
{
  for (guint i = 0; !attach (stop, tid); i++)
    {
      int number = errno;
      g_free (*tracer);
      *tracer = lp_process_status (process, tid, "TracerPid");
      if (number != EPERM || i == SEIZE_TRIES || g_strcmp0 (*tracer, "0") != 0)
        {
          errno = number;
          return FALSE;
        }
      g_usleep (SEIZE_PAUSE_US);
    }
  return TRUE;
}

/* Asks @tid of @process to stop, unless we already have it. FALSE with @error only for a real failure. */
static gboolean
interrupt_thread (LpStop *stop, LpProcess *process, int tid, gboolean *is_new, GError **error)
{
  LpThread *thread = find_thread (stop, tid);
  g_autofree char *tracer = NULL;

  *is_new = FALSE;
  if (thread != NULL)
    return TRUE;
  if (stop->started_ns == 0)
    stop->started_ns = now_ns ();
  if (!seize (stop, process, tid, &tracer))
    return explain_seize_failure (process, tid, errno, tracer, error);

  thread = g_new0 (LpThread, 1);
  thread->tid = tid;
  thread->process = process;
  g_ptr_array_add (stop->threads, thread);
  *is_new = TRUE;
  if (ptrace (PTRACE_INTERRUPT, tid, 0, 0) != 0)
    thread->gone = TRUE;
  return TRUE;
}

/* Waits until @thread is stopped and notes a signal that this stop took out of the queue. */
static gboolean
await_first_stop (LpStop *stop, LpThread *thread, guint timeout_ms, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  int status = lp_stop_wait (stop, thread, timeout_ms, &local_error);

  if (status < 0 && thread->gone)
    return TRUE;
  if (status < 0)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  /* PTRACE_EVENT_STOP is our interrupt or a group stop; without an event it is a signal on its way. */
  if (status >> 16 == 0)
    thread->signal = WSTOPSIG (status);
  return TRUE;
}

static gboolean
all_threads_gone (LpStop *stop)
{
  for (guint i = 0; i < stop->threads->len; i++)
    if (!lp_stop_get_thread (stop, i)->gone)
      return FALSE;
  return TRUE;
}

/* One look at the thread list of @process: interrupts those that are new, then waits for them. @found grows
 * by how many were new. */
static gboolean
stop_new_threads (LpStop *stop, LpProcess *process, guint64 deadline_ns, guint *found, GError **error)
{
  g_autoptr (GArray) tids = lp_process_threads (process, error);
  guint first_new = stop->threads->len;

  if (tids == NULL)
    return FALSE;
  for (guint i = 0; i < tids->len; i++)
    {
      gboolean is_new;
      if (!interrupt_thread (stop, process, g_array_index (tids, int, i), &is_new, error))
        return FALSE;
    }
  *found += stop->threads->len - first_new;
  for (guint i = first_new; i < stop->threads->len; i++)
    {
      LpThread *thread = lp_stop_get_thread (stop, i);
      guint64 now = now_ns ();
      guint left_ms = now < deadline_ns ? (deadline_ns - now) / 1000000 + 1 : 0;
      if (!thread->gone && !await_first_stop (stop, thread, left_ms, error))
        return FALSE;
    }
  return TRUE;
}

/* The same for everybody who runs on this memory. */
static gboolean
stop_newcomers (LpStop *stop, guint64 deadline_ns, guint *found, GError **error)
{
  *found = 0;
  if (!stop_new_threads (stop, stop->process, deadline_ns, found, error))
    return FALSE;
  for (guint i = 0; i < stop->sharers->len; i++)
    {
      g_autoptr (GError) local_error = NULL;
      if (stop_new_threads (stop, g_ptr_array_index (stop->sharers, i), deadline_ns, found, &local_error)
          || g_error_matches (local_error, LP_ERROR, LP_ERROR_PROCESS_GONE))
        continue;
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  return TRUE;
}

static void
drop_gone_threads (LpStop *stop)
{
  for (guint i = stop->threads->len; i-- > 0;)
    if (lp_stop_get_thread (stop, i)->gone)
      g_ptr_array_remove_index (stop->threads, i);
}

gboolean
lp_stop_all (LpStop *stop, guint timeout_ms, GError **error)
{
  guint64 deadline_ns = now_ns () + (guint64)timeout_ms * 1000000;
  guint found = 0;

  /* A thread that still runs can create another one. Only when a look at the list, made after all known ones
   * have stopped, shows nobody new, everybody is stopped. */
  do
    {
      if (!stop_newcomers (stop, deadline_ns, &found, error))
        {
          lp_stop_release (stop);
          return FALSE;
        }
  } while (found > 0);

  if (!all_threads_gone (stop) && lp_process_is_alive (stop->process))
    {
      drop_gone_threads (stop);
      return TRUE;
    }
  lp_stop_release (stop);
  lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d has exited", lp_process_pid (stop->process));
  return FALSE;
}

gboolean
lp_stop_thread (LpStop *stop, int tid, guint timeout_ms, GError **error)
{
  gboolean is_new;

  if (interrupt_thread (stop, stop->process, tid, &is_new, error))
    {
      LpThread *thread = find_thread (stop, tid);
      if (thread == NULL || thread->gone)
        lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d: thread %d has ended",
                      lp_process_pid (stop->process), tid);
      else if (thread->stopped || await_first_stop (stop, thread, timeout_ms, error))
        return TRUE;
    }
  lp_stop_release (stop);
  return FALSE;
}

gboolean
lp_stop_read_registers (LpStop *stop, LpThread *thread, GError **error)
{
  if (thread->has_registers)
    return TRUE;
  if (ptrace (PTRACE_GETREGS, thread->tid, 0, &thread->registers) == 0)
    return thread->has_registers = TRUE;

  thread->gone = errno == ESRCH;
  lp_error_set_errno (error, thread->gone ? LP_ERROR_PROCESS_GONE : LP_ERROR_FAILED, errno,
                      "process %d: can't read the registers of thread %d", lp_process_pid (thread->process),
                      thread->tid);
  return FALSE;
}

/* Whether a signal waits that the thread doesn't block: then EINTR is (or may be) that signal's doing. */
static gboolean
signal_waits (const LpThread *thread)
{
  g_autofree char *own = lp_process_status (thread->process, thread->tid, "SigPnd");
  g_autofree char *shared = lp_process_status (thread->process, thread->tid, "ShdPnd");
  g_autofree char *blocked = lp_process_status (thread->process, thread->tid, "SigBlk");

  if (own == NULL || shared == NULL || blocked == NULL)
    return TRUE;
  guint64 pending = g_ascii_strtoull (own, NULL, 16) | g_ascii_strtoull (shared, NULL, 16);
  return (pending & ~g_ascii_strtoull (blocked, NULL, 16)) != 0;
}

/* A call that came back with EINTR only because of us is made again. */
static void
repair_interrupted_call (LpStop *stop, LpThread *thread)
{
  if (thread->signal != 0 || !lp_stop_read_registers (stop, thread, NULL))
    return;
  if (!lp_registers_interrupted_call (&thread->registers) || signal_waits (thread))
    return;
  lp_registers_repeat_call (&thread->registers);
  ptrace (PTRACE_SETREGS, thread->tid, 0, &thread->registers);
}

static void
release_thread (LpStop *stop, LpThread *thread)
{
  if (thread->gone)
    return;
  if (!thread->stopped)
    {
      /* It never reached its stop. One more look; if it is still on its way, the end of this tracer thread
       * lets it go. */
      int status;
      if (waitpid (thread->tid, &status, __WALL | WNOHANG) != thread->tid || is_end (status))
        return;
      thread->stopped = TRUE;
      if (status >> 16 == 0)
        thread->signal = WSTOPSIG (status);
    }
  repair_interrupted_call (stop, thread);
  ptrace (PTRACE_DETACH, thread->tid, 0, (long)thread->signal);
}

void
lp_stop_release (LpStop *stop)
{
  if (stop->threads->len == 0)
    return;
  for (guint i = 0; i < stop->threads->len; i++)
    release_thread (stop, lp_stop_get_thread (stop, i));
  g_ptr_array_set_size (stop->threads, 0);
  stop->duration_ns = now_ns () - stop->started_ns;
  stop->started_ns = 0;
}
