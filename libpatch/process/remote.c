/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* System calls inside a stopped process. Must not know what they are for. Sources: ptrace(2);
 * Documentation/userspace-api/seccomp_filter; kernel/ptrace.c, arch/x86/kernel/signal.c (restart of
 * interrupted calls). */
#include "process/remote.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define CALL_TIMEOUT_MS 2000
#define MAX_SCAN (4u << 20) /* bytes of one mapping that are searched for a system call instruction */
#define RSEQ_CS_OFFSET 8    /* struct rseq, linux/rseq.h */
#define KERNEL_SIGSET_SIZE 8

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif

/* struct ptrace_rseq_configuration of linux/ptrace.h, which can't be included beside sys/ptrace.h. */
typedef struct {
  guint64 pointer;
  guint32 size;
  guint32 signature;
  guint32 flags;
  guint32 pad;
} RseqConfiguration;

struct LpRemote {
  LpStop *stop;
  LpThread *thread;
  LpRegisters saved;
  guint64 saved_mask;
  guint64 instruction;
  gboolean ran;         /* the thread has left its first stop */
  gboolean got_sigstop; /* a SIGSTOP came meanwhile: it can't be blocked, so it is sent again */
};

/* Inside a restartable sequence the thread must not be moved: the kernel would no longer abort the sequence.
 */
static gboolean
in_restartable_sequence (LpProcess *process, int tid)
{
  RseqConfiguration configuration = { 0 };
  guint64 critical_section = 0;

  if (ptrace (PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof configuration, &configuration) < 0)
    return errno != EIO
           && errno != EINVAL; /* the kernel has no restartable sequences, or can't tell (before 5.13) */
  if (configuration.pointer == 0)
    return FALSE;
  return !lp_process_read (process, configuration.pointer + RSEQ_CS_OFFSET, &critical_section,
                           sizeof critical_section, NULL)
         || critical_section != 0;
}

/* The address of a system call instruction: in the vDSO, which is small and always there, else anywhere. 0
 * when none. */
static guint64
find_call_instruction (LpProcess *process, const LpMaps *maps)
{
  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < maps->mappings->len; i++)
      {
        const LpMapping *m = &g_array_index (maps->mappings, LpMapping, i);
        gboolean is_vdso = strcmp (m->path, "[vdso]") == 0;

        if ((m->prot & (PROT_EXEC | PROT_READ)) != (PROT_EXEC | PROT_READ) || is_vdso != (pass == 0)
            || m->start > G_MAXINT64)
          continue;
        gsize size = MIN (m->end - m->start, MAX_SCAN);
        g_autofree guint8 *code = g_malloc (size);
        gssize found = lp_registers_find_call (code, lp_process_read_some (process, m->start, code, size));
        if (found >= 0)
          return m->start + found;
      }
  return 0;
}

/* A filter of the program must not judge (or kill for) our calls. */
static gboolean
suspend_seccomp (LpProcess *process, const LpThread *thread, GError **error)
{
  g_autofree char *mode = lp_process_status (process, thread->tid, "Seccomp");

  if (mode == NULL || strcmp (mode, "0") == 0)
    return TRUE;
  if (ptrace (PTRACE_SETOPTIONS, thread->tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_NOT_SUPPORTED, errno,
                      "process %d has a seccomp filter, and it can't be suspended (needs CAP_SYS_ADMIN)",
                      lp_process_pid (process));
  return FALSE;
}

static LpThread *
choose_stopped_thread (LpStop *stop, GError **error)
{
  LpProcess *process = lp_stop_process (stop);
  const char *reason = "no thread is left";
  LpError code = LP_ERROR_PROCESS_BUSY;

  for (guint i = 0; i < lp_stop_n_threads (stop); i++)
    {
      LpThread *thread = lp_stop_get_thread (stop, i);

      if (thread->signal != 0)
        reason = "every thread is about to receive a signal";
      else if (!lp_stop_read_registers (stop, thread, NULL))
        reason = "its registers can't be read";
      else if (!lp_registers_are_64_bit (&thread->registers))
        {
          reason = "it runs 32-bit code";
          code = LP_ERROR_NOT_SUPPORTED;
        }
      else if (in_restartable_sequence (process, thread->tid))
        reason = "every thread is inside a restartable sequence";
      else
        return thread;
    }
  lp_error_set (error, code, NULL, "process %d: can't make a system call in it: %s", lp_process_pid (process),
                reason);
  return NULL;
}

LpRemote *
lp_remote_begin (LpStop *stop, const LpMaps *maps, GError **error)
{
  LpProcess *process = lp_stop_process (stop);
  LpThread *thread = choose_stopped_thread (stop, error);
  guint64 all = G_MAXUINT64;

  if (thread == NULL || !suspend_seccomp (process, thread, error))
    return NULL;

  g_autofree LpRemote *remote = g_new0 (LpRemote, 1);
  remote->stop = stop;
  remote->thread = thread;
  remote->saved = thread->registers;
  remote->instruction = find_call_instruction (process, maps);
  if (remote->instruction == 0)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "process %d has no system call instruction to use",
                    lp_process_pid (process));
      return NULL;
    }
  if (ptrace (PTRACE_GETSIGMASK, thread->tid, KERNEL_SIGSET_SIZE, &remote->saved_mask) != 0
      || ptrace (PTRACE_SETSIGMASK, thread->tid, KERNEL_SIGSET_SIZE, &all) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno,
                          "process %d: can't hold back the signals of thread %d", lp_process_pid (process),
                          thread->tid);
      return NULL;
    }
  return g_steal_pointer (&remote);
}

