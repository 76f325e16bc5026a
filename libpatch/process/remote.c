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
#include <sys/syscall.h>
#include <sys/wait.h>

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define CALL_TIMEOUT_MS 2000
#define LOOK_OUT_US 100
#define LOOK_OUT_SKIPS 32
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
  guint64 mask;         /* as it is now */
  const LpMaps *maps;   /* borrowed */
  guint64 instruction;  /* of a system call; 0 until one is needed */
  gboolean ran;         /* the thread has left its first stop */
  gboolean got_sigstop; /* a SIGSTOP came meanwhile: it can't be blocked, so it is sent again */
  guint64 covered;      /* where code of ours stands in the place of @uncovered; 0: nowhere */
  const guint8 *uncovered;
};

static guint64
signal_bit (int number)
{
  return G_GUINT64_CONSTANT (1) << (number - 1);
}

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

/* A filter of the program must not judge (or kill for) our calls. Whether it has one isn't asked first, which
 * takes longer. */
static gboolean
suspend_seccomp (LpProcess *process, const LpThread *thread, GError **error)
{
  if (ptrace (PTRACE_SETOPTIONS, thread->tid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP) == 0)
    return TRUE;
  int number = errno;
  g_autofree char *mode = lp_process_status (process, thread->tid, "Seccomp");
  if (mode == NULL || strcmp (mode, "0") == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_NOT_SUPPORTED, number,
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
      else if (!thread->is_new && in_restartable_sequence (process, thread->tid))
        reason = "every thread is inside a restartable sequence";
      else
        return thread;
    }
  lp_error_set (error, code, NULL, "process %d: can't make a system call in it: %s", lp_process_pid (process),
                reason);
  return NULL;
}

/* The signals that the thread holds back while it runs for us. */
static gboolean
set_mask (LpRemote *remote, guint64 mask, GError **error)
{
  if (mask == remote->mask)
    return TRUE;
  remote->mask = mask; /* as far as one knows: give_back() doesn't ask */
  if (ptrace (PTRACE_SETSIGMASK, remote->thread->tid, KERNEL_SIGSET_SIZE, &mask) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "process %d: can't hold back the signals of thread %d",
                      lp_process_pid (lp_stop_process (remote->stop)), remote->thread->tid);
  return FALSE;
}

static void rescue (gpointer data);

LpRemote *
lp_remote_begin (LpStop *stop, const LpMaps *maps, GError **error)
{
  LpProcess *process = lp_stop_process (stop);
  LpThread *thread = choose_stopped_thread (stop, error);

  if (thread == NULL || !suspend_seccomp (process, thread, error))
    return NULL;

  g_autofree LpRemote *remote = g_new0 (LpRemote, 1);
  remote->stop = stop;
  remote->thread = thread;
  remote->saved = thread->registers;
  remote->maps = maps;
  if (ptrace (PTRACE_GETSIGMASK, thread->tid, KERNEL_SIGSET_SIZE, &remote->saved_mask) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno,
                          "process %d: can't tell the signals that thread %d holds back",
                          lp_process_pid (process), thread->tid);
      return NULL;
    }
  remote->mask = remote->saved_mask;
  lp_stop_set_borrower (stop, rescue, remote);
  return g_steal_pointer (&remote);
}

/* Continues the thread until its next syscall stop. */
static gboolean
run_to_call_stop (LpRemote *remote, GError **error)
{
  int tid = remote->thread->tid;

  for (guint tries = 0; tries < 16; tries++)
    {
      remote->ran = TRUE;
      if (ptrace (PTRACE_SYSCALL, tid, 0, 0) != 0 && errno != ESRCH)
        break;
      remote->thread->stopped = FALSE;
      int status = lp_stop_wait (remote->stop, remote->thread, CALL_TIMEOUT_MS, error);
      if (status < 0)
        return FALSE;
      if (status >> 16 == 0 && WSTOPSIG (status) == SYSCALL_STOP)
        return TRUE;
      if (status >> 16 == 0 && WSTOPSIG (status) == SIGSTOP)
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

  if (remote->instruction == 0)
    remote->instruction = find_call_instruction (lp_stop_process (remote->stop), remote->maps);
  if (remote->instruction == 0)
    {
      lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "process %d has no system call instruction to use",
                    lp_process_pid (lp_stop_process (remote->stop)));
      return FALSE;
    }
  if (!set_mask (remote, G_MAXUINT64, error))
    return FALSE;
  lp_registers_set_call (&registers, remote->instruction, number, arguments);
  if (ptrace (PTRACE_SETREGS, tid, 0, &registers) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "process %d: can't set the registers of thread %d",
                          lp_process_pid (lp_stop_process (remote->stop)), tid);
      return FALSE;
    }
  /* To the call's entry, then to its exit. */
  for (guint stop = 0; stop < 2; stop++)
    if (!run_to_call_stop (remote, error))
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
 * about restarting a call. However long that takes (its control group may be frozen, somebody may not answer
 * who is asked about a file): whatever the program does from here on must not happen, if it came that far, it
 * stands at our instruction's successor. FALSE: the thread has ended. */