/* Continues the thread by @request until its next stop of the wanted kind: a syscall stop, or (@event) a
 * PTRACE_EVENT_STOP. */
static gboolean
run_to_stop (LpRemote *remote, long request, gboolean event, GError **error)
{
  int tid = remote->thread->tid;

  for (guint tries = 0; tries < 16; tries++)
    {
      remote->ran = TRUE;
      remote->thread->stopped = FALSE;
      if (ptrace (request, tid, 0, 0) != 0 && errno != ESRCH)
        break;
      int status = lp_stop_wait (remote->stop, remote->thread, CALL_TIMEOUT_MS, error);
      if (status < 0)
        return FALSE;
      gboolean is_event = status >> 16 == PTRACE_EVENT_STOP;
      if (is_event == event && (is_event || WSTOPSIG (status) == SYSCALL_STOP))
        return TRUE;
      if (!is_event && WSTOPSIG (status) == SIGSTOP)
        remote->got_sigstop = TRUE;
    }
  lp_error_set (error, LP_ERROR_FAILED, NULL,
                "process %d: thread %d did not make the system call it was told",
                lp_process_pid (lp_stop_process (remote->stop)), tid);
  return FALSE;
}

gboolean
lp_remote_call (LpRemote *remote, long number, const guint64 arguments[6], gint64 *result, GError **error)
{
  LpRegisters registers = remote->saved;
  int tid = remote->thread->tid;

  lp_registers_set_call (&registers, remote->instruction, number, arguments);
  if (ptrace (PTRACE_SETREGS, tid, 0, &registers) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "process %d: can't set the registers of thread %d",
                          lp_process_pid (lp_stop_process (remote->stop)), tid);
      return FALSE;
    }
  /* To the call's entry, then to its exit. */
  for (guint stop = 0; stop < 2; stop++)
    if (!run_to_stop (remote, PTRACE_SYSCALL, FALSE, error))
      return FALSE;
  if (ptrace (PTRACE_GETREGS, tid, 0, &registers) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "process %d: can't read the registers of thread %d",
                          lp_process_pid (lp_stop_process (remote->stop)), tid);
      return FALSE;
    }
  *result = lp_registers_call_result (&registers);
  return TRUE;
}

/* Brings the thread into a PTRACE_EVENT_STOP, which lies in the kernel's signal code before the decision
 * about restarting a call. */
static gboolean
return_to_event_stop (LpRemote *remote, GError **error)
{
  if (!remote->ran)
    return TRUE;
  /* Whatever the program does from here on must not happen: if it came that far, it stands at our
   * instruction's successor. */
  if (ptrace (PTRACE_INTERRUPT, remote->thread->tid, 0, 0) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "process %d: can't stop thread %d again",
                          lp_process_pid (lp_stop_process (remote->stop)), remote->thread->tid);
      return FALSE;
    }
  return run_to_stop (remote, PTRACE_CONT, TRUE, error);
}

static gboolean
give_back (LpRemote *remote, GError **error)
{
  LpProcess *process = lp_stop_process (remote->stop);
  int tid = remote->thread->tid;

  gboolean returned = return_to_event_stop (remote, error);
  gboolean restored = ptrace (PTRACE_SETREGS, tid, 0, &remote->saved) == 0
                      && ptrace (PTRACE_SETSIGMASK, tid, KERNEL_SIGSET_SIZE, &remote->saved_mask) == 0;
  ptrace (PTRACE_SETOPTIONS, tid, 0, PTRACE_O_TRACESYSGOOD);
  if (remote->got_sigstop)
    kill (lp_process_pid (process), SIGSTOP);
  if (!returned)
    return FALSE;
  if (restored)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "process %d: can't give thread %d its registers back",
                      lp_process_pid (process), tid);
  return FALSE;
}

gboolean
lp_remote_end (LpRemote *remote, GError **error)
{
  gboolean done = give_back (remote, error);

  g_free (remote);
  return done;
}

int
lp_remote_choose_thread (const LpProcess *process, guint attempt, GError **error)
{
  g_autoptr (GArray) tids = lp_process_threads (process, error);

  if (tids == NULL)
    return 0;
  return g_array_index (tids, int, attempt % tids->len);
}

G_STATIC_ASSERT (sizeof (RseqConfiguration) == 24);