static gboolean
return_to_event_stop (LpRemote *remote)
{
  LpThread *thread = remote->thread;

  while (remote->ran)
    {
      siginfo_t info;
      /* Asked, because we may be in a signal handler, between a stop and the note of it. */
      thread->stopped = ptrace (PTRACE_GETSIGINFO, thread->tid, 0, &info) == 0;
      if (thread->stopped && info.si_code >> 8 == PTRACE_EVENT_STOP)
        break;
      /* Each time: any other stop takes it back (kernel/signal.c, ptrace_stop()). */
      if (thread->gone || ptrace (PTRACE_INTERRUPT, thread->tid, 0, 0) != 0)
        return FALSE;
      if (thread->stopped)
        ptrace (PTRACE_CONT, thread->tid, 0, 0);
      thread->stopped = FALSE;
      int status = lp_stop_wait (remote->stop, thread, CALL_TIMEOUT_MS, NULL);
      remote->got_sigstop |= status >> 16 == 0 && WSTOPSIG (status) == SIGSTOP;
    }
  remote->ran = FALSE;
  return TRUE;
}

/* ---- several calls in one go ---- */

#define WORD sizeof (guint64)
#define RED_ZONE 128 /* bytes below the stack pointer that functions use; psABI x86-64 3.2.2 */
#define TEXT_MAX 4096

/* What ends it: the thread sends itself a signal, of which a tracer is told also where it is ignored. A
 * breakpoint would end that it is. Source: kernel/signal.c, sig_ignored(), force_sig_info_to_task(). */
static const LpRemoteCall last_calls[] = {
  { SYS_gettid, { 0 }, .to_call = { 1 } },
  { SYS_tkill, { 0, SIGTRAP } },
};

/* What lies on the stack. */
typedef struct {
  guint64 words[(LP_REMOTE_CALLS_MAX + G_N_ELEMENTS (last_calls)) * LP_BATCH_WORDS];
  guint64 unread; /* nobody does */
  guint64 answer[LP_REMOTE_ANSWER_SIZE / sizeof (guint64)];
  char text[TEXT_MAX];
} Batch;

static gboolean
refuse_batch (LpRemote *remote, const char *why, GError **error)
{
  lp_error_set (error, LP_ERROR_NOT_SUPPORTED, NULL, "process %d: %s",
                lp_process_pid (lp_stop_process (remote->stop)), why);
  return FALSE;
}

/* Where on the thread's stack @size bytes have room, 0: nowhere. */
static guint64
find_stack_room (const LpRemote *remote, gsize size)
{
  guint64 sp = lp_registers_sp (&remote->saved);
  const LpMapping *stack = lp_maps_find (remote->maps, sp);

  if (stack == NULL || (stack->prot & PROT_WRITE) == 0 || sp - stack->start < RED_ZONE + size + WORD)
    return 0;
  return (sp - RED_ZONE - size) & ~(guint64)(WORD - 1);
}

/* @calls, number @first and on, as words of the table at @address. */
static void
add_calls (Batch *batch, guint64 address, guint first, const LpRemoteCall *calls, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      guint64 *words = &batch->words[(gsize)(first + i) * LP_BATCH_WORDS];
      words[0] = (guint64)calls[i].number;
      memcpy (words + 1, calls[i].arguments, sizeof calls[i].arguments);
      if (calls[i].text_at != 0)
        words[1 + calls[i].text_at] = address + G_STRUCT_OFFSET (Batch, text);
      if (calls[i].answer_at != 0)
        words[1 + calls[i].answer_at] = address + G_STRUCT_OFFSET (Batch, answer);
      for (guint j = 0; j < G_N_ELEMENTS (calls[i].to_call); j++)
        words[7 + j]
            = calls[i].to_call[j] == 0
                  ? address + G_STRUCT_OFFSET (Batch, unread)
                  : address
                        + ((first + calls[i].to_call[j]) * LP_BATCH_WORDS + 1 + calls[i].to_argument[j])
                              * WORD;
    }
}

/* LP_BATCH_SIZE bytes in @present, of @size, without a breakpoint, from a word's start on, -1: there are
 * none. A uprobe may be taken away meanwhile, and we would put it back. */
static gssize
find_code_room (const guint8 *present, gsize size)
{
  for (gsize start = 0; start + LP_BATCH_SIZE <= size; start += WORD)
    if (memchr (present + start, LP_BREAKPOINT, LP_BATCH_SIZE) == NULL)
      return (gssize)start;
  return -1;
}

/* A batch takes some 40 us. On another processor the thread is done before whoever sleeps for it would be
 * awake again, and is spared waking him up (together some 30 us in a virtual machine); on this one it can't
 * begin before we sleep, and so it is whenever the others are busy: then it isn't tried again for a while. */
static void
look_out_for_stop (int tid)
{
  static gint skips; /* atomic */
  gint64 end = g_get_monotonic_time () + LOOK_OUT_US;
  siginfo_t info = { .si_pid = 0 };

  if (g_atomic_int_get (&skips) > 0)
    {
      g_atomic_int_add (&skips, -1);
      return;
    }
  while (waitid (P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0
         && info.si_pid == 0)
    if (g_get_monotonic_time () > end)
      {
        g_atomic_int_set (&skips, LOOK_OUT_SKIPS);
        return;
      }
}

/* Runs the code to its end, where the thread stands in the kernel's signal code. */
static gboolean
run_to_last_call (LpRemote *remote, guint64 code, GError **error)
{
  int tid = remote->thread->tid;
  LpRegisters registers;

  for (guint tries = 0; tries < 16; tries++)
    {
      remote->thread->stopped = FALSE;
      if (ptrace (PTRACE_CONT, tid, 0, 0) != 0 && errno != ESRCH)
        break;
      look_out_for_stop (tid);
      int status = lp_stop_wait (remote->stop, remote->thread, CALL_TIMEOUT_MS, error);
      if (status < 0)
        return FALSE;
      if (status >> 16 == 0 && WSTOPSIG (status) == SIGTRAP)
        {
          if (ptrace (PTRACE_GETREGS, tid, 0, &registers) == 0
              && lp_registers_in_batch (&registers, code, last_calls[G_N_ELEMENTS (last_calls) - 1].number))
            return TRUE;
          break;
        }
      if (status >> 16 == 0 && WSTOPSIG (status) == SIGSTOP)
        remote->got_sigstop = TRUE;
    }
  lp_error_set (error, LP_ERROR_FAILED, NULL,
                "process %d: thread %d did not make the system calls it was told",
                lp_process_pid (lp_stop_process (remote->stop)), tid);
  return FALSE;
}

/* Whether the signal that the thread sends itself in the end waits for it. */
static gboolean
last_signal_waits (const LpRemote *remote)
{
  struct __ptrace_peeksiginfo_args which = { .off = 0, .flags = 0, .nr = 1 };
  siginfo_t info;

  for (; ptrace (PTRACE_PEEKSIGINFO, remote->thread->tid, &which, &info) == 1; which.off++)
    if (info.si_signo == SIGTRAP && info.si_code == SI_TKILL)
      return TRUE;
  return FALSE;
}

/* Whoever is still in the code must leave it before it is taken away, and its signal is none of the
 * program's: a stop of ours comes before that. */
static void
leave_batch (LpRemote *remote)
{
  int tid = remote->thread->tid, status = 0;

  if (!return_to_event_stop (remote) || !last_signal_waits (remote))
    return;
  while (!remote->thread->gone && (status >> 16 != 0 || WSTOPSIG (status) != SIGTRAP))
    {
      remote->got_sigstop |= status >> 16 == 0 && WSTOPSIG (status) == SIGSTOP;
      ptrace (PTRACE_CONT, tid, 0, 0);
      status = lp_stop_wait (remote->stop, remote->thread, CALL_TIMEOUT_MS, NULL);
    }
}

static gboolean
uncover (LpRemote *remote, GError **error)
{
  return lp_process_write (lp_stop_process (remote->stop), remote->covered, remote->uncovered, LP_BATCH_SIZE,
                           remote->thread->tid, error);
}

static gboolean
run_batch (LpRemote *remote, guint64 code, guint64 table, guint n, GError **error)
{
  LpRegisters registers = remote->saved;
  int tid = remote->thread->tid;

  lp_registers_set_batch (&registers, code, table, table + (guint64)n * LP_BATCH_WORDS * WORD);
  if (!set_mask (remote, ~signal_bit (SIGTRAP), error))
    return FALSE;
  if (ptrace (PTRACE_SETREGS, tid, 0, &registers) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "process %d: can't set the registers of thread %d",
                          lp_process_pid (lp_stop_process (remote->stop)), tid);
      return FALSE;
    }
  remote->ran = TRUE;
  gboolean done = run_to_last_call (remote, code, error);
  if (done)
    remote->ran = FALSE;
  else
    leave_batch (remote);
  return done;
}

gboolean
lp_remote_run (LpRemote *remote, guint64 code, LpRemoteCall *calls, guint n, const char *text, void *answer,
               guint *made, GError **error)
{
  LpProcess *process = lp_stop_process (remote->stop);
  gsize size = G_STRUCT_OFFSET (Batch, text) + strlen (text) + 1;
  guint64 address = find_stack_room (remote, size);
  int tid = remote->thread->tid;
  guint8 page[LP_REMOTE_CODE_SIZE];
  Batch batch;

  *made = 0;
  if (address == 0 || n > LP_REMOTE_CALLS_MAX || strlen (text) >= TEXT_MAX)
    return refuse_batch (remote, "its stack has no room", error);
  gssize at = find_code_room (page, lp_process_read_some (process, code, page, sizeof page));
  if (at < 0)
    return refuse_batch (remote, "there are breakpoints in its code", error);
  code += (guint64)at;

  memset (&batch, 0, G_STRUCT_OFFSET (Batch, text));
  add_calls (&batch, address, 0, calls, n);
  add_calls (&batch, address, n, last_calls, G_N_ELEMENTS (last_calls));
  memcpy (batch.text, text, strlen (text) + 1);
  if (!lp_process_write (process, address, &batch, size, tid, error))
    return FALSE;
  remote->uncovered = page + at;
  remote->covered = code;
  gboolean done = lp_process_write (process, code, lp_registers_batch, LP_BATCH_SIZE, tid, error)
                  && run_batch (remote, code, address, n, error);
  done = uncover (remote, done ? error : NULL) && done;
  remote->covered = 0;
  if (!done || !lp_process_read (process, address, &batch, G_STRUCT_OFFSET (Batch, text), error))
    return FALSE;
  for (guint i = 0; i < n && (i == 0 || calls[i - 1].result >= 0); i++)
    {
      calls[i].result = (gint64)batch.words[(gsize)i * LP_BATCH_WORDS];
      *made = i + 1;
    }
  if (answer != NULL)
    memcpy (answer, batch.answer, sizeof batch.answer);
  return TRUE;
}

static gboolean
give_back (LpRemote *remote, GError **error)
{
  LpProcess *process = lp_stop_process (remote->stop);
  int tid = remote->thread->tid;

  gboolean returned = return_to_event_stop (remote);
  gboolean restored = ptrace (PTRACE_SETREGS, tid, 0, &remote->saved) == 0
                      && ptrace (PTRACE_SETSIGMASK, tid, KERNEL_SIGSET_SIZE, &remote->saved_mask) == 0;
  if (!remote->thread->is_new) /* which is let go next, and its options with it */
    ptrace (PTRACE_SETOPTIONS, tid, 0, PTRACE_O_TRACESYSGOOD);
  if (remote->got_sigstop)
    kill (lp_process_pid (process), SIGSTOP);
  if (returned && restored)
    return TRUE;
  lp_error_set_errno (error, returned ? LP_ERROR_FAILED : LP_ERROR_PROCESS_GONE, returned ? errno : 0,
                      "process %d: can't give thread %d its registers back", lp_process_pid (process), tid);
  return FALSE;
}

/* In a signal handler, amidst anything. */
static void
rescue (gpointer data)
{
  LpRemote *remote = data;

  if (remote->covered != 0)
    {
      leave_batch (remote);
      uncover (remote, NULL);
    }
  give_back (remote, NULL);
}

gboolean
lp_remote_end (LpRemote *remote, GError **error)
{
  gboolean done = give_back (remote, error);

  lp_stop_set_borrower (remote->stop, NULL, NULL);
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
